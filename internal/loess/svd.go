package loess

import "math"

// solve returns the solution of least norm of r c = b, with singular values
// not above 100*eps of the largest taken as 0. r holds columns, b as many
// values as there are.
//
// The singular values come from one-sided Jacobi rotations: the columns are
// turned against each other until they are orthogonal; then their lengths are
// the singular values and the collected rotations the right vectors.
func solve(r [maxCols][maxCols]float64, b []float64) (c [maxCols]float64) {
	k := len(b)
	var v [maxCols][maxCols]float64
	for j := range k {
		v[j][j] = 1
	}
	for range 60 {
		turned := false
		for p := range k {
			for q := p + 1; q < k; q++ {
				turned = rotate(&r[p], &r[q], &v[p], &v[q]) || turned
			}
		}
		if !turned {
			break
		}
	}
	var sigma [maxCols]float64
	largest := 0.0
	for j := range k {
		sigma[j] = math.Sqrt(dot(&r[j], &r[j]))
		largest = max(largest, sigma[j])
	}
	for j := range k {
		if sigma[j] <= largest*(100*eps) {
			continue
		}
		t := 0.0
		for i := range k {
			t += float64(r[j][i] * b[i])
		}
		t = t / sigma[j] / sigma[j]
		for i := range k {
			c[i] += float64(t * v[j][i])
		}
	}
	return c
}

// rotate makes the columns a and b orthogonal, applies the same turn to va and
// vb, and tells whether it had to.
func rotate(a, b, va, vb *[maxCols]float64) bool {
	aa, bb, ab := dot(a, a), dot(b, b), dot(a, b)
	if math.Abs(ab) <= eps/4*math.Sqrt(aa)*math.Sqrt(bb) {
		return false
	}
	z := (bb - aa) / (2 * ab)
	t := 1 / (math.Abs(z) + math.Hypot(1, z))
	if z < 0 {
		t = -t
	}
	cos := 1 / math.Hypot(1, t)
	sin := cos * t
	turn(a, b, cos, sin)
	turn(va, vb, cos, sin)
	return true
}

func turn(a, b *[maxCols]float64, cos, sin float64) {
	for i := range a {
		x, y := a[i], b[i]
		a[i] = float64(cos*x) - float64(sin*y)
		b[i] = float64(sin*x) + float64(cos*y)
	}
}

func dot(a, b *[maxCols]float64) (s float64) {
	for i := range a {
		s += float64(a[i] * b[i])
	}
	return s
}
