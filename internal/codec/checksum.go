package codec

import (
	"encoding/binary"
	"math/bits"
)

// Fletcher32 is the checksum of HDF5's fletcher32 filter
// (H5_checksum_fletcher32): two sums modulo 65535 over big-endian 16-bit words,
// an odd last byte counting as the high half of a word. HDF5 appends it to the
// chunk as a little-endian uint32.
func Fletcher32(b []byte) uint32 {
	const block = 1 << 16 // bytes; the sums stay below 1<<48
	var s1, s2 uint64
	for len(b) >= 2 {
		n := min(len(b)&^1, block)
		words := b[:n]
		b = b[n:]
		for len(words) >= 8 {
			v := binary.BigEndian.Uint64(words)
			w0, w1, w2, w3 := v>>48, v>>32&0xffff, v>>16&0xffff, v&0xffff
			s2 += 4*s1 + 4*w0 + 3*w1 + 2*w2 + w3
			s1 += w0 + w1 + w2 + w3
			words = words[8:]
		}
		for ; len(words) >= 2; words = words[2:] {
			s1 += uint64(binary.BigEndian.Uint16(words))
			s2 += s1
		}
		s1, s2 = fold(s1), fold(s2)
	}
	if len(b) == 1 {
		s1 += uint64(b[0]) << 8
		s2 += s1
	}
	return uint32(fold(s2)<<16 | fold(s1))
}

// fold is x modulo 65535 as repeated end-around carries give it: a multiple
// above zero is 65535.
func fold(x uint64) uint64 {
	if x == 0 {
		return 0
	}
	return (x-1)%65535 + 1
}

// Fletcher32Matches says whether stored is the checksum sum, or sum as HDF5
// before 1.6.3 wrote it on little-endian machines (the bytes of each half
// swapped), which libhdf5 accepts too.
func Fletcher32Matches(sum, stored uint32) bool {
	return stored == sum || stored == sum&0x00ff00ff<<8|sum>>8&0x00ff00ff
}

// Lookup3 is Bob Jenkins's hash of 2006 (lookup3.c, hashlittle) with the
// initial value 0: the checksum of HDF5's metadata.
func Lookup3(b []byte) uint32 {
	x := 0xdeadbeef + uint32(len(b))
	y, z := x, x
	for len(b) > 12 {
		x += binary.LittleEndian.Uint32(b)
		y += binary.LittleEndian.Uint32(b[4:])
		z += binary.LittleEndian.Uint32(b[8:])
		x, y, z = lookup3Mix(x, y, z)
		b = b[12:]
	}
	if len(b) == 0 {
		return z
	}
	var last [12]byte
	copy(last[:], b)
	x += binary.LittleEndian.Uint32(last[0:])
	y += binary.LittleEndian.Uint32(last[4:])
	z += binary.LittleEndian.Uint32(last[8:])
	return lookup3Final(x, y, z)
}

func lookup3Mix(a, b, c uint32) (uint32, uint32, uint32) {
	a = (a - c) ^ bits.RotateLeft32(c, 4)
	c += b
	b = (b - a) ^ bits.RotateLeft32(a, 6)
	a += c
	c = (c - b) ^ bits.RotateLeft32(b, 8)
	b += a
	a = (a - c) ^ bits.RotateLeft32(c, 16)
	c += b
	b = (b - a) ^ bits.RotateLeft32(a, 19)
	a += c
	c = (c - b) ^ bits.RotateLeft32(b, 4)
	b += a
	return a, b, c
}

func lookup3Final(a, b, c uint32) uint32 {
	c = (c ^ b) - bits.RotateLeft32(b, 14)
	a = (a ^ c) - bits.RotateLeft32(c, 11)
	b = (b ^ a) - bits.RotateLeft32(a, 25)
	c = (c ^ b) - bits.RotateLeft32(b, 16)
	a = (a ^ c) - bits.RotateLeft32(c, 4)
	b = (b ^ a) - bits.RotateLeft32(a, 14)
	return (c ^ b) - bits.RotateLeft32(b, 24)
}
