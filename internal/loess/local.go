package loess

import (
	"math"

	"github.com/gpusc/gpusc/internal/errs"
)

// points are the data sorted by x, and what a neighbourhood is.
type points struct {
	x, y  []float64
	near  int     // points in a neighbourhood
	widen float64 // a span above 1 widens the squared radius by itself
}

// maxCols is the number of coefficients of the highest degree.
const maxCols = 3

// eps is the distance from 1 to the next float64.
const eps = 0x1p-52

// fit solves the weighted least squares at q and returns value and slope.
func (p *points) fit(q float64, degree int) (knot, error) {
	lo := p.window(q)
	x, y := p.x[lo:lo+p.near], p.y[lo:lo+p.near]
	rho := max(sq(x[0]-q), sq(x[len(x)-1]-q)) * p.widen
	if rho <= 0 {
		return knot{}, errs.New(errs.Data, "loess: the %d points next to %g all lie on it", p.near, q).Do("use a larger span")
	}
	k := degree + 1
	a := make([][]float64, k)
	for j := range a {
		a[j] = make([]float64, len(x))
	}
	b := make([]float64, len(x))
	some := false
	for i := range x {
		w := weight(sq(x[i]-q), rho)
		some = some || w > 0
		d := x[i] - q
		t := w
		for j := range a {
			a[j][i] = t
			t *= d
		}
		b[i] = w * y[i]
	}
	if !some {
		return knot{}, errs.New(errs.Data, "loess: the %d points next to %g are all equally far", p.near, q).Do("use a larger span")
	}
	norm := equilibrate(a)
	r := householder(a, b)
	c := solve(r, b[:k])
	out := knot{x: q, value: c[0] / norm[0]}
	if k > 1 {
		out.slope = c[1] / norm[1]
	}
	return out, nil
}

// window returns where the run of p.near points closest to q begins.
func (p *points) window(q float64) int {
	lo, hi := 0, len(p.x)-p.near
	for lo < hi {
		m := (lo + hi) / 2
		// Strictly farther on the left: the run can move right. While the left
		// end equals the point that would enter, moving changes nothing, but
		// may have to cross a run of ties.
		if q-p.x[m] > p.x[m+p.near]-q || p.x[m+p.near] < q {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo
}

// weight is the square root of the tricube weight at a squared distance.
func weight(d2, rho float64) float64 {
	if d2 >= rho {
		return 0
	}
	u := math.Sqrt(d2 / rho)
	v := 1 - float64(u*u*u)
	return math.Sqrt(v * v * v)
}

// equilibrate scales the columns to length 1 and returns the lengths, 1 for a
// column of zeros.
func equilibrate(a [][]float64) (norm [maxCols]float64) {
	for j, col := range a {
		s := 0.0
		for _, v := range col {
			s += float64(v * v)
		}
		if norm[j] = math.Sqrt(s); norm[j] == 0 {
			norm[j] = 1
		}
		for i := range col {
			col[i] /= norm[j]
		}
	}
	return norm
}

// householder turns the columns of a into R, column by column, and b into Q'b.
// R's columns are returned; below its diagonal they hold 0.
func householder(a [][]float64, b []float64) (r [maxCols][maxCols]float64) {
	for j := range a {
		v := a[j][j:]
		s := 0.0
		for _, t := range v {
			s += float64(t * t)
		}
		if s = math.Sqrt(s); s > 0 {
			if v[0] > 0 {
				s = -s
			}
			v[0] -= s
			// |v|^2/2 = -s*v[0]
			h := -s * v[0]
			for _, col := range a[j+1:] {
				reflect(v, col[j:], h)
			}
			reflect(v, b[j:], h)
		}
		for i := 0; i < j; i++ {
			r[j][i] = a[j][i]
		}
		r[j][j] = s
	}
	return r
}

// reflect applies 1 - v v'/h to c.
func reflect(v, c []float64, h float64) {
	t := 0.0
	for i := range v {
		t += float64(v[i] * c[i])
	}
	t /= h
	for i := range v {
		c[i] -= float64(t * v[i])
	}
}

func sq(v float64) float64 { return v * v }
