package codec

import "encoding/binary"

// Shuffle groups byte i of every element of src together, for i from 0 to
// elem-1, in dst, as HDF5's shuffle filter and blosc do. Bytes after the last
// whole element are copied to the end. It works on min(len(dst), len(src))
// bytes; the buffers must not overlap. An elem below 2, or fewer than two
// elements, is a plain copy.
func Shuffle(dst, src []byte, elem int) {
	n := min(len(dst), len(src))
	dst, src = dst[:n], src[:n]
	if elem < 2 || n < 2*elem {
		copy(dst, src)
		return
	}
	count := n / elem
	copy(dst[count*elem:], src[count*elem:])
	done := 0
	switch elem {
	case 2:
		done = shuffle2(dst, src, count)
	case 4:
		done = shuffle4(dst, src, count)
	case 8:
		done = shuffle8(dst, src, count)
	}
	for j := range elem {
		col := dst[j*count : (j+1)*count]
		for i := done; i < count; i++ {
			col[i] = src[i*elem+j]
		}
	}
}

// Unshuffle undoes Shuffle.
func Unshuffle(dst, src []byte, elem int) {
	n := min(len(dst), len(src))
	dst, src = dst[:n], src[:n]
	if elem < 2 || n < 2*elem {
		copy(dst, src)
		return
	}
	count := n / elem
	copy(dst[count*elem:], src[count*elem:])
	done := unshuffleFast(dst, src, count, elem)
	switch elem {
	case 2:
		done = unshuffle2(dst, src, count, done)
	case 4:
		done = unshuffle4(dst, src, count, done)
	case 8:
		done = unshuffle8(dst, src, count, done)
	}
	for j := range elem {
		col := src[j*count : (j+1)*count]
		for i := done; i < count; i++ {
			dst[i*elem+j] = col[i]
		}
	}
}

// The functions below work on eight elements at a time, one column of bytes
// per uint64, and return how many elements are done; those that undo go on from
// element i. Byte columns and elements
// are exchanged by swapping halves, then quarters: the transpose of a matrix
// of bytes inside registers.

// zip interleaves the low, and the high, four bytes of a and b.
func zip8(a, b uint64) (lo, hi uint64) {
	return spread8(uint32(a)) | spread8(uint32(b))<<8, spread8(uint32(a>>32)) | spread8(uint32(b>>32))<<8
}

// zip16 and zip32 do the same with units of 16 and 32 bits.
func zip16(a, b uint64) (lo, hi uint64) {
	return spread16(uint32(a)) | spread16(uint32(b))<<16, spread16(uint32(a>>32)) | spread16(uint32(b>>32))<<16
}

func zip32(a, b uint64) (lo, hi uint64) {
	return a&0xffffffff | b<<32, a>>32 | b&^0xffffffff
}

func spread8(x uint32) uint64 {
	v := uint64(x)
	v = (v | v<<16) & 0x0000ffff0000ffff
	return (v | v<<8) & 0x00ff00ff00ff00ff
}

func spread16(x uint32) uint64 {
	v := uint64(x)
	return (v | v<<16) & 0x0000ffff0000ffff
}

// unzip8 undoes zip8.
func unzip8(lo, hi uint64) (a, b uint64) {
	return gather8(lo) | gather8(hi)<<32, gather8(lo>>8) | gather8(hi>>8)<<32
}

func unzip16(lo, hi uint64) (a, b uint64) {
	return gather16(lo) | gather16(hi)<<32, gather16(lo>>16) | gather16(hi>>16)<<32
}

func gather8(v uint64) uint64 {
	v &= 0x00ff00ff00ff00ff
	v = (v | v>>8) & 0x0000ffff0000ffff
	return (v | v>>16) & 0xffffffff
}

func gather16(v uint64) uint64 {
	v &= 0x0000ffff0000ffff
	return (v | v>>16) & 0xffffffff
}

func load(b []byte) uint64     { return binary.LittleEndian.Uint64(b) }
func store(b []byte, v uint64) { binary.LittleEndian.PutUint64(b, v) }

func unshuffle2(dst, src []byte, count, i int) int {
	a, b := src[:count], src[count:2*count]
	for ; i+8 <= count; i += 8 {
		lo, hi := zip8(load(a[i:]), load(b[i:]))
		out := dst[2*i : 2*i+16]
		store(out, lo)
		store(out[8:], hi)
	}
	return i
}

func unshuffle4(dst, src []byte, count, i int) int {
	a, b, c, d := src[:count], src[count:2*count], src[2*count:3*count], src[3*count:4*count]
	for ; i+8 <= count; i += 8 {
		ab0, ab1 := zip8(load(a[i:]), load(b[i:]))
		cd0, cd1 := zip8(load(c[i:]), load(d[i:]))
		v0, v1 := zip16(ab0, cd0)
		v2, v3 := zip16(ab1, cd1)
		out := dst[4*i : 4*i+32]
		store(out, v0)
		store(out[8:], v1)
		store(out[16:], v2)
		store(out[24:], v3)
	}
	return i
}

func unshuffle8(dst, src []byte, count, i int) int {
	for ; i+8 <= count; i += 8 {
		var v [8]uint64
		for j := range v {
			v[j] = load(src[j*count+i:])
		}
		transpose8(&v)
		out := dst[8*i : 8*i+64]
		for j := range v {
			store(out[8*j:], v[j])
		}
	}
	return i
}

func shuffle2(dst, src []byte, count int) int {
	i := 0
	for ; i+8 <= count; i += 8 {
		a, b := unzip8(load(src[2*i:]), load(src[2*i+8:]))
		store(dst[i:], a)
		store(dst[count+i:], b)
	}
	return i
}

func shuffle4(dst, src []byte, count int) int {
	i := 0
	for ; i+8 <= count; i += 8 {
		in := src[4*i : 4*i+32]
		ab0, cd0 := unzip16(load(in), load(in[8:]))
		ab1, cd1 := unzip16(load(in[16:]), load(in[24:]))
		a, b := unzip8(ab0, ab1)
		c, d := unzip8(cd0, cd1)
		store(dst[i:], a)
		store(dst[count+i:], b)
		store(dst[2*count+i:], c)
		store(dst[3*count+i:], d)
	}
	return i
}

func shuffle8(dst, src []byte, count int) int {
	i := 0
	for ; i+8 <= count; i += 8 {
		var v [8]uint64
		in := src[8*i : 8*i+64]
		for j := range v {
			v[j] = load(in[8*j:])
		}
		transpose8(&v)
		for j := range v {
			store(dst[j*count+i:], v[j])
		}
	}
	return i
}

// transpose8 exchanges byte i of word j with byte j of word i.
func transpose8(v *[8]uint64) {
	for j := range 4 {
		v[j], v[j+4] = zip32(v[j], v[j+4])
	}
	for _, j := range [4]int{0, 1, 4, 5} {
		t := (v[j]>>16 ^ v[j+2]) & 0x0000ffff0000ffff
		v[j] ^= t << 16
		v[j+2] ^= t
	}
	for _, j := range [4]int{0, 2, 4, 6} {
		t := (v[j]>>8 ^ v[j+1]) & 0x00ff00ff00ff00ff
		v[j] ^= t << 8
		v[j+1] ^= t
	}
}
