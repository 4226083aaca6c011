package cluster

import (
	"archive/zip"
	"cmp"
	"encoding/binary"
	"io"
	"math"
	"testing"

	"github.com/gpusc/gpusc/graph"
	"github.com/gpusc/gpusc/internal/testdata"
)

// againstIgraph holds the median quality of eight seeds to igraph's less 0.001.
func againstIgraph(t *testing.T, g *graph.CSR, runs ...Options) {
	t.Helper()
	const seeds = 8
	for i, p := range igraph(t, g, seeds, runs...) {
		o := runs[i]
		var q []float64
		for o.Seed = range seeds {
			q = append(q, sound(t, g, o).Quality)
		}
		if o.Objective != CPM {
			if ours := Modularity(g, p.Labels, cmp.Or(o.Resolution, 1)); math.Abs(ours-p.Q[0]) > 1e-9 {
				t.Errorf("igraph's communities have quality %v here and %v there", ours, p.Q[0])
			}
		}
		ours, theirs := median(q), median(p.Q)
		t.Logf("%q, resolution %g, iterations %d: median quality %.6f, igraph's %.6f",
			o.Objective, o.Resolution, o.Iterations, ours, theirs)
		if ours < theirs-0.001 {
			t.Error("below igraph's")
		}
	}
}

// TestPeer compares with igraph on graphs of many kinds.
func TestPeer(t *testing.T) {
	apart, _ := mixture(2500, 15, 0.03, 15, 21)
	continuous, _ := mixture(2500, 3, 0.4, 15, 22)
	mixed, _ := planted(2500, 0.5, 23)
	for name, g := range map[string]*graph.CSR{
		"apart": apart, "continuous": continuous, "power laws": mixed, "cliques": cliques(40, 7),
		"karate": karate(), "loops and zeros": randomGraph(rng(5), 200),
	} {
		t.Run(name, func(t *testing.T) {
			againstIgraph(t, g, Options{}, Options{Iterations: -1}, Options{Resolution: 3, Iterations: -1},
				Options{Objective: CPM, Resolution: 0.02, Iterations: -1})
		})
	}
}

// TestReference compares on scanpy's connectivities of real cells.
func TestReference(t *testing.T) {
	for _, set := range []string{"pbmc3k", "brain10k"} {
		t.Run(set, func(t *testing.T) {
			againstIgraph(t, reference(t, set), Options{}, Options{Resolution: 0.5})
		})
	}
}

// reference reads scanpy's connectivities of a data set.
func reference(t testing.TB, set string) *graph.CSR {
	t.Helper()
	z, err := zip.OpenReader(testdata.Path(t, "reference/scanpy/"+set+"/knn_pca30_k15.npz"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	ptr := column[int32](t, z, "conn_indptr")
	g := &graph.CSR{N: len(ptr) - 1, Indices: column[int32](t, z, "conn_indices"), Weights: column[float32](t, z, "conn_data")}
	for _, p := range ptr {
		g.Indptr = append(g.Indptr, int64(p))
	}
	return g
}

// column reads one array of an .npz file.
func column[T int32 | float32](t testing.TB, z *zip.ReadCloser, name string) []T {
	t.Helper()
	f, err := z.Open(name + ".npy")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	b = b[10+binary.LittleEndian.Uint16(b[8:]):]
	out := make([]T, len(b)/4)
	if _, err := binary.Decode(b, binary.LittleEndian, out); err != nil {
		t.Fatal(err)
	}
	return out
}
