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
	h, err := ReadHeader(b)
	if err != nil {
		return err
	}
	if int64(len(b)) < h.Size {
		return corrupt("%d of %d bytes", len(b), h.Size)
	}
	b = b[:h.Size]
	out.Rows, out.Cols, out.Kind = h.Rows, h.Cols, h.Kind
	out.Indptr = resize(out.Indptr, h.Rows+1)
	out.Indices = resize(out.Indices, int(h.NNZ))
	if err := decodeLens(b[h.Lens:h.Idx], &h, out, s); err != nil {
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
func decodeLens(sec []byte, h *Header, out *Matrix, s *Scratch) error {
	r := newReader(sec, h.Rows)
	out.Indptr[0] = 0
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
			out.Indptr[at+i+1] = sum
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

// decodeIdx unpacks the gaps between indices and sums them up.
//
// That every index is below Cols <= 2^30 and every gap from 1 to 2^31 is
// enough for them to rise strictly within a row: the sum cannot pass 2^32.
func decodeIdx(sec []byte, h *Header, out *Matrix, s *Scratch) error {
	r := newReader(sec, int(h.NNZ))
	run, row := uint32(h.Cols)-1, 0
	for at := 0; at < int(h.NNZ); at += superLen {
		m := min(superLen, int(h.NNZ)-at)
		dst := out.Indices[at : at+m]
		if m < superLen {
			dst = s.buf[:blocks(m)]
		}
		base, top, err := r.super(at, dst, 1, s)
		if err != nil {
			return err
		}
		if base != run || top > 31 {
			return corrupt("value %d: index before it %d, not %d; gap of %d bits", at, base, run, top)
		}
		for ; row < h.Rows && out.Indptr[row] < int64(at+m); row++ {
			if out.Indptr[row+1] > out.Indptr[row] {
				dst[out.Indptr[row]-int64(at)] -= uint32(h.Cols)
			}
		}
		// What follows the last value in its block is 1 by the pad of zeros; it
		// is set so that it cannot raise the largest index.
		clear(dst[m:])
		last, largest := s.prefix(dst, run)
		if int64(largest) >= int64(h.Cols) {
			return corrupt("index %d with %d columns near value %d", largest, h.Cols, at)
		}
		run = last
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
		base, _, err := r.super(at, dst, 1, s)
		if err != nil {
			return err
		}
		if base != 0 {
			return corrupt("counts have a running value of %d", base)
		}
		if m < superLen {
			copy(out[at:], dst[:m])
		}
	}
	return nil
}
