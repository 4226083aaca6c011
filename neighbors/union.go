package neighbors

import (
	"context"

	"github.com/gpusc/gpusc/graph"
)

// union joins the two directions of all edges, w as in e, into one symmetric graph:
// join(a, b) for an edge of weight a one way and b the other, b 0 where it is there
// one way only; join must not depend on which is which. Weights of 0 are left out
// before and after.
func (e *edges) union(ctx context.Context, w []float32, join func(a, b float32) float32) (*graph.CSR, error) {
	back := e.transpose(w)
	g := &graph.CSR{N: e.n, Indptr: make([]int64, e.n+1)}
	count := func(_, lo, hi int) error {
		for i := lo; i < hi; i++ {
			n := int64(0)
			e.merge(i, w, back, join, func(int32, float32) { n++ })
			g.Indptr[i+1] = n
		}
		return nil
	}
	if err := parallel(ctx, e.threads, e.n, rowsAtOnce, count); err != nil {
		return nil, err
	}
	for i := range e.n {
		g.Indptr[i+1] += g.Indptr[i]
	}
	g.Indices, g.Weights = make([]int32, g.Indptr[e.n]), make([]float32, g.Indptr[e.n])
	return g, parallel(ctx, e.threads, e.n, rowsAtOnce, func(_, lo, hi int) error {
		for i := lo; i < hi; i++ {
			at := g.Indptr[i]
			e.merge(i, w, back, join, func(j int32, v float32) {
				g.Indices[at], g.Weights[at] = j, v
				at++
			})
		}
		return nil
	})
}

// transpose returns who has each cell for a neighbour, by counting; rows come out
// rising.
func (e *edges) transpose(w []float32) *graph.CSR {
	t := &graph.CSR{N: e.n, Indptr: make([]int64, e.n+1)}
	for q, j := range e.j {
		if w[q] > 0 {
			t.Indptr[j+1]++
		}
	}
	for i := range e.n {
		t.Indptr[i+1] += t.Indptr[i]
	}
	t.Indices, t.Weights = make([]int32, t.Indptr[e.n]), make([]float32, t.Indptr[e.n])
	pos := append([]int64(nil), t.Indptr[:e.n]...)
	for i := range e.n {
		for q := i * e.m; q < i*e.m+e.m; q++ {
			if j := e.j[q]; w[q] > 0 {
				t.Indices[pos[j]], t.Weights[pos[j]] = int32(i), w[q]
				pos[j]++
			}
		}
	}
	return t
}

// merge gives the joined edges of cell i, rising.
func (e *edges) merge(i int, w []float32, back *graph.CSR, join func(a, b float32) float32, emit func(j int32, v float32)) {
	out, _ := e.row(i)
	ow := w[i*e.m:][:e.m]
	in, iw := back.Row(i)
	a, b := 0, 0
	for a < len(out) || b < len(in) {
		var j int32
		var va, vb float32
		switch {
		case b == len(in) || a < len(out) && out[a] < in[b]:
			j, va = out[a], ow[a]
			a++
		case a == len(out) || in[b] < out[a]:
			j, vb = in[b], iw[b]
			b++
		default:
			j, va, vb = out[a], ow[a], iw[b]
			a++
			b++
		}
		if va == 0 {
			va, vb = vb, va
		}
		if v := join(va, vb); v > 0 {
			emit(j, v)
		}
	}
}
