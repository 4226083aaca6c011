package neighbors

import (
	"context"
	"math/bits"
)

// scanner offers the rows of panels to lists of up to some hundred rows of queries.
// One goroutine uses it.
type scanner struct {
	ctx   context.Context
	p     *panels
	q     *space  // where the rows of queries are
	perm  []int32 // number of each row of p for callers; nil: its own
	self  []int32 // number of each row of q among these, which is no candidate; nil: queries are not rows
	n     int     // of the ring, with self
	k     int
	first int      // row of q of the first list
	lists []uint64 // rising keys, k for each row from first on

	a    []float32
	t    []float32
	m    masks
	ids  [tileCols]int32
	vals [tileCols]float32
}

// begin empties the lists, for the rows lo to hi-1 of q.
func (c *scanner) begin(lo, hi int) {
	if need := (hi - lo) * c.k; cap(c.lists) < need {
		c.lists = make([]uint64, need)
	}
	c.first, c.lists = lo, c.lists[:(hi-lo)*c.k]
	clear64(c.lists)
}

func (c *scanner) list(i int) []uint64 { return c.lists[i*c.k:][:c.k] }

// load packs the rows of some lists, and their thresholds.
func (c *scanner) load(sub []int32) {
	n, size := (len(sub)+tileCols-1)/tileCols, tileCols*c.q.d
	if len(c.t) < n*tileCols {
		c.a, c.t = make([]float32, n*size), make([]float32, n*tileCols)
	}
	for i := range c.t[:n*tileCols] {
		if i >= len(sub) {
			c.t[i] = inf32
			continue
		}
		r := c.first + int(sub[i])
		c.q.l.put(c.a[i/tileCols*size:][:size], i%tileCols, c.q.row(r)[:c.q.d])
		c.t[i] = c.p.s.threshold(c.q.norm[r], c.list(int(sub[i]))[c.k-1])
	}
}

// scan offers the rows of group g to the lists sub (counted from the first).
func (c *scanner) scan(sub []int32, g int) error {
	if len(sub) == 0 {
		return nil
	}
	c.load(sub)
	s, size, step := c.p.s, tileCols*c.q.d, c.p.s.l.step(c.q.d)
	lo, hi := int(c.p.first[g]), int(c.p.first[g+1])
	for pi := lo; pi < hi; pi++ {
		if (pi-lo)%64 == 63 {
			if err := c.ctx.Err(); err != nil {
				return err
			}
		}
		b, hb := c.p.panel(pi)
		base := int(c.p.rows[g]) + (pi-lo)*tileCols
		for r := 0; r < len(sub); r += tileRows {
			if !filter(s.l, s.d, c.a[r/tileCols*size+r%tileCols*step:], b, hb, c.t[r:], &c.m) {
				continue
			}
			for i := range min(tileRows, len(sub)-r) {
				if m := c.m.row(i); m != 0 {
					c.offer(r+i, int(sub[r+i]), base, m)
				}
			}
		}
	}
	return nil
}

// offer gives list i, the at-th of those loaded, the rows of a panel that passed.
func (c *scanner) offer(at, i, base int, passed uint64) {
	n := 0
	for ; passed != 0; passed &= passed - 1 {
		c.ids[n] = int32(base + bits.TrailingZeros64(passed))
		n++
	}
	r, s, list := c.first+i, c.p.s, c.list(i)
	canonical(s.l, s.dot, c.q.row(r), s.y, c.ids[:n], c.vals[:n])
	changed := false
	for q, j := range c.ids[:n] {
		v := c.vals[q]
		if s.dot {
			v = -v
		}
		if c.perm != nil {
			j = c.perm[j]
		}
		at := uint32(j)
		if c.self != nil {
			if at = ring(c.self[r], j, c.n); at == 0 {
				continue
			}
		}
		changed = insert(list, key(v, at)) || changed
	}
	if changed {
		c.t[at] = s.threshold(c.q.norm[r], list[c.k-1])
	}
}
