package manifold

import "math"

// edges are the pulls of the layout: cell i, in the order of memory, is pulled to
// idx[ptr[i]:ptr[i+1]], each rate / 2^32 times an epoch.
type edges struct {
	ptr              []int64
	idx, rate, phase []uint32
	most             int // edges of one cell
}

// rows gives the edges of one cell: neighbours, weights, and the indices that their
// positions have in memory.
type rows interface {
	row(i int) (neighbours []int32, weights []float32)
	position(j int32) uint32
	cell(i int) int // the cell kept at place i, for hashes
}

// edgeBytes is what edges takes: for each edge, and for each cell.
const (
	edgeBytes    = 3 * 4
	edgePtrBytes = 8
	vectorTail   = lanes // values past the end that vector loads may read
)

// heaviest returns the largest weight.
func heaviest(c crew, w []float32) (float32, error) {
	const tile = 1 << 16
	tops := make([]float32, (len(w)+tile-1)/tile)
	err := c.each(len(w), tile, func(_, lo, hi int) {
		m := float32(0)
		for _, v := range w[lo:hi] {
			m = max(m, v)
		}
		tops[lo/tile] = m
	})
	m := float32(0)
	for _, v := range tops {
		m = max(m, v)
	}
	return m, err
}

// makeEdges keeps the edges of n cells that fire at least once in the epochs: those of
// weight top / epochs or more. Up to 10 epochs count as fallback, so that short runs
// keep edges, as in umap-learn. The phases of both directions are the same.
func makeEdges(c crew, r rows, n int, top float32, epochs, fallback int, seed uint64) (*edges, error) {
	if epochs <= 10 {
		epochs = fallback
	}
	cut := max(top/float32(epochs), math.SmallestNonzeroFloat32)
	e := &edges{ptr: make([]int64, n+1)}
	const tile = 1024
	keep := func(i int, j int32, w float32) bool { return w >= cut && int(j) != r.cell(i) }
	err := c.each(n, tile, func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			idx, w := r.row(i)
			for k, j := range idx {
				if keep(i, j, w[k]) {
					e.ptr[i+1]++
				}
			}
		}
	})
	if err != nil {
		return nil, err
	}
	for i := range n {
		e.most = max(e.most, int(e.ptr[i+1]))
		e.ptr[i+1] += e.ptr[i]
	}
	all := e.ptr[n] + vectorTail
	e.idx, e.rate, e.phase = make([]uint32, all), make([]uint32, all), make([]uint32, all)
	phases := stream(seed, forPhase)
	return e, c.each(n, tile, func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			at := e.ptr[i]
			idx, w := r.row(i)
			for k, j := range idx {
				if !keep(i, j, w[k]) {
					continue
				}
				v := r.cell(i)
				e.idx[at] = r.position(j)
				e.rate[at] = uint32(min(float64(w[k])/float64(top)*(1<<32), math.MaxUint32))
				e.phase[at] = uint32(hash(phases, uint64(min(v, int(j))), uint64(max(v, int(j)))))
				at++
			}
		}
	})
}
