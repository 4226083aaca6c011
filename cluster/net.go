package cluster

import (
	"context"
	"math"
	"sort"
	"sync/atomic"

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
	idle   bool // some edges bind nobody: weight zero, or from a cell to itself
	uneven bool // some edge's two weights differ in bits
}

// copied tells whether the base needs edges of its own.
func (s shape) copied(o Options) bool { return o.Order != nil || s.idle || s.uneven }

// rowTile rows are looked at by one worker at a time.
const rowTile = 4096

// inspect checks that g is well formed and symmetric. Every edge above the diagonal
// adds a hash of its ends and weight to one sum and every edge below takes it away:
// in a symmetric graph nothing is left, and no row need be searched. In another the
// chance of that is 2^-64.
func inspect(ctx context.Context, g *graph.CSR, threads int) (shape, error) {
	var s shape
	if g == nil {
		return s, noGraph()
	}
	if err := g.Check(); err != nil {
		return s, err
	}
	var left atomic.Uint64
	var idle atomic.Bool
	err := tiles(ctx, threads, g.N, rowTile, func(_, lo, hi int) {
		sum, binds := uint64(0), true
		for i := lo; i < hi; i++ {
			idx, w := g.Row(i)
			for t, j := range idx {
				x := w[t]
				binds = binds && x > 0 && int(j) != i
				bits := uint64(math.Float32bits(x)) * 0xd1342543de82ef95
				if int(j) > i {
					sum += mix(bits ^ uint64(i)<<32 ^ uint64(j))
				} else if int(j) < i {
					sum -= mix(bits ^ uint64(j)<<32 ^ uint64(i))
				}
			}
		}
		left.Add(sum)
		if !binds {
			idle.Store(true)
		}
	})
	if err != nil {
		return s, err
	}
	s.idle, s.uneven = idle.Load(), left.Load() != 0
	if s.uneven { // by rounding only, or really?
		return s, g.Symmetric()
	}
	return s, nil
}

func noGraph() error { return errs.New(errs.Usage, "there is no graph to cluster") }

// lay makes the base of g: g's own arrays where they will do, else a copy in order,
// without edges that bind nobody and with one weight per edge.
func lay(ctx context.Context, g *graph.CSR, o Options, s shape) (*base, error) {
	b := &base{src: g, order: o.Order}
	b.n = g.N
	b.size = make([]float64, g.N)
	if !s.copied(o) {
		b.beg, b.end, b.idx, b.w = g.Indptr[:g.N], g.Indptr[1:], g.Indices, g.Weights
	} else if err := b.copyRows(ctx, o.Threads, s); err != nil {
		return nil, err
	}
	err := tiles(ctx, o.Threads, g.N, rowTile, func(_, lo, hi int) {
		for p := lo; p < hi; p++ {
			i, k := b.cell(p), 0.0
			idx, w := g.Row(i)
			for t, x := range w {
				if s.uneven {
					x = weight(g, i, idx[t], x, true)
				}
				k += float64(x)
			}
			b.size[p] = k
		}
	})
	for p, k := range b.size {
		b.total += k
		if o.Objective == CPM {
			b.size[p] = 1
		}
	}
	return b, err
}

// cell is the cell at place p.
func (b *base) cell(p int) int {
	if b.order == nil {
		return p
	}
	return int(b.order[p])
}

// copyRows fills b with the edges of its source that bind, in order. Where some do
// not, gaps stay, so that every row knows its place beforehand.
func (b *base) copyRows(ctx context.Context, threads int, s shape) error {
	g := b.src
	place := make([]int32, g.N)
	b.beg, b.end = make([]int64, g.N), make([]int64, g.N)
	b.idx = make([]int32, g.Edges())
	b.w = make([]float32, g.Edges())
	at := int64(0)
	for p := range g.N {
		i := b.cell(p)
		place[i] = int32(p)
		b.beg[p] = at
		at += g.Indptr[i+1] - g.Indptr[i]
	}
	return tiles(ctx, threads, g.N, rowTile, func(_, lo, hi int) {
		for p := lo; p < hi; p++ {
			i, at := b.cell(p), b.beg[p]
			idx, w := g.Row(i)
			for t, j := range idx {
				if x := weight(g, i, j, w[t], s.uneven); x > 0 && int(j) != i {
					b.idx[at], b.w[at] = place[j], x
					at++
				}
			}
			b.end[p] = at
		}
	})
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
