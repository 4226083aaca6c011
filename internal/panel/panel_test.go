package panel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func numbers(rng *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	return x
}

// results runs every function on the same data at one level.
func results(l Level, n, rows int) []float64 {
	rng := rand.New(rand.NewPCG(uint64(n), uint64(rows)))
	a, x, y := numbers(rng, rows*(n+3)), numbers(rng, n*8), make([]float64, rows*8)
	Mul(l, rows, n, a, n+3, x, y)
	out := slices.Clone(y)
	sym := numbers(rng, n*n)
	for i := range n {
		for j := range i {
			sym[i*n+j] = sym[j*n+i]
		}
	}
	s := make([]float64, n*8)
	NewSymmetric(l, n, sym).Mul(s, x, func(pieces int, f func(int)) {
		for i := range pieces {
			f(i)
		}
	})
	out = append(out, s...)
	v, w := numbers(rng, n*8), numbers(rng, n*8)
	var c [64]float64
	Gram(l, n, v, w, &c)
	out = append(out, c[:]...)
	Update(l, n, v, &c, w)
	out = append(out, w...)
	z := numbers(rng, (rows+1)*20)
	Rotate(l, z[2:], 20, rows, numbers(rng, 2*rows)[:2*(rows-1)])
	out = append(out, z...)
	out = append(out, Dot(l, v, w))
	Axpy(l, 0.3, v, w)
	return append(out, w...)
}

func TestTwins(t *testing.T) {
	for _, n := range []int{1, 3, 4, 5, 8, 31, 33, 100, 257} {
		for _, rows := range []int{1, 4, 7, 8, 9, 21} {
			want := results(Portable, n, rows)
			for l := AVX2; l <= Best(); l++ {
				if !slices.Equal(results(l, n, rows), want) {
					t.Errorf("n %d, rows %d: %v differs from portable", n, rows, l)
				}
			}
		}
	}
}

func TestMeaning(t *testing.T) {
	// Whole numbers: every order of summation is exact.
	n := 5
	v, w := make([]float64, n*8), make([]float64, n*8)
	for i := range v {
		v[i], w[i] = float64(i%7-3), float64(i%5-2)
	}
	var c [64]float64
	Gram(Best(), n, v, w, &c)
	for k := range 8 {
		for a := range 8 {
			s := 0.0
			for i := range n {
				s += w[i*8+k] * v[i*8+a]
			}
			if c[k*8+a] != s {
				t.Fatalf("gram %d %d: %g, want %g", k, a, c[k*8+a], s)
			}
		}
	}
	u := slices.Clone(w)
	Update(Best(), n, v, &c, u)
	for i := range n {
		for k := range 8 {
			s := w[i*8+k]
			for a := range 8 {
				s += v[i*8+a] * c[a*8+k]
			}
			if u[i*8+k] != s {
				t.Fatalf("update %d %d: %g, want %g", i, k, u[i*8+k], s)
			}
		}
	}
}

func TestSymmetric(t *testing.T) {
	// Whole numbers: every order of summation is exact.
	for _, n := range []int{1, 7, 8, 9, 40, 130, 1003} {
		a, x := make([]float64, n*n), make([]float64, n*8)
		for i := range n {
			for j := range n {
				a[i*n+j] = float64((i*j+i+j)%11 - 5)
			}
		}
		for i := range x {
			x[i] = float64(i%7 - 3)
		}
		want, got := make([]float64, n*8), make([]float64, n*8)
		Mul(Portable, n, n, a, n, x, want)
		NewSymmetric(Best(), n, a).Mul(got, x, func(pieces int, f func(int)) {
			for i := range pieces {
				f(pieces - 1 - i)
			}
		})
		if !slices.Equal(got, want) {
			t.Errorf("n = %d: wrong product", n)
		}
	}
}

func BenchmarkKernels(b *testing.B) {
	const n = 2000
	rng := rand.New(rand.NewPCG(1, 1))
	a, x, y := numbers(rng, n*n), numbers(rng, n*8), make([]float64, n*8)
	var c [64]float64
	for l := AVX2; l <= Best(); l++ {
		b.Run(fmt.Sprint("mul/", l), func(b *testing.B) {
			for range b.N {
				Mul(l, n, n, a, n, x, y)
			}
			b.SetBytes(n * n * 8)
		})
		sym := NewSymmetric(l, n, a)
		b.Run(fmt.Sprint("symmetric/", l), func(b *testing.B) {
			for range b.N {
				sym.Mul(y, x, func(pieces int, f func(int)) {
					for i := range pieces {
						f(i)
					}
				})
			}
			b.SetBytes(n * n * 8)
		})
		b.Run(fmt.Sprint("gram/", l), func(b *testing.B) {
			for range b.N {
				Gram(l, n, x, y, &c)
			}
			b.ReportMetric(n*128*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
		c = [64]float64{}
		b.Run(fmt.Sprint("update/", l), func(b *testing.B) {
			for range b.N {
				Update(l, n, x, &c, y)
			}
			b.ReportMetric(n*128*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}
