package codec

import "golang.org/x/sys/cpu"

// The functions below undo Shuffle for the first elements, a multiple of 16 or
// 32, of count, at least 32, and return how many they did.

//go:noescape
func unshuffle2AVX2(dst, src *byte, count int) int

//go:noescape
func unshuffle4AVX2(dst, src *byte, count int) int

//go:noescape
func unshuffle8AVX2(dst, src *byte, count int) int

// unshuffleFast does what it can of Unshuffle and returns how many elements it
// did, zero where there is no fast way. The buffers hold count elements.
func unshuffleFast(dst, src []byte, count, elem int) int {
	if count < 32 || !cpu.X86.HasAVX2 {
		return 0
	}
	switch elem {
	case 2:
		return unshuffle2AVX2(&dst[0], &src[0], count)
	case 4:
		return unshuffle4AVX2(&dst[0], &src[0], count)
	case 8:
		return unshuffle8AVX2(&dst[0], &src[0], count)
	}
	return 0
}
