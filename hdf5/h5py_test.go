package hdf5

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/internal/testdata"
)

// python gives the interpreter that has h5py and hdf5plugin.
func python(tb testing.TB) string {
	tb.Helper()
	p := os.Getenv("GPUSC_PYTHON")
	if p == "" {
		tb.Skip("GPUSC_PYTHON is not set: no h5py to make or describe files with")
	}
	return p
}

var madeFiles struct { // made once for all tests of the package
	once sync.Once
	dir  string
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if madeFiles.dir != "" {
		_ = os.RemoveAll(madeFiles.dir)
	}
	os.Exit(code)
}

// generated gives the files that testdata/h5.py makes.
func generated(tb testing.TB) []string {
	tb.Helper()
	py := python(tb)
	g := &madeFiles
	g.once.Do(func() {
		if g.dir, g.err = os.MkdirTemp("", "hdf5test"); g.err != nil {
			return
		}
		if out, err := exec.Command(py, "testdata/h5.py", "gen", g.dir).CombinedOutput(); err != nil {
			g.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if g.err != nil {
		tb.Fatal(g.err)
	}
	files, err := filepath.Glob(filepath.Join(g.dir, "*.h5"))
	if err != nil || len(files) == 0 {
		tb.Fatal("no files were made", err)
	}
	return files
}

// sharedFiles gives the real HDF5 files.
func sharedFiles(tb testing.TB) []string {
	tb.Helper()
	var files []string
	err := filepath.WalkDir(testdata.Dir(tb), func(p string, e os.DirEntry, err error) error {
		if s := filepath.Ext(p); s == ".h5" || s == ".h5ad" {
			files = append(files, p)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		tb.Fatal("no HDF5 files in the test data", err)
	}
	return files
}

// described is what h5py says of one object.
type described struct {
	Path   string
	Kind   string
	Dims   []int64
	Sum    string
	Chunks int
	Total  *json.Number
	Floats []string
	Attrs  map[string]describedAttr
}

type describedAttr struct {
	Null    bool
	Other   bool
	Strings []string
	Ints    []int64
	Floats  []string
	Refs    []uint64
}

func describe(tb testing.TB, files []string) map[string][]described {
	tb.Helper()
	cmd := exec.Command(python(tb), append([]string{"testdata/h5.py", "describe"}, files...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		tb.Fatalf("%v: %s", err, stderr.String())
	}
	all := map[string][]described{}
	sc := bufio.NewScanner(bytes.NewReader(out))
	sc.Buffer(nil, 64<<20)
	for sc.Scan() {
		var one struct {
			File    string
			Objects []described
		}
		dec := json.NewDecoder(bytes.NewReader(sc.Bytes()))
		if err := dec.Decode(&one); err != nil {
			tb.Fatal(err)
		}
		all[one.File] = one.Objects
	}
	return all
}

func hashStrings(v []string) string {
	h := sha256.New()
	for _, s := range v {
		_ = binary.Write(h, binary.LittleEndian, uint64(len(s)))
		h.Write([]byte(s))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// sum is the Go side of h5.py's digest.
func sum(d *Dataset) (string, error) {
	if d.Type().Class == ClassVLenString {
		v, err := d.ReadStrings(0)
		return hashStrings(v), err
	}
	b, err := d.ReadBytes(0)
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:]), err
}

// floatBits is the form in which h5.py gives floats.
func floatBits(v []float64) []string {
	s := []string{}
	for _, x := range v {
		s = append(s, fmt.Sprintf("%016x", math.Float64bits(x)))
	}
	return s
}

// compareAttr says how an attribute differs from what h5py read.
func compareAttr(a *Attr, want describedAttr) error {
	if a.Null != want.Null {
		return fmt.Errorf("null is %v", a.Null)
	}
	var diff string
	var err error
	switch {
	case want.Null || want.Other:
	case want.Strings != nil:
		var v []string
		v, err = a.Strings()
		diff = cmp.Diff(want.Strings, append([]string{}, v...))
	case want.Refs != nil:
		var v []uint64
		v, err = a.Refs()
		diff = cmp.Diff(want.Refs, append([]uint64{}, v...))
	case want.Ints != nil:
		var v []int64
		v, err = a.Ints()
		diff = cmp.Diff(want.Ints, append([]int64{}, v...))
	case want.Floats != nil:
		v, e := a.Floats()
		err, diff = e, cmp.Diff(want.Floats, floatBits(v))
	}
	if err == nil && diff != "" {
		err = errors.New(diff)
	}
	return err
}

func compareObject(t *testing.T, f *File, w described) {
	o, err := f.Lookup(w.Path)
	if strings.Contains(w.Path, "REFUSED") {
		compareRefused(t, o, err)
		return
	}
	if err != nil {
		t.Error(err)
		return
	}
	attrs, err := o.Attrs()
	if err != nil {
		t.Error(err)
		return
	}
	if len(attrs) != len(w.Attrs) {
		t.Errorf("%s: %d attributes, want %d", w.Path, len(attrs), len(w.Attrs))
	}
	for _, a := range attrs {
		if err := compareAttr(a, w.Attrs[a.Name]); err != nil {
			t.Errorf("%s: attribute %q: %v", w.Path, a.Name, err)
		}
		if b, ok, err := o.Attr(a.Name); err != nil || !ok || !bytes.Equal(a.Raw(), b.Raw()) {
			t.Errorf("%s: attribute %q by name: %v %v", w.Path, a.Name, ok, err)
		}
	}
	d, ok := o.(*Dataset)
	if ok != (w.Kind == "dataset") {
		t.Errorf("%s: is a %T, want a %s", w.Path, o, w.Kind)
	}
	if ok {
		compareDataset(t, d, w)
	}
}

func compareDataset(t *testing.T, d *Dataset, w described) {
	if !d.Null() && !slices.Equal(d.Dims(), w.Dims) {
		t.Errorf("%s: dims %v, want %v", w.Path, d.Dims(), w.Dims)
	}
	n, err := d.NumChunks()
	if err != nil || n != w.Chunks {
		t.Errorf("%s: %d chunks, want %d: %v", w.Path, n, w.Chunks, err)
		return
	}
	if w.Sum == "" {
		return
	}
	if got, err := sum(d); err != nil || got != w.Sum {
		t.Errorf("%s (%v): the values differ from h5py's (error: %v)", w.Path, d.Layout(), err)
	}
	if w.Floats != nil {
		v, err := d.ReadFloat64s(0)
		if diff := cmp.Diff(w.Floats, floatBits(v)); err != nil || diff != "" {
			t.Errorf("%s: %v %s", w.Path, err, diff)
		}
	}
	if w.Total != nil {
		v, err := d.ReadInt64s(0)
		var s int64
		for _, x := range v {
			s += x
		}
		if err == nil && fmt.Sprint(s) != w.Total.String() && d.Type().Size < 8 {
			t.Errorf("%s: total %d, want %s", w.Path, s, w.Total)
		}
	}
}

// compareRefused wants the refusal to be by name and with the path, at Lookup
// or when the values are read.
func compareRefused(t *testing.T, o Object, err error) {
	if err == nil {
		_, err = o.(*Dataset).ReadBytes(0)
	}
	if !errors.Is(err, errs.Unsupported) || !strings.Contains(err.Error(), "REFUSED") {
		t.Errorf("error %v, want a refusal", err)
	} else {
		t.Log(err)
	}
}

func compareFiles(t *testing.T, files []string) {
	all := describe(t, files)
	objects := 0
	for _, p := range files {
		t.Run(filepath.Base(p), func(t *testing.T) {
			f, err := Open(p)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			for _, w := range all[p] {
				compareObject(t, f, w)
			}
			objects += len(all[p])
			seen := 0
			err = f.Walk(func(o Object, err error) error {
				seen++
				return nil
			})
			if err != nil || seen != len(all[p]) {
				t.Errorf("walk saw %d objects, want %d: %v", seen, len(all[p]), err)
			}
			err = f.Verify(context.Background(), VerifyOptions{Threads: 2})
			if err != nil && !strings.Contains(err.Error(), "REFUSED") {
				t.Errorf("verify: %v", err)
			}
		})
	}
	t.Logf("%d files, %d objects", len(files), objects)
}

// Every object of files that h5py makes in five versions of the format has the
// values and attributes that h5py reads.
func TestGeneratedFilesAgainstH5py(t *testing.T) { compareFiles(t, generated(t)) }

// The same for real files of other people.
func TestSharedFilesAgainstH5py(t *testing.T) { compareFiles(t, sharedFiles(t)) }

// Real files open and verify, without h5py.
func TestSharedFilesVerify(t *testing.T) {
	for _, p := range sharedFiles(t) {
		f, err := Open(p)
		if err != nil {
			t.Error(err)
			continue
		}
		n := 0
		err = f.Verify(context.Background(), VerifyOptions{Progress: func(string, int64) { n++ }})
		if err != nil || n == 0 {
			t.Errorf("%s: %d datasets: %v", p, n, err)
		}
		_ = f.Close()
	}
}
