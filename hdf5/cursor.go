package hdf5

import (
	"github.com/gpusc/gpusc/internal/codec"
)

// cursor reads little-endian fields. After the first read past the end every
// read gives zero and bad stays true, so that a parser asks once, at its end.
type cursor struct {
	b   []byte
	pos int
	bad bool
}

// bytes gives the next n bytes, nil past the end.
func (c *cursor) bytes(n int) []byte {
	if c.bad || n < 0 || n > len(c.b)-c.pos {
		c.bad = true
		return nil
	}
	s := c.b[c.pos : c.pos+n : c.pos+n]
	c.pos += n
	return s
}

// left is how many bytes remain.
func (c *cursor) left() int { return len(c.b) - c.pos }

func (c *cursor) skip(n int) { c.bytes(n) }

// uint reads an unsigned integer of n bytes, at most 8.
func (c *cursor) uint(n int) uint64 {
	if n > 8 {
		c.bad = true
	}
	return leUint(c.bytes(n))
}

func (c *cursor) u8() int     { return int(c.uint(1)) }
func (c *cursor) u16() int    { return int(c.uint(2)) }
func (c *cursor) u32() uint32 { return uint32(c.uint(4)) }
func (c *cursor) u64() uint64 { return c.uint(8) }

// leUint reads up to 8 little-endian bytes.
func leUint(b []byte) uint64 {
	var v uint64
	for i := len(b) - 1; i >= 0; i-- {
		v = v<<8 | uint64(b[i])
	}
	return v
}

// verify compares the last 4 bytes of b with the checksum of those before.
func (s *source) verify(addr uint64, b []byte, what string) error {
	n := len(b) - 4
	if n < 0 {
		return corrupt(addr, "%s is too short for its checksum", what)
	}
	if want, got := le.Uint32(b[n:]), lookup3(b[:n]); want != got && !s.blind {
		return corrupt(addr, "%s: checksum is %#08x, the bytes give %#08x", what, want, got)
	}
	return nil
}

// log2 is the floor of the binary logarithm, 0 for 0.
func log2(v uint64) int {
	n := 0
	for v > 1 {
		v >>= 1
		n++
	}
	return n
}

// encSize is how many bytes the format uses for integers up to limit.
func encSize(limit uint64) int { return log2(limit)/8 + 1 }

func lookup3(b []byte) uint32 { return codec.Lookup3(b) }
