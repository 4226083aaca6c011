package neighbors

import (
	"context"
	"math/bits"
	"sync"
)

// block is the number of rows of one side of a piece of the symmetric search: 20
// panels, which with the other side fit the second-level cache.
const block = 960

// symmetric finds exact neighbours among the rows of one space. It visits each pair
// of rows once: a tile says which pairs may belong to the list of the row or of the
// column, and each of these gets its canonical distance once.
//
// Blocks of lists are guarded by locks. Which worker comes first changes how many
// pairs pass the filter, not what the lists end as.
type symmetric struct {
	p     *panels // one group
	k     int
	lists []uint64
	t     []float32 // threshold of each list
	locks []sync.Mutex
}

// exact returns the lists of all rows of s, k others each.
func exact(ctx context.Context, s *space, k, threads int) ([]uint64, error) {
	p, err := whole(ctx, s, threads)
	if err != nil {
		return nil, err
	}
	e := &symmetric{p: p, k: k, lists: emptyLists(s.n, k), t: make([]float32, s.n)}
	for i := range e.t {
		e.t[i] = open
	}
	n := (s.n + block - 1) / block
	e.locks = make([]sync.Mutex, n)
	// Diagonal by diagonal: the first fills all lists, and neighbouring pieces of work
	// touch different blocks.
	work := make([][2]int32, 0, n*(n+1)/2)
	for off := range n {
		for i := range n - off {
			work = append(work, [2]int32{int32(i), int32(i + off)})
		}
	}
	workers := make([]*pairs, max(1, threads))
	err = parallel(ctx, threads, len(work), 1, func(w, i, _ int) error {
		if workers[w] == nil {
			workers[w] = newPairs(e)
		}
		workers[w].visit(int(work[i][0]), int(work[i][1]))
		return nil
	})
	return e.lists, err
}

// hit is a pair that passed a filter.
type hit struct {
	i, j     int32
	v        float32
	row, col bool // which of the lists it may belong to
}

// pairs is one worker's part of a symmetric search.
type pairs struct {
	e    *symmetric
	m    [2]masks
	hits []hit
	tr   []float32 // thresholds of the rows
	sc   []float32 // of the columns, less hb
	ha   []float32 // what a row adds to those
	ids  [tileCols]int32
	vals [tileCols]float32
}

func newPairs(e *symmetric) *pairs {
	return &pairs{e: e, tr: make([]float32, block), sc: make([]float32, block), ha: make([]float32, block)}
}

// visit compares the rows of block bi with those of block bj, bi <= bj.
func (w *pairs) visit(bi, bj int) {
	e := w.e
	n := e.p.s.n
	i0, i1, j0, j1 := bi*block, min(bi*block+block, n), bj*block, min(bj*block+block, n)
	for i := range w.tr {
		w.tr[i], w.sc[i], w.ha[i] = inf32, inf32, inf32
	}
	copy(w.ha, e.p.hb[i0:min(i0+block, len(e.p.hb))])
	for i := range w.ha {
		w.ha[i] = -w.ha[i]
	}
	e.locks[bi].Lock()
	copy(w.tr, e.t[i0:i1])
	e.locks[bi].Unlock()
	if bi != bj {
		e.locks[bj].Lock()
		w.columns(j0, j1)
		e.locks[bj].Unlock()
	}
	for pj := j0 / tileCols; pj*tileCols < j1; pj++ {
		for r := i0; r < i1; r += tileRows {
			w.tile(r, min(i1-r, tileRows), i0, pj, j0, bi == bj)
		}
		if len(w.hits) > 2048 || (pj+1)*tileCols >= j1 {
			w.flush(bi, bj, i0, i1, j0, j1)
		}
	}
}

// columns takes over the thresholds of rows j0 to j1-1 as those of columns:
// x.y - |x|^2/2 >= t means hb + x.y >= t + hb + |x|^2/2.
func (w *pairs) columns(j0, j1 int) {
	for j := j0; j < j1; j++ {
		w.sc[j-j0] = w.e.t[j] + w.e.p.hb[j]
	}
}

// tile filters rows r to r+m-1 against panel pj. In a block with itself every pair
// comes twice, so there only the rows are asked.
func (w *pairs) tile(r, m, i0, pj, j0 int, self bool) {
	s := w.e.p.s
	a, _ := w.e.p.panel(r / tileCols)
	b, hb := w.e.p.panel(pj)
	a = a[r%tileCols*s.l.step(s.d):]
	if self {
		w.m[1] = masks{}
		if !filter(s.l, s.d, a, b, hb, w.tr[r-i0:], &w.m[0]) {
			return
		}
	} else if !filterBoth(s.l, s.d, a, b, hb, w.tr[r-i0:], w.sc[pj*tileCols-j0:], w.ha[r-i0:], &w.m[0], &w.m[1]) {
		return
	}
	for c := range m {
		rows, cols := w.m[0].row(c), w.m[1].row(c)
		if self && (r+c)/tileCols == pj {
			rows &^= 1 << ((r + c) % tileCols) // the cell itself
		}
		n := 0
		for all := rows | cols; all != 0; all &= all - 1 {
			w.ids[n] = int32(pj*tileCols + bits.TrailingZeros64(all))
			n++
		}
		canonical(s.l, s.dot, s.row(r+c), s.y, w.ids[:n], w.vals[:n])
		for q, j := range w.ids[:n] {
			v, bit := w.vals[q], uint64(1)<<(int(j)%tileCols)
			if s.dot {
				v = -v
			}
			w.hits = append(w.hits, hit{int32(r + c), j, v, rows&bit != 0, cols&bit != 0})
		}
	}
}

// flush offers the hits to the lists and takes over the new thresholds.
func (w *pairs) flush(bi, bj, i0, i1, j0, j1 int) {
	e := w.e
	e.locks[bi].Lock()
	for _, h := range w.hits {
		if h.row {
			e.offer(h.i, h.j, h.v)
		}
	}
	copy(w.tr, e.t[i0:i1])
	e.locks[bi].Unlock()
	if bi != bj {
		e.locks[bj].Lock()
		for _, h := range w.hits {
			if h.col {
				e.offer(h.j, h.i, h.v)
			}
		}
		w.columns(j0, j1)
		e.locks[bj].Unlock()
	}
	w.hits = w.hits[:0]
}

// offer gives the list of row i the candidate j at distance v.
func (e *symmetric) offer(i, j int32, v float32) {
	s := e.p.s
	list := e.lists[int(i)*e.k:][:e.k]
	if insert(list, key(v, ring(i, j, s.n))) {
		e.t[i] = s.threshold(s.norm[i], list[e.k-1])
	}
}
