package kernels

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// bigLog1p computes log(1+x) to about 120 bits: halvings by square roots until
// the argument is close to 1, then the series of 2 atanh((u-1)/(u+1)).
func bigLog1p(x float64) *big.Float {
	const prec = 200
	u := new(big.Float).SetPrec(prec).SetFloat64(x)
	u.Add(u, big.NewFloat(1).SetPrec(prec))
	roots := 0
	for ; roots < 80; roots++ {
		d := new(big.Float).Sub(u, big.NewFloat(1))
		if d.Sign() == 0 || d.MantExp(nil) < -8 {
			break
		}
		u.Sqrt(u)
	}
	one := big.NewFloat(1).SetPrec(prec)
	d := new(big.Float).Sub(u, one)
	if roots == 0 {
		d.SetFloat64(x) // exact, where 1+x may not be
	}
	s := new(big.Float).Quo(d, new(big.Float).Add(u, one))
	z := new(big.Float).Mul(s, s)
	sum, p := new(big.Float).SetPrec(prec), new(big.Float).Copy(s)
	for i := 1; i < 30; i += 2 {
		sum.Add(sum, new(big.Float).Quo(p, big.NewFloat(float64(i)).SetPrec(prec)))
		p.Mul(p, z)
	}
	return sum.SetMantExp(sum, roots+1)
}

// ulps returns |got-want| in units of the last place of want.
func ulps(got float64, want *big.Float) float64 {
	w, _ := want.Float64()
	d := new(big.Float).SetPrec(200).SetFloat64(got)
	d.Sub(d, want).Abs(d)
	e, _ := d.Float64()
	return e / (math.Nextafter(math.Abs(w), math.Inf(1)) - math.Abs(w))
}

func TestLog1p(t *testing.T) {
	xs := []float64{
		1e-300, 5e-324, 1e-20, -1e-20, 1e-9, -1e-9, 0.1, -0.1, 0.41421, 0.414213, 0.4142135623730951,
		0.5, -0.29289, -0.2929, -0.5, -0.9, -0.9999999999999999, 1, 2, 3, 1.5, 1 << 53, 1<<53 + 2, 1e30, math.MaxFloat64,
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 4000 {
		xs = append(xs, r.Float64(), -r.Float64(), math.Exp(60*r.Float64()-30), 1e4/float64(1+r.IntN(50000))*float64(1+r.IntN(100)))
	}
	worst, at := 0.0, 0.0
	for _, x := range xs {
		if u := ulps(Log1p(x), bigLog1p(x)); !(u <= worst) {
			worst, at = u, x
		}
	}
	t.Logf("worst error %.3f ulp at %g", worst, at)
	if !(worst < 1) {
		t.Errorf("error of %g ulp at %g", worst, at)
	}
}

func TestLog1pEdges(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range [][2]float64{
		{0, 0},
		{math.Copysign(0, -1), math.Copysign(0, -1)},
		{-1, -inf},
		{inf, inf},
		{-1.5, math.NaN()},
		{-inf, math.NaN()},
		{math.NaN(), math.NaN()},
	} {
		got := Log1p(c[0])
		if math.IsNaN(got) != math.IsNaN(c[1]) || !math.IsNaN(got) && math.Float64bits(got) != math.Float64bits(c[1]) {
			t.Errorf("Log1p(%g) = %g, want %g", c[0], got, c[1])
		}
	}
}

// TestLog1pBits nails the bits down: another twin must give the same ones.
func TestLog1pBits(t *testing.T) {
	var h uint64
	x := 1.0 / (1 << 40)
	for range 10000 {
		h = h*1099511628211 ^ math.Float64bits(Log1p(x))
		x = float64(x * 1.0068)
	}
	if h != log1pHash {
		t.Errorf("hash of 10,000 logarithms is %#x, want %#x", h, uint64(log1pHash))
	}
}

const log1pHash = 0x71871996693b604e

func BenchmarkLog1p(b *testing.B) {
	var s, x float64
	for b.Loop() {
		x += 0.37
		s += Log1p(x)
	}
	_ = s
}
