package anndata

import (
	"encoding/binary"
	"math"
	"slices"
	"unsafe"

	"github.com/gpusc/gpusc/hdf5"
)

// num is a type of number in a file.
type num uint8

const (
	notNum num = iota
	i8
	i16
	i32
	i64
	u8
	u16
	u32
	u64
	f16
	f32
	f64
)

var (
	numSize = [...]int{0, 1, 2, 4, 8, 1, 2, 4, 8, 2, 4, 8}
	numName = [...]string{"", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64"}
)

// Size is the bytes of one number.
func (n num) Size() int { return numSize[n] }

// String is NumPy's name of the type.
func (n num) String() string { return numName[n] }

// numNamed is the type that NumPy calls name.
func numNamed(name string) num {
	return num(max(slices.Index(numName[:], name), 0))
}

// storable gives the number and the HDF5 type in which values of a NumPy type are
// stored; notNum for a type that is not written.
func storable(dtype string) (num, *hdf5.Datatype) {
	if dtype == "bool" {
		return u8, hdf5.Bool()
	}
	n := numNamed(dtype)
	if n == f16 {
		n = notNum
	}
	return n, n.datatype()
}

// numOf tells which number a dataset holds, notNum if none. Booleans count as
// uint8.
func numOf(t *hdf5.Datatype) num {
	switch t.Class {
	case hdf5.ClassInt:
		base := u8
		if t.Signed {
			base = i8
		}
		for k := range num(4) {
			if t.Size == 1<<k {
				return base + k
			}
		}
	case hdf5.ClassFloat:
		switch t.Size {
		case 2:
			return f16
		case 4:
			return f32
		case 8:
			return f64
		}
	case hdf5.ClassEnum:
		if t.IsBool() {
			return u8
		}
	}
	return notNum
}

// datatype is the HDF5 type of the number, little-endian.
func (n num) datatype() *hdf5.Datatype {
	switch n {
	case i8:
		return hdf5.Int8()
	case i16:
		return hdf5.Int16()
	case i32:
		return hdf5.Int32()
	case i64:
		return hdf5.Int64()
	case u8:
		return hdf5.Uint8()
	case u16:
		return hdf5.Uint16()
	case u32:
		return hdf5.Uint32()
	case u64:
		return hdf5.Uint64()
	case f16:
		return hdf5.Float16()
	case f32:
		return hdf5.Float32()
	default:
		return hdf5.Float64()
	}
}

// number is every Go type that the file's numbers are viewed as.
type number interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32 | ~float64
}

// view looks at bytes as numbers of the machine's order. b must be aligned for
// T: alloc gives such bytes, and cuts at multiples of T's size stay so.
func view[T number](b []byte) []T {
	var z T
	if len(b) == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(z)))
}

// bytesOf looks at numbers as their bytes.
func bytesOf[T number](v []T) []byte {
	var z T
	if len(v) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(z)))
}

// alloc gives n bytes aligned for every number, reusing b when it is large enough.
func alloc(b []byte, n int) []byte {
	if cap(b) >= n {
		return b[:n]
	}
	return bytesOf(make([]uint64, (n+7)/8))[:n]
}

// sized gives a slice of n, reusing s when it is large enough; the content is
// not kept.
func sized[T any](s []T, n int) []T {
	if cap(s) >= n {
		return s[:n]
	}
	return make([]T, n)
}

// hostBig tells whether the machine is big-endian.
func hostBig() bool { return binary.NativeEndian.Uint16([]byte{0, 1}) == 1 }

// toHost turns numbers of the file's byte order into the machine's, in place.
func toHost(b []byte, size int, big bool) {
	if big == hostBig() || size == 1 {
		return
	}
	switch size {
	case 2:
		for i := 0; i+2 <= len(b); i += 2 {
			b[i], b[i+1] = b[i+1], b[i]
		}
	case 4:
		for i := 0; i+4 <= len(b); i += 4 {
			binary.LittleEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
		}
	case 8:
		for i := 0; i+8 <= len(b); i += 8 {
			binary.LittleEndian.PutUint64(b[i:], binary.BigEndian.Uint64(b[i:]))
		}
	}
}

// halfToFloat widens one float16.
func halfToFloat(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exp, frac := uint32(h>>10)&31, uint32(h)&1023
	switch {
	case exp == 31:
		return math.Float32frombits(sign | 0xff<<23 | frac<<13)
	case exp == 0:
		f := float32(frac) / (1 << 24)
		return math.Float32frombits(sign | math.Float32bits(f))
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}

// halves widens float16 numbers.
func halves(b []byte) []float32 {
	h := view[uint16](b)
	out := make([]float32, len(h))
	for i, v := range h {
		out[i] = halfToFloat(v)
	}
	return out
}
