package manifold

import "math"

// symmetric averages a matrix and its transpose.
func symmetric(a mat) mat {
	for p := range width {
		for q := range p {
			m := (a[p*width+q] + a[q*width+p]) / 2
			a[p*width+q], a[q*width+p] = m, m
		}
	}
	return a
}

// eigen returns the eigenvalues of a symmetric matrix, falling, and the vectors in columns,
// by Jacobi's rotations. What is not finite gives zeros.
func eigen(a mat) (val sums, vec mat) {
	for _, v := range a {
		if !(math.Abs(v) <= math.MaxFloat64) {
			return val, vec
		}
	}
	for i := range width {
		vec[i*width+i] = 1
	}
	for range 30 {
		for p := range width {
			for q := p + 1; q < width; q++ {
				annihilate(&a, &vec, p, q)
			}
		}
	}
	// Largest first, by insertion.
	var order [width]int
	for i := range order {
		at := i
		for at > 0 && a[order[at-1]*(width+1)] < a[i*(width+1)] {
			order[at] = order[at-1]
			at--
		}
		order[at] = i
	}
	old := vec
	for l, s := range order {
		val[l] = a[s*(width+1)]
		for k := range width {
			vec[k*width+l] = old[k*width+s]
		}
	}
	return val, vec
}

// annihilate turns a so that its element p, q is zero, and vec with it.
func annihilate(a, vec *mat, p, q int) {
	if math.Abs(a[p*width+q]) < 1e-300 {
		return
	}
	th := (a[q*width+q] - a[p*width+p]) / (2 * a[p*width+q])
	t := 1 / (math.Abs(th) + math.Sqrt(float64(th*th)+1))
	if th < 0 {
		t = -t
	}
	c := 1 / math.Sqrt(float64(t*t)+1)
	s := float64(t * c)
	turn := func(m *mat, i, j int) {
		x, y := m[i], m[j]
		m[i], m[j] = float64(c*x)-float64(s*y), float64(s*x)+float64(c*y)
	}
	for k := range width {
		turn(a, k*width+p, k*width+q)
	}
	for k := range width {
		turn(a, p*width+k, q*width+k)
		turn(vec, k*width+p, k*width+q)
	}
}
