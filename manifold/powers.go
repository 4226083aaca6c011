package manifold

import "math"

// exp and log are accurate to about one unit in the last place and have the same bits on
// every processor: package math's differ with and without FMA. The conversions keep the
// compiler from fusing.

func exp(x float64) float64 {
	switch {
	case x != x:
		return x
	case x > 709.7:
		return math.Inf(1)
	case x < -745:
		return 0
	}
	const hi, lo = 6.93147180369123816490e-01, 1.90821492927058770002e-10
	k := math.Floor(float64(x*math.Log2E) + 0.5)
	r := float64(x-float64(k*hi)) - float64(k*lo)
	s := 1.0
	for i := 14; i >= 1; i-- {
		s = 1 + float64(float64(r/float64(i))*s)
	}
	return math.Ldexp(s, int(k))
}

// log wants x > 0.
func log(x float64) float64 {
	f, e := math.Frexp(x)
	if f < math.Sqrt2/2 {
		f, e = 2*f, e-1
	}
	s := (f - 1) / (f + 1)
	q := float64(s * s)
	p := 0.0
	for i := 23; i >= 1; i -= 2 {
		p = float64(p*q) + 1/float64(i)
	}
	return float64(float64(e)*math.Ln2) + float64(2*s*p)
}

// pow returns x to the power y for x >= 0 and y > 0.
func pow(x, y float64) float64 {
	if x == 0 {
		return 0
	}
	return exp(float64(y * log(x)))
}
