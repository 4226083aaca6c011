package loess

import (
	"cmp"
	"math"
	"slices"

	"github.com/gpusc/gpusc/internal/errs"
)

// cell is the share of a neighbourhood that a leaf of the tree may hold.
const cell = 0.2

// Options are the choices of a fit. The zero value is that of seurat_v3 but
// for the degree, which has no zero value to spare: 0 is a local constant.
type Options struct {
	Span   float64 // share of the points in a neighbourhood; 0: 0.3
	Degree int     // of the local polynomial: 0, 1 or 2
}

// Fit returns the smoothed y at each x, in the order of x.
//
// Points that share their x are kept apart, each with its own weight. Where a
// neighbourhood does not determine the polynomial (too few distinct x) the
// solution of least norm is taken, as R does with a warning.
//
// Errors: errs.Usage for options out of range or lengths that differ,
// errs.Data for values that are not finite, for too few points, and for a
// neighbourhood of no width.
func Fit(x, y []float64, o Options) ([]float64, error) {
	if o.Span == 0 {
		o.Span = 0.3
	}
	if err := check(x, y, o); err != nil {
		return nil, err
	}
	n := len(x)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(x[a], x[b]) })
	p := points{x: make([]float64, n), y: make([]float64, n)}
	for i, k := range order {
		p.x[i], p.y[i] = x[k], y[k]
	}
	p.near = min(n, int(math.Floor(float64(float64(n)*o.Span)+1e-5)))
	p.widen = max(1, o.Span)
	if p.near < o.Degree+2 {
		return nil, errs.New(errs.Data, "loess: the span %g of %d points holds %d, and degree %d needs %d",
			o.Span, n, p.near, o.Degree, o.Degree+2).Do("use a larger span")
	}
	at := vertices(p.x, int(float64(n)*float64(o.Span*cell)))
	knots := make([]knot, len(at))
	for i, q := range at {
		var err error
		if knots[i], err = p.fit(q, o.Degree); err != nil {
			return nil, err
		}
	}
	fitted := make([]float64, n)
	for i, z := range x {
		fitted[i] = blend(knots, z)
	}
	return fitted, nil
}

func check(x, y []float64, o Options) error {
	if len(x) != len(y) {
		return errs.New(errs.Usage, "loess: %d x and %d y", len(x), len(y))
	}
	if o.Degree < 0 || o.Degree > 2 {
		return errs.New(errs.Usage, "loess: degree %d", o.Degree).Do("use 0, 1 or 2")
	}
	if !(o.Span > 0) || math.IsInf(o.Span, 0) {
		return errs.New(errs.Usage, "loess: span %g", o.Span).Do("use a number above 0, at most 1 as a rule")
	}
	if len(x) == 0 {
		return errs.New(errs.Data, "loess: no points")
	}
	for i := range x {
		for _, v := range [2]float64{x[i], y[i]} {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return errs.New(errs.Data, "loess: point %d is (%g, %g)", i, x[i], y[i]).Do("leave it out")
			}
		}
	}
	return nil
}

// knot is a vertex with what was fitted there.
type knot struct{ x, value, slope float64 }

// blend evaluates the cubic of the cell that holds z. The knots rise and
// enclose z.
func blend(knots []knot, z float64) float64 {
	hi, _ := slices.BinarySearchFunc(knots, z, func(k knot, z float64) int { return cmp.Compare(k.x, z) })
	hi = min(max(hi, 1), len(knots)-1)
	a, b := knots[hi-1], knots[hi]
	width := b.x - a.x
	h := (z - a.x) / width
	g := 1 - h
	value := float64(g*g*(1+float64(2*h))*a.value) + float64(h*h*(3-float64(2*h))*b.value)
	slope := float64(h*g*g*a.slope) + float64(h*h*(h-1)*b.slope)
	return value + float64(slope*width)
}
