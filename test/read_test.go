package test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/gpusc/gpusc/anndata"
	"github.com/gpusc/gpusc/internal/testdata"
	"github.com/gpusc/gpusc/memory"
)

// table is a CSV with names in its first column.
type table struct {
	names []string
	heads []string
	cols  map[string][]float64 // an empty cell is NaN, true is 1
}

// readTable reads a CSV under the folder of references, plain or gzipped.
func readTable(t testing.TB, rel string) *table {
	t.Helper()
	f, err := os.Open(testdata.Path(t, "reference/"+rel))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(rel, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := csv.NewReader(r).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	tb := &table{heads: rows[0][1:], cols: map[string][]float64{}}
	for _, row := range rows[1:] {
		tb.names = append(tb.names, row[0])
		for i, h := range tb.heads {
			tb.cols[h] = append(tb.cols[h], number(row[i+1]))
		}
	}
	return tb
}

func number(s string) float64 {
	switch strings.ToLower(s) {
	case "true":
		return 1
	case "false":
		return 0
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return math.NaN()
	}
	return v
}

// array is an array of an .npz file: numbers as float64, or strings.
type array struct {
	shape  []int
	values []float64
	text   []string
}

// readNPZ reads the arrays of an .npz file that hold floats or unicode.
func readNPZ(t testing.TB, rel string) map[string]array {
	t.Helper()
	z, err := zip.OpenReader(testdata.Path(t, "reference/"+rel))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	out := map[string]array{}
	for _, e := range z.File {
		r, err := e.Open()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(r)
		r.Close()
		if err == nil {
			out[strings.TrimSuffix(e.Name, ".npy")], err = parseNPY(raw)
		}
		if err != nil {
			t.Fatalf("%s: %s: %v", rel, e.Name, err)
		}
	}
	return out
}

var npyHead = regexp.MustCompile(`'descr': '([<|>=]?)([a-zA-Z])(\d+)', 'fortran_order': False, 'shape': \(([\d, ]*)\)`)

// parseNPY reads version 1 of numpy's format, C order, little-endian.
func parseNPY(raw []byte) (a array, err error) {
	if len(raw) < 10 || string(raw[:6]) != "\x93NUMPY" || raw[6] != 1 {
		return a, fmt.Errorf("no .npy of version 1")
	}
	n := int(binary.LittleEndian.Uint16(raw[8:]))
	m := npyHead.FindSubmatch(raw[10 : 10+n])
	if m == nil {
		return a, fmt.Errorf("head %q", raw[10:10+n])
	}
	raw = raw[10+n:]
	count := 1
	for s := range strings.SplitSeq(string(m[4]), ",") {
		if s = strings.TrimSpace(s); s != "" {
			d, _ := strconv.Atoi(s)
			a.shape, count = append(a.shape, d), count*d
		}
	}
	size, _ := strconv.Atoi(string(m[3]))
	if string(m[2]) == "U" {
		size *= 4
	}
	if len(raw) != count*size {
		return a, fmt.Errorf("%d bytes, want %d x %d", len(raw), count, size)
	}
	for i := range count {
		b := raw[i*size : (i+1)*size]
		switch string(m[2]) + string(m[3]) {
		case "f8":
			a.values = append(a.values, math.Float64frombits(binary.LittleEndian.Uint64(b)))
		case "f4":
			a.values = append(a.values, float64(math.Float32frombits(binary.LittleEndian.Uint32(b))))
		case "i4":
			a.values = append(a.values, float64(int32(binary.LittleEndian.Uint32(b))))
		default:
			if string(m[2]) != "U" {
				return a, fmt.Errorf("type %s%s", m[2], m[3])
			}
			var s strings.Builder
			for ; len(b) > 0 && !bytes.Equal(b[:4], []byte{0, 0, 0, 0}); b = b[4:] {
				s.WriteRune(rune(binary.LittleEndian.Uint32(b)))
			}
			a.text = append(a.text, s.String())
		}
	}
	return a, nil
}

// openOut opens a file that gpusc has written.
func openOut(t testing.TB, path string) *anndata.File {
	t.Helper()
	f, err := anndata.Open(context.Background(), path, anndata.Options{Ledger: memory.New(1 << 30), Threads: 2, Tmp: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// floats reads a dataset as float64.
func floats(t testing.TB, f *anndata.File, path string) []float64 {
	t.Helper()
	d, err := f.HDF5().Root().Dataset(path)
	if err != nil {
		t.Fatal(err)
	}
	v, err := d.ReadFloat64s(1 << 28)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// column reads a column of obs or var as float64; true is 1.
func column(t testing.TB, f *anndata.Frame, name string) []float64 {
	t.Helper()
	c := f.Column(name)
	if c == nil {
		t.Fatalf("no column %q among %q", name, f.Names())
	}
	v, err := c.Values()
	if err != nil {
		t.Fatal(err)
	}
	if b, ok := v.([]bool); ok {
		out := make([]float64, len(b))
		for i, x := range b {
			if x {
				out[i] = 1
			}
		}
		return out
	}
	out, err := c.Floats()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// near fails where got is farther from want than rtol times the larger of |want|
// and floor, or where only one of them is NaN; it logs how far they are.
func near(t testing.TB, name string, got, want []float64, rtol, floor float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", name, len(got), len(want))
	}
	most, at := 0.0, 0
	for i, w := range want {
		d := 0.0
		switch {
		case math.IsNaN(got[i]) != math.IsNaN(w):
			d = math.Inf(1)
		case got[i] != w && !math.IsNaN(w):
			d = math.Abs(got[i]-w) / max(math.Abs(w), floor)
		}
		if d > most {
			most, at = d, i
		}
	}
	t.Logf("%-32s off by %.2g", name, most)
	if most > rtol {
		t.Errorf("%s: off by %.3g, allowed %g: [%d] is %v, want %v", name, most, rtol, at, got[at], want[at])
	}
}

// readLines reads the last column of a CSV of strings.
func readLines(t testing.TB, rel string) []string {
	t.Helper()
	raw, err := os.ReadFile(testdata.Path(t, "reference/"+rel))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range rows[1:] {
		out = append(out, r[len(r)-1])
	}
	return out
}
