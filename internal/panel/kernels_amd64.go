package panel

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

//go:generate go run ./internal/gen

// Best returns the fastest level that this processor has.
func Best() Level {
	switch {
	case cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ:
		return AVX512
	case cpu.X86.HasAVX2 && cpu.X86.HasFMA:
		return AVX2
	}
	return Portable
}

//go:noescape
func mulAVX512(n int, a *float64, lda int, x, y *float64)

//go:noescape
func mulAVX2(n int, a *float64, lda int, x, y *float64)

//go:noescape
func bothAVX512(n int, a *float64, lda int, x, y, xi, yi *float64)

//go:noescape
func bothAVX2(n int, a *float64, lda int, x, y, xi, yi *float64)

//go:noescape
func gramAVX512(n int, v, w, c *float64)

//go:noescape
func gramAVX2(n int, v, w, c *float64)

//go:noescape
func updateAVX512(n int, v, h, w *float64)

//go:noescape
func updateAVX2(n int, v, h, w *float64)

//go:noescape
func rotateAVX512(n int, z *float64, stride int, cs *float64)

//go:noescape
func rotateAVX2(n int, z *float64, stride int, cs *float64)

//go:noescape
func dotAVX512(n int, x, y, sums *float64)

//go:noescape
func dotAVX2(n int, x, y, sums *float64)

//go:noescape
func axpyAVX512(n int, a float64, x, y *float64)

//go:noescape
func axpyAVX2(n int, a float64, x, y *float64)

func mulVector(l Level, n int, a *float64, lda int, x, y *float64) {
	if l == AVX512 {
		mulAVX512(n, a, lda, x, y)
		return
	}
	mulAVX2(n, a, lda, x, y)
}

// bothVector does 8 rows.
func bothVector(l Level, n int, a []float64, lda int, x, y []float64, xi, yi *[64]float64) {
	if l == AVX512 {
		bothAVX512(n, &a[0], lda, &x[0], &y[0], &xi[0], &yi[0])
		return
	}
	for r := 0; r < 8; r += 2 {
		bothAVX2(n, &a[r*lda], lda, &x[0], &y[0], &xi[r*8], &yi[r*8])
	}
}

func gramVector(l Level, n int, v, w, c *float64) {
	if l == AVX512 {
		gramAVX512(n, v, w, c)
		return
	}
	// 4 columns of w at a time.
	gramAVX2(n, v, w, c)
	gramAVX2(n, v, (*float64)(unsafe.Add(unsafe.Pointer(w), 32)), (*float64)(unsafe.Add(unsafe.Pointer(c), 256)))
}

func updateVector(l Level, n int, v, h, w *float64) {
	if l == AVX512 {
		updateAVX512(n, v, h, w)
		return
	}
	updateAVX2(n, v, h, w)
}

func rotateVector(l Level, n int, z *float64, stride int, cs *float64) {
	if l == AVX512 {
		rotateAVX512(n, z, stride, cs)
		return
	}
	rotateAVX2(n, z, stride, cs)
}

func dotVector(l Level, n int, x, y, sums *float64) {
	if l == AVX512 {
		dotAVX512(n, x, y, sums)
		return
	}
	dotAVX2(n, x, y, sums)
}

func axpyVector(l Level, n int, a float64, x, y *float64) {
	if l == AVX512 {
		axpyAVX512(n, a, x, y)
		return
	}
	axpyAVX2(n, a, x, y)
}
