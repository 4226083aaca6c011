package neighbors

import (
	"context"

	"github.com/gpusc/gpusc/graph"
)

// KNN holds the nearest neighbours of N cells. Each has K-1 others, the cell itself
// left out.
type KNN struct {
	N, K int
	// Indices are N x (K-1) cells, nearest first. Cells at the same distance come in
	// cyclic order: those after cell i first, then from cell 0 on.
	Indices []int32
	// Distances are N x (K-1), rising.
	Distances []float32
	// Method is "exact" or "approx": what was done.
	Method string
	// Recall is the part of the true neighbours that was found, estimated from a
	// sample of cells; 1 when exact.
	Recall float64
	// Order lists all cells so that near ones are close, if the search made such an
	// order; else it is nil.
	Order []int32
}

// Find finds the nearest neighbours of each of n cells among the others, like the
// first half of scanpy.pp.neighbors. x is n x d, row by row, usually the scores of a
// PCA.
//
// The result is the same for any number of threads and any processor. The exact
// search finds what scikit-learn's brute force finds, up to pairs whose distances
// differ by rounding. The approximate one (an inverted file, Jégou et al. 2011)
// visits as many clusters of cells for each cell as a sample of 1,024 cells shows to
// reach Options.Recall, and goes over to the exact search when that takes more than
// 64 and more than a quarter of all clusters.
//
// Errors: errs.Usage for options and shapes that cannot be, errs.Data for NaN, Inf
// and values so large that their squares overflow, naming the cell, errs.Budget when
// the ledger has too little, and ctx's own.
func Find(ctx context.Context, x []float32, n, d int, o Options) (*KNN, error) {
	return find(ctx, x, n, d, o, best())
}

// find is Find at a level.
func find(ctx context.Context, x []float32, n, d int, o Options, l level) (*KNN, error) {
	s, err := o.settle(n, l)
	if err != nil {
		return nil, err
	}
	src, err := newSource(ctx, x, n, d, s.m, false, s.Threads)
	if err != nil {
		return nil, err
	}
	if s.K < 2 { // at most one cell
		return &KNN{N: n, K: 1, Method: "exact", Recall: 1}, nil
	}
	res, err := reserve(s.Ledger, "neighbour search", Memory(n, d, s.K, s.Method))
	if err != nil {
		return nil, err
	}
	defer res.Release()
	if s.Method == "approx" {
		k, err := findApprox(ctx, src, s)
		if k != nil || err != nil {
			return k, err
		}
		if res != nil {
			if err := res.Resize(Memory(n, d, s.K, "exact")); err != nil {
				return nil, err
			}
		}
	}
	return findExact(ctx, src, s)
}

func newKNN(n, k int, method string, recall float64) *KNN {
	return &KNN{
		N: n, K: k, Method: method, Recall: recall,
		Indices: make([]int32, n*(k-1)), Distances: make([]float32, n*(k-1)),
	}
}

// findExact does the symmetric search.
func findExact(ctx context.Context, src *source, s settings) (*KNN, error) {
	sp, err := src.take(ctx, s.l, nil, s.Threads)
	if err != nil {
		return nil, err
	}
	lists, err := exact(ctx, sp, s.K-1, s.Threads)
	if err != nil {
		return nil, err
	}
	k := newKNN(src.n, s.K, "exact", 1)
	return k, parallel(ctx, s.Threads, src.n, 4096, func(_, lo, hi int) error {
		for i := lo; i < hi; i++ {
			k.put(int32(i), lists[i*(s.K-1):][:s.K-1], src)
		}
		return nil
	})
}

// findApprox searches by clusters. It returns nil if the recall asked for takes more
// of them than an exact search is worth.
func findApprox(ctx context.Context, src *source, s settings) (*KNN, error) {
	f, err := newIVF(ctx, src, s)
	if err != nil || f.probes == 0 {
		return nil, err
	}
	k := newKNN(src.n, s.K, "approx", f.recall)
	k.Order = f.perm
	return k, f.search(ctx, f.p.s, f.perm, f.p.rows, s.K-1, func(r int, list []uint64) {
		k.put(f.perm[r], list, src)
	})
}

// put stores the list of cell i.
func (k *KNN) put(i int32, list []uint64, src *source) {
	at := int(i) * (k.K - 1)
	for q, v := range list {
		k.Indices[at+q] = unring(i, place(v), k.N)
		// Rounding can leave the product of two equal rows above the largest norm.
		k.Distances[at+q] = max(0, src.distance(value(v)))
	}
}

// Equal returns how many cells have K-1 others equal to themselves. They see nothing
// else, so they end as an island in layouts and clusterings: usually a sign of cells
// without counts, or of cells that are there many times.
func (k *KNN) Equal() int {
	m, n := k.K-1, 0
	for i := 1; m > 0 && i <= k.N; i++ {
		if k.Distances[i*m-1] == 0 {
			n++
		}
	}
	return n
}

// DistanceGraph returns the distances as scanpy keeps them in obsp["distances"]: K-1
// of each row, not symmetric, also those that are 0. Unlike scanpy's its rows are
// sorted by neighbour.
func (k *KNN) DistanceGraph() *graph.CSR {
	m := k.K - 1
	g := &graph.CSR{
		N: k.N, Indptr: make([]int64, k.N+1),
		Indices: make([]int32, len(k.Indices)), Weights: make([]float32, len(k.Distances)),
	}
	for i := range k.N {
		lo, hi := i*m, i*m+m
		idx, w := g.Indices[lo:hi], g.Weights[lo:hi]
		sortRow(idx, w, k.Indices[lo:hi], k.Distances[lo:hi])
		g.Indptr[i+1] = int64(hi)
	}
	return g
}

// sortRow writes the neighbours from and their values v by rising neighbour.
func sortRow(idx []int32, w []float32, from []int32, v []float32) {
	for q, j := range from {
		p := q
		for ; p > 0 && idx[p-1] > j; p-- {
			idx[p], w[p] = idx[p-1], w[p-1]
		}
		idx[p], w[p] = j, v[q]
	}
}
