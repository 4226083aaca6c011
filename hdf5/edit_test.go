package hdf5

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gpusc/gpusc/internal/errs"
)

// makeFiles has h5py and anndata write the files that are edited.
const makeFiles = `
import sys, os, h5py, numpy as np, anndata, pandas as pd, scipy.sparse as sp
out = sys.argv[1]
rng = np.random.default_rng(0)
X = sp.random(60, 50, 0.2, 'csr', dtype=np.float32, random_state=0)
a = anndata.AnnData(X, obs=pd.DataFrame({'n': np.arange(60), 'c': pd.Categorical(['a','b','c']*20)}, index=['cell%d' % i for i in range(60)]),
    var=pd.DataFrame(index=['gene%d' % i for i in range(50)]), obsm={'X_old': np.ones((60, 2))}, uns={'k': 'v', 'd': {'x': np.arange(4)}})
a.write_h5ad(out + '/anndata.h5ad', compression='gzip')
for lib in ['earliest', 'v108', 'v110', 'latest']:
    with h5py.File(out + '/' + lib + '.h5ad', 'w', libver=lib if lib == 'earliest' else (lib, lib)) as f:
        def put(k, v):
            anndata.io.write_elem(f, k, v, dataset_kwargs={} if lib == 'latest' else {'compression': 'gzip'})
        f.attrs['encoding-type'] = 'anndata'; f.attrs['encoding-version'] = '0.1.0'
        put('X', a.X); put('obs', a.obs); put('var', a.var); put('obsm', dict(a.obsm)); put('varm', {}); put('uns', dict(a.uns))
        put('layers', {}); put('obsp', {}); put('varp', {})
        g = f.create_group('uns/wide')
        for i in range(300): g['n%d' % i] = i
        for i in range(20): g.attrs['a%d' % i] = 'val%d' % i
        if lib != 'earliest': g.attrs['long'] = np.arange(100000)
        g['soft'] = h5py.SoftLink('/X')
        g['hard'] = f['X']
with h5py.File(out + '/tenx.h5', 'w') as f:
    m = f.create_group('matrix')
    m['data'] = np.arange(100, dtype='i4'); m['barcodes'] = np.array([b'AAA-1', b'CCC-1'])
    f.attrs['version'] = 2
with h5py.File(out + '/btree.h5ad', 'w', fcpl=None) if False else h5py.File(out + '/block.h5', 'w', userblock_size=512) as f:
    f['x'] = 1
with h5py.File(out + '/paged.h5', 'w', fs_strategy='page', fs_persist=True) as f:
    f['x'] = 1
with h5py.File(out + '/aggr.h5', 'w', libver='latest', fs_strategy='fsm', fs_persist=False, fs_threshold=64) as f:
    f['x'] = 1
`

var (
	editable = []string{"anndata.h5ad", "earliest.h5ad", "v108.h5ad", "v110.h5ad", "latest.h5ad", "tenx.h5", "aggr.h5"}
	annFiles = editable[:5]
)

// additions is a typical edit.
func additions(w *Writer, n int) error {
	root := w.Root()
	obs, err := root.Group("obs")
	if err != nil {
		return err
	}
	for _, name := range []string{"n_genes", "n"} {
		if err := obs.Delete(name); err != nil {
			return err
		}
		d, err := obs.Dataset(name, Spec{Type: Int32(), Dims: []int64{int64(n)}})
		if err != nil {
			return err
		}
		v := make([]int32, n)
		for i := range v {
			v[i] = int32(i * 3)
		}
		if err := errors.Join(d.Append(i32bytes(v)), d.SetAttr("encoding-type", "array"), d.SetAttr("encoding-version", "0.2.0")); err != nil {
			return err
		}
	}
	if err := obs.SetAttr("column-order", []string{"n", "c", "n_genes"}); err != nil {
		return err
	}
	obsm, err := root.Group("obsm")
	if err != nil {
		return err
	}
	d, err := obsm.Dataset("X_pca", Spec{Type: Float32(), Dims: []int64{int64(n), 20}, Chunk: []int64{16, 20}, Compression: Compression{Kind: Gzip}})
	if err != nil {
		return err
	}
	if err := errors.Join(d.Append(make([]byte, n*80)), d.SetAttr("encoding-type", "array"), d.SetAttr("encoding-version", "0.2.0")); err != nil {
		return err
	}
	uns, err := root.Group("uns")
	if err != nil {
		return err
	}
	s, err := uns.Scalar("new", "wörld")
	if err != nil {
		return err
	}
	return errors.Join(s.SetAttr("encoding-type", "string"), s.SetAttr("encoding-version", "0.2.0"))
}

