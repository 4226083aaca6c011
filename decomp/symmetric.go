package decomp

import (
	"math"
	"slices"

	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/internal/panel"
)

// symmetric finds all eigenvalues and eigenvectors of a dense symmetric matrix,
// n x n, which it overwrites: values from the largest down, vectors as rows.
//
// Method: Householder's reduction to tridiagonal form (the update of one step
// and the product of the next share one sweep over the matrix), then QL with
// implicit shifts, whose rotations are gathered and applied to 16 columns of the
// vectors at a time. After Golub and Van Loan, Matrix Computations, 8.3.
func symmetric(n int, a []float64, threads int) (values, vectors []float64, err error) {
	l := panel.Best()
	d, e, tau := tridiagonal(l, n, a, threads)
	stride := (n + 15) &^ 15
	z := make([]float64, n*stride)
	for i := range n {
		z[i*stride+i] = 1
	}
	if err := ql(l, d, e, z, stride, threads); err != nil {
		return nil, nil, err
	}
	order := sortedDown(d)
	values, vectors = make([]float64, n), make([]float64, n*n)
	for i, j := range order {
		values[i] = d[j]
		copy(vectors[i*n:(i+1)*n], z[int(j)*stride:])
	}
	reflect(l, n, n, a, tau, vectors, threads)
	return values, vectors, nil
}

// tridiagonal reduces a to diagonal d and off-diagonal e (e[i] beside d[i] and
// d[i+1]). The reflectors 1 - tau[k] v v^T stay in a: v from a[k*n+k+1] on.
func tridiagonal(l panel.Level, n int, a []float64, threads int) (d, e, tau []float64) {
	d, e, tau = make([]float64, n), make([]float64, n), make([]float64, n)
	p, w := make([]float64, n), make([]float64, n)
	var v []float64 // of the step before, over its columns
	for k := range n {
		row := a[k*n+k : (k+1)*n]
		if k > 0 {
			// Row k is needed now; the others follow below.
			panel.Axpy(l, -v[0], w[:n-k], row)
			panel.Axpy(l, -w[0], v, row)
		}
		d[k] = row[0]
		if k == n-1 {
			break
		}
		next := row[1:]
		e[k], tau[k] = householder(l, next)
		m := n - k - 1
		parallel(workers(threads, m*m), m, 8, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				r := a[(k+1+i)*n+k+1 : (k+2+i)*n]
				if k > 0 {
					panel.Axpy(l, -v[i+1], w[1:m+1], r)
					panel.Axpy(l, -w[i+1], v[1:], r)
				}
				p[i] = panel.Dot(l, r, next)
			}
		})
		t := tau[k]
		half := -0.5 * t * t * panel.Dot(l, p[:m], next)
		for i := range m {
			w[i] = math.FMA(half, next[i], float64(t*p[i]))
		}
		v = next
	}
	return d, e, tau
}

// workers is how many threads so many elements are worth.
func workers(threads, elements int) int { return min(threads, 1+elements/40000) }

// householder turns x into v with v[0] = 1, so that (1 - tau v v^T) x is beta
// times the first unit vector.
func householder(l panel.Level, x []float64) (beta, tau float64) {
	top := 0.0
	for _, v := range x[1:] {
		top = max(top, math.Abs(v))
	}
	alpha := x[0]
	if top == 0 {
		clear(x)
		x[0] = 1
		return alpha, 0
	}
	top = max(top, math.Abs(alpha))
	for i := range x {
		x[i] /= top
	}
	norm := math.Sqrt(panel.Dot(l, x, x))
	beta = -math.Copysign(norm, alpha)
	first := x[0] - beta
	for i := range x {
		x[i] /= first
	}
	x[0] = 1
	return beta * top, -first / beta
}

// reflect takes rows of z (length n) from the tridiagonal basis to that of a.
func reflect(l panel.Level, n, rows int, a, tau, z []float64, threads int) {
	parallel(workers(threads, n*rows), rows, 8, func(lo, hi int) {
		for r0 := lo; r0 < hi; r0 += 8 {
			for k := n - 2; k >= 0; k-- {
				if tau[k] == 0 {
					continue
				}
				v := a[k*n+k+1 : (k+1)*n]
				for r := r0; r < min(r0+8, hi); r++ {
					x := z[r*n+k+1 : (r+1)*n]
					panel.Axpy(l, -tau[k]*panel.Dot(l, v, x), v, x)
				}
			}
		}
	})
}

// sweep is one chain of rotations, from row top upwards.
type sweep struct {
	top int
	cs  []float64
}

// ql finds the eigenvalues of the tridiagonal matrix (in d, unsorted) and
// applies the rotations to the rows of z. e is overwritten.
func ql(l panel.Level, d, e []float64, z []float64, stride, threads int) error {
	n := len(d)
	norm := 0.0
	for i := range d {
		norm = max(norm, math.Abs(d[i])+math.Abs(e[i]))
	}
	var pending []sweep
	held := 0
	flush := func() {
		parallel(workers(threads, held*stride/4), stride, 16, func(lo, hi int) {
			for c := lo; c < hi; c += 16 {
				for _, s := range pending {
					panel.Rotate(l, z[c:], stride, s.top, s.cs)
				}
			}
		})
		pending, held = pending[:0], 0
	}
	for i := range n {
		for try := 0; ; try++ {
			m := i
			for ; m < n-1; m++ {
				// The second term lets the null space of the matrix come apart.
				s := math.Abs(d[m]) + math.Abs(d[m+1])
				if math.Abs(e[m]) <= 0x1p-53*s+0x1p-58*norm {
					break
				}
			}
			if m == i {
				break
			}
			if try == 60 || math.IsNaN(d[i]) {
				return errs.New(errs.Data, "no eigenvalues found: the matrix is not finite")
			}
			s := sweep{m, qlStep(d, e, i, m)}
			pending = append(pending, s)
			if held += len(s.cs); held > 1<<16 {
				flush()
			}
		}
	}
	flush()
	return nil
}

// qlStep does one implicit QL step on rows i to m and returns its rotations.
func qlStep(d, e []float64, i, m int) []float64 {
	cs := make([]float64, 0, 2*(m-i))
	g := (d[i+1] - d[i]) / (2 * e[i])
	r := math.Hypot(g, 1)
	g = d[m] - d[i] + e[i]/(g+math.Copysign(r, g))
	s, c, p := 1.0, 1.0, 0.0
	for k := m - 1; k >= i; k-- {
		f, b := float64(s*e[k]), float64(c*e[k])
		r = math.Hypot(f, g)
		e[k+1] = r
		if r == 0 {
			d[k+1] -= p
			e[m] = 0
			return slices.Clip(cs)
		}
		s, c = f/r, g/r
		g = d[k+1] - p
		r = float64((d[k]-g)*s) + float64(2*c*b)
		p = float64(s * r)
		d[k+1] = g + p
		g = float64(c*r) - b
		cs = append(cs, c, s)
	}
	d[i] -= p
	e[i] = g
	e[m] = 0
	return cs
}
