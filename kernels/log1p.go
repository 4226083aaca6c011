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
// Method, after fdlibm: u = 1+x rounded, and c what the rounding left out; u =
// 2^k (1+f) with 1+f between sqrt(1/2) and sqrt(2). With s = f/(2+f),
//
//	log(1+f) = f - f^2/2 + s (f^2/2 + R(s^2)),   R a polynomial of degree 7
//	log1p(x) = k ln 2 + log(1+f) + c/u
//
// Unlike there, nothing is told apart by the size of x: the values of a matrix
// come in no order, and a processor would guess every second branch wrong.
//
// Log1p(-1) is -Inf, below it NaN; Log1p(+Inf) is +Inf; Log1p(±0) is ±0.
func Log1p(x float64) float64 {
	if !(x > -1 && x <= math.MaxFloat64) || x == 0 {
		return log1pEdge(x)
	}
	const root = 0x3fe6a09e667f3bcd // bits of sqrt(1/2)
	u := 1 + x
	part := u - 1
	c := ((1 - (u - part)) + (x - part)) / u
	b := math.Float64bits(u) + (1023<<52 - root)
	k := float64(int64(b>>52) - 1023)
	f := math.Float64frombits(b&(1<<52-1)+root) - 1

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

// log1pEdge is Log1p where the method does not hold.
func log1pEdge(x float64) float64 {
	switch {
	case x == -1:
		return math.Inf(-1)
	case x < -1:
		return math.NaN()
	}
	return x // ±0, +Inf, NaN
}
