package devicetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gpusc/gpusc/kernels"
)

// symmetric makes a symmetric matrix and a block of vectors.
func symmetric(n int) (a, x []float64) {
	rng := rand.New(rand.NewPCG(uint64(n), 41))
	a, x = make([]float64, n*n), make([]float64, n*kernels.SymWidth)
	for i := range n {
		for j := range i + 1 {
			v := rng.NormFloat64() * math.Exp(rng.NormFloat64())
			a[i*n+j], a[j*n+i] = v, v
		}
	}
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	return a, x
}

// symProduct is the product in the order that kernels.SymMul lays down, and in
// plain order.
func symProduct(n int, a, x []float64) (exact, plain []float64) {
	const w = kernels.SymWidth
	stripes := min(16, max(1, n/128))
	bounds := make([]int, stripes+1)
	for i := range bounds {
		left := math.Sqrt(1 - float64(i)/float64(stripes))
		bounds[i] = int(float64(n)*(1-left)) / 8 * 8
	}
	bounds[stripes] = n
	sum := func(g, c, from, to int) float64 {
		s := 0.0
		for r := from; r < to; r++ {
			s = math.FMA(a[r*n+g], x[r*w+c], s)
		}
		return s
	}
	exact, plain = make([]float64, n*w), make([]float64, n*w)
	for g := range n {
		for c := range w {
			total, p := 0.0, g/8*8
			for q := 0; q < stripes && bounds[q] <= g; q++ {
				term := 0.0
				if g < bounds[q+1] {
					term = sum(g, c, bounds[q], p) + sum(g, c, p, n)
				} else {
					term = sum(g, c, bounds[q], bounds[q+1])
				}
				if total += term; q == 0 {
					total = term
				}
			}
			exact[g*w+c], plain[g*w+c] = total, sum(g, c, 0, n)
		}
	}
	return exact, plain
}

func testSymMul(t *testing.T, r *rig) {
	for _, n := range []int{0, 1, 7, 8, 9, 17, 130, 255, 256, 300, 401, 1023, 2049} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			defer r.release()
			a, x := symmetric(n)
			want, plain := symProduct(n, a, x)
			op := kernels.SymMul{N: n, A: up(r, a), X: up(r, x), Y: up(r, make([]float64, len(x)))}
			var first []float64
			for range 2 {
				o := op
				r.run(&o)
				got := down[float64](r, op.Y, len(x))
				if first == nil {
					first = got
				}
				for i, w := range want {
					if r.exact && math.Float64bits(got[i]) != math.Float64bits(w) ||
						got[i] != first[i] || !(math.Abs(got[i]-plain[i]) <= 1e-10*(1+math.Abs(plain[i]))) {
						t.Fatalf("Y[%d] is %v, want %v", i, got[i], w)
					}
				}
			}
			if n == 0 {
				return
			}
			for what, o := range map[string]kernels.SymMul{
				"too small an A":  {N: n, A: r.alloc(int64(8*n*n) - 1), X: op.X, Y: op.Y},
				"fewer than none": {N: -1, A: op.A, X: op.X, Y: op.Y},
			} {
				if r.fails(&o) == nil {
					t.Errorf("no error for %s", what)
				}
			}
		})
	}
}
