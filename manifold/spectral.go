package manifold

import (
	"math"

	"github.com/gpusc/gpusc/graph"
)

const (
	width     = 4  // vectors iterated together
	degree    = 20 // of the Chebyshev polynomial, and products of a cycle
	cycles    = 4
	smallest  = 32  // components up to this size start at random
	growth    = 1.2 // bounds the filter: T_20(1.2) is 1e5, and float32 keeps the vectors apart
	mostCut   = 0.9995
	spanCells = 4096 // cells of a tile of sums
	// spectrumBytes is what a spectrum takes for each cell.
	spectrumBytes = 2*4*width + 4
)

type (
	vec  = [width]float32
	sums = [width]float64
	mat  = [width * width]float64
)

// spectrum iterates width vectors of all components at once towards the smoothest ones:
// the eigenvectors of the random walk D^-1 W next to the constant one, in the inner product
// of the degrees D, which are those of the normalised Laplacian divided by sqrt(D).
type spectrum struct {
	crew
	g     *graph.CSR
	p     *parts
	deg   []float32
	x, y  []vec
	spans []span    // tiles of the cells of the components that take part
	bands []band    // of each component
	total []float64 // degree of each component
}

// span is a tile of p.cells within one component.
type span struct{ part, lo, hi int }

// band is the interval [-1, cut] that the filter damps, by its half width and centre.
type band struct {
	half, centre float32
	cut, top     float64
	on           bool
}

func (b *band) set(cut float64) {
	// The largest value in the damped interval's units stays below growth.
	low := (2*b.top - growth + 1) / (1 + growth)
	b.cut = min(max(cut, low, -0.5), mostCut)
	b.half, b.centre = float32((b.cut+1)/2), float32((b.cut-1)/2)
}

// smoothest returns, for every cell of a component of more than smallest cells, width
// coordinates, the smoothest first; other cells have zeros.
func smoothest(c crew, g *graph.CSR, p *parts, seed uint64) ([]vec, error) {
	s := &spectrum{
		crew: c, g: g, p: p, deg: make([]float32, g.N), x: make([]vec, g.N), y: make([]vec, g.N),
		bands: make([]band, p.count()), total: make([]float64, p.count()),
	}
	for k := range p.count() {
		if p.size(k) <= smallest {
			continue
		}
		s.bands[k] = band{on: true, top: 1}
		s.bands[k].set(0.8)
		for lo := p.start[k]; lo < p.start[k+1]; lo += spanCells {
			s.spans = append(s.spans, span{k, lo, min(lo+spanCells, p.start[k+1])})
		}
	}
	if len(s.spans) == 0 {
		return s.x, c.ctx.Err()
	}
	if err := s.begin(seed); err != nil {
		return nil, err
	}
	for range cycles {
		if err := s.cycle(); err != nil {
			return nil, err
		}
	}
	return s.x, s.overCells(func(i int32) {
		r := float32(math.Sqrt(float64(s.deg[i])))
		for l := range width {
			s.x[i][l] *= r
		}
	})
}

// overCells runs f on every cell that takes part.
func (s *spectrum) overCells(f func(i int32)) error {
	return s.each(len(s.spans), 1, func(_, from, to int) {
		for _, sp := range s.spans[from:to] {
			for _, i := range s.p.cells[sp.lo:sp.hi] {
				f(i)
			}
		}
	})
}

// begin sums the degrees and fills x at random.
func (s *spectrum) begin(seed uint64) error {
	random := stream(seed, forVectors)
	err := s.overCells(func(i int32) {
		_, w := s.g.Row(int(i))
		d := 0.0
		for _, v := range w {
			d += float64(v)
		}
		s.deg[i] = float32(d)
		for l := range width {
			s.x[i][l] = float32(signed(hash(random, uint64(i), uint64(l))))
		}
	})
	if err != nil {
		return err
	}
	for _, sp := range s.spans {
		for _, i := range s.p.cells[sp.lo:sp.hi] {
			s.total[sp.part] += float64(s.deg[i])
		}
	}
	return s.orthonormal()
}

// cycle filters, makes the vectors orthonormal and turns them to Ritz vectors.
func (s *spectrum) cycle() error {
	// T_1 and on: y = T_k x, x = T_k-1 x.
	if err := s.product(s.y, s.x, 1, false); err != nil {
		return err
	}
	for range degree - 1 {
		if err := s.product(s.x, s.y, 2, true); err != nil {
			return err
		}
		s.x, s.y = s.y, s.x
	}
	s.x, s.y = s.y, s.x
	if err := s.orthonormal(); err != nil {
		return err
	}
	if err := s.walk(); err != nil {
		return err
	}
	h, _, err := s.gram(s.x, s.y)
	if err != nil {
		return err
	}
	turn := make([]mat, len(h))
	for k := range h {
		if s.bands[k].on {
			val, u := eigen(symmetric(h[k]))
			turn[k] = u
			s.bands[k].top = min(max(val[0], 0), 1)
			s.bands[k].set(val[width-1])
		}
	}
	return s.rotate(turn, nil)
}

