package pack

import "golang.org/x/sys/cpu"

var hasAVX2 = cpu.X86.HasAVX2

// The assembly. Blocks hold 256 values; n is a multiple of 8.

//go:noescape
func orAVX2(blk *[blockLen]uint32) uint32

//go:noescape
func exceedAVX2(blk *[blockLen]uint32, limits, over *[window]uint32)

//go:noescape
func maskAVX2(blk *[blockLen]uint32, w uint64, mask *[blockLen / 64]uint64)

//go:noescape
func packAVX2(dst *byte, blk *[blockLen]uint32, w uint64)

//go:noescape
func unpackAVX2(blk *[blockLen]uint32, src *byte, w uint64, add uint32)

//go:noescape
func diffAVX2(dst, src *uint32, n int) uint32

//go:noescape
func lessOneAVX2(dst, src *uint32, n int)

//go:noescape
func prefixAVX2(x *uint32, n int, run uint32) (last, top uint32)

func (s *Scratch) or(blk *[blockLen]uint32) uint32 {
	if !s.simd() {
		return orGo(blk)
	}
	return orAVX2(blk)
}

func (s *Scratch) exceed(blk *[blockLen]uint32, w int, over *[window]uint32) {
	if !s.simd() {
		exceedGo(blk, w, over)
		return
	}
	var limits [window]uint32
	for j := range limits {
		limits[j] = 1<<max(w-j, 0) - 1
	}
	exceedAVX2(blk, &limits, over)
}

func (s *Scratch) mask(blk *[blockLen]uint32, w int, mask *[blockLen / 64]uint64) {
	if !s.simd() {
		maskGo(blk, w, mask)
		return
	}
	maskAVX2(blk, uint64(w), mask)
}

func (s *Scratch) pack(dst []byte, blk *[blockLen]uint32, w int) {
	if !s.simd() {
		packGo(dst, blk, w)
		return
	}
	_ = dst[:w*blockLen/8]
	if w > 0 {
		packAVX2(&dst[0], blk, uint64(w))
	}
}

func (s *Scratch) unpack(blk *[blockLen]uint32, src []byte, w int, add uint32) {
	if !s.simd() {
		unpackGo(blk, src, w, add)
		return
	}
	_ = src[:w*blockLen/8+sectionPad]
	unpackAVX2(blk, &src[0], uint64(w), add)
}

func (s *Scratch) diff(dst, src []uint32, prev uint32) uint32 {
	if !s.simd() || len(src) < 9 {
		return diffGo(dst, src, prev)
	}
	dst = dst[:len(src)]
	dst[0] = src[0] - prev - 1
	n := (len(src) - 1) &^ 7
	top := diffAVX2(&dst[1], &src[1], n)
	return max(top, src[0], diffGo(dst[n+1:], src[n+1:], src[n]))
}

func (s *Scratch) lessOne(dst, src []uint32) {
	dst = dst[:len(src)]
	n := 0
	if s.simd() {
		if n = len(src) &^ 7; n > 0 {
			lessOneAVX2(&dst[0], &src[0], n)
		}
	}
	lessOneGo(dst[n:], src[n:])
}

func (s *Scratch) prefix(x []uint32, run uint32) (last, top uint32) {
	if !s.simd() || len(x) == 0 || len(x)%8 != 0 {
		return prefixGo(x, run)
	}
	return prefixAVX2(&x[0], len(x), run)
}
