package anndata

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/hdf5"
)

// every kind of column, three rows.
func sampleFrame() *Frame {
	f := NewFrame([]string{"a", "b", "ü"})
	f.Set("f8", []float64{1.5, 2, 3})
	f.Set("f4", []float32{1.5, 2, 3})
	f.Set("i1", []int8{-1, 2, 3})
	f.Set("i2", []int16{-1, 2, 3})
	f.Set("i4", []int32{-1, 2, 3})
	f.Set("i8", []int64{-1, 2, 1 << 60})
	f.Set("u1", []uint8{1, 2, 255})
	f.Set("u2", []uint16{1, 2, 3})
	f.Set("u4", []uint32{1, 2, 3})
	f.Set("u8", []uint64{1, 2, 3})
	f.Set("bool", []bool{true, false, true})
	f.Set("text", []string{"x", "", "žluť"})
	f.Set("cat", &Categorical{Codes: []int32{1, -1, 0}, Categories: []string{"p", "q"}, Ordered: true})
	f.Set("cat_int", &Categorical{Codes: []int32{1, 0, 0}, Categories: []int64{10, 20}})
	f.Set("cat_bool", &Categorical{Codes: []int32{1, 0, 0}, Categories: []bool{false, true}})
	f.Set("ni", &NullableInt{Values: []int64{1, 2, 3}, Mask: []bool{false, true, false}})
	f.Set("nb", &NullableBool{Values: []bool{true, false, true}, Mask: []bool{false, true, false}})
	f.Set("ns", &NullableString{Values: []string{"s", "", "t"}, Mask: []bool{false, true, false}, NA: "NaN"})
	return f
}

func sampleFile(t testing.TB, path, compression string) {
	t.Helper()
	w, err := Create(path, WriterOptions{Compression: compression, Nulls: true})
	must(t, err)
	must(t, w.SetObs(sampleFrame()))
	must(t, w.SetVar(NewFrame([]string{"g1", "g2"})))
	c, err := w.CSR("X", 2, "float32", 0)
	must(t, err)
	must(t, c.Put(&chunk.Chunk{Rows: 2, Cols: 2, Indptr: []int64{0, 1, 2}, Indices: []uint32{0, 1}, Counts: []uint32{3, 4}}, nil))
	must(t, c.Put(&chunk.Chunk{Row0: 2, Rows: 1, Cols: 2, Indptr: []int64{0, 1}, Indices: []uint32{1}, Counts: []uint32{9}}, []float32{0.5}))
	must(t, c.Close())
	d, err := w.Dense("obsm/X_pca", 2, "float32")
	must(t, err)
	must(t, d.Put([]float32{1, 2}))
	must(t, d.PutFloat64([]float64{3, 4, 5, 6}))
	must(t, d.Close())
	must(t, w.Set("varm/PCs", Array{Shape: []int64{2, 3}, Data: []float64{1, 2, 3, 4, 5, 6}}))
	must(t, w.SetUns("log1p", map[string]any{"base": nil}))
	must(t, w.SetUns("pca", map[string]any{
		"variance": []float32{2, 1}, "params": map[string]any{"zero_center": true, "n": 2, "s": "text", "f": 0.5},
		"names": []string{"u", "v"}, "empty": []string{}, "table": sampleFrame(), "flags": []bool{true, false},
	}))
	must(t, w.SetUns("pca", map[string]any{"params": map[string]any{"n": 3, "more": 1.25}}))
	must(t, w.Commit())
}

// TestFrameRoundTrip writes every kind of column and reads it back.
func TestFrameRoundTrip(t *testing.T) {
	for _, comp := range []string{"none", "gzip", "lzf", "zstd"} {
		path := filepath.Join(t.TempDir(), "x.h5ad")
		sampleFile(t, path, comp)
		f, err := Open(context.Background(), path, Options{})
		must(t, err)
		defer f.Close()
		for _, p := range []string{"obs", "uns/pca/table"} {
			got, err := f.Frame(p)
			must(t, err)
			must(t, got.Load())
			sameFrame(t, p, got, sampleFrame())
			rows := []int64{0, 2}
			want := sampleFrame().Select(rows)
			got = got.Select(rows)
			must(t, want.Load())
			must(t, got.Load())
			sameFrame(t, p, got, want)
		}
	}
}