func makeFixtures(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	h5py(t, makeFiles, dir)
	return dir
}

func TestEdit(t *testing.T) {
	dir := makeFixtures(t)
	for _, name := range editable {
		path := filepath.Join(dir, name)
		before := must(os.ReadFile(path))(t)
		w, err := Edit(path, Options{Threads: 2})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if strings.HasSuffix(name, "ad") {
			ok(t, additions(w, 60))
			if name != "anndata.h5ad" {
				wide := must(must(w.Root().Group("uns"))(t).Group("wide"))(t)
				must(wide.Scalar("one_more", 1.5))(t)
				ok(t, wide.Delete("n7"))
			}
		} else {
			must(w.Root().Scalar("new", "x"))(t)
			ok(t, must(w.Root().Group("g"))(t).SetAttr("a", int64(1)))
		}
		leaked := w.Leaked()
		ok(t, w.Commit())
		after := must(os.ReadFile(path))(t)
		if !bytes.Equal(before[100:], after[100:len(before)]) {
			t.Errorf("%s: old bytes were changed", name)
		}
		t.Logf("%s: %d + %d bytes, %d leaked", name, len(before), len(after)-len(before), leaked)
	}
	args := []string{dir}
	args = append(args, annFiles...)
	h5py(t, `
import sys, h5py, numpy as np, anndata
d = sys.argv[1]
for n in sys.argv[2:]:
    p = d + '/' + n
    a = anndata.read_h5ad(p)
    assert a.shape == (60, 50) and a.X.nnz == 600, (n, a)
    assert list(a.obs.columns) == ['n', 'c', 'n_genes'] and (a.obs['n'] == np.arange(60) * 3).all(), n
    assert a.obsm['X_pca'].shape == (60, 20) and a.obsm['X_old'].sum() == 120 and a.uns['new'] == 'wörld'
    assert a.uns['k'] == 'v' and a.obs['c'].cat.categories.tolist() == ['a', 'b', 'c']
    if n == 'anndata.h5ad': continue
    with h5py.File(p, 'r+') as f:
        w = f['uns/wide']
        assert len(w) == 302 and w['one_more'][()] == 1.5 and w['n299'][()] == 299 and 'n7' not in w
        assert w['soft/data'].shape == w['hard/data'].shape == (600,)
        assert w.attrs['a19'] == 'val19'
        if not n.startswith('earliest'): assert (w.attrs['long'] == np.arange(100000)).all()
        w['again'] = 1; f['obs'].attrs['x'] = 'y'
    with h5py.File(p) as f:
        assert f['uns/wide/again'][()] == 1 and f['obs'].attrs['x'] == 'y' and len(f['uns/wide']) == 303
with h5py.File(d + '/tenx.h5') as f:
    assert f['new'][()] == b'x' and f['g'].attrs['a'] == 1 and f['matrix/data'][99] == 99 and f.attrs['version'] == 2
with h5py.File(d + '/aggr.h5') as f:
    assert f['new'][()] == b'x' and f['x'][()] == 1
`, args...)
	// What the library wrote after us can be edited once more.
	for _, name := range annFiles {
		w := must(Edit(filepath.Join(dir, name), Options{Threads: 1}))(t)
		must(must(w.Root().Group("obs"))(t).Scalar("later", true))(t)
		ok(t, w.Commit())
	}
}

