package manifold

import "math"

// curvePoints is how many distances the curve is fitted at, from 0 to 3 times the spread,
// as in umap-learn.
const curvePoints = 300

// FindAB returns a and b of the curve 1/(1 + a d^2b) that comes closest, by least squares,
// to one that is 1 up to minDist and falls as exp(-(d-minDist)/spread) beyond: umap-learn's
// find_ab_params. Spread 1 and minDist 0.5 give 0.5830 and 1.3342. The result is not a
// number where spread is not positive or minDist is not in [0, spread].
func FindAB(spread, minDist float64) (a, b float64) {
	if !(spread > 0 && minDist >= 0 && minDist <= spread) || math.IsInf(spread, 0) {
		return math.NaN(), math.NaN()
	}
	// The fit is done for spread 1, which changes a only. u is log a.
	t := minDist / spread
	u, b := 0.0, 1.0
	normal := func(u, b float64) (f, guu, gub, gbb, ru, rb float64) {
		for i := 1; i < curvePoints; i++ {
			x := 3 * float64(i) / (curvePoints - 1)
			want := 1.0
			if x >= t {
				want = exp(t - x)
			}
			lx := log(x)
			v := exp(u + float64(2*b*lx)) // a x^2b
			y := 1 / (1 + v)
			du := float64(-v*y) * y
			db := 2 * float64(du*lx)
			r := want - y
			f += float64(r * r)
			guu += float64(du * du)
			gub += float64(du * db)
			gbb += float64(db * db)
			ru += float64(du * r)
			rb += float64(db * r)
		}
		return f, guu, gub, gbb, ru, rb
	}
	// Levenberg and Marquardt.
	damp := 1e-3
	f, guu, gub, gbb, ru, rb := normal(u, b)
	for range 500 {
		p, q := float64(guu*(1+damp)), float64(gbb*(1+damp))
		det := float64(p*q) - float64(gub*gub)
		su := (float64(ru*q) - float64(rb*gub)) / det
		sb := (float64(rb*p) - float64(ru*gub)) / det
		nf, nuu, nub, nbb, nu, nb := normal(u+su, b+sb)
		if nf > f || nf != nf {
			if damp *= 10; damp > 1e12 {
				break
			}
			continue
		}
		u, b, damp = u+su, b+sb, damp/10
		f, guu, gub, gbb, ru, rb = nf, nuu, nub, nbb, nu, nb
		if math.Abs(su) < 1e-13 && math.Abs(sb) < 1e-13 {
			break
		}
	}
	return exp(u - float64(2*b*log(spread))), b
}
