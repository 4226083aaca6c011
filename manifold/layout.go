package manifold

import (
	"github.com/gpusc/gpusc/graph"
	"github.com/gpusc/gpusc/memory"
)

const (
	blocks     = 8    // of an epoch: cells of one block feel the others where they were at its start
	tileMost   = 256  // cells of a tile, the unit of blocks and threads
	windowMost = 8192 // positions that the negatives of a tile are drawn from in an epoch
)

// stride is how many floats apart positions are kept.
func stride(components int) int {
	if components == 3 {
		return 4
	}
	return 2
}

// field is a layout at work: n cells that move, and a pool of positions in shuffled order
// that they are repelled from.
type field struct {
	level   level
	dims    int
	stride  int
	n, pool int
	y       []float32 // n cells, then the pool
	next    []float32 // the cells after the block
	place   []int32   // of cell i in the pool; nil where cells are not in it
	cell    func(i int) int
	edges   *edges
	tab     []float32
	groups  []lanePattern
	pulls   int // lanes for each pull: itself and its negatives
	tile    int
	seed    uint64
	lists   [][]uint32 // targets, one list for each worker
}

// newField sets up n moving cells and a pool. pull weighs attraction: twice where each
// end of an edge moves by itself what umap-learn moves by both.
func newField(c crew, lv level, o UMAPOptions, n, pool int, e *edges, pull float32) *field {
	f := &field{
		level: lv, dims: o.Components, stride: stride(o.Components), n: n, pool: pool, edges: e,
		tab:    forceTable(o.A, o.B, float64(pull)),
		groups: lanePatterns(o.NegativeSampleRate, pull),
		pulls:  o.NegativeSampleRate + 1,
		// Small graphs have smaller tiles, so that every block has cells.
		tile:  min(max((n+8*blocks-1)/(8*blocks), 1), tileMost),
		lists: make([][]uint32, c.threads),
	}
	f.y = make([]float32, (n+pool)*f.stride)
	f.next = make([]float32, n*f.stride)
	for w := range f.lists {
		f.lists[w] = make([]uint32, e.most+2*lanes)
	}
	return f
}

// fieldBytes is what newField and its edges take at most.
func fieldBytes(n, pool, edges int64, components, threads int) int64 {
	s := int64(stride(components)) * 4
	return (2*n+pool)*s + n*edgePtrBytes + edges*edgeBytes + int64(threads)*4*min(edges, n) + 4*pool + 64<<10
}