func TestEditRefuses(t *testing.T) {
	dir := makeFixtures(t)
	for _, name := range []string{"block.h5", "paged.h5"} {
		if _, err := Edit(filepath.Join(dir, name), Options{}); !errors.Is(err, errs.Unsupported) {
			t.Errorf("%s: %v", name, err)
		} else {
			t.Log(err)
		}
	}
	path := filepath.Join(dir, "latest.h5ad")
	b := must(os.ReadFile(path))(t)
	for name, change := range map[string]func(b []byte) []byte{
		"flags": func(b []byte) []byte {
			b[11] = 5
			le.PutUint32(b[44:], lookup3(b[:44]))
			return b
		},
		"short": func(b []byte) []byte { return b[:len(b)-8] },
		"sum":   func(b []byte) []byte { b[44]++; return b },
		"text":  func([]byte) []byte { return []byte("hello") },
		"empty": func([]byte) []byte { return nil },
	} {
		bad := filepath.Join(dir, "bad")
		changed := change(append([]byte(nil), b...))
		ok(t, os.WriteFile(bad, changed, 0o666))
		if _, err := Edit(bad, Options{}); !errors.Is(err, errs.Unsupported) && !errors.Is(err, errs.Corrupt) {
			t.Errorf("%s: %v", name, err)
		} else {
			t.Log(err)
		}
		if now := must(os.ReadFile(bad))(t); !bytes.Equal(now, changed) {
			t.Errorf("%s: changed", name)
		}
	}
	if _, err := Edit(dir, Options{}); !errors.Is(err, errs.Usage) {
		t.Error(err)
	}
	if _, err := Edit(filepath.Join(dir, "none"), Options{}); !errors.Is(err, errs.Usage) {
		t.Error(err)
	}
	// The lock, and a change by a program that knows no locks.
	w := must(Edit(path, Options{}))(t)
	if _, err := Edit(path, Options{}); !errors.Is(err, errs.Resource) {
		t.Error("no lock:", err)
	}
	f := must(os.OpenFile(path, os.O_RDWR, 0))(t)
	must(f.WriteAt([]byte{1}, int64(len(b))))(t)
	ok(t, f.Close())
	err := additions(w, 60)
	if err == nil {
		err = w.Commit()
	}
	if !errors.Is(err, errs.Resource) || !strings.Contains(err.Error(), "changed by another program") {
		t.Error(err)
	}
}

func TestEditAbortLeavesNothing(t *testing.T) {
	path := filepath.Join(makeFixtures(t), "anndata.h5ad")
	before := must(os.ReadFile(path))(t)
	w := must(Edit(path, Options{}))(t)
	ok(t, additions(w, 60))
	ok(t, w.Abort())
	w = must(Edit(path, Options{}))(t)
	ok(t, w.Commit()) // nothing to do
	if !bytes.Equal(before, must(os.ReadFile(path))(t)) {
		t.Fatal("the file changed")
	}
}

// TestEveryFaultOfEdit lets each operation fail in turn: the file must keep its
// old bytes, or, from the last write on, have its new content.
func TestEveryFaultOfEdit(t *testing.T) {
	path := filepath.Join(makeFixtures(t), "anndata.h5ad")
	old := must(os.ReadFile(path))(t)
	oldDump := must(dump(old))(t)
	for fail := 1; ; fail++ {
		ok(t, os.WriteFile(path, old, 0o666))
		sys := &faultSystem{fail: fail}
		w, err := Edit(path, Options{Threads: 2, sys: sys})
		if err == nil {
			if err = additions(w, 60); err == nil {
				err = w.Commit()
			}
			ok(t, w.Abort())
		}
		if sys.open != 0 {
			t.Fatalf("fault %d: %d files open", fail, sys.open)
		}
		now := must(os.ReadFile(path))(t)
		if err == nil {
			if sys.n >= fail {
				t.Fatalf("fault %d of %d passed unnoticed", fail, sys.n)
			}
			t.Logf("%d faults", fail-1)
			return
		}
		if !errors.Is(err, errs.Resource) {
			t.Fatalf("fault %d: %v", fail, err)
		}
		if bytes.Equal(now, old) {
			continue
		}
		got, rerr := dump(now)
		if rerr != nil || (got == oldDump && !strings.Contains(err.Error(), "old or its new")) {
			t.Fatalf("fault %d: %v, then %v", fail, err, rerr)
		}
	}
}
