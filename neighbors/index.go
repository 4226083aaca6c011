package neighbors

import (
	"context"

	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// Index answers which cells of a data set are nearest to cells that are not of it, as
// scanpy.tl.ingest asks. It keeps a copy of the data; it is safe for concurrent use.
type Index struct {
	s      settings
	src    *source // without the caller's values
	p      *panels // exact search: one group
	f      *ivf    // approximate search
	recall float64
	res    *memory.Reservation
}

// NewIndex makes an index of n cells of d dimensions, row by row in x, which it does
// not keep. Options and errors are those of Find. Close gives its memory back to the
// ledger.
func NewIndex(ctx context.Context, x []float32, n, d int, o Options) (*Index, error) {
	return newIndex(ctx, x, n, d, o, best())
}

func newIndex(ctx context.Context, x []float32, n, d int, o Options, l level) (_ *Index, err error) {
	s, err := o.settle(n, l)
	if err != nil {
		return nil, err
	}
	src, err := newSource(ctx, x, n, d, s.m, true, s.Threads)
	if err != nil {
		return nil, err
	}
	ix := &Index{s: s, recall: 1}
	if ix.res, err = reserve(s.Ledger, "neighbour index", Memory(n, d, s.K, s.Method)); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			ix.Close()
		}
	}()
	if s.Method == "approx" && s.K > 1 {
		f, err := newIVF(ctx, src, s)
		if err != nil {
			return nil, err
		}
		if f.probes > 0 {
			ix.f, ix.recall = f, f.recall
		}
	}
	if ix.f == nil {
		sp, err := src.take(ctx, s.l, nil, s.Threads)
		if err != nil {
			return nil, err
		}
		if ix.p, err = whole(ctx, sp, s.Threads); err != nil {
			return nil, err
		}
	}
	own := *src
	own.x = nil
	ix.src = &own
	return ix, nil
}

// Close gives the index's memory back to the ledger.
func (ix *Index) Close() { ix.res.Release() }

// Recall returns the part of the true neighbours that queries like the index's own
// cells are answered with, estimated as in KNN; 1 for an exact index.
func (ix *Index) Recall() float64 { return ix.recall }

// Query finds the k nearest cells of the index for each of nq cells, row by row in q:
// idx and dist are nq x k, nearest first, ties by the smaller index. A cell of q that
// is also in the index finds itself. Distances of "inner_product" may be negative
// where a cell is larger than all of the index.
//
// Errors: errs.Usage when there are fewer than k cells in the index or q has another
// shape, errs.Data for NaN, Inf and too large values, errs.Budget, and ctx's own.
func (ix *Index) Query(ctx context.Context, q []float32, nq, k int) (idx []int32, dist []float32, err error) {
	if k < 1 || k > ix.src.n {
		return nil, nil, errs.New(errs.Usage, "cannot give %d neighbours out of %d cells", k, ix.src.n)
	}
	src, err := newSource(ctx, q, nq, ix.src.d, ix.s.m, true, ix.s.Threads)
	if err != nil {
		return nil, nil, err
	}
	res, err := reserve(ix.s.Ledger, "neighbour query", int64(nq)*int64(4*src.pad+8+8+8*k))
	if err != nil {
		return nil, nil, err
	}
	defer res.Release()
	idx, dist = make([]int32, nq*k), make([]float32, nq*k)
	put := func(i int, list []uint64) {
		for r, v := range list {
			idx[i*k+r], dist[i*k+r] = int32(place(v)), ix.src.distance(value(v))
		}
	}
	if ix.f != nil {
		err = ix.f.query(ctx, src, k, put)
	} else {
		err = ix.query(ctx, src, k, put)
	}
	if err != nil {
		return nil, nil, err
	}
	return idx, dist, nil
}

// query compares all cells.
func (ix *Index) query(ctx context.Context, src *source, k int, put func(i int, list []uint64)) error {
	threads := ix.s.Threads
	q, err := src.take(ctx, ix.s.l, nil, threads)
	if err != nil {
		return err
	}
	return parallel(ctx, threads, q.n, chunkRows, func(_, lo, hi int) error {
		c := &scanner{ctx: ctx, p: ix.p, q: q, k: k}
		c.begin(lo, hi)
		if err := c.scan(upTo(hi-lo), 0); err != nil {
			return err
		}
		for i := lo; i < hi; i++ {
			put(i, c.list(i-lo))
		}
		return nil
	})
}

// query visits the clusters nearest to each cell, in the order of their own clusters.
func (f *ivf) query(ctx context.Context, src *source, k int, put func(i int, list []uint64)) error {
	threads := f.s.Threads
	plain := f.cen.s.euclid()
	p, err := whole(ctx, plain, 1)
	if err != nil {
		return err
	}
	q, err := src.take(ctx, f.s.l, nil, threads)
	if err != nil {
		return err
	}
	home := make([]int32, q.n)
	if err := nearest(ctx, q.euclid(), p, threads, func(r int, g int32) { home[r] = g }); err != nil {
		return err
	}
	rows, order := group(home, plain.n)
	if q, err = src.take(ctx, f.s.l, order, threads); err != nil {
		return err
	}
	return f.search(ctx, q, nil, rows, k, func(r int, list []uint64) { put(int(order[r]), list) })
}
