package kernels

import (
	"math"
	"math/bits"
)

// Fixed is a signed fixed-point number: Hi + Lo/2^64. It is the form in which
// terms are added up, so that a sum does not depend on its order. The largest
// sum is 2^63; a sum of terms that are not negative has overflowed when Hi is.
type Fixed struct {
	Lo uint64
	Hi int64
}

// MaxTerm bounds the size of one term: a larger one, or one that is not a
// number, must be refused before it is added.
const MaxTerm = 1 << 52

// ToFixed cuts v (|v| < 2^62) towards zero to a multiple of 2^-64. Values
// below 2^-11 in size may lose bits, no others do. ToFixed(-v) is -ToFixed(v),
// so a term and its opposite cancel.
func ToFixed(v float64) Fixed {
	a := math.Abs(v)
	hi := int64(a)
	// In two halves, as a conversion to uint64 is slow on some processors; no
	// step rounds but the last cut.
	part := (a - float64(hi)) * (1 << 32)
	up := int64(part)
	low := int64((part - float64(up)) * (1 << 32))
	// A negative v is negated without a branch, as signs come in no order.
	m := int64(math.Float64bits(v)) >> 63
	lo, borrow := bits.Sub64(uint64(up<<32|low)^uint64(m), uint64(m), 0)
	return Fixed{lo, (hi ^ m) - m - int64(borrow)}
}

// Neg returns -a.
func (a Fixed) Neg() Fixed {
	lo, b := bits.Sub64(0, a.Lo, 0)
	return Fixed{lo, -a.Hi - int64(b)}
}

// Add returns a + b, wrapping.
func (a Fixed) Add(b Fixed) Fixed {
	lo, c := bits.Add64(a.Lo, b.Lo, 0)
	return Fixed{lo, a.Hi + b.Hi + int64(c)}
}

// Float64 returns the nearest float64 (to within one unit in the last place).
func (a Fixed) Float64() float64 {
	if a.Hi < 0 {
		return -a.Neg().Float64()
	}
	return float64(a.Hi) + float64(a.Lo)*(1.0/(1<<64))
}
