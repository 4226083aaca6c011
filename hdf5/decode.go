package hdf5

import (
	"errors"

	"github.com/gpusc/gpusc/internal/codec"
	"github.com/gpusc/gpusc/internal/errs"
)

// Decoder is the scratch memory of one goroutine that decodes: the stored and
// the half-decoded bytes of a chunk, and the tables of the decompressors. It
// also keeps the chunk that ReadRows decoded last. It needs no Close.
type Decoder struct {
	in, a, b []byte
	inflater codec.Inflater
	zstd     codec.Zstd
	blosc    codec.Blosc

	chunk      []byte // the chunk kept
	chunkOf    *Dataset
	chunkIndex int
}

// NewDecoder makes a Decoder.
func NewDecoder() *Decoder { return &Decoder{} }

// compressor reports whether a filter changes the size of its data in a way
// that its data alone tells.
func compressor(id uint16) bool { return id != FilterShuffle && id != FilterFletcher32 }

// readable reports whether run knows a filter.
func readable(id uint16) bool {
	switch id {
	case FilterDeflate, FilterShuffle, FilterFletcher32, FilterLZF, FilterZstd, FilterBlosc:
		return true
	}
	return false
}

// The most that the compressors can expand: a deflate code of 2 bits stands
// for 258 bytes, an LZF reference of 3 bytes for 264.
const (
	maxDeflateRatio = 1032
	maxLZFRatio     = 88
)

// decodedBounds says what a chunk of size stored bytes can decode to. want is
// the size that it must have, -1 if only decoding tells; bound is the most
// bytes it can give, -1 if unknown.
func (d *Dataset) decodedBounds(size uint64, mask uint32) (want, bound int64) {
	want, bound = d.chunkBytes, int64(size)
	compressed := false
	for i, f := range d.filters {
		if mask&(1<<i) != 0 {
			continue
		}
		switch f.ID {
		case FilterShuffle:
		case FilterFletcher32:
			want += 4
		case FilterDeflate:
			bound, compressed = ratio(bound, maxDeflateRatio), true
		case FilterLZF:
			bound, compressed = ratio(bound, maxLZFRatio), true
		default:
			return -1, -1
		}
	}
	if compressed {
		return -1, bound
	}
	return want, -1
}

// ratio multiplies a bound, with room for headers, and gives up at 1<<56.
func ratio(bound, by int64) int64 {
	if bound < 0 || bound > 1<<56/by {
		return -1
	}
	return bound*by + 64
}

// DecodeChunk reads chunk i and undoes its filters into dst, which must have
// ChunkBytes bytes. The elements are in the file's byte order; those beyond
// the dataset's extent are whatever the writer put there. Calls with different
// Decoders may run at the same time.
func (d *Dataset) DecodeChunk(dec *Decoder, i int, dst []byte) error {
	ix, err := d.chunkAt(i)
	if err != nil {
		return err
	}
	if int64(len(dst)) != d.chunkBytes {
		return d.fail(errs.New(errs.Usage, "the buffer for a chunk has %d bytes, want %d", len(dst), d.chunkBytes))
	}
	return d.fail(d.decode(dec, ix, i, dst))
}

func (d *Dataset) decode(dec *Decoder, ix *chunkIndex, i int, dst []byte) error {
	addr, mask := ix.addr[i], ix.skipped(i)
	steps := 0
	for k, f := range d.filters {
		if mask&(1<<k) != 0 {
			continue
		}
		if !readable(f.ID) {
			return unsupported(addr, "its chunks need the filter %s, which is not read", f.Label()).
				Do("rewrite the file with gzip: h5repack -f GZIP=4 IN OUT")
		}
		steps++
	}
	if steps == 0 {
		return chunkError(i, d.f.src.data(dst, addr, "chunk"))
	}
	dec.in = grow(dec.in, int64(ix.stored(i)))
	if err := d.f.src.data(dec.in, addr, "chunk"); err != nil {
		return chunkError(i, err)
	}
	cur := dec.in
	for k := len(d.filters) - 1; k >= 0; k-- {
		if mask&(1<<k) != 0 {
			continue
		}
		steps--
		var err error
		if cur, err = d.undo(dec, k, mask, cur, dst, steps == 0); err != nil {
			return d.filterError(i, addr, d.filters[k], err)
		}
	}
	if len(cur) != len(dst) {
		return corrupt(addr, "chunk %d decodes to %d bytes, want %d", i, len(cur), len(dst))
	}
	if len(cur) > 0 && &cur[0] != &dst[0] {
		copy(dst, cur)
	}
	return nil
}

