package anndata

import (
	"math"
	"unsafe"

	"github.com/gpusc/gpusc/chunk"
)

// values collects the stored values of one span, in order, in the narrowest kind
// that has held all of them exactly so far. It starts as the kind that the
// source met last, so that a matrix of logarithms does not begin as counts in
// every span; finish then goes back to counts where a span happens to be whole,
// so that the kind depends on the span alone.
//
// Counts and float32 share one allocation: they are the same size, and the
// change from one to the other is in place.
type values struct {
	kind chunk.Kind
	n    int
	u    []uint32 // kind Counts; Float32 looks at the same memory
	d    []float64
	odd  bool // a zero was met
}

// start takes over the slices of c and makes room for n values.
func (v *values) start(c *chunk.Chunk, kind chunk.Kind, n int) {
	v.u, v.d = c.Counts, c.F64
	if cap(c.F32) > cap(v.u) {
		v.u = asCounts(c.F32)
	}
	v.kind, v.n, v.odd = kind, 0, false
	v.room(n)
}

// room makes place for n more values.
func (v *values) room(n int) {
	if v.kind == chunk.Float64 {
		v.d = extend(v.d[:v.n], n)
		return
	}
	v.u = extend(v.u[:v.n], n)
}

// extend gives s room for n more, by half again at least.
func extend[T any](s []T, n int) []T {
	if cap(s)-len(s) >= n {
		return s[:len(s)+n]
	}
	want := len(s) + n
	if len(s) > 0 {
		want = max(want, len(s)+len(s)/2)
	}
	t := make([]T, len(s)+n, want)
	copy(t, s)
	return t
}

func asCounts(f []float32) []uint32 {
	f = f[:cap(f)]
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(f))), len(f))
}

func asFloats(u []uint32) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(u))), len(u))
}

// end stores the slices in c.
func (v *values) end(c *chunk.Chunk) {
	c.Kind, c.Counts, c.F32, c.F64 = v.kind, nil, nil, nil
	switch v.kind {
	case chunk.Counts:
		c.Counts, c.F64 = v.u[:v.n], v.d[:0]
	case chunk.Float32:
		c.F32, c.F64 = asFloats(v.u)[:v.n], v.d[:0]
	default:
		c.F64, c.Counts = v.d[:v.n], v.u[:0]
	}
}

// direct gives the place where the next n values belong when their bytes in the
// file have the size of a value in memory, else nil.
func (v *values) direct(t num, n int) []byte {
	switch {
	case v.kind == chunk.Float64 && t == f64:
		return bytesOf(v.d[v.n : v.n+n])
	case v.kind != chunk.Float64 && (t == f32 || t == i32 || t == u32):
		return bytesOf(v.u[v.n : v.n+n])
	}
	return nil
}

// put takes the next values; raw holds them in the machine's byte order and may
// be what direct gave. It returns the place in raw of a value that no kind
// holds exactly, else -1.
func (v *values) put(t num, raw []byte) int {
	switch t {
	case i8:
		return putAll(v, view[int8](raw))
	case i16:
		return putAll(v, view[int16](raw))
	case i32:
		return putAll(v, view[int32](raw))
	case i64:
		return putAll(v, view[int64](raw))
	case u8:
		return putAll(v, view[uint8](raw))
	case u16:
		return putAll(v, view[uint16](raw))
	case u32:
		return putAll(v, view[uint32](raw))
	case u64:
		return putAll(v, view[uint64](raw))
	case f16:
		return putAll(v, halves(raw))
	case f32:
		return putAll(v, view[float32](raw))
	default:
		return putAll(v, view[float64](raw))
	}
}

// putAll is put for one type. When a value does not fit the kind, what is there
// is widened and the rest goes on in the wider kind.
func putAll[T number](v *values, src []T) int {
	done := 0
	for {
		rest := src[done:]
		var k int
		switch v.kind {
		case chunk.Counts:
			var zero bool
			k, zero = toCounts(v.u[v.n:v.n+len(rest)], rest)
			v.odd = v.odd || zero
		case chunk.Float32:
			var zero bool
			k, zero = toFloat32(asFloats(v.u)[v.n:v.n+len(rest)], rest)
			v.odd = v.odd || zero
		default:
			var zero bool
			k, zero = toFloat64(v.d[v.n:v.n+len(rest)], rest)
			v.odd = v.odd || zero
		}
		v.n += k
		done += k
		if done == len(src) {
			return -1
		}
		if v.kind == chunk.Float64 {
			return done
		}
		v.widen(float64(src[done]))
	}
}

