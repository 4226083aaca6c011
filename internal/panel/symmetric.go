package panel

import "math"

// Symmetric multiplies a dense symmetric matrix by panels and reads only the
// half above the diagonal, since memory is what such a product waits for.
//
// Rows are cut into stripes of about equal area, whose bounds depend on n only.
// A stripe works on elements at and right of its diagonal, each for both its row
// and its column, into a sum of its own; the sums are added in stripe order.
type Symmetric struct {
	l      Level
	n      int
	a      []float64
	bounds []int     // of stripes, in rows
	parts  []float64 // a panel for each stripe
}

// maxStripes bounds the memory for sums and the number of threads of use.
const maxStripes = 16

// NewSymmetric prepares for products with a, n x n, which is not copied.
func NewSymmetric(l Level, n int, a []float64) *Symmetric {
	stripes := min(maxStripes, max(1, n/128))
	s := &Symmetric{l: l, n: n, a: a[:n*n], bounds: make([]int, stripes+1), parts: make([]float64, stripes*n*Width)}
	for i := 1; i < stripes; i++ {
		// The triangle behind row r has the area (n-r)^2/2.
		left := math.Sqrt(1 - float64(i)/float64(stripes))
		s.bounds[i] = int(float64(n)*(1-left)) &^ 7
	}
	s.bounds[stripes] = n
	return s
}

// Mul sets dst to A src, both panels. run must call its function for each of so
// many pieces and return when all are done, in any order and at the same time.
// It is for one goroutine at a time.
func (s *Symmetric) Mul(dst, src []float64, run func(pieces int, f func(i int))) {
	stripes := len(s.bounds) - 1
	run(stripes, func(i int) { s.stripe(i, src) })
	run(stripes, func(i int) {
		lo, hi := s.n*i/stripes*Width, s.n*(i+1)/stripes*Width
		out := dst[lo:hi]
		copy(out, s.parts[lo:hi])
		for q := 1; q < stripes && s.bounds[q]*Width < hi; q++ {
			from := max(lo, s.bounds[q]*Width)
			add(out[from-lo:], s.parts[q*s.n*Width+from:q*s.n*Width+hi])
		}
	})
}

func add(dst, src []float64) {
	src = src[:len(dst)]
	for i := range dst {
		dst[i] += src[i]
	}
}

// stripe adds up what stripe i gives, from its first row on.
func (s *Symmetric) stripe(i int, x []float64) {
	n, from, to := s.n, s.bounds[i], s.bounds[i+1]
	y := s.parts[i*n*Width : (i+1)*n*Width]
	clear(y[from*Width:])
	for r := from; r < to; r += 8 {
		k := min(8, n-r)
		// The square on the diagonal, in full.
		var own, xi [64]float64
		Mul(s.l, k, k, s.a[r*n+r:], n, x[r*Width:], own[:])
		if k == 8 && r+8 < n {
			copy(xi[:], x[r*Width:])
			both(s.l, n-r-8, s.a[r*n+r+8:], n, x[(r+8)*Width:], y[(r+8)*Width:], &xi, &own)
		}
		add(y[r*Width:(r+k)*Width], own[:])
	}
}

// both multiplies 8 rows of a by x and their transpose by xi:
//
//	yi[r*8+c] += sum over j of a[r*lda+j] * x[j*8+c]
//	y[j*8+c]  += sum over r of a[r*lda+j] * xi[r*8+c]
func both(l Level, n int, a []float64, lda int, x, y []float64, xi, yi *[64]float64) {
	_, _, _ = a[7*lda+n-1], x[n*8-1], y[n*8-1]
	if l != Portable {
		bothVector(l, n, a, lda, x, y, xi, yi)
		return
	}
	for j := range n {
		p, q := (*[8]float64)(x[j*8:]), (*[8]float64)(y[j*8:])
		for r := range 8 {
			v := a[r*lda+j]
			for c := range 8 {
				yi[r*8+c] = math.FMA(v, p[c], yi[r*8+c])
				q[c] = math.FMA(v, xi[r*8+c], q[c])
			}
		}
	}
}
