package cluster

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
objective, res, its, seeds = sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
row = np.repeat(np.arange(n), np.diff(ptr))
keep = row <= idx
g = ig.Graph(n=int(n), edges=np.stack([row[keep], idx[keep]], 1), directed=False)
w = w[keep].astype(float)
q, t = [], 0
first = None
for s in range(seeds):
    random.seed(s); ig.set_random_number_generator(random)
    t0 = time.process_time()
    p = g.community_leiden(objective, weights=w, resolution=res, n_iterations=its)
    t += time.process_time() - t0
    first = first or p.membership
    q.append(p.quality if objective == "CPM" else g.modularity(p.membership, weights=w, resolution=res))
print(json.dumps(dict(Q=q, Seconds=t, Labels=first)))
`

// igraph runs the Python that GPUSC_PYTHON names; the test is skipped without.
func igraph(t testing.TB, g *graph.CSR, objective string, resolution float64, iterations, seeds int) peer {
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
	cmd := exec.CommandContext(t.Context(), py, "-c", igraphScript, file, objective,
		fmt.Sprint(resolution), fmt.Sprint(iterations), fmt.Sprint(seeds))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var p peer
	if err := json.Unmarshal(out[strings.IndexByte(string(out), '{'):], &p); err != nil {
		t.Fatal(err)
	}
	return p
}
