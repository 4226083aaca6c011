package kernels

import "math"

// Coefficients of R(z) in log1p, and ln 2 in two parts: the first has 32
// trailing zero bits, so that a small whole number times it is exact.
// Source: Sun Microsystems, fdlibm 5.3, s_log1p.c (also e_log.c).
const (
	ln2Hi = 6.93147180369123816490e-01
	ln2Lo = 1.90821492927058770002e-10

	logR1 = 6.666666666666735130e-01
	logR2 = 3.999999999940941908e-01
	logR3 = 2.857142874366239149e-01
	logR4 = 2.222219843214978396e-01
	logR5 = 1.818357216161805012e-01
	logR6 = 1.531383769920937332e-01
	logR7 = 1.479819860511658591e-01
)

// Log1p returns log(1+x) with an error below one unit in the last place. It is
// the logarithm of every Transform.
//
// It is written in additions, products and divisions that are each rounded to
// float64, without a fused multiply-add, so that every processor gives the same
// bits, and so does a CUDA twin built with -fmad=false. (The library's
// math.Log1p may be fused on some processors.)
//
// Method, after fdlibm: 1+x = 2^k (1+f) with 1+f between sqrt(1/2) and sqrt(2),
// c makes good what 1+x lost to rounding; with s = f/(2+f),
//
//	log(1+f) = f - f^2/2 + s (f^2/2 + R(s^2)),   R a polynomial of degree 7
//
// Log1p(-1) is -Inf, below it NaN; Log1p(+Inf) is +Inf; Log1p(±0) is ±0.
func Log1p(x float64) float64 {
	switch {
	case !(x > -1):
		if x == -1 {
			return math.Inf(-1)
		}
		return math.NaN()
	case x == 0 || x > math.MaxFloat64:
		return x
	}
	f, k, c := x, 0.0, 0.0
	if x <= -0.29289 || x >= 0.41421 {
		f, k, c = reduce(x)
	}
	half := float64(0.5 * float64(f*f))
	s := f / (2 + f)
	z := float64(s * s)
	r := float64(z * logR7)
	r = float64(z * (logR6 + r))
	r = float64(z * (logR5 + r))
	r = float64(z * (logR4 + r))
	r = float64(z * (logR3 + r))
	r = float64(z * (logR2 + r))
	r = float64(z * (logR1 + r))
	low := float64(k*ln2Lo) + c
	t := float64(s*(half+r)) + low
	return float64(k*ln2Hi) - ((half - t) - f)
}

// reduce splits 1+x, which is positive and finite, into 2^k (1+f); c is what
// the rounding of 1+x left out, relative to 1+x.
func reduce(x float64) (f, k, c float64) {
	const (
		mantissa = 1<<52 - 1
		root2    = 0x6a09e667f3bcd // mantissa of sqrt(2)
	)
	u := 1 + x
	b := math.Float64bits(u)
	e := int64(b>>52) - 1023
	if e > 0 {
		c = 1 - (u - x)
	} else {
		c = x - (u - 1)
	}
	c /= u
	b &= mantissa
	if b < root2 {
		b |= 1023 << 52
	} else {
		b |= 1022 << 52
		e++
	}
	return math.Float64frombits(b) - 1, float64(e), c
}
