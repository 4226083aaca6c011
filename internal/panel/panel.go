// Package panel does float64 arithmetic on blocks of 8 vectors, for the
// eigenvalue solvers. A panel of 8 vectors of length n is n x 8, row by row:
// element i of vector c is at i*8+c.
//
// Every sum has a fixed order: element by element with one fused multiply-add
// each, so that vector instructions and the portable twin give the same bits.
package panel

import "math"

// Level is a set of instructions.
type Level uint8

// The levels.
const (
	Portable Level = iota
	AVX2
	AVX512
)

func (l Level) String() string { return [...]string{"portable", "avx2", "avx512"}[l] }

// Width is the number of vectors of a panel.
const Width = 8

// Mul multiplies rows of a matrix by a panel: y[r*8+c] = sum over j of
// a[r*lda+j] * x[j*8+c], j from 0 to n-1, for rows rows.
func Mul(l Level, rows, n int, a []float64, lda int, x, y []float64) {
	if rows == 0 || n == 0 {
		return
	}
	_, _, _ = a[(rows-1)*lda+n-1], x[n*8-1], y[rows*8-1]
	done := 0
	if l != Portable {
		step := map[Level]int{AVX2: 4, AVX512: 8}[l]
		for ; done+step <= rows; done += step {
			mulVector(l, n, &a[done*lda], lda, &x[0], &y[done*8])
		}
	}
	for r := done; r < rows; r++ {
		var s [8]float64
		for j, v := range a[r*lda : r*lda+n] {
			p := x[j*8 : j*8+8]
			for c := range s {
				s[c] = math.FMA(v, p[c], s[c])
			}
		}
		copy(y[r*8:], s[:])
	}
}

// Gram multiplies two panels of length n: c[k*8+a] = sum over i of
// w[i*8+k] * v[i*8+a].
func Gram(l Level, n int, v, w []float64, c *[64]float64) {
	*c = [64]float64{}
	if n == 0 {
		return
	}
	_, _ = v[n*8-1], w[n*8-1]
	if l != Portable {
		gramVector(l, n, &v[0], &w[0], &c[0])
		return
	}
	for i := range n {
		p, q := v[i*8:i*8+8], w[i*8:i*8+8]
		for k, x := range q {
			s := c[k*8 : k*8+8]
			for a := range s {
				s[a] = math.FMA(x, p[a], s[a])
			}
		}
	}
}

// Update adds a panel times an 8 x 8 matrix: w[i*8+k] += sum over a of
// v[i*8+a] * h[a*8+k], for n rows.
func Update(l Level, n int, v []float64, h *[64]float64, w []float64) {
	if n == 0 {
		return
	}
	_, _ = v[n*8-1], w[n*8-1]
	done := 0
	if l != Portable && n >= 4 {
		done = n &^ 3
		updateVector(l, done, &v[0], &h[0], &w[0])
	}
	for i := done; i < n; i++ {
		p, s := v[i*8:i*8+8], w[i*8:i*8+8]
		for a, x := range p {
			for k := range s {
				s[k] = math.FMA(x, h[a*8+k], s[k])
			}
		}
	}
}

// Rotate applies len(cs)/2 plane rotations to 16 columns of z, from row top
// upwards. With (c, s) the next pair, f the row and e the one above:
//
//	f, e = s*e + c*f, c*e - s*f
func Rotate(l Level, z []float64, stride, top int, cs []float64) {
	n := len(cs) / 2
	if n == 0 {
		return
	}
	_, _ = z[top*stride+15], z[(top-n)*stride]
	if l != Portable {
		rotateVector(l, n, &z[top*stride], stride, &cs[0])
		return
	}
	for i := range n {
		c, s := cs[2*i], cs[2*i+1]
		f, e := z[(top-i)*stride:], z[(top-i-1)*stride:]
		for k := range 16 {
			x, y := e[k], f[k]
			f[k] = math.FMA(s, x, float64(c*y))
			e[k] = math.FMA(c, x, -float64(s*y))
		}
	}
}

// Dot returns the inner product: 32 interleaved sums, then those from the first
// to the last, then what is left over.
func Dot(l Level, x, y []float64) float64 {
	n := len(x) &^ 31
	y = y[:len(x)]
	var sums [32]float64
	if n > 0 && l != Portable {
		dotVector(l, n, &x[0], &y[0], &sums[0])
	} else {
		for i := 0; i < n; i += 32 {
			p, q := x[i:i+32], y[i:i+32]
			for k := range sums {
				sums[k] = math.FMA(p[k], q[k], sums[k])
			}
		}
	}
	s := 0.0
	for _, v := range sums {
		s += v
	}
	for i := n; i < len(x); i++ {
		s = math.FMA(x[i], y[i], s)
	}
	return s
}

// Axpy adds a*x to y.
func Axpy(l Level, a float64, x, y []float64) {
	y = y[:len(x)]
	n := 0
	if l != Portable {
		if n = len(x) &^ 31; n > 0 {
			axpyVector(l, n, a, &x[0], &y[0])
		}
	}
	for i := n; i < len(x); i++ {
		y[i] = math.FMA(a, x[i], y[i])
	}
}
