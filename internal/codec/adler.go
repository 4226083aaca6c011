package codec

import "hash/adler32"

const (
	adlerMod   = 65521
	adlerBlock = 5536 // the most bytes, a multiple of 32, before the sums must be reduced
)

// Adler32 is the checksum of RFC 1950, as hash/adler32 computes it.
func Adler32(b []byte) uint32 {
	if len(b) < 64 || !haveAdlerAVX2() {
		return adler32.Checksum(b)
	}
	x, y := uint32(1), uint32(0)
	for len(b) >= 32 {
		n := min(len(b)&^31, adlerBlock)
		x, y = adlerAVX2(&b[0], n, x, y)
		x %= adlerMod
		y %= adlerMod
		b = b[n:]
	}
	for _, c := range b {
		x += uint32(c)
		y += x
	}
	return y%adlerMod<<16 | x%adlerMod
}