// product sets dst to times/half (P x - centre x), less dst where subtract: one step of the
// Chebyshev recurrence, each component in its own interval.
func (s *spectrum) product(dst, x []vec, times float32, subtract bool) error {
	return s.each(s.g.N, 1024, func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			b := &s.bands[s.p.label[i]]
			if !b.on {
				continue
			}
			sum := s.neighbours(x, i)
			al := times / b.half
			inv := 1 / s.deg[i]
			d, v := &dst[i], &x[i]
			for l := range width {
				r := float32(al * (float32(sum[l]*inv) - float32(b.centre*v[l])))
				if subtract {
					r -= d[l]
				}
				d[l] = r
			}
		}
	})
}

// walk sets y to P x.
func (s *spectrum) walk() error {
	return s.each(s.g.N, 1024, func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			if s.bands[s.p.label[i]].on {
				sum := s.neighbours(s.x, i)
				for l := range width {
					s.y[i][l] = sum[l] / s.deg[i]
				}
			}
		}
	})
}

func (s *spectrum) neighbours(x []vec, i int) vec {
	var a, b, c, d float32
	idx, w := s.g.Row(i)
	for q, j := range idx {
		v, f := &x[j], w[q]
		a += float32(f * v[0])
		b += float32(f * v[1])
		c += float32(f * v[2])
		d += float32(f * v[3])
	}
	return vec{a, b, c, d}
}

// gram returns x^T D y and 1^T D x for each component, summed tile by tile in order.
func (s *spectrum) gram(x, y []vec) ([]mat, []sums, error) {
	gs, ms := make([]mat, len(s.spans)), make([]sums, len(s.spans))
	err := s.each(len(s.spans), 1, func(_, from, to int) {
		for t := from; t < to; t++ {
			g, m := &gs[t], &ms[t]
			for _, i := range s.p.cells[s.spans[t].lo:s.spans[t].hi] {
				b := &y[i]
				for r := range width {
					f := float64(s.deg[i]) * float64(x[i][r])
					m[r] += f
					for l := range width {
						g[r*width+l] += float64(f * float64(b[l]))
					}
				}
			}
		}
	})
	if err != nil {
		return nil, nil, err
	}
	g, m := make([]mat, len(s.bands)), make([]sums, len(s.bands))
	for t, sp := range s.spans {
		for q := range g[sp.part] {
			g[sp.part][q] += gs[t][q]
		}
		for q := range m[sp.part] {
			m[sp.part][q] += ms[t][q]
		}
	}
	return g, m, nil
}

// orthonormal takes the constant vector out of x and makes the rest orthonormal, twice for
// the sake of float32.
func (s *spectrum) orthonormal() error {
	for range 2 {
		g, m, err := s.gram(s.x, s.x)
		if err != nil {
			return err
		}
		turn := make([]mat, len(g))
		for k := range g {
			if !s.bands[k].on {
				continue
			}
			for r := range width {
				for l := range width {
					g[k][r*width+l] -= m[k][r] * m[k][l] / s.total[k]
				}
			}
			val, u := eigen(symmetric(g[k]))
			for q := range u {
				u[q] /= math.Sqrt(max(val[q%width], 1e-12*val[0], 1e-60))
			}
			turn[k] = u
			for r := range width {
				m[k][r] /= s.total[k]
			}
		}
		if err := s.rotate(turn, m); err != nil {
			return err
		}
	}
	return nil
}

// rotate sets x to (x - mean) turn, for each component.
func (s *spectrum) rotate(turn []mat, mean []sums) error {
	return s.each(len(s.spans), 1, func(_, from, to int) {
		for _, sp := range s.spans[from:to] {
			u := &turn[sp.part]
			var m sums
			if mean != nil {
				m = mean[sp.part]
			}
			for _, i := range s.p.cells[sp.lo:sp.hi] {
				var r sums
				for q := range width {
					f := float64(s.x[i][q]) - m[q]
					for l := range width {
						r[l] += float64(f * u[q*width+l])
					}
				}
				for l := range width {
					s.x[i][l] = float32(r[l])
				}
			}
		}
	})
}
