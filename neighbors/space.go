package neighbors

import (
	"context"
	"fmt"
	"math"

	"github.com/gpusc/gpusc/internal/errs"
)

// metric is a measure of distance.
type metric uint8

const (
	euclidean metric = iota
	cosine
	correlation
	innerProduct
)

func parseMetric(s string) (metric, error) {
	switch s {
	case "", "euclidean":
		return euclidean, nil
	case "cosine":
		return cosine, nil
	case "correlation":
		return correlation, nil
	case "inner_product":
		return innerProduct, nil
	}
	return 0, errs.New(errs.Usage, "there is no metric %q", s).Do("take euclidean, cosine, correlation or inner_product")
}

// largestNorm bounds squared norms so that nothing overflows in float32.
const largestNorm = 1e36

// source is the caller's matrix and how its rows become rows of a space: as they are;
// centred (correlation); divided by their norm (cosine, correlation). A row of norm 0
// has no direction: it gets one of its own in a further dimension, so that it is at
// distance 1 from all others and 0 from its like, as pynndescent has it.
type source struct {
	x     []float32
	n, d  int
	m     metric
	dims  int // of the space
	pad   int // values of a row of the space: dims, rounded up to 16
	norm2 float64
}

// newSource checks shape and values: NaN, Inf and norms of more than 1e18 are
// errs.Data that name the first such row. With open, a further dimension is there
// even if no row of x needs it, for queries.
func newSource(ctx context.Context, x []float32, n, d int, m metric, open bool, threads int) (*source, error) {
	if n < 0 || d < 1 || n > math.MaxInt32-tileCols || d > 1<<20 || int64(n)*int64(d) != int64(len(x)) {
		return nil, errs.New(errs.Usage, "%d values are not %d cells of %d dimensions", len(x), n, d)
	}
	s := &source{x: x, n: n, d: d, m: m}
	const tile = 1024
	type found struct {
		bad  int
		zero bool
		max  float64
	}
	tiles := make([]found, (n+tile-1)/tile)
	err := parallel(ctx, threads, n, tile, func(_, lo, hi int) error {
		f := found{bad: -1}
		for i := hi - 1; i >= lo; i-- {
			sq := s.square(i)
			if !(sq <= largestNorm) {
				f.bad = i
			}
			f.zero = f.zero || sq == 0
			f.max = math.Max(f.max, sq)
		}
		tiles[lo/tile] = f
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, f := range tiles {
		if f.bad >= 0 {
			return nil, s.refuse(f.bad)
		}
		open = open || f.zero
		s.norm2 = math.Max(s.norm2, f.max)
	}
	s.dims = d
	if open && (m == cosine || m == correlation) {
		s.dims++
	}
	s.pad = (s.dims + 15) &^ 15
	return s, nil
}

// refuse says what is wrong with row i.
func (s *source) refuse(i int) error {
	for k, v := range s.x[i*s.d:][:s.d] {
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return errs.At(errs.Data, "", fmt.Sprintf("cell %d", i), "the value in dimension %d is %g", k, f).
				Do("leave out cells without counts, or repeat the step that made these values")
		}
	}
	return errs.At(errs.Data, "", fmt.Sprintf("cell %d", i), "its values are too large: their squares add up to %.3g", s.square(i)).
		Do("divide all values by the same large number")
}

// centre returns what is taken from each value of row i.
func (s *source) centre(i int) float64 {
	if s.m != correlation {
		return 0
	}
	t := 0.0
	for _, v := range s.x[i*s.d:][:s.d] {
		t += float64(v)
	}
	return t / float64(s.d)
}

// square returns the squared norm of row i, centred where the metric wants that.
func (s *source) square(i int) float64 {
	c, t := s.centre(i), 0.0
	for _, v := range s.x[i*s.d:][:s.d] {
		e := float64(v) - c
		t += float64(e * e)
	}
	return t
}

// fill writes row i of the space to dst.
func (s *source) fill(dst []float32, i int) {
	row := s.x[i*s.d:][:s.d]
	n := copy(dst, row)
	clear(dst[n:s.pad])
	if s.m != cosine && s.m != correlation {
		return
	}
	c, norm := s.centre(i), math.Sqrt(s.square(i))
	if norm == 0 {
		clear(dst[:n])
		if s.dims > s.d {
			dst[s.d] = 1
		}
		return
	}
	for k, v := range row {
		dst[k] = float32((float64(v) - c) / norm)
	}
}

// space holds rows ready for search.
type space struct {
	l         level
	dot       bool // larger inner products are nearer
	n, d, pad int
	y         []float32 // n x pad
	norm      []float64 // squared
}

// take makes a space of rows, or of all rows in their order when rows is nil.
func (s *source) take(ctx context.Context, l level, rows []int32, threads int) (*space, error) {
	n := s.n
	if rows != nil {
		n = len(rows)
	}
	t := newSpace(l, s.m == innerProduct, n, s.dims)
	return t, parallel(ctx, threads, n, 1024, func(_, lo, hi int) error {
		for i := lo; i < hi; i++ {
			r := i
			if rows != nil {
				r = int(rows[i])
			}
			s.fill(t.row(i), r)
			t.setNorm(i)
		}
		return nil
	})
}

// newSpace returns a space of zeros.
func newSpace(l level, dot bool, n, d int) *space {
	pad := (d + 15) &^ 15
	return &space{l: l, dot: dot, n: n, d: d, pad: pad, y: make([]float32, n*pad), norm: make([]float64, n)}
}

func (s *space) row(i int) []float32 { return s.y[i*s.pad:][:s.pad] }

func (s *space) setNorm(i int) {
	t := 0.0
	for _, v := range s.row(i) {
		t += float64(float64(v) * float64(v))
	}
	s.norm[i] = t
}

// euclid returns the same rows under Euclidean distance.
func (s *space) euclid() *space {
	t := *s
	t.dot = false
	return &t
}

// distance turns a canonical value into what callers see.
func (s *source) distance(v float32) float32 {
	switch s.m {
	case cosine, correlation:
		return v / 2 // of unit vectors: 1 - cos
	case innerProduct:
		return float32(s.norm2 + float64(v))
	}
	return float32(math.Sqrt(float64(v)))
}
