package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// python runs a script with the interpreter that has h5py and anndata.
func python(t *testing.T, script string, args ...string) string {
	t.Helper()
	py := os.Getenv("GPUSC_PYTHON")
	if py == "" {
		t.Skip("GPUSC_PYTHON is not set: make test sets it")
	}
	out, err := exec.Command(py, append([]string{"-c", script}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// refusals makes files that use what is refused by name.
const refusals = `
import sys, numpy as np, h5py, hdf5plugin, anndata, scipy.sparse as sp
d = sys.argv[1]
x = sp.random(200, 50, 0.3, format="csr", dtype="f4", random_state=0); x.data[:] = np.ceil(x.data * 5)
def make(name):
    p = f"{d}/{name}.h5ad"
    anndata.AnnData(x).write_h5ad(p)
    return h5py.File(p, "r+")
with make("filter") as f:
    v = f["X/data"][:]; del f["X/data"]
    f["X"].create_dataset("data", data=v, chunks=(64,), **hdf5plugin.Zfp(rate=16)) if hasattr(hdf5plugin, "Zfp") else None
with make("external-link") as f:
    del f["X"]; f["X"] = h5py.ExternalLink("other.h5", "/X")
with make("virtual") as f:
    v = f["X/data"]; n = v.shape[0]; del f["X/data"]
    with h5py.File(d + "/part.h5", "w") as g: g["v"] = np.ones(n, "f4")
    l = h5py.VirtualLayout((n,), "f4"); l[:] = h5py.VirtualSource(d + "/part.h5", "v", (n,))
    f["X"].create_virtual_dataset("data", l)
with make("external-data") as f:
    n = f["X/data"].shape[0]; del f["X/data"]
    f["X"].create_dataset("data", (n,), "f4", external=[(d + "/raw.bin", 0, n * 4)])
with make("huge") as f:
    n = f["X/data"].shape[0]; del f["X/data"]
    f["X"].create_dataset("data", (1 << 60,), "f4", chunks=(1 << 20,), compression="gzip")
`

// TestRefused gives what HDF5 can and gpusc does not, each refused by name.
func TestRefused(t *testing.T) {
	dir := t.TempDir()
	python(t, refusals, dir)
	for name, want := range map[string]string{
		"filter": "filter", "external-link": "external", "virtual": "virtual", "external-data": "external", "huge": "X",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name+".h5ad")
			refused(t, path, path, want)
		})
	}
}

// whereX tells where X lies and what is in the file.
const whereX = `
import sys, h5py, hashlib, anndata
with h5py.File(sys.argv[1]) as f:
    for k in ("data", "indices", "indptr"):
        d = f["X/" + k]
        n = d.id.get_num_chunks() if d.chunks else 0
        print(k, [d.id.get_chunk_info(i).byte_offset for i in range(n)] or d.id.get_offset(), hashlib.md5(d[:].tobytes()).hexdigest())
a = anndata.read_h5ad(sys.argv[1])
if len(sys.argv) > 2:
    assert "total_counts" in a.obs and "highly_variable" in a.var and a.obsm["X_pca"].shape == (a.n_obs, 5), a
`

// TestInPlace adds results to a file: h5py and anndata open it, and X lies
// where it lay.
func TestInPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in.h5ad")
	for _, args := range [][]string{
		{"synth", "-o", path + ".c", "--cells", "400", "--genes", "500", "--counts", "500"}, {"filter", path + ".c", "-o", path, "--min-genes", "10"},
	} {
		if status, _, words, err := call(args...); status != 0 || err != nil {
			t.Fatal(status, words, err)
		}
	}
	before := python(t, whereX, path)
	for _, args := range [][]string{{"qc", path}, {"hvg", path, "--hvg-flavor", "seurat_v3", "--n-top-genes", "50"}, {"pca", path, "--n-comps", "5"}, {"qc", path}} {
		if status, _, words, err := call(args...); status != 0 || err != nil {
			t.Fatal(args, status, words, err)
		}
	}
	if after := python(t, whereX, path, "done"); after != before {
		t.Errorf("X has moved or changed:\n%s\n%s", before, after)
	}
}
