package chunk

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

var hasAVX2 = cpu.X86.HasAVX2

// The assembly; n is a multiple of 8 and not 0.

// scanAVX2 counts the i < n with x[i] <= x[i-1]; x[-1] is read.
//
//go:noescape
func scanAVX2(x *uint32, n int) (falls int, top uint32)

// countsFloat32AVX2 converts groups of 8 and stops before the first that has
// anything but whole numbers from 1 to 2^31-1.
//
//go:noescape
func countsFloat32AVX2(dst *uint32, src *float32, n int) int

//go:noescape
func countsFloat64AVX2(dst *uint32, src *float64, n int) int

// zeroAVX2 tells whether a value is 0 after a shift to the left.
//
//go:noescape
func zeroAVX2(x unsafe.Pointer, n int, shift uint64) bool

func scan(x []uint32) (falls int, top uint32) {
	if !hasAVX2 || len(x) < 9 {
		return scanGo(x)
	}
	n := (len(x) - 1) &^ 7
	falls, top = scanAVX2(&x[1], n)
	f, t := scanGo(x[n:]) // again from the last value that was compared
	return falls + f, max(top, t, x[0])
}

func countsFloat32(dst []uint32, src []float32) int {
	at := 0
	for hasAVX2 && len(src)-at >= 8 {
		at += countsFloat32AVX2(&dst[at], &src[at], (len(src)-at)&^7)
		if len(src)-at < 8 {
			break
		}
		// Values of 2^31 and more stop the assembly too.
		if n := countsFloat32Go(dst[at:], src[at:at+8]); n < 8 {
			return at + n
		}
		at += 8
	}
	return at + countsFloat32Go(dst[at:], src[at:])
}

func countsFloat64(dst []uint32, src []float64) int {
	at := 0
	for hasAVX2 && len(src)-at >= 8 {
		at += countsFloat64AVX2(&dst[at], &src[at], (len(src)-at)&^7)
		if len(src)-at < 8 {
			break
		}
		if n := countsFloat64Go(dst[at:], src[at:at+8]); n < 8 {
			return at + n
		}
		at += 8
	}
	return at + countsFloat64Go(dst[at:], src[at:])
}

func anyZero(x []uint32) bool {
	n := 0
	if hasAVX2 && len(x) >= 8 {
		n = len(x) &^ 7
		if zeroAVX2(unsafe.Pointer(&x[0]), n, 0) {
			return true
		}
	}
	return anyZeroGo(x[n:])
}

// anyZeroF32 shifts the sign out, as -0 is a zero too.
func anyZeroF32(x []float32) bool {
	n := 0
	if hasAVX2 && len(x) >= 8 {
		n = len(x) &^ 7
		if zeroAVX2(unsafe.Pointer(&x[0]), n, 1) {
			return true
		}
	}
	return anyZeroGo(x[n:])
}
