package hdf5

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gpusc/gpusc/internal/errs"
)

// h5py runs a script with h5py; it skips the test where GPUSC_PYTHON does not
// name an interpreter that has it.
func h5py(t *testing.T, script string, args ...string) string {
	t.Helper()
	py := os.Getenv("GPUSC_PYTHON")
	if py == "" {
		t.Skip("GPUSC_PYTHON is not set: no second reader")
	}
	cmd := exec.Command(py, append([]string{"-W", "ignore", "-c", script}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("python: %v\n%s", err, out)
	}
	return string(out)
}

// must makes the writing of fixtures short.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func f32bytes(v []float32) []byte {
	var b []byte
	for _, x := range v {
		b = le.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

func i64bytes(v []int64) []byte {
	var b []byte
	for _, x := range v {
		b = le.AppendUint64(b, uint64(x))
	}
	return b
}

func i32bytes(v []int32) []byte {
	var b []byte
	for _, x := range v {
		b = le.AppendUint32(b, uint32(x))
	}
	return b
}

// counts makes a small sparse matrix of counts: data, indices, indptr.
func counts(rows, cols int) (data []float32, indices []int32, indptr []int64) {
	r := rand.New(rand.NewPCG(1, 2))
	indptr = append(indptr, 0)
	for range rows {
		for c := range cols {
			if r.IntN(10) == 0 {
				indices = append(indices, int32(c))
				data = append(data, float32(1+r.IntN(20)))
			}
		}
		indptr = append(indptr, int64(len(data)))
	}
	return data, indices, indptr
}

func encoding(t testing.TB, o interface{ SetAttr(string, any) error }, kind, version string) {
	t.Helper()
	ok(t, o.SetAttr("encoding-type", kind))
	ok(t, o.SetAttr("encoding-version", version))
}

func names(prefix string, n int) []string {
	s := make([]string, n)
	for i := range s {
		s[i] = fmt.Sprintf("%s%d", prefix, i)
	}
	return s
}

func stringArray(t testing.TB, g *GroupWriter, name string, v []string) {
	t.Helper()
	d := must(g.Dataset(name, Spec{Type: VLenString(), Dims: []int64{int64(len(v))}}))(t)
	ok(t, d.WriteStrings(v))
	encoding(t, d, "string-array", "0.2.0")
}

func frame(t testing.TB, root *GroupWriter, name string, index []string, columns []string) *GroupWriter {
	t.Helper()
	g := must(root.Group(name))(t)
	encoding(t, g, "dataframe", "0.2.0")
	ok(t, g.SetAttr("_index", "_index"))
	ok(t, g.SetAttr("column-order", columns))
	stringArray(t, g, "_index", index)
	for i, c := range columns {
		d := must(g.Dataset(c, Spec{Type: Float32(), Dims: []int64{int64(len(index))}}))(t)
		ok(t, d.Append(f32bytes(make([]float32, len(index)))))
		encoding(t, d, "array", "0.2.0")
		_ = i
	}
	return g
}

// writeAnnData writes a small h5ad through every part of the writer.
func writeAnnData(t testing.TB, path string, o Options, rows, cols, obsColumns int, c Compression) {
	t.Helper()
	w := must(Create(path, o))(t)
	ok(t, fillAnnData(t, w, rows, cols, obsColumns, c))
	ok(t, w.Commit())
}

func fillAnnData(t testing.TB, w *Writer, rows, cols, obsColumns int, c Compression) error {
	root := w.Root()
	encoding(t, root, "anndata", "0.1.0")
	data, indices, indptr := counts(rows, cols)
	x := must(root.Group("X"))(t)
	encoding(t, x, "csr_matrix", "0.1.0")
	ok(t, x.SetAttr("shape", []int64{int64(rows), int64(cols)}))
	grow := func(name string, ty *Datatype, chunk int64) *DatasetWriter {
		return must(x.Dataset(name, Spec{Type: ty, Dims: []int64{-1}, Chunk: []int64{chunk}, Compression: c}))(t)
	}
	dd, di, dp := grow("data", Float32(), 1000), grow("indices", Int32(), 1500), grow("indptr", Int64(), 64)
	for lo := 0; lo < len(data); lo += 777 {
		hi := min(lo+777, len(data))
		ok(t, dd.Append(f32bytes(data[lo:hi])))
		ok(t, di.Append(i32bytes(indices[lo:hi])))
	}
	ok(t, dp.Append(i64bytes(indptr)))
	frame(t, root, "obs", names("cell ü ", rows), names("column", obsColumns))
	frame(t, root, "var", names("gene", cols), nil)
	for _, n := range []string{"obsm", "varm", "obsp", "varp", "layers", "uns"} {
		encoding(t, must(root.Group(n))(t), "dict", "0.1.0")
	}
	obsm := must(root.Group("obsm"))(t)
	p := must(obsm.Dataset("X_pca", Spec{Type: Float32(), Dims: []int64{int64(rows), 7}, Chunk: []int64{16, 3}, Compression: c}))(t)
	encoding(t, p, "array", "0.2.0")
	for i := range rows {
		v := make([]float32, 7)
		for j := range v {
			v[j] = float32(i*7 + j)
		}
		ok(t, p.Append(f32bytes(v)))
	}
	uns := must(root.Group("uns"))(t)
	for i, v := range []any{"é", "", int64(-3), 2.5} {
		d := must(uns.Scalar("seif"[i:i+1], v))(t)
		kind := "numeric-scalar"
		if _, is := v.(string); is {
			kind = "string"
		}
		encoding(t, d, kind, "0.2.0")
	}
	encoding(t, must(uns.Null("none"))(t), "null", "0.1.0")
	return nil
}

const checkAnnData = `
import sys, anndata, numpy as np, scipy.sparse as sp, h5py, hdf5plugin
for path, cols in zip(sys.argv[1::2], map(int, sys.argv[2::2])):
    a = anndata.read_h5ad(path)
    print(a.shape, a.X.nnz, a.X.sum(), list(a.obs_names[:2]), len(a.obs.columns))
    assert isinstance(a.X, sp.csr_matrix) and a.X.has_sorted_indices
    if a.n_obs == 300: assert (a.X.nnz, a.X.sum()) == (NNZ, SUM)
    assert (a.obsm['X_pca'] == np.arange(a.n_obs*7).reshape(-1,7)).all()
    assert a.uns['s'] == 'é' and a.uns['e'] == '' and a.uns['i'] == -3 and a.uns['f'] == 2.5, a.uns
    assert list(a.obs.columns) == ['column%d' % i for i in range(cols)]
    with h5py.File(path) as f:
        names = []
        f.visit(names.append)
        assert f['X/data'].maxshape == (None,)
`

func TestAnnDataReads(t *testing.T) {
	dir := t.TempDir()
	var args []string
	for i, c := range []Compression{
		{},
		{Shuffle: true},
		{Kind: Gzip, Shuffle: true},
		{Kind: Gzip, Level: 1},
		{Kind: LZF},
		{Kind: LZF, Shuffle: true},
		{Kind: Zstd},
		{Kind: Zstd, Level: 9, Shuffle: true},
	} {
		for _, cols := range []int{0, 3} {
			path := filepath.Join(dir, fmt.Sprintf("%d-%d.h5ad", i, cols))
			writeAnnData(t, path, Options{Threads: 2}, 300, 200, cols, c)
			args = append(args, path, fmt.Sprint(cols))
		}
	}
	for _, cols := range []int{maxCompactLinks - 1, maxCompactLinks, 400} {
		path := filepath.Join(dir, fmt.Sprintf("many-%d.h5ad", cols))
		writeAnnData(t, path, Options{}, 30, 20, cols, Compression{})
		args = append(args, path, fmt.Sprint(cols))
	}
	// More columns than an attribute in a header can name.
	path := filepath.Join(dir, "wide.h5ad")
	writeAnnData(t, path, Options{}, 5, 20, 6000, Compression{})
	data, _, _ := counts(300, 200)
	sum := float32(0)
	for _, x := range data {
		sum += x
	}
	script := strings.NewReplacer("NNZ", fmt.Sprint(len(data)), "SUM", fmt.Sprint(sum)).Replace(checkAnnData)
	t.Log(h5py(t, script, append(args, path, "6000")...))
}

// The library must be able to go on with a file that we wrote.
func TestLibraryEditsOurFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.h5ad")
	writeAnnData(t, path, Options{Threads: 2}, 50, 40, 5000, Compression{Kind: Gzip})
	h5py(t, `
import sys, h5py, numpy as np
p = sys.argv[1]
with h5py.File(p, 'r+') as f:
    o = f['obs']
    for i in range(600):
        o['new%d' % i] = np.arange(50)
    for i in range(40):
        o.attrs['attr%d' % i] = 'x' * (1 + 300 * i)
    o.attrs['column-order'] = ['column3']
    for i in range(20):
        f['X'].attrs['b%d' % i] = i
    f['X/data'].resize((100000,))
    f['X/data'][90000:] = 5
    for i in range(400):
        f['uns']['k%d' % i] = 'v%d' % i
with h5py.File(p) as f:
    o = f['obs']
    assert len(o) == 5601
    assert all((o['new%d' % i][:] == np.arange(50)).all() for i in range(600))
    assert all(o.attrs['attr%d' % i] == 'x' * (1 + 300 * i) for i in range(40))
    assert list(o.attrs['column-order']) == ['column3'] and o.attrs['_index'] == '_index'
    assert (f['X/data'][90000:] == 5).all() and f['X'].attrs['b19'] == 19 and f['X'].attrs['encoding-type'] == 'csr_matrix'
    assert f['uns']['k399'][()] == b'v399'
`, path)
}

func TestBytesDoNotDependOnThreads(t *testing.T) {
	var want []byte
	for _, threads := range []int{1, 2, 7} {
		path := filepath.Join(t.TempDir(), "a.h5")
		writeAnnData(t, path, Options{Threads: threads}, 400, 300, 5, Compression{Kind: Gzip, Shuffle: true})
		got := must(os.ReadFile(path))(t)
		if want == nil {
			want = got
		} else if !bytes.Equal(got, want) {
			t.Fatalf("%d threads give other bytes", threads)
		}
	}
}

func TestCreateRefuses(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "old.h5")
	ok(t, os.WriteFile(old, []byte("precious"), 0o600))
	for _, c := range []struct {
		path string
		kind error
	}{{dir, errs.Usage}, {old, errs.Usage}, {filepath.Join(dir, "no", "x.h5"), errs.Resource}, {"", errs.Usage}} {
		w, err := Create(c.path, Options{})
		if !errors.Is(err, c.kind) || w != nil {
			t.Errorf("%q: %v", c.path, err)
		}
		t.Log(err)
	}
	w := must(Create(old, Options{Overwrite: true}))(t)
	if b, _ := os.ReadFile(old); string(b) != "precious" {
		t.Fatal("the old file went before Commit")
	}
	ok(t, w.Abort())
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Fatal("a temporary file is left")
	}
	w = must(Create(old, Options{Overwrite: true}))(t)
	ok(t, w.Commit())
	if st := must(os.Stat(old))(t); st.Mode().Perm() != 0o600 || st.Size() < 60 {
		t.Fatal(st.Mode(), st.Size())
	}
	// A file that comes into being meanwhile is not replaced unasked.
	late := filepath.Join(dir, "late.h5")
	w = must(Create(late, Options{}))(t)
	ok(t, os.WriteFile(late, []byte("precious"), 0o600))
	if err := w.Commit(); !errors.Is(err, errs.Resource) || !strings.Contains(err.Error(), "exists") {
		t.Fatal(err)
	}
}
