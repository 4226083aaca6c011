package neighbors

import (
	"context"
	"math"
)

// The filter works with rounded sums, so both sides are widened until a pair that
// belongs is never lost. With u = 2^-24 and d dimensions, the sum hb + x.y has an
// error below (d+1)u(|x|^2/2 + |y|^2), the canonical value one below (d/16+8)u of
// itself, thresholds and hb are rounded once or twice more. margin covers their sum
// when it is taken of |x|^2, |y|^2 and the distance each.
func margin(d int) float64 { return float64(d+16) / (1 << 24) }

const (
	// open lets every pair through: the list is not full.
	open = float32(-1e38)
	// tiny is the smallest float32: sums of numbers near it lose more than u.
	tiny = 0x1p-149
)

var inf32 = float32(math.Inf(1))

// threshold returns what the left side of filter must reach for a row of squared norm
// norm whose list ends with last: a distance D at most that of last means
// x.y - |y|^2/2 = (|x|^2 - D)/2 or more.
func (s *space) threshold(norm float64, last uint64) float32 {
	if last == noKey {
		return open
	}
	e, v := margin(s.d), float64(value(last))
	slack := 2 * float64(s.d+16) * tiny
	if s.dot {
		return float32(-v - e*norm - slack)
	}
	return float32((norm-v)*0.5 - e*(norm+v) - slack)
}

// start returns hb of a row: -|y|^2/2, raised.
func (s *space) start(norm float64) float32 {
	if e := margin(s.d); s.dot {
		return float32(e * norm)
	} else {
		return float32(-norm * (0.5 - e))
	}
}

// panels holds the rows of a space in panels of 48, each group of rows (a cluster, or
// all) from a panel of its own.
type panels struct {
	s     *space
	rows  []int32 // first row of each group, and the end
	first []int32 // first panel of each group, and the end
	b     []float32
	hb    []float32 // -Inf where a panel has no row
}

// groups returns how many groups there are.
func (p *panels) groups() int { return len(p.rows) - 1 }

// panel returns panel i and its hb.
func (p *panels) panel(i int) (b, hb []float32) {
	size := tileCols * p.s.d
	return p.b[i*size:][:size], p.hb[i*tileCols:][:tileCols]
}

// pack makes panels of s; rows are the first rows of its groups and the end.
func pack(ctx context.Context, s *space, rows []int32, threads int) (*panels, error) {
	p := &panels{s: s, rows: rows, first: make([]int32, len(rows))}
	for g := range p.groups() {
		p.first[g+1] = p.first[g] + (rows[g+1]-rows[g]+tileCols-1)/tileCols
	}
	n := int(p.first[p.groups()])
	p.b, p.hb = make([]float32, n*tileCols*s.d), make([]float32, n*tileCols)
	if p.groups() == 1 { // many panels in one group: share them out
		return p, parallel(ctx, threads, n, 16, func(_, lo, hi int) error {
			for i := lo; i < hi; i++ {
				p.fill(i, i*tileCols, int(rows[1]))
			}
			return nil
		})
	}
	return p, parallel(ctx, threads, p.groups(), 1, func(_, g, _ int) error {
		for i := p.first[g]; i < p.first[g+1]; i++ {
			p.fill(int(i), int(rows[g]+(i-p.first[g])*tileCols), int(rows[g+1]))
		}
		return nil
	})
}

// whole makes panels of s with one group.
func whole(ctx context.Context, s *space, threads int) (*panels, error) {
	return pack(ctx, s, []int32{0, int32(s.n)}, threads)
}

// fill writes panel i: the rows from row on, ending before end.
func (p *panels) fill(i, row, end int) {
	b, hb := p.panel(i)
	m := min(tileCols, end-row)
	for c := range m {
		p.s.l.put(b, c, p.s.row(row + c)[:p.s.d])
		hb[c] = p.s.start(p.s.norm[row+c])
	}
	for c := m; c < tileCols; c++ {
		hb[c] = -inf32
	}
}
