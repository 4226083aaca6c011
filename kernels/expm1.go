package kernels

import "math"

// Coefficients of the rational approximation in expm1.
// Source: Sun Microsystems, fdlibm 5.3, s_expm1.c.
const (
	expQ1 = -3.33333333333331316428e-02
	expQ2 = 1.58730158725481460165e-03
	expQ3 = -7.93650757867487942473e-05
	expQ4 = 4.00821782732936239552e-06
	expQ5 = -2.01099218183624371326e-07

	expTop    = 7.09782712893383973096e+02 // above it the result is infinite
	expBottom = -56 * math.Ln2             // below it the result is -1
)

// Expm1 returns exp(x)-1 with an error below one unit in the last place: the
// inverse of Log1p, by which a Transform turns logarithms back into counts. As
// there, each step is rounded to float64 and nothing is fused.
//
// Method, after fdlibm: x = k ln 2 + r with |r| at most ln(2)/2, c what r lost
// to rounding; expm1(r) = r + r^2/2 + r^3/6 ... by a rational approximation, and
// 2^k (expm1(r)+1) - 1 in an order that keeps the digits.
//
// Expm1(+Inf) is +Inf, Expm1(-Inf) is -1, Expm1(±0) is ±0.
func Expm1(x float64) float64 {
	switch {
	case x > expTop:
		return math.Inf(1)
	case x < expBottom:
		return -1
	case x != x || x == 0:
		return x
	}
	k := int64(0)
	c := 0.0
	if math.Abs(x) > 0.5*math.Ln2 {
		k = int64(float64(x*(1/math.Ln2)) + math.Copysign(0.5, x))
		hi := x - float64(float64(k)*ln2Hi)
		lo := float64(float64(k) * ln2Lo)
		x = hi - lo
		c = (hi - x) - lo
	}
	half := float64(0.5 * x)
	hxs := float64(x * half)
	r := float64(hxs * expQ5)
	r = float64(hxs * (expQ4 + r))
	r = float64(hxs * (expQ3 + r))
	r = float64(hxs * (expQ2 + r))
	r = 1 + float64(hxs*(expQ1+r))
	t := 3 - float64(r*half)
	e := float64(hxs * ((r - t) / (6 - float64(x*t))))
	if k == 0 {
		return x - (float64(x*e) - hxs)
	}
	e = (float64(x*(e-c)) - c) - hxs
	return expUnreduce(k, x, e)
}

// expUnreduce returns 2^k (1+x-e) - 1.
func expUnreduce(k int64, x, e float64) float64 {
	switch {
	case k == -1:
		return float64(0.5*(x-e)) - 0.5
	case k == 1 && x < -0.25:
		return float64(-2 * (e - (x + 0.5)))
	case k == 1:
		return 1 + float64(2*(x-e))
	case k == 1024:
		y := 1 - (e - x)
		return float64(float64(y*2) * 0x1p1023)
	case k <= -2 || k > 56:
		return float64((1-(e-x))*twoTo(k)) - 1
	case k < 20:
		return float64(((1 - twoTo(-k)) - (e - x)) * twoTo(k))
	}
	return float64(((x - (e + twoTo(-k))) + 1) * twoTo(k))
}

// twoTo returns 2^k, -1022 <= k <= 1023.
func twoTo(k int64) float64 { return math.Float64frombits(uint64(1023+k) << 52) }
