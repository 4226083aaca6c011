package pack

import (
	"encoding/binary"
	"math/bits"
)

// The inner loops, as Go. Each has a twin of the same name in assembly where
// the machine has AVX2, with the same bits as result.

// window is how many widths one call of exceed looks at.
const window = 7

func orGo(blk *[blockLen]uint32) uint32 {
	var or uint32
	for _, v := range blk {
		or |= v
	}
	return or
}

// exceedGo counts the values of more than w-j bits into over[j], for all
// j < window with w-j >= 0. No value has more than 31 bits with the assembly,
// whose comparison is signed.
func exceedGo(blk *[blockLen]uint32, w int, over *[window]uint32) {
	var hist [33]uint32
	for _, v := range blk {
		hist[bits.Len32(v)]++
	}
	n := uint32(0)
	for l := 32; l > w; l-- {
		n += hist[l]
	}
	for j := range over {
		over[j] = n
		if w-j > 0 {
			n += hist[w-j]
		}
	}
}

// maskGo sets bit i of mask where value i has more than w bits. w < 32.
func maskGo(blk *[blockLen]uint32, w int, mask *[blockLen / 64]uint64) {
	for g := range mask {
		m := uint64(0)
		for i, v := range blk[g*64 : g*64+64] {
			if v>>w != 0 {
				m |= 1 << i
			}
		}
		mask[g] = m
	}
}

// packGo writes the w low bits of each value: value i goes to lane i%8, where
// values follow each other in a stream of bits; word k of lane l is word
// 8*k+l of the block.
func packGo(dst []byte, blk *[blockLen]uint32, w int) {
	mask := uint32(1<<w - 1)
	for lane := range lanes {
		acc, fill, at := uint64(0), 0, lane*4
		for i := lane; i < blockLen; i += lanes {
			acc |= uint64(blk[i]&mask) << fill
			if fill += w; fill >= 32 {
				binary.LittleEndian.PutUint32(dst[at:], uint32(acc))
				at += lanes * 4
				acc >>= 32
				fill -= 32
			}
		}
	}
}

// unpackGo is the inverse of packGo and adds add to each value.
func unpackGo(blk *[blockLen]uint32, src []byte, w int, add uint32) {
	if w == 0 {
		for i := range blk {
			blk[i] = add
		}
		return
	}
	mask := uint32(1<<w - 1)
	for lane := range lanes {
		acc, have, at := uint64(0), 0, lane*4
		for i := lane; i < blockLen; i += lanes {
			if have < w {
				acc |= uint64(binary.LittleEndian.Uint32(src[at:])) << have
				at += lanes * 4
				have += 32
			}
			blk[i] = uint32(acc)&mask + add
			acc >>= w
			have -= w
		}
	}
}

// diffGo writes src[i] - src[i-1] - 1 to dst, with prev ahead of the first,
// and returns the largest of src. All modulo 2^32.
func diffGo(dst, src []uint32, prev uint32) uint32 {
	var top uint32
	for i, v := range src {
		dst[i] = v - prev - 1
		prev = v
		top = max(top, v)
	}
	return top
}

func lessOneGo(dst, src []uint32) {
	for i, v := range src {
		dst[i] = v - 1
	}
}

// prefixGo replaces x by its running sums, which start from run, and returns
// the last of them and the largest. All modulo 2^32.
func prefixGo(x []uint32, run uint32) (last, top uint32) {
	for i, v := range x {
		run += v
		x[i] = run
		top = max(top, run)
	}
	return run, top
}
