package neighbors

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

//go:generate go run ./internal/gen

// best returns the fastest level that this processor has.
func best() level {
	switch {
	case cpu.X86.HasAVX512F:
		return avx512
	case cpu.X86.HasAVX2 && cpu.X86.HasFMA:
		return avx2
	}
	return portable
}

//go:noescape
func filterAVX512(d int, a, b, hb, t *float32, m *uint8) (some uint32)

//go:noescape
func filterAVX2(d int, a, b, hb, t *float32, m *uint8) (some uint32)

//go:noescape
func bothAVX512(d int, a, b, hb, t, s, ha *float32, m, mc *uint8) (some uint32)

//go:noescape
func bothAVX2(d int, a, b, hb, t, s, ha *float32, m, mc *uint8) (some uint32)

//go:noescape
func squaredAVX512(x, base *float32, idx *int32, n int, out *float32, dp int)

//go:noescape
func squaredAVX2(x, base *float32, idx *int32, n int, out *float32, dp int)

//go:noescape
func dotAVX512(x, base *float32, idx *int32, n int, out *float32, dp int)

//go:noescape
func dotAVX2(x, base *float32, idx *int32, n int, out *float32, dp int)

// at returns p advanced by n values.
func at[T any](p *T, n int) *T {
	return (*T)(unsafe.Add(unsafe.Pointer(p), n*int(unsafe.Sizeof(*p))))
}

// half returns where a quarter tile of AVX2 puts its bits: 3 bytes further for
// the second half of the columns, 24 for that of the rows.
func half(m *masks, rows, cols int) *uint8 {
	return (*uint8)(unsafe.Add(unsafe.Pointer(m), 24*rows+3*cols))
}

func filterVector(l level, d int, a, b, hb, t *float32, m *masks) bool {
	if l == avx512 {
		return filterAVX512(d, a, b, hb, t, half(m, 0, 0)) != 0
	}
	var some uint32
	for r := range 2 {
		for c := range 2 {
			some |= filterAVX2(d, at(a, 4*r), at(b, 24*c), at(hb, 24*c), at(t, 4*r), half(m, r, c))
		}
	}
	return some != 0
}

func bothVector(l level, d int, a, b, hb, t, s, ha *float32, m, mc *masks) bool {
	if l == avx512 {
		return bothAVX512(d, a, b, hb, t, s, ha, half(m, 0, 0), half(mc, 0, 0)) != 0
	}
	var some uint32
	for r := range 2 {
		for c := range 2 {
			some |= bothAVX2(d, at(a, 4*r), at(b, 24*c), at(hb, 24*c), at(t, 4*r), at(s, 24*c), at(ha, 4*r), half(m, r, c), half(mc, r, c))
		}
	}
	return some != 0
}

func canonicalVector(l level, dot bool, x, base *float32, idx *int32, n int, out *float32, dp int) {
	switch {
	case l == avx512 && dot:
		dotAVX512(x, base, idx, n, out, dp)
	case l == avx512:
		squaredAVX512(x, base, idx, n, out, dp)
	case dot:
		dotAVX2(x, base, idx, n, out, dp)
	default:
		squaredAVX2(x, base, idx, n, out, dp)
	}
}