// filterError says which filter of which chunk failed.
func (d *Dataset) filterError(i int, addr uint64, f Filter, err error) error {
	kind := errs.Corrupt
	if errors.Is(err, errs.Unsupported) {
		kind = errs.Unsupported
	}
	return errs.At(kind, "", atHex(addr), "chunk %d: %s", i, f.Label()).Because(err)
}

// before is the size of the data in front of filter k as a writer applies
// them; -1 if a compressor comes earlier, so that only decoding tells.
func (d *Dataset) before(k int, mask uint32) int64 {
	n := d.chunkBytes
	for i, f := range d.filters[:k] {
		if mask&(1<<i) != 0 {
			continue
		}
		if compressor(f.ID) {
			return -1
		}
		if f.ID == FilterFletcher32 {
			n += 4
		}
	}
	return n
}

// undo reverses filter k on cur. The result is in dst if it is the last step
// and fits, else in scratch memory, or is a part of cur.
func (d *Dataset) undo(dec *Decoder, k int, mask uint32, cur, dst []byte, last bool) ([]byte, error) {
	f := d.filters[k]
	if f.ID == FilterFletcher32 {
		return unfletcher(cur)
	}
	size := d.before(k, mask)
	if f.ID == FilterShuffle {
		size = int64(len(cur))
	}
	exact := size >= 0
	if !exact {
		size = 2*d.chunkBytes + 1<<16
	}
	out := dst
	if !last || size != int64(len(dst)) {
		dec.a, dec.b = grow(dec.b, size), dec.a
		out = dec.a
	}
	n, err := dec.run(f, out, cur, d.typ.Size)
	if err == nil && exact && n != len(out) {
		err = errs.New(errs.Corrupt, "gives %d bytes, want %d", n, len(out))
	}
	if err != nil {
		return nil, err
	}
	return out[:n], nil
}

// unfletcher checks and removes the checksum at the end.
func unfletcher(cur []byte) ([]byte, error) {
	n := len(cur) - 4
	if n < 0 {
		return nil, errs.New(errs.Corrupt, "%d bytes are too few for a checksum", len(cur))
	}
	want, got := le.Uint32(cur[n:]), codec.Fletcher32(cur[:n])
	if !codec.Fletcher32Matches(got, want) {
		return nil, errs.New(errs.Corrupt, "checksum is %#08x, the bytes give %#08x", want, got)
	}
	return cur[:n], nil
}

// run decodes src into dst and gives the number of bytes.
func (dec *Decoder) run(f Filter, dst, src []byte, elem int) (int, error) {
	switch f.ID {
	case FilterDeflate:
		return dec.inflater.Zlib(dst, src)
	case FilterShuffle:
		if len(f.Params) > 0 {
			elem = int(f.Params[0])
		}
		if elem <= 0 || elem > maxTypeSize {
			return 0, errs.New(errs.Corrupt, "elements of %d bytes", elem)
		}
		codec.Unshuffle(dst, src, elem)
		return len(src), nil
	case FilterLZF:
		return codec.LZF(dst, src)
	case FilterZstd:
		return dec.zstd.Decode(dst, src)
	case FilterBlosc:
		return dec.blosc.Decode(dst, src)
	}
	return 0, errs.New(errs.Unsupported, "is not read")
}

// kept gives chunk i decoded in the Decoder's own memory, which is not decoded
// again if it was the last.
func (dec *Decoder) kept(d *Dataset, ix *chunkIndex, i int) ([]byte, error) {
	if dec.chunkOf == d && dec.chunkIndex == i {
		return dec.chunk, nil
	}
	dec.chunkOf = nil
	dec.chunk = grow(dec.chunk, d.chunkBytes)
	if err := d.decode(dec, ix, i, dec.chunk); err != nil {
		return nil, err
	}
	dec.chunkOf, dec.chunkIndex = d, i
	return dec.chunk, nil
}
