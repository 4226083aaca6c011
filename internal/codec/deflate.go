package codec

import (
	"bytes"
	"encoding/binary"

	"github.com/klauspost/compress/flate"

	"github.com/gpusc/gpusc/internal/errs"
)

// Deflater encodes zlib streams and keeps its tables between calls. The zero
// value is ready to use.
type Deflater struct {
	// Level is 1 (fastest) to 9 (smallest); 0 means 4, the level of the field's
	// h5ad files; -2 codes each byte by itself (Huffman only).
	Level int

	w    *flate.Writer
	made int
	buf  bytes.Buffer
}

// Zlib appends to dst a zlib stream that holds src and returns the longer
// slice. The output depends on src and Level alone. A Level out of range is an
// error of kind errs.Usage.
func (d *Deflater) Zlib(dst, src []byte) ([]byte, error) {
	level := d.Level
	if level == 0 {
		level = 4
	}
	if level < -2 || level > 9 {
		return dst, errs.New(errs.Usage, "deflate level %d", level).Do("use 1 to 9")
	}
	d.buf = *bytes.NewBuffer(append(dst, 0x78, 0x01))
	if d.w == nil || d.made != level {
		w, err := flate.NewWriter(&d.buf, level)
		if err != nil {
			return dst, errs.New(errs.Usage, "deflate level %d", level).Because(err)
		}
		d.w, d.made = w, level
	} else {
		d.w.Reset(&d.buf)
	}
	if _, err := d.w.Write(src); err != nil {
		return dst, errs.New(errs.Resource, "deflate").Because(err)
	}
	if err := d.w.Close(); err != nil {
		return dst, errs.New(errs.Resource, "deflate").Because(err)
	}
	out := d.buf.Bytes()
	d.buf = bytes.Buffer{}
	return binary.BigEndian.AppendUint32(out, Adler32(src)), nil
}