func sameFrame(t *testing.T, what string, got, want *Frame) {
	t.Helper()
	if !slices.Equal(got.Index, want.Index) || !slices.Equal(got.Names(), want.Names()) {
		t.Fatalf("%s: %v %v", what, got.Index, got.Names())
	}
	for i, c := range got.Cols {
		if !reflect.DeepEqual(c.Data, want.Cols[i].Data) {
			t.Errorf("%s/%s: %s", what, c.Name, cmp.Diff(want.Cols[i].Data, c.Data))
		}
	}
}

// TestSelectDropsCategories checks what anndata does on a subset.
func TestSelectDropsCategories(t *testing.T) {
	f := sampleFrame().Select([]int64{2})
	d, err := f.Column("cat").Values()
	must(t, err)
	if want := (&Categorical{Codes: []int32{0}, Categories: []string{"p"}, Ordered: true}); !reflect.DeepEqual(d, want) {
		t.Errorf("got %+v", d)
	}
	s, err := sampleFrame().Column("cat_bool").Strings()
	must(t, err)
	if !slices.Equal(s, []string{"True", "False", "False"}) {
		t.Errorf("got %q", s)
	}
}

// TestAnndataReads lets anndata read every kind of element.
func TestAnndataReads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.h5ad")
	sampleFile(t, path, "gzip")
	editSample(t, path)
	out := python(t, "digest.py", path, "obs", "var", "X", "obsm", "varm", "uns")
	var got map[string]any
	must(t, json.Unmarshal([]byte(out), &got))
	want := map[string]any{}
	b, err := os.ReadFile("testdata/sample.json")
	if err == nil {
		err = json.Unmarshal(b, &want)
	}
	must(t, err)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("anndata reads something else (-want +got):\n%s", d)
	}
}

// editSample adds to the file in place.
func editSample(t testing.TB, path string) {
	t.Helper()
	w, err := Edit(context.Background(), path, WriterOptions{Compression: "gzip"})
	must(t, err)
	must(t, w.AddObsColumns(&Column{Name: "leiden", Data: &Categorical{Codes: []int32{0, 1, 0}, Categories: []string{"0", "1"}}},
		&Column{Name: "text", Data: []string{"new", "x", "y"}}))
	must(t, w.AddVarColumns(&Column{Name: "highly_variable", Data: []bool{true, false}}))
	d, err := w.Dense("obsm/X_umap", 2, "float32")
	must(t, err)
	must(t, d.Put([]float32{1, 2, 3, 4, 5, 6}))
	must(t, d.Close())
	must(t, w.Set("varm/PCs", Array{Shape: []int64{2, 1}, Data: []float32{7, 8}}))
	must(t, w.SetUns("pca", map[string]any{"params": map[string]any{"n": 4}}))
	must(t, w.SetUns("neighbors", map[string]any{"k": 15}))
	must(t, w.Commit())
}

// TestEditKeepsX adds in place to copies of the archives.
func TestEditKeepsX(t *testing.T) {
	ctx := context.Background()
	for i, p := range archives(t) {
		path := filepath.Join(t.TempDir(), fmt.Sprint(i))
		b, err := os.ReadFile(p)
		must(t, err)
		must(t, os.WriteFile(path, b, 0o666))
		w, err := Edit(ctx, path, WriterOptions{})
		must(t, err)
		n := w.base.NObs()
		err = w.AddObsColumns(&Column{Name: "added", Data: make([]float32, n)})
		if w.base.legacy.compound {
			if err == nil {
				t.Errorf("%s: a compound table was added to", p)
			}
			w.Abort()
			continue
		}
		must(t, err)
		must(t, w.SetUns("gpusc", map[string]any{"version": "1"}))
		must(t, w.Commit())
		before, err := Open(ctx, p, Options{})
		must(t, err)
		after, err := Open(ctx, path, Options{})
		must(t, err)
		o, err := after.Obs()
		must(t, err)
		old, err := before.Obs()
		must(t, err)
		if want := append(old.Names(), "added"); !slices.Equal(o.Names(), want) {
			t.Errorf("%s: columns %v, expected %v", p, o.Names(), want)
		}
		if x, err := before.Matrix("X"); err == nil {
			y, err := after.Matrix("X")
			must(t, err)
			a, err := x.Source(ctx, SourceOptions{})
			must(t, err)
			b, err := y.Source(ctx, SourceOptions{SpanNNZ: 1000})
			must(t, err)
			p1, i1, v1 := readWhole(t, a, 1)
			p2, i2, v2 := readWhole(t, b, 1)
			if !slices.Equal(p1, p2) || !slices.Equal(i1, i2) || !reflect.DeepEqual(fmt.Sprint(v1), fmt.Sprint(v2)) {
				t.Errorf("%s: X changed", p)
			}
		}
		before.Close()
		after.Close()
	}
}

