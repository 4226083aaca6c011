package pack

import (
	"encoding/binary"
	"math/bits"
)

// A block's descriptor: bits 0-5 the width w of the packed part, bits 6-7 the
// class of the exceptions' high parts (0: none, else 1, 2 or 4 bytes each),
// bits 8-15 the number of exceptions.
func makeDesc(w, class, n int) uint16 { return uint16(w | class<<6 | n<<8) }

func splitDesc(d uint16) (w, class, n int) { return int(d & 63), int(d >> 6 & 3), int(d >> 8) }

// classOf returns the class for high parts of up to n bits.
func classOf(n int) int {
	switch {
	case n <= 8:
		return 1
	case n <= 16:
		return 2
	default:
		return 3
	}
}

// highLen is the size of one high part of a class.
func highLen(class int) int { return (1 << class) >> 1 }

// blockBytes is the size of a block, always whole 32-bit words.
func blockBytes(d uint16) int {
	w, class, n := splitDesc(d)
	return w*blockLen/8 + (n*(1+highLen(class))+3)&^3
}

// choose finds the width that makes a block smallest, when values that do not
// fit are kept as exceptions. top is the width of the largest value. Of two
// widths that cost the same the larger is taken, as it has fewer exceptions.
func (s *Scratch) choose(blk *[blockLen]uint32, top int) uint16 {
	best, cost := makeDesc(top, 0, 0), top*blockLen/8
	var over [window]uint32
	for w := top - 1; w >= 0; w-- {
		j := (top - 1 - w) % window
		if j == 0 && top == 32 {
			exceedGo(blk, w, &over)
		} else if j == 0 {
			s.exceed(blk, w, &over)
		}
		n := int(over[j])
		// 2 bytes are the least that an exception takes: no narrower block pays
		// once they alone are more than the best block.
		if n > maxExceptions || 2*n > cost {
			break
		}
		d := makeDesc(w, classOf(top-w), n)
		if c := blockBytes(d) + n*exceptionToll; c < cost {
			best, cost = d, c
		}
	}
	return best
}

// maxExceptions is the largest number of exceptions of a block.
const maxExceptions = 255

// exceptionToll is added to an exception's size when widths are weighed: an
// exception takes longer to unpack than its bytes say.
const exceptionToll = 1

// putBlock writes a block at the start of out, which must have 32 bytes more.
func (s *Scratch) putBlock(out []byte, blk *[blockLen]uint32, d uint16) {
	w, class, n := splitDesc(d)
	s.pack(out, blk, w)
	if n == 0 {
		return
	}
	out = out[w*blockLen/8 : blockBytes(d)]
	var mask [blockLen / 64]uint64
	s.mask(blk, w, &mask)
	size := highLen(class)
	pos := out[n*size:]
	k := 0
	for g, m := range mask {
		for ; m != 0; m &= m - 1 {
			i := g*64 + bits.TrailingZeros64(m)
			high := blk[i] >> w
			switch class {
			case 1:
				out[k] = uint8(high)
			case 2:
				binary.LittleEndian.PutUint16(out[k*2:], uint16(high))
			default:
				binary.LittleEndian.PutUint32(out[k*4:], high)
			}
			pos[k] = uint8(i)
			k++
		}
	}
	clear(pos[n:])
}

// patch adds the high parts of a block's exceptions. It returns the OR of what
// came out, and false when one of them came out as 0.
func patch(blk *[blockLen]uint32, exc []byte, w, class, n int) (or uint32, ok bool) {
	zero := false
	pos := exc[n*highLen(class):][:n]
	switch class {
	case 1:
		for i, v := range exc[:len(pos)] {
			x := &blk[pos[i]]
			*x += uint32(v) << w
			or |= *x
			zero = zero || *x == 0
		}
	case 2:
		for i, p := range pos {
			blk[p] += uint32(binary.LittleEndian.Uint16(exc[i*2:])) << w
			or |= blk[p]
			zero = zero || blk[p] == 0
		}
	default:
		for i, p := range pos {
			blk[p] += binary.LittleEndian.Uint32(exc[i*4:]) << w
			or |= blk[p]
			zero = zero || blk[p] == 0
		}
	}
	return or, !zero
}
