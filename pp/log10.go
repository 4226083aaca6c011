package pp

import "math"

// log10 is the decimal logarithm rounded to the nearest float64 (of a positive
// finite x that is not subnormal; others go to math.Log10).
//
// math.Log10 is off by an ulp for a third of all x. That is small, but the
// loess of seurat_v3 cuts its cells at the median of log10(mean), where many
// genes are within an ulp of each other: which ones are equal decides where.
func log10(x float64) float64 {
	if !(x >= 0x1p-1022) || math.IsInf(x, 1) {
		return math.Log10(x)
	}
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, e = m*2, e-1
	}
	// ln m = 2 atanh(s), s = (m-1)/(m+1), |s| < 0.172: 24 terms reach 2^-120.
	s := twoSum(m, -1).over(twoSum(m, 1))
	s2 := s.times(s)
	acc := double{}
	for k := 47.0; k >= 1; k -= 2 {
		acc = acc.times(s2).plus(double{1, 0}.over(double{k, 0}))
	}
	ln := s.times(acc)
	ln = double{2 * ln.hi, 2 * ln.lo}.plus(double{0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56}.times(double{float64(e), 0}))
	out := ln.times(double{0x1.bcb7b1526e50ep-2, 0x1.95355baaafad3p-57}) // 1/ln 10
	return out.hi
}

// double is hi + lo, with hi the sum rounded to float64.
type double struct{ hi, lo float64 }

// twoSum is a + b without error.
func twoSum(a, b float64) double {
	s := a + b
	t := s - a
	return double{s, (a - (s - t)) + (b - t)}
}

func (a double) plus(b double) double {
	s, t := twoSum(a.hi, b.hi), twoSum(a.lo, b.lo)
	s = twoSum(s.hi, s.lo+t.hi)
	return twoSum(s.hi, s.lo+t.lo)
}

func (a double) times(b double) double {
	p := a.hi * b.hi
	e := math.FMA(a.hi, b.hi, -p)
	return twoSum(p, e+(float64(a.hi*b.lo)+float64(a.lo*b.hi)))
}

func (a double) over(b double) double {
	q := a.hi / b.hi
	r := a.plus(double{-q, 0}.times(b))
	return twoSum(q, r.hi/b.hi)
}
