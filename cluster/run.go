package cluster

import (
	"context"
	"runtime"
	"slices"

	"github.com/gpusc/gpusc/memory"
)

// run is one search for communities on a base.
type run struct {
	o     Options
	b     *base
	price float64
	held  *memory.Reservation // grows with the upper levels; may be nil

	cells []int32 // the community of every place
	comm  []int32 // of every vertex of the present level
	next  []int32 // of every vertex of the level above
	part  []int32 // the vertex of the level above for every vertex of the present
	at    []int32 // the vertex of the present level for every place
	seen  []int32
	mv    *moving
	rf    *refining
	up    [2]*upper
	level int
}

// runBytes is the working memory of a run for a cell, but for its upper edges.
const runBytes = 6*4 + // cells to seen
	8 + 4 + 4 + 1 + 4 + 4 + // moving
	8 + 8 + 1 + 4 + 4 + 4 + // refining
	2*(8+8+8) + // upper levels
	4 + 4*2 // labels and their ranking

// baseBytes is that of a base: sizes; places and row ends of a copy.
const baseBytes = 8 + 4 + 2*8

// Memory returns how many bytes Leiden reserves at most for a graph of n cells and
// edges stored edges, as many as CSR.Edges returns, with the default number of
// threads. What it really takes is known only as it runs; it is usually half of it.
func Memory(n int, edges int64) int64 {
	return baseMemory(n, edges) + runMemory(n, runtime.GOMAXPROCS(0)) + 2*edges*edgeBytes
}

func baseMemory(n int, edges int64) int64 { return int64(n)*baseBytes + edges*(4+4) }

func runMemory(n, threads int) int64 { return int64(n) * int64(runBytes+8*threads) }

// newRun allocates what searches on b need, one after another, with threads workers.
func newRun(b *base, threads int, held *memory.Reservation) *run {
	n := b.n
	work := make([]*worker, threads)
	for i := range work {
		work[i] = &worker{acc: make([]float64, n)}
	}
	r := &run{b: b, held: held}
	for _, s := range []*[]int32{&r.cells, &r.comm, &r.next, &r.part, &r.at, &r.seen} {
		*s = make([]int32, n)
	}
	r.mv, r.rf = newMoving(n, work[0].acc), newRefining(n, work)
	r.up = [2]*upper{newUpper(n), newUpper(n)}
	return r
}

// search iterates from single cells.
func (r *run) search(ctx context.Context, o Options) (*Result, error) {
	r.o, r.price = o, r.b.price(o)
	for p := range r.cells {
		r.cells[p] = int32(p)
	}
	res := &Result{}
	for {
		if r.b.total == 0 || res.Iterations == o.Iterations {
			break
		}
		changed, err := r.iterate(ctx, uint64(res.Iterations))
		if err != nil {
			return nil, err
		}
		res.Iterations++
		if o.Iterations < 0 && !changed {
			break
		}
	}
	res.Labels = make([]int32, r.b.n)
	for p, c := range r.cells {
		res.Labels[r.b.cell(p)] = c
	}
	res.Clusters = rank(res.Labels)
	res.rate(r.b.src, o)
	return res, ctx.Err()
}

// iterate goes once through the levels, and tells whether communities changed. Moves
// only ever gain, so without a change there was no move on the first level: no vertex
// can gain.
func (r *run) iterate(ctx context.Context, it uint64) (changed bool, err error) {
	n := r.b.n
	r.comm, r.next = r.comm[:n], r.next[:n]
	copy(r.comm, r.cells)
	for p := range r.at {
		r.at[p] = int32(p)
	}
	key := hash(mix(r.o.Seed), it)
	r.level = 0
	up, err := step(ctx, r, &r.b.net, key)
	for up != nil && err == nil {
		r.level++
		up, err = step(ctx, r, up, hash(key, uint64(r.level)))
	}
	if err != nil {
		return false, err
	}
	for p, v := range r.at {
		r.at[p] = r.comm[v]
	}
	renumber(r.at, r.seen)
	changed = !slices.Equal(r.at, r.cells)
	copy(r.cells, r.at)
	return changed, nil
}

// step does one level: it moves the vertices of g and makes the graph of the level
// above, or gives nil when every community is one vertex.
func step[W number](ctx context.Context, r *run, g *net[W], key uint64) (*net[float64], error) {
	if err := move(ctx, g, r.comm, r.price, key, r.mv); err != nil {
		return nil, err
	}
	count := renumber(r.comm, r.seen[:g.n])
	if count == g.n {
		return nil, nil
	}
	part := r.part[:g.n]
	parts, err := split(ctx, r, g, count, part, key)
	if err != nil {
		return nil, err
	}
	to := r.up[r.level%2]
	if err := to.grow(g.entries(), r.held); err != nil {
		return nil, err
	}
	if err := aggregate(ctx, g, part, parts, to, r.rf); err != nil {
		return nil, err
	}
	r.next = r.next[:parts]
	for v, p := range part {
		r.next[p] = r.comm[v]
	}
	for p, v := range r.at {
		r.at[p] = part[v]
	}
	r.comm, r.next = r.next, r.comm
	return &to.net, nil
}

// split divides the count communities of the level into parts, fewer than there are
// vertices, numbers them and returns how many there are.
func split[W number](ctx context.Context, r *run, g *net[W], count int, part []int32, key uint64) (int, error) {
	if r.o.Louvain {
		copy(part, r.comm)
		return count, nil
	}
	if err := refine(ctx, g, r.comm, count, part, r.price, r.o.Theta, key, r.rf); err != nil {
		return 0, err
	}
	parts := renumber(part, r.seen[:g.n])
	if parts == g.n {
		// No vertex joined another: go on with the communities, piece by piece, as
		// the moving of the next level will leave no two pieces together.
		connected(g, r.comm, part, r.mv.queue)
		parts = renumber(part, r.seen[:g.n])
	}
	return parts, nil
}
