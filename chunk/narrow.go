package chunk

import "math"

// Number is what values of a matrix can be stored as in a file or in memory.
type Number interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~int | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32 | ~float64
}

// Narrow gives a chunk the narrowest kind that holds its values exactly: Counts
// when all are whole numbers from 1 to 2^32-1, else Float32, else Float64. NaN
// counts as exact. The slices of the former kind are kept for reuse.
func Narrow(c *Chunk) {
	if c.Kind == Counts || toCounts(c) {
		return
	}
	if c.Kind != Float64 {
		return
	}
	n := int(c.NNZ())
	for _, v := range c.F64[:n] {
		if float64(float32(v)) != v && !math.IsNaN(v) {
			return
		}
	}
	c.F32 = grow(c.F32, n)
	for i, v := range c.F64[:n] {
		c.F32[i] = float32(v)
	}
	c.Kind = Float32
}

// toCounts turns a chunk of floats into counts and returns true, or leaves it
// as it is when one of them is none.
func toCounts(c *Chunk) bool {
	n := int(c.NNZ())
	c.Counts = grow(c.Counts, n)
	if c.Kind == Float32 && CountsFromFloat32(c.Counts, c.F32[:n]) < n ||
		c.Kind == Float64 && CountsFromFloat64(c.Counts, c.F64[:n]) < n {
		c.Counts = c.Counts[:0]
		return false
	}
	c.Kind = Counts
	return true
}

// CountsFromFloat32 converts values to counts as far as they are whole numbers
// from 1 to 2^32-1 and returns how many: len(src) when all are. dst needs the
// length of src; past the returned number its content is undefined.
func CountsFromFloat32(dst []uint32, src []float32) int {
	return countsFloat32(dst[:len(src)], src)
}

// CountsFromFloat64 is CountsFromFloat32 for float64.
func CountsFromFloat64(dst []uint32, src []float64) int {
	return countsFloat64(dst[:len(src)], src)
}

// CountsFrom is CountsFromFloat32 for any type of number; the two of float are
// faster.
func CountsFrom[V Number](dst []uint32, src []V) int {
	dst = dst[:len(src)]
	for i, v := range src {
		// NaN fails the first test; the conversion is defined for what passes.
		if !(v >= 1) || float64(v) > math.MaxUint32 {
			return i
		}
		u := uint32(v)
		if V(u) != v {
			return i
		}
		dst[i] = u
	}
	return len(src)
}

// setValues stores values of any type in the kind that fits their type: counts
// where they are some, else float32 for types that it holds, else float64.
func setValues[V Number](c *Chunk, src []V) {
	c.Counts = grow(c.Counts, len(src))
	if CountsFrom(c.Counts, src) == len(src) {
		c.Kind = Counts
		return
	}
	c.Counts = c.Counts[:0]
	var zero V
	switch any(zero).(type) {
	case float32, int8, int16, uint8, uint16:
		c.Kind, c.F32 = Float32, grow(c.F32, len(src))
		for i, v := range src {
			c.F32[i] = float32(v)
		}
	default:
		c.Kind, c.F64 = Float64, grow(c.F64, len(src))
		for i, v := range src {
			c.F64[i] = float64(v)
		}
	}
}
