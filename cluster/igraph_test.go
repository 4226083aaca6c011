package cluster

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gpusc/gpusc/graph"
)

// peer is what igraph found: a value per seed.
type peer struct {
	Q       []float64 // quality as it was optimised, divided by 2m
	Seconds float64   // of CPU, all seeds together, without making the graph
	Labels  []int32   // of the first seed
}

// igraphScript reads a graph (vertices, stored edges, row ends, neighbours, weights)
// and runs Leiden as scanpy's flavor="igraph" does, but with each edge once.
const igraphScript = `
import sys, json, time, random, numpy as np, igraph as ig
f = open(sys.argv[1], "rb")
n, m = np.fromfile(f, "<i8", 2)
ptr = np.fromfile(f, "<i8", n + 1); idx = np.fromfile(f, "<i4", m); w = np.fromfile(f, "<f4", m)
row = np.repeat(np.arange(n), np.diff(ptr))
w = np.where(row == idx, w / 2, w).astype(float) # igraph counts both ends of a self edge
keep = row <= idx
g = ig.Graph(n=int(n), edges=np.stack([row[keep], idx[keep]], 1), directed=False)
w = w[keep]
out = []
for run in sys.argv[3:]:
    objective, res, its = run.split(",")
    peer = dict(Q=[], Seconds=0, Labels=None)
    for s in range(int(sys.argv[2])):
        random.seed(s); ig.set_random_number_generator(random)
        t = time.process_time()
        p = g.community_leiden(objective, weights=w, resolution=float(res), n_iterations=int(its))
        peer["Seconds"] += time.process_time() - t
        peer["Labels"] = peer["Labels"] or p.membership
        peer["Q"].append(p.quality if objective == "CPM" else g.modularity(p.membership, weights=w, resolution=float(res)))
    out.append(peer)
print(json.dumps(out))
`

// igraph runs the Python that GPUSC_PYTHON names, once for all of runs with so many
// seeds each; the test is skipped without.
func igraph(t testing.TB, g *graph.CSR, seeds int, runs ...Options) []peer {
	t.Helper()
	py := os.Getenv("GPUSC_PYTHON")
	if py == "" {
		t.Skip("GPUSC_PYTHON is not set: no igraph to compare with (make test sets it)")
	}
	var b bytes.Buffer
	for _, part := range []any{[]int64{int64(g.N), g.Edges()}, g.Indptr, g.Indices, g.Weights} {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "graph")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-c", igraphScript, file, fmt.Sprint(seeds)}
	for _, o := range runs {
		objective := "modularity"
		if o.Objective == CPM {
			objective = "CPM"
		}
		args = append(args, fmt.Sprintf("%s,%g,%d", objective, cmp.Or(o.Resolution, 1), cmp.Or(o.Iterations, 2)))
	}
	cmd := exec.CommandContext(t.Context(), py, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var p []peer
	if err := json.Unmarshal(out, &p); err != nil {
		t.Fatal(err)
	}
	return p
}
