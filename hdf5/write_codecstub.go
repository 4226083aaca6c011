package hdf5

import (
	"bytes"
	"github.com/klauspost/compress/zlib"
	"math/bits"
)

type deflater struct {
	Level int
	z     *zlib.Writer
}

func (d *deflater) Zlib(dst, src []byte) ([]byte, error) {
	b := bytes.NewBuffer(dst)
	if d.z == nil {
		d.z, _ = zlib.NewWriterLevel(b, d.Level)
	} else {
		d.z.Reset(b)
	}
	d.z.Write(src)
	err := d.z.Close()
	return b.Bytes(), err
}
func shuffleBytes(dst, src []byte, es int) {
	n := len(src) / es
	for k := 0; k < es; k++ {
		p := dst[k*n : (k+1)*n]
		for i := range p {
			p[i] = src[i*es+k]
		}
	}
}
func lzfEncode(dst, src []byte) []byte { return src }
func zstdEncode(dst, src []byte, level int) ([]byte, error) { return nil, nil }

func lookup3(k []byte) uint32 {
	a := 0xdeadbeef + uint32(len(k))
	b, c := a, a
	rot := bits.RotateLeft32
	for len(k) > 12 {
		a += le.Uint32(k)
		b += le.Uint32(k[4:])
		c += le.Uint32(k[8:])
		a -= c
		a ^= rot(c, 4)
		c += b
		b -= a
		b ^= rot(a, 6)
		a += c
		c -= b
		c ^= rot(b, 8)
		b += a
		a -= c
		a ^= rot(c, 16)
		c += b
		b -= a
		b ^= rot(a, 19)
		a += c
		c -= b
		c ^= rot(b, 4)
		b += a
		k = k[12:]
	}
	if len(k) == 0 {
		return c
	}
	var t [12]byte
	copy(t[:], k)
	a += le.Uint32(t[:])
	b += le.Uint32(t[4:])
	c += le.Uint32(t[8:])
	c ^= b
	c -= rot(b, 14)
	a ^= c
	a -= rot(c, 11)
	b ^= a
	b -= rot(a, 25)
	c ^= b
	c -= rot(b, 16)
	a ^= c
	a -= rot(c, 4)
	b ^= a
	b -= rot(a, 14)
	c ^= b
	c -= rot(b, 24)
	return c
}

type sourceKey struct {
	file any
	addr uint64
}

func (w *Writer) countLeak(c *child) error                                 { return nil }
func (g *GroupWriter) openOld(name string, c *child) (*GroupWriter, error) { return nil, nil }
func fillRefs(w *Writer, path string, data []byte, refs []refAt) error     { return nil }
