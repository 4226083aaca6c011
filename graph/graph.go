// Package graph holds weighted graphs over cells: what package neighbors makes, and
// packages manifold and cluster work on.
package graph

import (
	"math"
	"sort"

	"github.com/gpusc/gpusc/internal/errs"
)

// CSR is a graph of N cells as rows of neighbours, like scipy.sparse.csr_matrix in
// obsp: the neighbours of cell i are Indices[Indptr[i]:Indptr[i+1]], rising, with
// their Weights. Every edge of an undirected graph is there twice.
type CSR struct {
	N       int
	Indptr  []int64 // N+1, first is 0
	Indices []int32
	Weights []float32
}

// Edges returns the number of stored edges; each of an undirected graph counts twice.
func (g *CSR) Edges() int64 { return int64(len(g.Indices)) }

// Row returns the neighbours of cell i and the weights of the edges to them.
func (g *CSR) Row(i int) ([]int32, []float32) {
	lo, hi := g.Indptr[i], g.Indptr[i+1]
	return g.Indices[lo:hi], g.Weights[lo:hi]
}

// Check refuses arrays that do not fit together, neighbours that are not there or do
// not rise, and weights that are negative or not finite. Errors are errs.Data.
func (g *CSR) Check() error {
	if g.N < 0 || g.N > math.MaxInt32 || len(g.Indptr) != g.N+1 || len(g.Indices) != len(g.Weights) ||
		g.Indptr[0] != 0 || g.Indptr[g.N] != int64(len(g.Indices)) {
		return errs.New(errs.Data, "a graph of %d cells with %d row ends, %d neighbours and %d weights cannot be",
			g.N, len(g.Indptr), len(g.Indices), len(g.Weights))
	}
	for i := range g.N {
		if g.Indptr[i+1] < g.Indptr[i] {
			return errs.New(errs.Data, "the neighbours of cell %d end before they begin", i)
		}
	}
	for i := range g.N {
		last := int32(-1)
		idx, w := g.Row(i)
		for k, j := range idx {
			if j <= last || int(j) >= g.N {
				return errs.New(errs.Data, "cell %d has neighbour %d after %d, of %d cells", i, j, last, g.N)
			}
			if !(w[k] >= 0 && w[k] <= math.MaxFloat32) {
				return errs.New(errs.Data, "the edge of cells %d and %d has weight %g", i, j, w[k])
			}
			last = j
		}
	}
	return nil
}

// Symmetric tells whether every edge is there in both directions with one weight, up
// to a relative difference of 1e-6; if not, the errs.Data error names the first that is
// not.
func (g *CSR) Symmetric() error {
	for i := range g.N {
		idx, w := g.Row(i)
		for k, j := range idx {
			back, bw := g.Row(int(j))
			at := sort.Search(len(back), func(a int) bool { return back[a] >= int32(i) })
			if at == len(back) || back[at] != int32(i) {
				return errs.New(errs.Data, "the graph is not symmetric: cell %d has neighbour %d, and not the other way round", i, j).
					Do("take connectivities rather than distances, or gpusc neighbors makes them")
			}
			if d := math.Abs(float64(w[k] - bw[at])); d > 1e-6*math.Max(float64(w[k]), float64(bw[at])) {
				return errs.New(errs.Data, "the graph is not symmetric: the edge of cells %d and %d weighs %g in one direction and %g in the other",
					i, j, w[k], bw[at])
			}
		}
	}
	return nil
}
