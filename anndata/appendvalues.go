package anndata

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/gpusc/gpusc/chunk"
)

// appendValues adds stored values [lo, hi) to b in type t, little-endian. ok is
// false when an integer type does not hold one of them.
func appendValues(b []byte, t num, c *chunk.Chunk, values []float32, lo, hi int64) (_ []byte, ok bool) {
	switch {
	case values != nil:
		return appendAs(b, t, values[lo:hi])
	case c.Kind == chunk.Counts:
		return appendAs(b, t, c.Counts[lo:hi])
	case c.Kind == chunk.Float32:
		return appendAs(b, t, c.F32[lo:hi])
	default:
		return appendAs(b, t, c.F64[lo:hi])
	}
}

// appendAs adds values in type t. Floats are rounded to the type; whole numbers
// must be held exactly.
func appendAs[T number](b []byte, t num, v []T) (_ []byte, ok bool) {
	le := binary.LittleEndian
	switch t {
	case f32:
		n := len(b)
		b = slices.Grow(b, 4*len(v))[:n+4*len(v)]
		for i, to := 0, b[n:]; i < len(v); i++ {
			le.PutUint32(to[4*i:], math.Float32bits(float32(v[i])))
		}
		return b, true
	case f64:
		for _, x := range v {
			b = le.AppendUint64(b, math.Float64bits(float64(x)))
		}
		return b, true
	}
	low, high := limits(t)
	for _, x := range v {
		f := float64(x)
		if !(f >= low && f <= high) || f != math.Trunc(f) {
			return b, false
		}
		u := uint64(int64(f))
		if f >= 1<<63 {
			u = uint64(f)
		}
		switch t.Size() {
		case 1:
			b = append(b, byte(u))
		case 2:
			b = le.AppendUint16(b, uint16(u))
		case 4:
			b = le.AppendUint32(b, uint32(u))
		default:
			b = le.AppendUint64(b, u)
		}
	}
	return b, true
}

// limits are the smallest and largest value of an integer type, as floats that
// lie within it.
func limits(t num) (low, high float64) {
	bits := float64(8 * t.Size())
	if t >= u8 && t <= u64 {
		low, high = 0, math.Exp2(bits)-1
	} else {
		low, high = -math.Exp2(bits-1), math.Exp2(bits-1)-1
	}
	if t.Size() == 8 { // 2^63-1 and 2^64-1 are no floats
		high = math.Nextafter(high, 0)
	}
	return low, high
}
