package pack

import (
	"encoding/binary"
	"math"
	"slices"
	"unsafe"
)

// littleEndian tells whether floats lie in memory as they lie in the format.
func littleEndian() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 1
}

// rawBytes is x's memory as bytes.
func rawBytes[T float32 | float64](x []T) []byte {
	if len(x) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), len(x)*int(unsafe.Sizeof(x[0])))
}

func putF32(dst []byte, src []float32) {
	if littleEndian() {
		copy(dst, rawBytes(src))
		return
	}
	for i, v := range src {
		binary.LittleEndian.PutUint32(dst[i*4:], math.Float32bits(v))
	}
}

func putF64(dst []byte, src []float64) {
	if littleEndian() {
		copy(dst, rawBytes(src))
		return
	}
	for i, v := range src {
		binary.LittleEndian.PutUint64(dst[i*8:], math.Float64bits(v))
	}
}

func getF32(dst []float32, src []byte) {
	if littleEndian() {
		copy(rawBytes(dst), src)
		return
	}
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[i*4:]))
	}
}

func getF64(dst []float64, src []byte) {
	if littleEndian() {
		copy(rawBytes(dst), src)
		return
	}
	for i := range dst {
		dst[i] = math.Float64frombits(binary.LittleEndian.Uint64(src[i*8:]))
	}
}

// pickF32 appends the values at some places of src.
func pickF32(dst []float32, src []byte, places []uint32) []float32 {
	dst = slices.Grow(dst, len(places))
	for _, i := range places {
		dst = append(dst, math.Float32frombits(binary.LittleEndian.Uint32(src[i*4:])))
	}
	return dst
}

func pickF64(dst []float64, src []byte, places []uint32) []float64 {
	dst = slices.Grow(dst, len(places))
	for _, i := range places {
		dst = append(dst, math.Float64frombits(binary.LittleEndian.Uint64(src[i*8:])))
	}
	return dst
}
