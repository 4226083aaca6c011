package pack

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// Decode unpacks b into out, reusing its slices where they are large enough.
// b may be longer than the packed matrix. The checksum is not looked at (see
// Verify), but everything else is checked: whatever b holds, Decode stays
// within it, and what it returns without an error is canonical. All errors are
// errs.Corrupt, or errs.Unsupported for another version of the format; out is
// then undefined.
//
// The memory that Decode may allocate is at most some 1,500 times the length
// of b; callers who know how many values to expect compare ReadHeader first.
func Decode(b []byte, out *Matrix, s *Scratch) error {
	b, h, err := whole(b)
	if err != nil {
		return err
	}
	out.Rows, out.Cols, out.Kind = h.Rows, h.Cols, h.Kind
	out.Indptr = resize(out.Indptr, h.Rows+1)
	out.Indices = resize(out.Indices, int(h.NNZ))
	if err := decodeLens(b[h.Lens:h.Idx], &h, out.Indptr, s); err != nil {
		return err
	}
	if err := decodeIdx(b[h.Idx:h.Vals], &h, out, s); err != nil {
		return err
	}
	switch vals := b[h.Vals:]; h.Kind {
	case Counts:
		out.Counts = resize(out.Counts, int(h.NNZ))
		return decodeCounts(vals, out.Counts, s)
	case Float32:
		out.F32 = resize(out.F32, int(h.NNZ))
		getF32(out.F32, vals)
	default:
		out.F64 = resize(out.F64, int(h.NNZ))
		getF64(out.F64, vals)
	}
	return nil
}

// whole reads the header and cuts b to the size that it tells.
func whole(b []byte) ([]byte, Header, error) {
	h, err := ReadHeader(b)
	if err != nil {
		return nil, h, err
	}
	if int64(len(b)) < h.Size {
		return nil, h, corrupt("%d of %d bytes", len(b), h.Size)
	}
	return b[:h.Size], h, nil
}

// resize returns a slice of n elements, x itself where it is large enough. The
// content is undefined: what was there is not copied.
func resize[T any](x []T, n int) []T {
	if cap(x) >= n {
		return x[:n]
	}
	return slices.Grow[[]T](nil, n)[:n]
}

// reader goes through the blocks of one section.
type reader struct {
	n      int    // values
	supers []byte // offset and running value of each superblock
	descs  []byte
	body   []byte // payload from the present block on, with the pad
	words  uint32 // of the payload up to there
}

func newReader(sec []byte, n int) reader {
	nb := (n + blockLen - 1) / blockLen
	ns := (n + superLen - 1) / superLen
	return reader{
		n: n, supers: sec[:ns*8], descs: sec[ns*8 : ns*8+nb*2],
		body: sec[tableLen(int64(n)):],
	}
}

// super unpacks the superblock that starts at value at, each value plus add,
// into dst, which has room for whole blocks. It returns the running value that
// the table gives, and the width that holds all values, with or without add.
func (r *reader) super(at int, dst []uint32, add uint32, s *Scratch) (base uint32, top int, err error) {
	i := at / superLen
	le := binary.LittleEndian
	if off := le.Uint32(r.supers[i*8:]); off != r.words {
		return 0, 0, corrupt("superblock %d at word %d, not %d", i, off, r.words)
	}
	base = le.Uint32(r.supers[i*8+4:])
	for j := at / blockLen; len(dst) >= blockLen; j++ {
		d := le.Uint16(r.descs[j*2:])
		w, class, n := splitDesc(d)
		size := blockBytes(d)
		if w > 32 || (class == 0) != (n == 0) || len(r.body) < size+sectionPad {
			return 0, 0, corrupt("block %d: descriptor %#x, %d bytes left", j, d, len(r.body))
		}
		blk := (*[blockLen]uint32)(dst)
		s.unpack(blk, r.body, w, add)
		if n > 0 {
			or, ok := patch(blk, r.body[w*blockLen/8:size], w, class, n)
			if !ok {
				return 0, 0, corrupt("block %d: an exception is too large", j)
			}
			top = max(top, bits.Len32(or))
		}
		if w == 32 && add == 1 && slices.Contains(blk[:], 0) {
			return 0, 0, corrupt("block %d: a value is too large", j)
		}
		top = max(top, w)
		dst = dst[blockLen:]
		r.body = r.body[size:]
		r.words += uint32(size / 4)
	}
	return base, top, nil
}

