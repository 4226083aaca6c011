package hdf5

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/internal/testdata"
)

// copyAll copies all of a file's root.
func copyAll(from, to string, threads int) error {
	f, err := Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	w, err := Create(to, Options{Threads: threads})
	if err != nil {
		return err
	}
	defer w.Abort()
	as, err := f.Root().Attrs()
	if err != nil {
		return err
	}
	for _, a := range as {
		if err := w.Root().SetRawAttr(a); err != nil {
			return err
		}
	}
	links, err := f.Root().Links()
	if err != nil {
		return err
	}
	for _, l := range links {
		o, err := f.Lookup(l.Name)
		if err != nil {
			return err
		}
		if err := w.Root().Copy(l.Name, o); err != nil {
			return err
		}
	}
	return w.Commit()
}

// TestCopyArchives copies real files and compares everything in them.
func TestCopyArchives(t *testing.T) {
	n := 0
	err := filepath.WalkDir(testdata.Dir(t), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".h5ad") {
			return err
		}
		n++
		to := filepath.Join(t.TempDir(), "copy.h5ad")
		if err := copyAll(path, to, 2); err != nil {
			t.Errorf("%s: %v", path, err)
			return nil
		}
		a, err1 := dump(must(os.ReadFile(path))(t))
		b, err2 := dump(must(os.ReadFile(to))(t))
		if a != b || err1 != nil || err2 != nil {
			t.Errorf("%s: the copy differs (%v, %v)", path, err1, err2)
		}
		return nil
	})
	ok(t, err)
	t.Logf("%d files", n)
}

// oddFile has h5py write what anndata does not, in one library version.
const oddFile = `
import sys, h5py, numpy as np
p, lib = sys.argv[1:3]
s = h5py.string_dtype()
with h5py.File(p, 'w', libver=lib if lib == 'earliest' else (lib, lib)) as f:
    g = f.create_group('g')
    comp = np.dtype([('name', s), ('x', '>i4'), ('v', 'f2', (2, 3)), ('f', 'S5')])
    d = g.create_dataset('comp', (7,), comp, chunks=(3,), compression='gzip')
    d[2] = ('hällo', -5, np.ones((2, 3)), b'abc')
    g.create_dataset('compflat', (3,), comp)[1] = ('x' * 70000, 9, np.zeros((2, 3)), b'')
    v = g.create_dataset('vlen', (5,), h5py.vlen_dtype(np.int16)); v[1] = [1, 2, 3]
    vs = g.create_dataset('vlenstr', (4,), h5py.vlen_dtype(s)); vs[1] = np.array(['a', 'bc'], dtype=object)
    g['strs'] = np.array(['', 'é', 'long' * 5000], dtype=object)
    g.create_dataset('chunkstrs', data=np.array(['k%d' % i for i in range(1000)], dtype=object), dtype=s, chunks=(64,), compression='lzf', shuffle=True)
    g.create_dataset('fletch', data=np.arange(1000), chunks=(30,), fletcher32=True, shuffle=True, compression=4)
    g.create_dataset('grow', data=np.arange(60).reshape(6, 10), chunks=(4, 3), maxshape=(None, None), fillvalue=-7)
    g['grow'].resize((9, 7)); g['grow'][8, 6] = 3
    g.create_dataset('sparse', (100000, 100), 'i2', chunks=(100, 100), fillvalue=3, compression=1)[54321, 7] = 9
    g.create_dataset('single', data=np.arange(10), chunks=(10,), compression=1)
    g.create_dataset('fixedarr', data=np.arange(3000), chunks=(10,), compression=1)
    g.create_dataset('ext', data=np.arange(9000), chunks=(10,), maxshape=(None,))
    g.create_dataset('unwritten', (10,), 'f4', fillvalue=2.5)
    g.create_dataset('be', data=np.arange(5, dtype='>f8'))
    g['scalar'] = 3.5; g['empty'] = h5py.Empty('f'); g['zero'] = np.zeros((0, 5)); g['bool'] = np.array([True, False])
    g['opaque'] = np.array([b'abcd'], dtype='V4'); g['cplx'] = np.array([1 + 2j])
    g['date'] = np.array([5], dtype='M8[s]').astype(h5py.opaque_dtype('M8[s]'))
    g['enum'] = np.array([1, 2], dtype='i2'); g.create_dataset('e2', data=[1], dtype=h5py.enum_dtype({'A': 1, 'B': -2}, basetype='>i4'))
    f['type'] = np.dtype('f8'); g.create_dataset('named', data=[1.0], dtype=f['type'])
    refs = g.create_dataset('refs', (3,), h5py.ref_dtype); refs[0] = g['be'].ref; refs[2] = f.ref if False else g.ref
    g['be'].attrs['self'] = g['be'].ref; g['be'].attrs['other'] = g['strs'].ref
    g.attrs['v'] = np.array(['a', 'b' * 300], dtype=object); g.attrs['e'] = h5py.Empty('i4')
    for i in range(30): g.attrs['n%d' % i] = i
    g['soft'] = h5py.SoftLink('/g/be'); g['hard'] = g['strs']; g['cycle'] = g
    for i in range(300): g.require_group('wide')['w%d' % i] = i
    g['wide/up'] = h5py.SoftLink('../be')
    g['single2'] = np.zeros((3, 4))
    h5py.Dataset
`

