package gramkern

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

func levels() []Level {
	var ls []Level
	for l := Portable; l <= Best(); l++ {
		ls = append(ls, l)
	}
	return ls
}

func randoms(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		switch rng.IntN(8) {
		case 0: // exact zeros and short mantissas make ties
			x[i] = float32(rng.IntN(5) - 2)
		case 1:
			x[i] = float32(rng.NormFloat64() * 1e-22)
		default:
			x[i] = float32(rng.NormFloat64() * math.Exp(3*rng.NormFloat64()))
		}
	}
	return x
}

func same(t *testing.T, what string, a, b []float64) {
	t.Helper()
	for i := range a {
		if math.Float64bits(a[i]) != math.Float64bits(b[i]) {
			t.Fatalf("%s: element %d: %x and %x", what, i, a[i], b[i])
		}
	}
}

func TestBlockTwins(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, k := range []int{1, 2, 7, 64, SumRows} {
		a, b := randoms(rng, k*Group), randoms(rng, k*Group)
		ldc := Group + 5
		var want []float64
		for _, l := range levels() {
			c := make([]float64, Group*ldc)
			for i := range c {
				c[i] = float64(i)
			}
			Block(l, k, a, b, c, ldc)
			if want == nil {
				want = c
			}
			same(t, fmt.Sprint(l, k), c, want)
		}
		if want[Group] != Group {
			t.Error("wrote beyond its columns")
		}
	}
}

func TestAxpyTwins(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for groups := 1; groups <= 9; groups++ {
		rows := 50
		d := randoms(rng, groups*rows*Group)
		var at []uint32
		for r := range rows {
			if rng.IntN(3) == 0 {
				at = append(at, uint32(r*Group))
			}
		}
		val := randoms(rng, len(at))
		var want []float64
		for _, l := range levels() {
			c := make([]float64, groups*Group)
			Axpy(l, groups, at, val, d, rows*Group, c)
			if want == nil {
				want = c
			}
			same(t, fmt.Sprint(l, groups), c, want)
		}
	}
}

func TestProjectTwins(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for blocks := 1; blocks <= 17; blocks++ {
		p, ldw := 40, blocks*8+8
		w := make([]float64, p*ldw)
		for i := range w {
			w[i] = rng.NormFloat64()
		}
		var idx []uint32
		var val []float64
		for g := range p {
			if rng.IntN(3) == 0 {
				idx, val = append(idx, uint32(g)), append(val, rng.NormFloat64())
			}
		}
		var want []float64
		for _, l := range levels() {
			out := make([]float64, blocks*8)
			for i := range out {
				out[i] = float64(i)
			}
			ProjectRow(l, idx, val, w, ldw, out)
			if want == nil {
				want = out
			}
			same(t, fmt.Sprint(l, blocks), out, want)
		}
	}
}

// exactFMA is the correctly rounded a*b + c by arithmetic of any precision.
func exactFMA(a, b, c float32) float32 {
	f := func(x float32) *big.Float { return new(big.Float).SetPrec(2000).SetFloat64(float64(x)) }
	s := new(big.Float).SetPrec(2000).Mul(f(a), f(b))
	r, _ := s.Add(s, f(c)).Float32()
	return r
}

func TestFMA32(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 200000 {
		x := randoms(rng, 3)
		if rng.IntN(2) == 0 { // near the middle between two results
			x[2] = -x[0] * x[1] * (1 + float32(rng.IntN(3)-1)*0x1p-23)
		}
		if rng.IntN(4) == 0 {
			x[0], x[1] = 1+0x1p-12, 1+float32(rng.IntN(64))*0x1p-12
			x[2] = float32(rng.IntN(3)-1) * float32(math.Ldexp(1, -rng.IntN(80)))
		}
		row, acc := [Group]float32{x[1]}, [Group]float32{x[2]}
		fmaRow(x[0], &row, &acc)
		got, want := acc[0], exactFMA(x[0], x[1], x[2])
		if got != want {
			t.Fatalf("%x*%x+%x = %x, want %x", x[0], x[1], x[2], got, want)
		}
	}
}

func BenchmarkBlock(b *testing.B) {
	rng := rand.New(rand.NewPCG(9, 9))
	x, y, c := make([]float32, SumRows*Group), make([]float32, SumRows*Group), make([]float64, Group*Group)
	for i := range x {
		x[i], y[i] = rng.Float32()-0.5, rng.Float32()-0.5
	}
	for _, l := range levels() {
		b.Run(l.String(), func(b *testing.B) {
			for range b.N {
				Block(l, SumRows, x, y, c, Group)
			}
			b.ReportMetric(2*Group*Group*SumRows*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}

func BenchmarkAxpy(b *testing.B) {
	const rows, groups = 512, 4
	d, c := make([]float32, rows*groups*Group), make([]float64, groups*Group)
	rng := rand.New(rand.NewPCG(1, 1))
	var at []uint32
	for r := range rows {
		if rng.IntN(50) == 0 {
			at = append(at, uint32(r*Group))
		}
	}
	val := make([]float32, len(at))
	for _, l := range levels() {
		b.Run(l.String(), func(b *testing.B) {
			for range b.N {
				Axpy(l, groups, at, val, d, rows*Group, c)
			}
			b.ReportMetric(float64(len(at)*groups*Group)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GMAC/s")
		})
	}
}

func BenchmarkProjectRow(b *testing.B) {
	const p, ldw, nnz = 2000, 56, 175
	w, val, out := make([]float64, p*ldw), make([]float64, nnz), make([]float64, ldw)
	idx := make([]uint32, nnz)
	for i := range idx {
		idx[i] = uint32(i * p / nnz)
	}
	for _, l := range levels() {
		b.Run(l.String(), func(b *testing.B) {
			for range b.N {
				ProjectRow(l, idx, val, w, ldw, out)
			}
		})
	}
}