// decodeLens unpacks the row lengths and sums them up to row pointers.
func decodeLens(sec []byte, h *Header, indptr []int64, s *Scratch) error {
	r := newReader(sec, h.Rows)
	indptr[0] = 0
	sum := int64(0)
	for at := 0; at < h.Rows; at += superLen {
		m := min(superLen, h.Rows-at)
		base, _, err := r.super(at, s.buf[:blocks(m)], 0, s)
		if err != nil {
			return err
		}
		if int64(base) != sum {
			return corrupt("row %d starts at value %d, not %d", at, base, sum)
		}
		// A row has 2^32-1 values at most, and 4096 of them cannot overflow.
		for i, n := range s.buf[:m] {
			sum += int64(n)
			indptr[at+i+1] = sum
		}
		if sum > h.NNZ {
			break
		}
	}
	if sum != h.NNZ {
		return corrupt("rows have %d values together, not %d", sum, h.NNZ)
	}
	return nil
}

// blocks rounds a number of values up to whole blocks.
func blocks(n int) int { return (n + blockLen - 1) &^ (blockLen - 1) }

// idxReader unpacks gaps and sums them up to indices.
//
// That every index is below Cols <= 2^30 and every gap from 1 to 2^31 is
// enough for them to rise strictly within a row: the sum cannot pass 2^32.
type idxReader struct {
	reader
	cols   uint32
	indptr []int64
	row    int    // first row that may start in the next superblock
	run    uint32 // index before it
}

func newIdxReader(sec []byte, h *Header, indptr []int64) idxReader {
	return idxReader{
		reader: newReader(sec, int(h.NNZ)), cols: uint32(h.Cols), indptr: indptr, run: uint32(h.Cols) - 1,
	}
}

// next unpacks the m indices of the superblock at value at into dst, which has
// room for whole blocks.
func (r *idxReader) next(at, m int, dst []uint32, s *Scratch) error {
	base, top, err := r.super(at, dst, 1, s)
	if err != nil {
		return err
	}
	if base != r.run || top > 31 {
		return corrupt("value %d: index before it %d, not %d; gap of %d bits", at, base, r.run, top)
	}
	for ; r.row < len(r.indptr)-1 && r.indptr[r.row] < int64(at+m); r.row++ {
		if r.indptr[r.row+1] > r.indptr[r.row] {
			dst[r.indptr[r.row]-int64(at)] -= r.cols
		}
	}
	// The zeros that fill up the last block must not raise the largest index.
	clear(dst[m:])
	last, largest := s.prefix(dst, r.run)
	if largest >= r.cols {
		return corrupt("index %d with %d columns near value %d", largest, r.cols, at)
	}
	r.run = last
	return nil
}

// decodeIdx unpacks all indices.
func decodeIdx(sec []byte, h *Header, out *Matrix, s *Scratch) error {
	r := newIdxReader(sec, h, out.Indptr)
	for at := 0; at < r.n; at += superLen {
		m := min(superLen, r.n-at)
		dst := out.Indices[at : at+m]
		if m < superLen {
			dst = s.buf[:blocks(m)]
		}
		if err := r.next(at, m, dst, s); err != nil {
			return err
		}
		if m < superLen {
			copy(out.Indices[at:], dst[:m])
		}
	}
	return nil
}

// decodeCounts unpacks counts, which are stored less one.
func decodeCounts(sec []byte, out []uint32, s *Scratch) error {
	r := newReader(sec, len(out))
	for at := 0; at < len(out); at += superLen {
		m := min(superLen, len(out)-at)
		dst := out[at : at+m]
		if m < superLen {
			dst = s.buf[:blocks(m)]
		}
		if err := r.counts(at, dst, s); err != nil {
			return err
		}
		if m < superLen {
			copy(out[at:], dst[:m])
		}
	}
	return nil
}

// counts unpacks the counts of one superblock.
func (r *reader) counts(at int, dst []uint32, s *Scratch) error {
	base, _, err := r.super(at, dst, 1, s)
	if err == nil && base != 0 {
		err = corrupt("counts have a running value of %d", base)
	}
	return err
}
