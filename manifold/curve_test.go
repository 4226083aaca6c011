package manifold

import (
	"math"
	"testing"
)

func TestFindAB(t *testing.T) {
	// scipy.optimize.curve_fit in umap-learn 0.5.12's find_ab_params.
	for _, c := range []struct{ spread, minDist, a, b float64 }{
		{1, 0.5, 0.5830300203414425, 1.334166992455648},
		{1, 0.1, 1.576943460405378, 0.8950608781227859},
	} {
		a, b := FindAB(c.spread, c.minDist)
		if math.Abs(a/c.a-1) > 1e-5 || math.Abs(b/c.b-1) > 1e-5 {
			t.Errorf("%g %g: %.12g %.12g, want %.12g %.12g", c.spread, c.minDist, a, b, c.a, c.b)
		}
	}
	for _, c := range [][2]float64{{0, 0}, {-1, 0.5}, {1, -0.1}, {1, 1.1}, {math.NaN(), 0}, {1, math.NaN()}, {math.Inf(1), 0}} {
		if a, b := FindAB(c[0], c[1]); a == a || b == b {
			t.Errorf("%v: %g %g", c, a, b)
		}
	}
}

// TestPowers holds our exponential and logarithm against package math's.
func TestPowers(t *testing.T) {
	for i := range 20000 {
		x := 700 * signed(hash(1, uint64(i), 0))
		if e := exp(x)/math.Exp(x) - 1; math.Abs(e) > 1e-15 {
			t.Fatalf("exp(%g) is off by %g", x, e)
		}
		v := math.Exp(x)
		if e := log(v) - math.Log(v); math.Abs(e) > 4e-16*max(1, math.Abs(x)) {
			t.Fatalf("log(%g) is off by %g", v, e)
		}
	}
	for x, want := range map[float64]float64{0: 1, 1000: math.Inf(1), -1000: 0} {
		if got := exp(x); got != want {
			t.Errorf("exp(%g) = %g", x, got)
		}
	}
	if exp(math.NaN()) == exp(math.NaN()) || log(1) != 0 || pow(0, 2) != 0 {
		t.Error("exp(NaN), log(1) or 0^2")
	}
}

// TestTable: the forces are within 1e-3 of the formulas, from 1e-6 to 60,000 squared.
func TestTable(t *testing.T) {
	a, b := FindAB(1, 0.5)
	tab := forceTable(a, b, 1)
	for x := 1e-6; x < 6e4; x *= 1.01 {
		attract := -2 * a * b * math.Pow(x, b-1) / (1 + a*math.Pow(x, b))
		repel := 2 * b / ((0.001 + x) * (1 + a*math.Pow(x, b)))
		for off, want := range []float64{attract, repel} {
			if got := float64(coefficient(tab, float32(x), uint32(off*tableLen))); math.Abs(got/want-1) > 1e-3 {
				t.Fatalf("force %d at %g: %g, want %g", off, x, got, want)
			}
		}
	}
	// Beyond the table the pull does not turn to a push.
	for _, x := range []float32{1e5, 1e9, 1e30, math.MaxFloat32} {
		if coefficient(tab, x, 0) >= 0 || coefficient(tab, x, tableLen) < 0 {
			t.Errorf("forces at %g change sign", x)
		}
	}
}