// widen makes the kind such that it holds next as well as what is there. src of
// putAll may lie in v.u at the place of next: widening in place changes only
// what lies before, and a change to float64 leaves v.u alone.
func (v *values) widen(next float64) {
	if v.kind == chunk.Counts && (next != next || float64(float32(next)) == next) && v.floats() {
		return
	}
	total := len(v.u)
	d := v.d
	if cap(d) < total {
		d = make([]float64, total)
	}
	v.d = d[:total]
	if v.kind == chunk.Counts {
		for i, u := range v.u[:v.n] {
			v.d[i] = float64(u)
		}
	} else {
		for i, f := range asFloats(v.u)[:v.n] {
			v.d[i] = float64(f)
		}
	}
	v.kind = chunk.Float64
}

// floats turns counts into float32 in place; false, with nothing changed, when
// one of them is not exact there.
func (v *values) floats() bool {
	for _, u := range v.u[:v.n] {
		if uint32(float64(float32(u))) != u {
			return false
		}
	}
	f := asFloats(v.u)
	for i, u := range v.u[:v.n] {
		f[i] = float32(u)
	}
	v.kind = chunk.Float32
	return true
}

// finish narrows the kind where the values allow it. The check comes first and
// mostly ends at the first value.
func (v *values) finish() {
	switch v.kind {
	case chunk.Float64:
		d := v.d[:v.n]
		if whole(d) {
			v.u = sized(v.u, v.n)
			toCounts(v.u, d)
			v.kind = chunk.Counts
			return
		}
		for _, x := range d {
			if float64(float32(x)) != x && x == x {
				return
			}
		}
		v.u = sized(v.u, v.n)
		toFloat32(asFloats(v.u), d)
		v.kind = chunk.Float32
	case chunk.Float32:
		if f := asFloats(v.u)[:v.n]; whole(f) {
			toCounts(v.u, f)
			v.kind = chunk.Counts
		}
	}
}

// whole tells whether all of f would be counts.
func whole[T float32 | float64](f []T) bool {
	for _, x := range f {
		if T(uint32(int64(x))) != x {
			return false
		}
	}
	return true
}

// toCounts narrows whole numbers in [0, 2^32); it returns how many it did and
// whether one of them was zero. dst may be the memory of src.
func toCounts[T number](dst []uint32, src []T) (n int, zero bool) {
	dst = dst[:len(src)]
	for i, x := range src {
		u := uint32(int64(x))
		if T(u) != x || wrapped(x) {
			return i, zero
		}
		if u == 0 {
			zero = true
		}
		dst[i] = u
	}
	return len(src), zero
}

// wrapped tells a negative number of the small integer types, where T(u) comes
// back to the same number although u is not it.
func wrapped[T number](x T) bool { return x < 0 }

// toFloat32 is toCounts for float32.
func toFloat32[T number](dst []float32, src []T) (n int, zero bool) {
	dst = dst[:len(src)]
	for i, x := range src {
		f := float32(x)
		if float64(f) != float64(x) && x == x {
			return i, zero
		}
		if !safe(x) {
			return i, zero
		}
		if f == 0 {
			zero = true
		}
		dst[i] = f
	}
	return len(src), zero
}

// toFloat64 is toCounts for float64.
func toFloat64[T number](dst []float64, src []T) (n int, zero bool) {
	dst = dst[:len(src)]
	for i, x := range src {
		if !safe(x) {
			return i, zero
		}
		if x == 0 {
			zero = true
		}
		dst[i] = float64(x)
	}
	return len(src), zero
}

// safe tells whether an integer of 64 bits is exact as float64. From 2^53 on the
// powers of two would be too; they are refused with their neighbours.
func safe[T number](x T) bool {
	if unsafe.Sizeof(x) < 8 || isFloat[T]() {
		return true
	}
	f := float64(x)
	return math.Abs(f) < 1<<53
}

// isFloat tells whether T keeps fractions.
func isFloat[T number]() bool {
	one := T(1)
	return one/2 != 0
}
