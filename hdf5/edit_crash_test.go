package hdf5

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// recorder keeps every change of a file, in order.
type recorder struct {
	storage
	log *[]change
}

type change struct {
	at   int64
	data []byte // nil: sync, or truncate if at >= 0
}

type recordSystem struct {
	osSystem
	log []change
}

func (s *recordSystem) edit(path string) (storage, error) {
	f, err := s.osSystem.edit(path)
	return &recorder{f, &s.log}, err
}

func (r *recorder) WriteAt(b []byte, at int64) (int, error) {
	*r.log = append(*r.log, change{at, append([]byte{}, b...)})
	return r.storage.WriteAt(b, at)
}

func (r *recorder) Truncate(n int64) error {
	*r.log = append(*r.log, change{at: n})
	return r.storage.Truncate(n)
}

func (r *recorder) Sync() error {
	*r.log = append(*r.log, change{at: -1})
	return r.storage.Sync()
}

// apply makes a change in the file's bytes.
func (c change) apply(b []byte) []byte {
	switch {
	case c.data != nil:
		if n := int(c.at) + len(c.data); n > len(b) {
			b = append(b, make([]byte, n-len(b))...)
		}
		copy(b[c.at:], c.data)
	case c.at >= 0 && int(c.at) > len(b):
		b = append(b, make([]byte, int(c.at)-len(b))...)
	case c.at >= 0:
		b = b[:c.at]
	}
	return b
}

// TestEditCrash cuts an edit off after every write, in the middle of writes,
// and with writes lost that no sync had made sure of: what is left must read
// as the old or the new content, whole.
func TestEditCrash(t *testing.T) {
	dir, crashed := makeFixtures(t), t.TempDir()
	for _, name := range []string{"earliest.h5ad", "anndata.h5ad", "latest.h5ad"} {
		path := filepath.Join(dir, name)
		old := must(os.ReadFile(path))(t)
		sys := &recordSystem{}
		w := must(Edit(path, Options{Threads: 2, sys: sys}))(t)
		ok(t, additions(w, 60))
		ok(t, w.Commit())
		oldDump := must(dump(old))(t)
		newDump := must(dump(must(os.ReadFile(path))(t)))(t)
		if oldDump == newDump {
			t.Fatal("the edit changed nothing")
		}
		states, seen := crashStates(old, sys.log), map[string]int{}
		for what, state := range states {
			got, err := dump(state)
			switch {
			case err != nil:
				t.Fatalf("%s, %s: %v", name, what, err)
			case got == oldDump:
				seen["old"]++
			case got == newDump:
				seen["new"]++
			default:
				t.Fatalf("%s, %s: neither old nor new", name, what)
			}
		}
		if seen["old"] == 0 || seen["new"] == 0 {
			t.Fatal(seen)
		}
		t.Logf("%s: %d changes, %v", name, len(sys.log), seen)
		n := 0
		for _, state := range states {
			if n++; n > 20 {
				break
			}
			ok(t, os.WriteFile(filepath.Join(crashed, fmt.Sprintf("%d-%s", n, name)), state, 0o666))
		}
	}
	crashPython(t, crashed)
}

// crashStates gives what a crash can leave.
func crashStates(old []byte, log []change) map[string][]byte {
	states := map[string][]byte{}
	r := rand.New(rand.NewPCG(3, 4))
	cur := append([]byte(nil), old...)
	lastSync, synced := 0, append([]byte(nil), old...)
	for i, c := range log {
		for n := 512 - int(c.at)%512; c.data != nil && n < len(c.data); n += 512 {
			torn := change{c.at, c.data[:n]}
			states[fmt.Sprintf("write %d of %d torn at %d", i, len(log), n)] = torn.apply(append([]byte(nil), cur...))
		}
		for try := range 4 {
			lossy := append([]byte(nil), synced...)
			for _, u := range log[lastSync : i+1] {
				if r.IntN(2) == 0 {
					lossy = u.apply(lossy)
				}
			}
			states[fmt.Sprintf("write %d, lossy %d", i, try)] = lossy
		}
		cur = c.apply(cur)
		states[fmt.Sprintf("after %d", i)] = append([]byte(nil), cur...)
		if c.data == nil && c.at < 0 {
			lastSync, synced = i+1, append([]byte(nil), cur...)
		}
	}
	return states
}

// crashPython reads some of the states with the HDF5 library.
func crashPython(t *testing.T, dir string) {
	t.Helper()
	h5py(t, `
import sys, os, h5py, numpy as np
for n in os.listdir(sys.argv[1]):
    with h5py.File(sys.argv[1] + '/' + n) as f:
        assert f['X/data'][:].shape == (600,)
        new = 'X_pca' in f['obsm']
        assert new == ('n_genes' in f['obs']) == ('new' in f['uns']) == ('n_genes' in f['obs'].attrs['column-order']), n
        assert (f['obs/n'][:] == np.arange(60) * (3 if new else 1)).all()
        if new: assert f['obsm/X_pca'][:].sum() == 0 and f['uns/new'][()] == 'wörld'.encode()
        names = []
        f.visititems(lambda k, o: names.append((k, o[()] if isinstance(o, h5py.Dataset) else 0, dict(o.attrs))))
`, dir)
}
