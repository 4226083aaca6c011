package decomp

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"github.com/gpusc/gpusc/internal/errs"
)

// spectrum makes Q diag(values) Q^T with Q a product of random reflections.
func spectrum(seed uint64, values []float64) []float64 {
	n := len(values)
	rng := rand.New(rand.NewPCG(seed, 7))
	a := make([]float64, n*n)
	for i, v := range values {
		a[i*n+i] = v
	}
	u, p := make([]float64, n), make([]float64, n)
	for range 3 {
		norm := 0.0
		for i := range u {
			u[i] = rng.NormFloat64()
			norm += u[i] * u[i]
		}
		for i := range u {
			u[i] *= math.Sqrt(2 / norm)
		}
		for side := 0; side < 2; side++ { // A -= u (u^T A), then the same from the right
			clear(p)
			for i := range n {
				for j := range n {
					if side == 0 {
						p[j] += u[i] * a[i*n+j]
					} else {
						p[i] += a[i*n+j] * u[j]
					}
				}
			}
			for i := range n {
				for j := range n {
					if side == 0 {
						a[i*n+j] -= u[i] * p[j]
					} else {
						a[i*n+j] -= p[i] * u[j]
					}
				}
			}
		}
	}
	for i := range n {
		for j := range i {
			v := (a[i*n+j] + a[j*n+i]) / 2
			a[i*n+j], a[j*n+i] = v, v
		}
	}
	return a
}

// cellLike is a spectrum as covariances of cells have: a few large values, then
// a bulk that ends in a dense edge.
func cellLike(n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		x := 1 - float64(i)/float64(n)
		v[i] = 0.2 + 2*math.Pow(x, 1.5)
		if i < 20 {
			v[i] += 100 * math.Pow(0.75, float64(i))
		}
	}
	slices.SortFunc(v, func(a, b float64) int { return int(math.Copysign(1, b-a)) })
	return v
}

// check verifies residuals, orthonormality and signs.
func check(t interface{ Errorf(string, ...any) }, what string, n int, a, values, vectors []float64, tol float64) {
	k := len(values)
	top := 1e-300
	for _, x := range a {
		top = max(top, math.Abs(x))
	}
	for i := range k {
		v := vectors[i*n : (i+1)*n]
		res := 0.0
		for r := range n {
			s := -values[i] * v[r]
			for c, x := range a[r*n : (r+1)*n] {
				s += x * v[c]
			}
			res += s * s
		}
		if !(math.Sqrt(res) <= tol*top) {
			t.Errorf("%s: pair %d has residual %.2g", what, i, math.Sqrt(res)/top)
			return
		}
		for j := 0; j <= i; j++ {
			s := 0.0
			for c, x := range vectors[j*n : (j+1)*n] {
				s += x * v[c]
			}
			if i == j {
				s--
			}
			if math.Abs(s) > 1e-11 {
				t.Errorf("%s: vectors %d and %d: product off by %.2g", what, i, j, s)
				return
			}
		}
		big := 0.0
		for _, x := range v {
			if math.Abs(x) > math.Abs(big) {
				big = x
			}
		}
		if big < 0 {
			t.Errorf("%s: sign of vector %d", what, i)
		}
		if i > 0 && values[i] > values[i-1] {
			t.Errorf("%s: values rise at %d", what, i)
		}
	}
}

func TestTopEigenSpectra(t *testing.T) {
	repeat := func(n, times int) []float64 {
		v := make([]float64, n)
		for i := range v {
			v[i] = float64(10 - min(9, i/times))
		}
		return v
	}
	rank := func(n, r int) []float64 {
		v := make([]float64, n)
		for i := range r {
			v[i] = math.Pow(0.7, float64(i))
		}
		return v
	}
	steep := make([]float64, 400)
	for i := range steep {
		steep[i] = math.Pow(0.5, float64(i))
	}
	ones := make([]float64, 330)
	for i := range ones {
		ones[i] = 1
	}
	for name, tc := range map[string]struct {
		values []float64
		k      int
	}{
		"one":            {[]float64{3}, 1},
		"two":            {[]float64{3, -4}, 2},
		"zero":           {make([]float64, 320), 10},
		"small":          {cellLike(60), 20},
		"all of 301":     {cellLike(301), 301},
		"cells 500":      {cellLike(500), 50},
		"cells 1000":     {cellLike(1000), 50},
		"1 of 400":       {cellLike(400), 1},
		"133 of 401":     {cellLike(401), 133},
		"identity":       {ones, 25},
		"rank 5":         {rank(350, 5), 20},
		"rank 40":        {rank(350, 40), 50},
		"pairs":          {repeat(400, 2), 12},
		"clusters of 9":  {repeat(400, 9), 30},
		"clusters of 30": {repeat(400, 30), 50},
		"steep":          {steep, 40},
	} {
		n := len(tc.values)
		a := spectrum(uint64(n), tc.values)
		values, vectors, err := TopEigen(n, DenseMul(a, n, 2), tc.k, Options{Threads: 2})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		check(t, name, n, a, values, vectors, 1e-11)
		want := slices.Clone(tc.values)
		slices.SortFunc(want, func(a, b float64) int { return int(math.Copysign(1, b-a)) })
		for i, v := range values {
			if math.Abs(v-want[i]) > 1e-12*(math.Abs(want[0])+math.Abs(want[i])) {
				t.Errorf("%s: value %d is %.15g, want %.15g", name, i, v, want[i])
				break
			}
		}
	}
}