// checkOdd compares two files with h5py; bytes of chunks must be the same.
const checkOdd = `
import sys, h5py, numpy as np
def eq(a, b):
    if isinstance(a, h5py.Reference): return bool(a) == bool(b)
    if isinstance(a, h5py.Empty): return isinstance(b, h5py.Empty) and a.dtype == b.dtype
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype.names: return all(eq(a[n], b[n]) for n in a.dtype.names)
    if a.dtype == object: return a.shape == b.shape and all(eq(x, y) if isinstance(x, (np.ndarray, h5py.Reference)) else x == y for x, y in zip(a.ravel(), b.ravel()))
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
a, b = h5py.File(sys.argv[1]), h5py.File(sys.argv[2])
def walk(x, y, seen):
    assert set(x.attrs) == set(y.attrs), (x.name, set(x.attrs) ^ set(y.attrs))
    for k in x.attrs: assert eq(x.attrs[k], y.attrs[k]), (x.name, k)
    if isinstance(x, h5py.Group):
        if x.id in seen: return
        seen.append(x.id)
        assert list(x) == list(y), (x.name, set(x) ^ set(y))
        for k in x:
            lx, ly = x.get(k, getlink=True), y.get(k, getlink=True)
            assert type(lx) == type(ly), k
            if isinstance(lx, h5py.SoftLink): assert lx.path == ly.path
            else: walk(x[k], y[k], seen)
    elif isinstance(x, h5py.Dataset):
        assert x.dtype == y.dtype and x.shape == y.shape and (x.chunks == y.chunks or x.dtype == h5py.ref_dtype), x.name
        assert x.maxshape == y.maxshape, x.name
        assert eq(x[()], y[()]), (x.name, x[()], y[()])
        assert eq(x.fillvalue, y.fillvalue), x.name
    else: assert x.dtype == y.dtype
walk(a, b, [])
g = b['g']
assert g['be'] == b[g['be'].attrs['self']] and b[g['be'].attrs['other']] == g['strs'] == g['hard']
assert b[g['refs'][0]] == g['be'] and not g['refs'][1] and b[g['refs'][2]] == g == g['cycle']
assert g['named'].dtype == 'f8'
`

func TestCopyOddTypes(t *testing.T) {
	for _, lib := range []string{"earliest", "v108", "v110", "latest"} {
		dir := t.TempDir()
		from, to := filepath.Join(dir, "odd.h5"), filepath.Join(dir, "copy.h5")
		h5py(t, oddFile, from, lib)
		if err := copyAll(from, to, 2); err != nil {
			t.Fatalf("%s: %v", lib, err)
		}
		h5py(t, checkOdd, from, to)
		a, err1 := dump(must(os.ReadFile(from))(t))
		b, err2 := dump(must(os.ReadFile(to))(t))
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if len(a) == 0 || len(b) == 0 {
			t.Fatal("nothing was read")
		}
		one := filepath.Join(dir, "one.h5")
		ok(t, copyAll(from, one, 1))
		if string(must(os.ReadFile(one))(t)) != string(must(os.ReadFile(to))(t)) {
			t.Errorf("%s: the copy depends on the number of threads", lib)
		}
	}
}

func TestCopyRefuses(t *testing.T) {
	dir := t.TempDir()
	from := filepath.Join(dir, "a.h5")
	h5py(t, `
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], 'w') as f:
    f['x'] = np.arange(3); f['y'] = np.arange(3); f['y'].attrs['to'] = f['x'].ref
    f.create_group('e')['out'] = h5py.ExternalLink('other.h5', '/x')
    f.create_dataset('r', (1,), h5py.regionref_dtype)[0] = f['x'].regionref[0:2]
`, from)
	f := must(Open(from))(t)
	defer f.Close()
	for _, name := range []string{"e", "r"} {
		w := must(Create(filepath.Join(dir, "b.h5"), Options{}))(t)
		err := w.Root().Copy(name, must(f.Lookup(name))(t))
		if !errors.Is(err, errs.Unsupported) {
			t.Errorf("%s: %v", name, err)
		}
		t.Log(err)
		ok(t, w.Abort())
	}
	w := must(Create(filepath.Join(dir, "c.h5"), Options{}))(t)
	ok(t, w.Root().Copy("y", must(f.Lookup("y"))(t)))
	if err := w.Commit(); !errors.Is(err, errs.Unsupported) {
		t.Error(err)
	} else {
		t.Log(err)
	}
	// In the edited file itself a copy may lie beside its source.
	w = must(Edit(from, Options{}))(t)
	ok(t, w.Root().Copy("x2", must(f.Lookup("x"))(t)))
	ok(t, w.Commit())
	g := must(Open(from))(t)
	defer g.Close()
	if v := must(must(g.Root().Dataset("x2"))(t).ReadInt64s(0))(t); len(v) != 3 || v[2] != 2 {
		t.Error(v)
	}
}
