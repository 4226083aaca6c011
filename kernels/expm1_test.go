package kernels

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// bigExpm1 computes exp(x)-1 by the series of x/2^n and n times
// (1+y)^2-1 = y(2+y).
func bigExpm1(x float64) *big.Float {
	const prec = 300
	y := new(big.Float).SetPrec(prec).SetFloat64(x)
	n := max(0, y.MantExp(nil)+4)
	y.SetMantExp(y, -n)
	term, sum := new(big.Float).Copy(y), new(big.Float).Copy(y)
	for i := 2.0; i < 40; i++ {
		term.Mul(term, y)
		term.Quo(term, big.NewFloat(i).SetPrec(prec))
		sum.Add(sum, term)
	}
	two := big.NewFloat(2).SetPrec(prec)
	for range n {
		sum.Mul(sum, new(big.Float).Add(two, sum))
	}
	return sum
}

func TestExpm1(t *testing.T) {
	xs := []float64{1e-300, 1e-20, -1e-20, 0.3465, 0.3466, -0.3466, 1, -1, 1.04, 1.05, 20, 38.8, 39, 40, 700, 709.7827, expTop, -30, -38}
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		xs = append(xs, 12*r.Float64(), -r.Float64(), math.Exp(40*r.Float64()-35), 1400*r.Float64()-700)
	}
	worst, at := 0.0, 0.0
	for _, x := range xs {
		if x < expBottom || x > expTop {
			continue
		}
		if u := ulps(Expm1(x), bigExpm1(x)); !(u <= worst) {
			worst, at = u, x
		}
	}
	t.Logf("worst error %.3f ulp at %g", worst, at)
	if !(worst < 1) {
		t.Errorf("error of %g ulp at %g", worst, at)
	}
}

func TestExpm1Edges(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range [][2]float64{
		{0, 0}, {math.Copysign(0, -1), math.Copysign(0, -1)}, {inf, inf}, {-inf, -1}, {710, inf}, {-60, -1}, {math.NaN(), math.NaN()},
	} {
		got := Expm1(c[0])
		if math.IsNaN(got) != math.IsNaN(c[1]) || !math.IsNaN(got) && math.Float64bits(got) != math.Float64bits(c[1]) {
			t.Errorf("Expm1(%g) = %g, want %g", c[0], got, c[1])
		}
	}
}

// TestExpm1Bits nails the bits down: another twin must give the same ones.
func TestExpm1Bits(t *testing.T) {
	var h uint64
	x := 1.0 / (1 << 40)
	for range 5000 {
		h = h*1099511628211 ^ math.Float64bits(Expm1(x))
		h = h*1099511628211 ^ math.Float64bits(Expm1(-x))
		x = float64(x * 1.0068)
	}
	if h != expm1Hash {
		t.Errorf("hash of 10,000 exponentials is %#x, want %#x", h, uint64(expm1Hash))
	}
}

const expm1Hash = 0xbe198cf121da3985
