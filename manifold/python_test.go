package manifold

import (
	"encoding/binary"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/gpusc/gpusc/graph"
	"github.com/gpusc/gpusc/internal/testdata"
)

// python runs a script; the test is skipped where GPUSC_PYTHON names no interpreter.
func python(t *testing.T, script string, args ...string) string {
	t.Helper()
	py := os.Getenv("GPUSC_PYTHON")
	if py == "" {
		t.Skip("GPUSC_PYTHON is not set: no umap-learn to compare with (make test sets it)")
	}
	if testing.Short() {
		t.Skip("umap-learn takes a minute")
	}
	out, err := exec.Command(py, append([]string{"-W", "ignore", "-c", script}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("python: %v\n%s", err, out)
	}
	return string(out)
}

func write(t *testing.T, path string, v any) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := binary.Write(f, binary.LittleEndian, v); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// read returns all of a file of 4- or 8-byte values.
func read[T int32 | int64 | float32](t *testing.T, path string) []T {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	v := make([]T, len(b)/binary.Size(T(0)))
	if _, err := binary.Decode(b, binary.LittleEndian, v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestFindABGrid compares a and b with scipy's least squares, which stops at 1e-8. With a
// spread of 0.1 that goes astray, to negative a and b; ours does not.
func TestFindABGrid(t *testing.T) {
	out := python(t, `
from umap.umap_ import find_ab_params
for spread in (0.3, 0.5, 1.0, 1.5, 2.0, 5.0):
    for part in (0.0, 0.001, 0.05, 0.1, 0.3, 0.5, 0.8, 1.0):
        print(spread, part * spread, *find_ab_params(spread, part * spread))
`)
	n := 0
	for line := range strings.Lines(out) {
		var v [4]float64
		for i, f := range strings.Fields(line) {
			v[i], _ = strconv.ParseFloat(f, 64)
		}
		a, b := FindAB(v[0], v[1])
		if math.Abs(a/v[2]-1) > 1e-4 || math.Abs(b/v[3]-1) > 1e-4 {
			t.Errorf("spread %g, min_dist %g: %g %g, scipy %g %g", v[0], v[1], a, b, v[2], v[3])
		}
		n++
	}
	if n != 48 {
		t.Errorf("%d values\n%s", n, out)
	}
}

// peer runs umap-learn as scanpy does, on graphs and scores that lie in files.
const peer = `
import sys, numpy as np, scipy.sparse as sp
from umap.umap_ import simplicial_set_embedding, find_ab_params
folder, scores, knn = sys.argv[1:4]
if scores:
    z = np.load(knn)
    z["conn_indptr"].astype("<i8").tofile(folder + "/pbmc3k.ptr")
    z["conn_indices"].astype("<i4").tofile(folder + "/pbmc3k.idx")
    z["conn_data"].astype("<f4").tofile(folder + "/pbmc3k.w")
    np.load(scores)["X_pca"][:, :30].astype("<f4").tofile(folder + "/pbmc3k.x")
a, b = find_ab_params(1.0, 0.5)
for job in sys.argv[4:]:
    name, dims, seed = job.split(":")
    at = folder + "/" + name
    ptr, idx, w = np.fromfile(at + ".ptr", "<i8"), np.fromfile(at + ".idx", "<i4"), np.fromfile(at + ".w", "<f4")
    n = len(ptr) - 1
    y, _ = simplicial_set_embedding(
        data=np.fromfile(at + ".x", "<f4").reshape(n, -1), graph=sp.csr_matrix((w, idx, ptr), shape=(n, n)).tocoo(),
        n_components=int(dims), initial_alpha=1.0, a=a, b=b, gamma=1.0, negative_sample_rate=5, n_epochs=None,
        init="spectral", random_state=np.random.RandomState(int(seed)), metric="euclidean", metric_kwds={},
        densmap=False, densmap_kwds={}, output_dens=False)
    y.astype("<f4").tofile(at + "." + dims + "." + seed)
`

// TestQuality: on the same graph and epochs, trustworthiness and kept neighbours are no
// lower than umap-learn's less 0.005, and no cell is farther out. Real cells (pbmc3k with
// scanpy's connectivities) and made ones, in two and three dimensions.
func TestQuality(t *testing.T) {
	if os.Getenv("GPUSC_PYTHON") == "" {
		t.Skip("GPUSC_PYTHON is not set: no umap-learn to compare with (make test sets it)")
	}
	folder := t.TempDir()
	const d = 10
	g, x, _ := generated(t, 2000, d, 12)
	at := filepath.Join(folder, "made")
	write(t, at+".ptr", g.Indptr)
	write(t, at+".idx", g.Indices)
	write(t, at+".w", g.Weights)
	write(t, at+".x", x)
	python(t, peer, folder,
		testdata.Path(t, "reference/scanpy/pbmc3k/pca.npz"), testdata.Path(t, "reference/scanpy/pbmc3k/knn_pca30_k15.npz"),
		"pbmc3k:2:0", "pbmc3k:2:1", "made:2:0", "made:2:1", "made:3:0")
	for _, c := range []struct {
		name  string
		dims  int
		seeds int // of umap-learn
	}{{"pbmc3k", 2, 2}, {"made", 2, 2}, {"made", 3, 1}} {
		at := filepath.Join(folder, c.name)
		g := &graph.CSR{Indptr: read[int64](t, at+".ptr"), Indices: read[int32](t, at+".idx"), Weights: read[float32](t, at+".w")}
		g.N = len(g.Indptr) - 1
		x := read[float32](t, at+".x")
		d := len(x) / g.N
		theirs, ours := quality{}, quality{}
		for s := range c.seeds {
			y := read[float32](t, at+"."+strconv.Itoa(c.dims)+"."+strconv.Itoa(s))
			theirs = theirs.plus(judge(x, d, y, c.dims, g.N), c.seeds)
		}
		const seeds = 3
		for s := range uint64(seeds) {
			l := layoutOf(t, g, UMAPOptions{Components: c.dims, PCA: x, PCADim: d, Seed: s}, best())
			ours = ours.plus(judge(x, d, l.Positions, c.dims, g.N), seeds)
		}
		t.Logf("%s, %d dimensions: umap-learn %+v", c.name, c.dims, theirs)
		t.Logf("%s, %d dimensions: ours       %+v", c.name, c.dims, ours)
		if ours.trust < theirs.trust-0.005 || ours.kept < theirs.kept-0.005 || ours.kept50 < theirs.kept50-0.005 {
			t.Errorf("%s, %d dimensions: ours %+v, umap-learn %+v", c.name, c.dims, ours, theirs)
		}
		// Of pbmc3k the 11 megakaryocytes are a group of their own, less than 1% of the cells.
		if c.name == "made" && ours.spread > max(1.2, theirs.spread) {
			t.Errorf("%s, %d dimensions: widest / p99 is %.2f, umap-learn's %.2f", c.name, c.dims, ours.spread, theirs.spread)
		}
	}
}

// plus adds a share of another's figures; of the spread the largest is kept.
func (q quality) plus(v quality, n int) quality {
	q.trust += v.trust / float64(n)
	q.kept += v.kept / float64(n)
	q.kept50 += v.kept50 / float64(n)
	q.spread = max(q.spread, v.spread)
	return q
}