// TestPutGrouping writes the same rows in pieces of different sizes and with
// different threads: the files are the same bytes.
func TestPutGrouping(t *testing.T) {
	m := matrixFile{format: "csr", data: f32, index: i32, rows: 3000, cols: 300, sorted: true, whole: true}
	ptr, idx, x := canonicalOf(m.random(3), m.rows)
	counts := make([]uint32, len(x))
	for i, v := range x {
		counts[i] = uint32(v)
	}
	var first []byte
	for run := range 4 {
		path := filepath.Join(t.TempDir(), "x")
		w, err := Create(path, WriterOptions{Compression: "gzip", Threads: 1 + run})
		must(t, err)
		must(t, w.SetObs(NewFrame(make([]string, m.rows))))
		must(t, w.SetVar(NewFrame(make([]string, m.cols))))
		c, err := w.CSR("X", int64(m.cols), []string{"float64", "float64", "float64", "float64"}[run], 0)
		must(t, err)
		r := rand.New(rand.NewPCG(uint64(run), 1))
		for lo := 0; lo < m.rows; {
			hi := min(lo+1+r.IntN(1+run*500), m.rows)
			ch := chunk.Chunk{Row0: int64(lo), Rows: hi - lo, Cols: m.cols, Indptr: []int64{0}}
			for k := lo; k < hi; k++ {
				ch.Indptr = append(ch.Indptr, ptr[k+1]-ptr[lo])
			}
			ch.Indices, ch.Counts = idx[ptr[lo]:ptr[hi]], counts[ptr[lo]:ptr[hi]]
			must(t, c.Put(&ch, nil))
			lo = hi
		}
		must(t, c.Close())
		must(t, w.Commit())
		b, err := os.ReadFile(path)
		must(t, err)
		if first == nil {
			first = b
		} else if !bytes.Equal(first, b) {
			t.Errorf("run %d: other bytes", run)
		}
	}
}

// TestWriterRefuses checks the errors that callers meet.
func TestWriterRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	w, err := Create(path, WriterOptions{})
	must(t, err)
	must(t, w.SetVar(NewFrame([]string{"g"})))
	f := NewFrame([]string{"a", "b"})
	f.Set("short", []float64{1})
	for name, err := range map[string]error{
		"short column": w.SetObs(f),
		"slash":        w.SetFrame("obs", &Frame{Index: []string{"a"}, Cols: []*Column{{Name: "a/b", Data: []bool{true}}}}),
		"bad type":     w.SetFrame("obs", &Frame{Index: []string{"a"}, Cols: []*Column{{Name: "a", Data: 5}}}),
		"bad code":     w.SetFrame("obs", &Frame{Index: []string{"a"}, Cols: []*Column{{Name: "a", Data: &Categorical{Codes: []int32{2}, Categories: []string{"x"}}}}}),
		"array shape":  w.Set("obsm/x", Array{Shape: []int64{2, 2}, Data: []float32{1}}),
		"map":          w.SetUns("x", map[string]any{"a": map[int]int{}}),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	c, err := w.CSR("X", 2, "uint8", 0)
	must(t, err)
	if err := c.Put(&chunk.Chunk{Rows: 1, Cols: 2, Indptr: []int64{0, 1}, Indices: []uint32{0}, Counts: []uint32{256}}, nil); err == nil {
		t.Error("256 was stored as uint8")
	}
	if err := w.Commit(); err == nil {
		t.Error("committed with X open")
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a refused file is there")
	}
	_ = hdf5.None
}
