package codec

import (
	"encoding/binary"

	"github.com/gpusc/gpusc/internal/errs"
)

// Inflater decodes deflate (RFC 1951) and zlib (RFC 1950) streams from one
// buffer into another. It holds the decoding tables, about 40 KiB, and no
// reference to the buffers between calls. The zero value is ready to use.
type Inflater struct {
	s stream
	tables
	pre   [1 << preBits]uint32
	lens  [maxLit + maxDist + 138]uint8
	fixed bool // the tables hold the fixed codes of RFC 1951 section 3.2.6
	loop  int  // for tests: one of the loops below
}

// tables are those of the fast loop, in the order that inflate_amd64.s knows.
type tables struct {
	lit  [litSize]uint32
	dist [distSize]uint32
	pack [1 << packBits]uint32
}

// The fast loops that an Inflater may use, for tests to compare them.
const (
	loopBest = iota
	loopAVX2
	loopGo
)

// stream is the position in the input and in the output.
//
// The low nbits bits of acc are the next bits of the input. Bits above them may
// be set, but only to what the input holds at pos, so that or-ing the same
// bytes in again changes nothing.
type stream struct {
	src   []byte
	dst   []byte
	pos   int // next byte of src
	out   int // next byte of dst
	acc   uint64
	nbits uint
	over  int // zero bytes supplied past the end of src
}

// The errors are made anew each time: a container adds the file and the place.
func errTruncated() error { return corrupt("deflate stream ends early") }
func errOverflow() error  { return corrupt("deflate stream holds more than the declared size") }
func errCode() error      { return corrupt("deflate stream has an invalid Huffman code") }
func errDistance() error  { return corrupt("deflate stream refers to before its start") }
func errBlock() error     { return corrupt("deflate stream has an invalid block") }

func corrupt(format string, a ...any) error { return errs.New(errs.Corrupt, format, a...) }

// Zlib decodes the zlib stream src into dst and returns the bytes written.
//
// dst is the largest size the data may have: a stream that holds more is an
// error, one that holds less is not (compare n with len(dst)). The header and
// the Adler-32 checksum are verified. Bytes after the checksum are ignored, as
// libhdf5 does. The contents of dst
// beyond n, and all of it on error, are undefined.
func (f *Inflater) Zlib(dst, src []byte) (n int, err error) {
	if len(src) < 6 {
		return 0, corrupt("zlib stream of %d bytes is too short", len(src))
	}
	head := binary.BigEndian.Uint16(src)
	if head>>8&15 != 8 || head>>12 > 7 || head%31 != 0 {
		return 0, corrupt("invalid zlib header %04x", head)
	}
	if head&0x20 != 0 {
		return 0, errs.New(errs.Unsupported, "zlib stream needs a preset dictionary")
	}
	n, used, err := f.Raw(dst, src[2:])
	if err != nil {
		return n, err
	}
	if len(src) < used+6 {
		return n, corrupt("zlib stream lacks its checksum")
	}
	want := binary.BigEndian.Uint32(src[used+2:])
	if got := Adler32(dst[:n]); got != want {
		return n, corrupt("zlib checksum is %08x, stored %08x", got, want)
	}
	return n, nil
}

// Raw decodes the deflate stream src into dst. It returns the bytes written to
// dst and the bytes of src that the stream took; what follows is not looked at.
// A stream that holds more than len(dst) bytes is an error.
func (f *Inflater) Raw(dst, src []byte) (n, consumed int, err error) {
	f.s = stream{src: src, dst: dst}
	for last := false; !last && err == nil; {
		last, err = f.block()
	}
	s := &f.s
	n, consumed = s.out, s.pos+s.over-int(s.nbits>>3)
	if err == nil && consumed > len(src) {
		err = errTruncated()
	}
	f.s = stream{}
	return n, min(consumed, len(src)), err
}

// block decodes one block and says whether it was the last.
func (f *Inflater) block() (last bool, err error) {
	s := &f.s
	s.refill()
	if s.over > 8 {
		return false, errTruncated()
	}
	last = s.take(1) == 1
	switch s.take(2) {
	case 0:
		return last, s.stored()
	case 1:
		err = f.fixedTables()
	case 2:
		err = f.dynamicTables()
	default:
		err = errBlock()
	}
	if err != nil {
		return last, err
	}
	return last, f.symbols()
}

