package codec

import (
	"encoding/binary"

	"github.com/pierrec/lz4/v4"

	"github.com/gpusc/gpusc/internal/errs"
)

// Blosc decodes chunks of c-blosc 1 (numcodecs.Blosc, the hdf5 filter 32001).
// The zero value is ready to use.
type Blosc struct {
	inf  Inflater
	zstd Zstd
	tmp  []byte
}

// Flags of the header of a chunk.
const (
	bloscShuffle    = 1
	bloscCopied     = 2
	bloscBitShuffle = 4
	bloscNoSplit    = 16

	bloscHeader    = 16
	bloscMaxSplits = 16  // element sizes above are not split
	bloscMinStream = 128 // elements; smaller blocks are not split
)

// bloscChunk is a checked header.
type bloscChunk struct {
	src    []byte // the whole chunk
	flags  byte
	elem   int
	size   int // decoded
	block  int // decoded size of a block
	blocks int
}

// BloscSize reads the decoded size that the header of a blosc chunk declares,
// at most 2 GiB, unchecked. It lets a caller verify it before it allocates.
func BloscSize(src []byte) (int, error) {
	if len(src) < bloscHeader {
		return 0, corrupt("blosc chunk of %d bytes is too short", len(src))
	}
	n := binary.LittleEndian.Uint32(src[4:])
	if n > 1<<31-1 {
		return 0, corrupt("blosc chunk declares %d bytes", n)
	}
	return int(n), nil
}

// Decode decodes the chunk src into dst and returns the bytes written. A chunk
// that declares more than len(dst) is an error before anything is decoded.
// Codecs: blosclz, lz4, lz4hc, zlib, zstd; snappy and blosc2 are refused by name.
func (z *Blosc) Decode(dst, src []byte) (int, error) {
	c, err := bloscParse(src, len(dst))
	if err != nil {
		return 0, err
	}
	if c.flags&bloscCopied != 0 {
		if c.size > len(c.src)-bloscHeader {
			return 0, corrupt("blosc chunk ends early")
		}
		return copy(dst[:c.size], c.src[bloscHeader:]), nil
	}
	for i := range c.blocks {
		out := dst[i*c.block : min((i+1)*c.block, c.size)]
		if err := z.blockAt(&c, i, out); err != nil {
			return i * c.block, err
		}
	}
	return c.size, nil
}

// bloscParse checks the header of src; most is the largest decoded size.
func bloscParse(src []byte, most int) (c bloscChunk, err error) {
	size, err := BloscSize(src)
	if err != nil {
		return c, err
	}
	le := binary.LittleEndian
	c = bloscChunk{flags: src[2], elem: int(src[3]), size: size}
	block, total := le.Uint32(src[8:]), le.Uint32(src[12:])
	switch {
	case src[0] > 2 || c.flags&5 == 5:
		return c, errs.New(errs.Unsupported, "blosc2 chunk (format %d)", src[0])
	case src[0] == 0:
		return c, corrupt("blosc chunk of format 0")
	case size > most:
		return c, corrupt("blosc chunk declares %d bytes, expected %d", size, most)
	case total < bloscHeader || uint64(total) > uint64(len(src)):
		return c, corrupt("blosc chunk declares %d stored bytes, has %d", total, len(src))
	}
	c.src = src[:total]
	if c.flags&bloscCopied != 0 || size == 0 {
		return c, nil
	}
	if c.elem == 0 || block == 0 || uint64(block) > uint64(size) {
		return c, corrupt("blosc chunk has blocks of %d bytes and elements of %d", block, c.elem)
	}
	c.block = int(block)
	c.blocks = (size + c.block - 1) / c.block
	if c.blocks > (len(c.src)-bloscHeader)/4 {
		return c, corrupt("blosc chunk lacks its block table")
	}
	return c, nil
}