func TestTopEigenAgainstGonum(t *testing.T) {
	n, k := 380, 30
	a := spectrum(11, cellLike(n))
	values, vectors, err := TopEigen(n, DenseMul(a, n, 1), k, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var eig mat.EigenSym
	if !eig.Factorize(mat.NewSymDense(n, slices.Clone(a)), true) {
		t.Fatal("gonum found no eigenvalues")
	}
	want := eig.Values(nil)
	var q mat.Dense
	eig.VectorsTo(&q)
	for i, v := range values {
		if math.Abs(v-want[n-1-i]) > 1e-12*want[n-1] {
			t.Errorf("value %d: %.16g, gonum %.16g", i, v, want[n-1-i])
		}
		s := 0.0
		for j := range n {
			s += vectors[i*n+j] * q.At(j, n-1-i)
		}
		if angle := math.Acos(min(1, math.Abs(s))); angle > 1e-7 {
			t.Errorf("vector %d: angle %.2g", i, angle)
		}
	}
}

func TestTopEigenSameBits(t *testing.T) {
	n, k := 403, 20
	a := spectrum(12, cellLike(n))
	var want []float64
	for _, threads := range []int{1, 2, 3, 7} {
		values, vectors, err := TopEigen(n, DenseMul(a, n, threads), k, Options{Threads: threads})
		if err != nil {
			t.Fatal(err)
		}
		got := append(values, vectors...)
		if want == nil {
			want = got
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d threads give other bits than one", threads)
		}
	}
}

func TestTopEigenErrors(t *testing.T) {
	a := spectrum(13, cellLike(320))
	mul := DenseMul(a, 320, 1)
	for _, k := range []int{0, -1, 321} {
		if _, _, err := TopEigen(320, mul, k, Options{}); !errors.Is(err, errs.Usage) {
			t.Errorf("k = %d: %v", k, err)
		}
	}
	if _, _, err := TopEigen(320, mul, 50, Options{MaxIter: 1}); !errors.Is(err, errs.Limit) {
		t.Errorf("one restart: %v", err)
	}
	a[5] = math.NaN()
	for _, k := range []int{10, 200} {
		if _, _, err := TopEigen(320, mul, k, Options{}); !errors.Is(err, errs.Data) {
			t.Errorf("not a number, k = %d: %v", k, err)
		}
	}
}

func TestTopEigenProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 90).Draw(t, "n")
		k := rapid.IntRange(1, n).Draw(t, "k")
		values := rapid.SliceOfN(rapid.Float64Range(-3, 3), n, n).Draw(t, "values")
		a := spectrum(uint64(n), values)
		got, vectors, err := TopEigen(n, DenseMul(a, n, 1), k, Options{})
		if err != nil {
			t.Fatalf("%v", err)
		}
		check(t, "random", n, a, got, vectors, 1e-10)
		slices.SortFunc(values, func(a, b float64) int { return int(math.Copysign(1, b-a)) })
		for i, v := range got {
			if math.Abs(v-values[i]) > 1e-11 {
				t.Fatalf("value %d: %g, want %g", i, v, values[i])
			}
		}
	})
}

func BenchmarkTopEigen(b *testing.B) {
	for _, n := range []int{2000, 5000} {
		a := spectrum(1, cellLike(n))
		b.Run(fmt.Sprint("50 of ", n), func(b *testing.B) {
			for range b.N {
				muls := 0
				mul := DenseMul(a, n, 2)
				_, _, err := TopEigen(n, func(dst, src []float64, cols int) error { muls++; return mul(dst, src, cols) }, 50, Options{Threads: 2})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(muls), "products")
			}
		})
	}
}

// TestStop: a search that is called off ends at the next product.
func TestStop(t *testing.T) {
	const n = 400
	stop, products := errors.New("called off"), 0
	mul := func(dst, src []float64, _ int) error {
		products++
		for i := range src {
			dst[i] = src[i] * float64(1+i%97)
		}
		return nil
	}
	_, _, err := TopEigen(n, mul, 5, Options{Stop: func() error {
		if products > 2 {
			return stop
		}
		return nil
	}})
	if !errors.Is(err, stop) || products > 4 {
		t.Errorf("%v after %d products", err, products)
	}
}