// refill brings acc to at least 56 bits. Past the end of the input it supplies
// zeros and counts them.
func (s *stream) refill() {
	if len(s.src)-s.pos >= 8 {
		s.acc |= binary.LittleEndian.Uint64(s.src[s.pos:]) << (s.nbits & 63)
		s.pos += int((63 - s.nbits) >> 3)
		s.nbits |= 56
		return
	}
	for s.nbits < 56 {
		if s.pos < len(s.src) {
			s.acc |= uint64(s.src[s.pos]) << (s.nbits & 63)
			s.pos++
		} else {
			s.over++
		}
		s.nbits += 8
	}
}

// take removes n bits, which acc must hold.
func (s *stream) take(n uint) uint {
	v := uint(s.acc) & (1<<(n&63) - 1)
	s.acc >>= n & 63
	s.nbits -= n
	return v
}

// stored copies a block that was not compressed.
func (s *stream) stored() error {
	pos := s.pos + s.over - int(s.nbits>>3)
	if pos > len(s.src)-4 {
		return errTruncated()
	}
	n := int(binary.LittleEndian.Uint16(s.src[pos:]))
	if n != int(^binary.LittleEndian.Uint16(s.src[pos+2:])) {
		return errBlock()
	}
	pos += 4
	if n > len(s.src)-pos {
		return errTruncated()
	}
	if n > len(s.dst)-s.out {
		return errOverflow()
	}
	copy(s.dst[s.out:], s.src[pos:pos+n])
	s.out += n
	s.pos, s.acc, s.nbits, s.over = pos+n, 0, 0, 0
	return nil
}

// symbols decodes the body of a Huffman block: the careful loop for the first
// bytes and near the ends of the buffers, the fast one between.
func (f *Inflater) symbols() error {
	s := &f.s
	packed := false
	for {
		if s.fits() {
			if !packed {
				f.packTable()
				packed = true
			}
			if done, err := f.fast(); done || err != nil {
				return err
			}
		}
		if done, err := f.careful(); done || err != nil {
			return err
		}
	}
}

// careful decodes symbols with every access checked, until the block ends or
// the fast loop may start.
func (f *Inflater) careful() (done bool, err error) {
	s := &f.s
	for {
		s.refill()
		if s.over > 8 {
			return false, errTruncated()
		}
		e := f.lit[s.acc&(1<<litBits-1)]
		if e&eKind == eSub {
			s.take(litBits)
			e = f.lit[(e>>16+uint32(s.acc)&(1<<(e>>8&15)-1))%litSize]
		}
		switch {
		case e&eKind == eEnd:
			s.take(uint(e & 63))
			return true, nil
		case e&eExc != 0:
			return false, errCode()
		case e&eMatch == 0:
			s.take(uint(e & 63))
			if s.out >= len(s.dst) {
				return false, errOverflow()
			}
			s.dst[s.out] = byte(e >> 24)
			s.out++
		default:
			s.take(uint(e >> 8 & 15))
			n := int(e>>24) + 3 + int(s.take(uint(e&63-e>>8&15)))
			if err := f.match(n); err != nil {
				return false, err
			}
		}
		if s.fits() {
			return false, nil
		}
	}
}

// match decodes a distance and copies n bytes from there.
func (f *Inflater) match(n int) error {
	s := &f.s
	s.refill()
	e := f.dist[s.acc&(1<<distBits-1)]
	if e&eKind == eSub {
		s.take(distBits)
		e = f.dist[(e>>16+uint32(s.acc)&(1<<(e>>8&15)-1))%distSize]
	}
	if e&eExc != 0 {
		return errCode()
	}
	s.take(uint(e >> 8 & 15))
	d := int(e>>16) + int(s.take(uint(e&63-e>>8&15)))
	if d > s.out {
		return errDistance()
	}
	if n > len(s.dst)-s.out {
		return errOverflow()
	}
	copyWithin(s.dst, s.out, d, n)
	s.out += n
	return nil
}

// copyWithin copies n bytes from d bytes before out to out; the ranges may
// overlap, and then the bytes repeat. The caller has checked 0 < d <= out and
// out+n <= len(b).
func copyWithin(b []byte, out, d, n int) {
	for n > 0 {
		c := copy(b[out:out+min(n, d)], b[out-d:])
		out += c
		n -= c
		d += c
	}
}