// blockAt decodes block i into out.
func (z *Blosc) blockAt(c *bloscChunk, i int, out []byte) error {
	start := int64(int32(binary.LittleEndian.Uint32(c.src[bloscHeader+4*i:])))
	if start < bloscHeader || start > int64(len(c.src)) {
		return corrupt("blosc block %d starts at %d of %d", i, start, len(c.src))
	}
	shuffled := c.flags&bloscShuffle != 0 && c.elem > 1
	bits := c.flags&bloscBitShuffle != 0 && len(out) >= c.elem
	to := out
	if shuffled || bits {
		if cap(z.tmp) < len(out) {
			z.tmp = make([]byte, len(out))
		}
		to = z.tmp[:len(out)]
	}
	splits := 1
	if c.flags&bloscNoSplit == 0 && c.elem <= bloscMaxSplits && len(out) == c.block && c.block/c.elem >= bloscMinStream {
		splits = c.elem
	}
	if err := z.streams(c.flags>>5, to, c.src[start:], splits); err != nil {
		return err
	}
	switch {
	case shuffled:
		Unshuffle(out, to, c.elem)
	case bits:
		bitUnshuffle(out, to, c.elem)
	}
	return nil
}

// streams decodes the given number of streams, equal in decoded size, from src
// into dst.
func (z *Blosc) streams(format byte, dst, src []byte, splits int) error {
	each := len(dst) / splits
	if each*splits != len(dst) {
		return corrupt("blosc block of %d bytes in %d streams", len(dst), splits)
	}
	for i := range splits {
		if len(src) < 4 {
			return corrupt("blosc block ends early")
		}
		n := binary.LittleEndian.Uint32(src)
		if src = src[4:]; uint64(n) > uint64(len(src)) {
			return corrupt("blosc block ends early")
		}
		out := dst[i*each : (i+1)*each]
		if int(n) == each {
			copy(out, src[:n])
		} else if got, err := z.stream(format, out, src[:n]); err != nil {
			return err
		} else if got != each {
			return corrupt("blosc block holds %d bytes, expected %d", got, each)
		}
		src = src[n:]
	}
	return nil
}

func (z *Blosc) stream(format byte, dst, src []byte) (int, error) {
	switch format {
	case 0:
		return blosclz(dst, src)
	case 1:
		n, err := lz4.UncompressBlock(src, dst)
		if err != nil {
			return 0, errs.New(errs.Corrupt, "lz4 block").Because(err)
		}
		return n, nil
	case 2:
		return 0, errs.New(errs.Unsupported, "blosc chunk with the codec snappy")
	case 3:
		return z.inf.Zlib(dst, src)
	case 4:
		return z.zstd.Decode(dst, src)
	}
	return 0, errs.New(errs.Unsupported, "blosc chunk with the codec number %d", format)
}

// bitUnshuffle undoes bitshuffle: row 8*j+k of src holds bit k of byte j of
// every element. A block whose element count is no multiple of eight was left
// as it is by the encoder, and bytes after the last element always are.
func bitUnshuffle(dst, src []byte, elem int) {
	count := len(src) / elem
	if count%8 != 0 {
		copy(dst, src)
		return
	}
	row := count / 8
	for j := range elem {
		for i := range row {
			var x uint64
			for k := range 8 {
				x |= uint64(src[(j*8+k)*row+i]) << (8 * k)
			}
			x = transposeBits(x)
			for k := range 8 {
				dst[(i*8+k)*elem+j] = byte(x >> (8 * k))
			}
		}
	}
	copy(dst[count*elem:], src[count*elem:])
}

// transposeBits transposes the 8 by 8 matrix of bits whose rows are the bytes
// of x (Warren, Hacker's Delight, section 7-3).
func transposeBits(x uint64) uint64 {
	t := (x ^ x>>7) & 0x00aa00aa00aa00aa
	x ^= t ^ t<<7
	t = (x ^ x>>14) & 0x0000cccc0000cccc
	x ^= t ^ t<<14
	t = (x ^ x>>28) & 0x00000000f0f0f0f0
	return x ^ t ^ t<<28
}