// epoch moves every cell once: block by block, the tiles of a block shared by the crew.
func (f *field) epoch(c crew, epoch int, alpha float32) error {
	tiles := (f.n + f.tile - 1) / f.tile
	for b := range min(blocks, tiles) {
		count := (tiles - b + blocks - 1) / blocks
		span := func(q int) (int, int) {
			t := q*blocks + b
			return t * f.tile, min((t+1)*f.tile, f.n)
		}
		err := c.each(count, max(1, min(4, count/(4*c.threads))), func(w, from, to int) {
			for q := from; q < to; q++ {
				lo, hi := span(q)
				f.moveTile(f.lists[w], q*blocks+b, lo, hi, epoch, alpha)
			}
		})
		if err != nil {
			return err
		}
		err = c.each(count, 64, func(_, from, to int) {
			for q := from; q < to; q++ {
				lo, hi := span(q)
				copy(f.y[lo*f.stride:hi*f.stride], f.next[lo*f.stride:hi*f.stride])
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// noSelf is an index that no position has.
const noSelf = 1<<32 - 1

// moveTile moves cells lo..hi-1 from y to next.
func (f *field) moveTile(list []uint32, number, lo, hi, epoch int, alpha float32) {
	window := min(f.pool, windowMost)
	at := hash(stream(f.seed, forWindow), uint64(epoch), uint64(number)) % uint64(f.pool-window+1)
	t := &tile{
		moveArgs: moveArgs{
			y: &f.y[0], tab: &f.tab[0], patterns: &f.groups[0], bytes: len(f.groups) * patternBytes,
			window: uint32(window), first: uint32(f.n + int(at)), alpha: alpha, limit: groupLimit,
		},
		ys: f.y, tabs: f.tab, groups: f.groups,
	}
	e, negatives := f.edges, stream(f.seed, forNegatives)
	for i := lo; i < hi; i++ {
		out := f.next[i*f.stride : (i+1)*f.stride]
		fired := f.level.fire(e, i, uint32(epoch), list)
		if fired == 0 {
			copy(out, f.y[i*f.stride:(i+1)*f.stride])
			continue
		}
		self := uint32(noSelf)
		if f.place != nil {
			self = uint32(f.n) + uint32(f.place[i])
		}
		ctr := uint32(hash(negatives, uint64(epoch), uint64(f.cell(i))))
		f.level.move(t, f.dims, uint32(i), self, ctr, list, fired*f.pulls, out)
	}
}

// inMemory gives the rows of a graph in the order of memory.
type inMemory struct {
	g     *graph.CSR
	order []int32 // cell of each place; nil: itself
	where []int32 // place of each cell
}

func (m *inMemory) cell(i int) int {
	if m.order == nil {
		return i
	}
	return int(m.order[i])
}

func (m *inMemory) row(i int) ([]int32, []float32) { return m.g.Row(m.cell(i)) }

func (m *inMemory) position(j int32) uint32 {
	if m.where == nil {
		return uint32(j)
	}
	return uint32(m.where[j])
}

func newInMemory(g *graph.CSR, order []int32) *inMemory {
	m := &inMemory{g: g, order: order}
	if order != nil {
		m.where = make([]int32, g.N)
		for i, v := range order {
			m.where[v] = int32(i)
		}
	}
	return m
}

// shuffled returns the numbers 0..n-1 in random order (Fisher and Yates).
func shuffled(n int, seed uint64) []int32 {
	s := stream(seed, forShuffle)
	p := make([]int32, n)
	for i := range p {
		j := int(hash(s, uint64(i), 0) % uint64(i+1))
		p[i] = p[j]
		p[j] = int32(i)
	}
	return p
}

// optimize moves l.Positions for all epochs.
func optimize(c crew, g *graph.CSR, o UMAPOptions, l *Layout, lv level) error {
	if o.Ledger != nil {
		r, err := o.Ledger.Reserve(memory.Host, "UMAP layout", layoutBytes(int64(g.N), g.Edges(), o.Components, c.threads)+resultBytes(int64(g.N), o.Components))
		if err != nil {
			return err
		}
		defer r.Release()
	}
	top, err := heaviest(c, g.Weights)
	if err != nil || top == 0 {
		return err
	}
	m := newInMemory(g, o.Order)
	e, err := makeEdges(c, m, g.N, top, o.Epochs, defaultEpochs(g.N), o.Seed)
	if err != nil {
		return err
	}
	f := newField(c, lv, o, g.N, g.N, e, 2)
	f.cell, f.seed, f.place = m.cell, o.Seed, shuffled(g.N, o.Seed)
	d, s := f.dims, f.stride
	for i := range g.N {
		copy(f.y[i*s:i*s+d], l.Positions[m.cell(i)*d:])
	}
	for ep := range o.Epochs {
		err := c.each(g.N, 4096, func(_, lo, hi int) {
			for i := lo; i < hi; i++ {
				at := (f.n + int(f.place[i])) * s
				copy(f.y[at:at+s], f.y[i*s:i*s+s])
			}
		})
		if err != nil {
			return err
		}
		alpha := float32(o.LearningRate * (1 - float64(ep)/float64(o.Epochs)))
		if err := f.epoch(c, ep, alpha); err != nil {
			return err
		}
	}
	for i := range g.N {
		copy(l.Positions[m.cell(i)*d:m.cell(i)*d+d], f.y[i*s:])
	}
	return nil
}
