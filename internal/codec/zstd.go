package codec

import (
	"errors"

	"github.com/klauspost/compress/zstd"

	"github.com/gpusc/gpusc/internal/errs"
)

// Zstd decodes and encodes zstd frames (RFC 8878) on the calling goroutine. The
// zero value is ready to use; the first call makes the coder.
type Zstd struct {
	dec *zstd.Decoder
	enc map[int]*zstd.Encoder
}

// maxZstdWindow bounds the window, thus the memory, that a frame may ask for.
const maxZstdWindow = 128 << 20

// Decode decodes the frames of src into dst and returns the bytes written.
// Content beyond len(dst) is an error; dst is never replaced by a larger buffer.
func (z *Zstd) Decode(dst, src []byte) (int, error) {
	if z.dec == nil {
		dec, err := zstd.NewReader(nil,
			zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxZstdWindow),
			zstd.WithDecodeAllCapLimit(true))
		if err != nil {
			return 0, errs.New(errs.Resource, "zstd decoder").Because(err)
		}
		z.dec = dec
	}
	out, err := z.dec.DecodeAll(src, dst[:0:len(dst)])
	switch {
	case err == nil:
		return len(out), nil
	case errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return 0, corrupt("zstd frame holds more than the declared size")
	case errors.Is(err, zstd.ErrUnknownDictionary):
		return 0, errs.New(errs.Unsupported, "zstd frame needs a dictionary")
	}
	return 0, errs.New(errs.Corrupt, "zstd frame").Because(err)
}

// Encode appends a frame with the content src to dst and returns the longer
// slice. level is zstd's, 1 to 22; the four speeds of the encoder stand for
// ranges of it. The output depends on src and level alone.
func (z *Zstd) Encode(dst, src []byte, level int) ([]byte, error) {
	speed := zstd.EncoderLevelFromZstd(level)
	enc := z.enc[int(speed)]
	if enc == nil {
		var err error
		enc, err = zstd.NewWriter(nil,
			zstd.WithEncoderLevel(speed),
			zstd.WithEncoderConcurrency(1),
			zstd.WithLowerEncoderMem(true),
			zstd.WithZeroFrames(true),
			// HDF5 filter plugins want the content size in the frame's header.
			zstd.WithSingleSegment(true))
		if err != nil {
			return dst, errs.New(errs.Resource, "zstd encoder").Because(err)
		}
		if z.enc == nil {
			z.enc = map[int]*zstd.Encoder{}
		}
		z.enc[int(speed)] = enc
	}
	return enc.EncodeAll(src, dst), nil
}
