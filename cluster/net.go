package cluster

import (
	"context"
	"sort"

	"github.com/gpusc/gpusc/graph"
	"github.com/gpusc/gpusc/internal/errs"
)

// number is the type of a level's edge weights: float32 as they come, float64 where
// they are sums. With sums in float32 the two directions of an edge could differ by
// more than the least gain of a move, and moves could go round in circles.
type number interface{ float32 | float64 }

// net is the graph of one level: no edges from a vertex to itself and none of weight
// zero, both directions of every edge with one weight.
type net[W number] struct {
	n        int
	beg, end []int64 // the edges of v are idx[beg[v]:end[v]], w[beg[v]:end[v]]
	idx      []int32
	w        []W
	size     []float64 // strength of a vertex, self edges included; or its cells
}

func (g *net[W]) row(v int32) ([]int32, []W) {
	lo, hi := g.beg[v], g.end[v]
	idx := g.idx[lo:hi]
	return idx, g.w[lo:hi][:len(idx)]
}

// entries is how many edges are stored.
func (g *net[W]) entries() int64 {
	s := int64(0)
	for v := range g.n {
		s += g.end[v] - g.beg[v]
	}
	return s
}

// base is the graph that every run starts from.
type base struct {
	net[float32]
	src   *graph.CSR
	order []int32 // the cell at every place; nil: the same
	total float64 // 2m: the sum of all weights
}

// shape is what one look over a graph tells.
type shape struct {
	keep   int64 // edges of positive weight between two cells
	uneven bool  // some edge's two weights differ in bits
}

// inspect checks that g is well formed and symmetric, in time linear in its edges:
// rows are walked in rising order, so the entry of row j that answers edge (i, j) is
// always the next one of row j. cursor has room for n.
func inspect(g *graph.CSR, cursor []int64) (shape, error) {
	var s shape
	if g == nil {
		return s, errs.New(errs.Usage, "there is no graph to cluster")
	}
	if err := g.Check(); err != nil {
		return s, err
	}
	copy(cursor, g.Indptr[:g.N])
	for i := range g.N {
		idx, w := g.Row(i)
		for k, j := range idx {
			at := cursor[j]
			if at == g.Indptr[j+1] || g.Indices[at] != int32(i) {
				return s, asymmetric(g)
			}
			cursor[j] = at + 1
			if g.Weights[at] != w[k] {
				s.uneven = true
			}
			if w[k] > 0 && int(j) != i {
				s.keep++
			}
		}
	}
	if s.uneven { // by rounding only, or really?
		if err := g.Symmetric(); err != nil {
			return s, err
		}
		s.keep = g.Edges() // a weight may round to zero in one direction only
	}
	return s, nil
}

// asymmetric names the first edge that is there in one direction only.
func asymmetric(g *graph.CSR) error {
	if err := g.Symmetric(); err != nil {
		return err
	}
	return errs.New(errs.Data, "the graph is not symmetric")
}

// lay makes the base of g: g's own arrays where they will do, else a copy in order,
// without edges that bind nobody and with one weight per edge.
func lay(ctx context.Context, g *graph.CSR, o Options, s shape) (*base, error) {
	b := &base{src: g, order: o.Order}
	b.n = g.N
	b.size = make([]float64, g.N)
	if o.Order == nil && s.keep == g.Edges() && !s.uneven {
		b.beg, b.end, b.idx, b.w = g.Indptr[:g.N], g.Indptr[1:], g.Indices, g.Weights
	} else if err := b.copyRows(ctx, s); err != nil {
		return nil, err
	}
	for p := range g.N {
		i, k := b.cell(p), 0.0
		idx, w := g.Row(i)
		for t, x := range w {
			if s.uneven {
				x = weight(g, i, idx[t], x, true)
			}
			k += float64(x)
		}
		b.size[p] = k
		b.total += k
	}
	if o.Objective == CPM {
		for p := range b.size {
			b.size[p] = 1
		}
	}
	return b, ctx.Err()
}

// cell is the cell at place p.
func (b *base) cell(p int) int {
	if b.order == nil {
		return p
	}
	return int(b.order[p])
}

// copyRows fills b with the edges of its source that bind, in order.
func (b *base) copyRows(ctx context.Context, s shape) error {
	g := b.src
	place := make([]int32, g.N)
	for p := range g.N {
		place[b.cell(p)] = int32(p)
	}
	ptr := make([]int64, g.N+1)
	b.beg, b.end = ptr[:g.N], ptr[1:]
	b.idx = make([]int32, s.keep)
	b.w = make([]float32, s.keep)
	at := int64(0)
	for p := range g.N {
		if p%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		i := b.cell(p)
		idx, w := g.Row(i)
		for t, j := range idx {
			if int(j) == i {
				continue
			}
			if x := weight(g, i, j, w[t], s.uneven); x > 0 {
				b.idx[at], b.w[at] = place[j], x
				at++
			}
		}
		b.end[p] = at
	}
	return nil
}

// weight is that of the edge from i to j, which has w in its own row: the same in
// both directions, even where the rows differ by rounding.
func weight(g *graph.CSR, i int, j int32, w float32, uneven bool) float32 {
	if !uneven || i <= int(j) {
		return w
	}
	idx, back := g.Row(int(j))
	return back[sort.Search(len(idx), func(a int) bool { return idx[a] >= int32(i) })]
}

// price is what a pair of one unit of size each costs: resolution / 2m, or the
// resolution itself. Without edges it means nothing and is not asked for.
func (b *base) price(o Options) float64 {
	if o.Objective == CPM {
		return o.Resolution
	}
	return o.Resolution / b.total
}
