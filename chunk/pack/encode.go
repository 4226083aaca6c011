package pack

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/gpusc/gpusc/internal/errs"
)

// The streams of a packed matrix, in the order of their sections.
const (
	lensStream = iota
	idxStream
	cntStream
)

// Plan is the layout of one matrix to be packed: all widths chosen, nothing
// written. It is valid until its matrix changes or its Scratch is used again.
type Plan struct {
	in Matrix
	s  *Scratch
	h  Header
}

// Size returns the exact number of bytes that Append will add.
func (p *Plan) Size() int64 { return p.h.Size }

// NewPlan measures a matrix. What is not canonical is errs.Data, what is too
// large for the format errs.Limit.
func NewPlan(in Matrix, s *Scratch) (Plan, error) {
	p := Plan{in: in, s: s}
	if err := checkShape(&in); err != nil {
		return p, err
	}
	nnz := in.NNZ()
	p.h = Header{Kind: in.Kind, Rows: in.Rows, Cols: in.Cols, NNZ: nnz, Lens: headerLen}
	n, err := p.measure(lensStream, in.Rows)
	if err != nil {
		return p, err
	}
	p.h.Idx = p.h.Lens + n
	if n, err = p.measure(idxStream, int(nnz)); err != nil {
		return p, err
	}
	p.h.Vals = p.h.Idx + n
	switch in.Kind {
	case Counts:
		n, err = p.measure(cntStream, int(nnz))
	case Float32:
		n = alignUp(nnz * 4)
	default:
		n = alignUp(nnz * 8)
	}
	p.h.Size = p.h.Vals + n
	return p, err
}

// Append packs in and appends it to dst, growing dst once at most. It uses s
// for its working memory. Errors are those of NewPlan.
func Append(dst []byte, in Matrix, s *Scratch) ([]byte, error) {
	p, err := NewPlan(in, s)
	if err != nil {
		return dst, err
	}
	return p.Append(dst), nil
}

// Append packs the matrix and appends Size bytes to dst.
func (p *Plan) Append(dst []byte) []byte {
	at := len(dst)
	dst = slices.Grow(dst, int(p.h.Size))[:at+int(p.h.Size)]
	b := dst[at:]
	p.h.put(b)
	p.write(lensStream, p.in.Rows, b[p.h.Lens:p.h.Idx])
	p.write(idxStream, int(p.h.NNZ), b[p.h.Idx:p.h.Vals])
	vals := b[p.h.Vals:]
	switch p.in.Kind {
	case Counts:
		p.write(cntStream, int(p.h.NNZ), vals)
	case Float32:
		clear(vals[p.h.NNZ*4:])
		putF32(vals, p.in.F32[:p.h.NNZ])
	default:
		clear(vals[p.h.NNZ*8:])
		putF64(vals, p.in.F64[:p.h.NNZ])
	}
	binary.LittleEndian.PutUint64(b[8:], checksum(b))
	return dst
}

func checkShape(in *Matrix) error {
	if in.Rows < 0 || in.Cols < 0 || int64(in.Rows) > MaxRows || in.Cols > MaxCols || in.Kind > Float64 {
		return errs.New(errs.Limit, "cannot pack %d x %d values of kind %d", in.Rows, in.Cols, in.Kind)
	}
	if in.Rows > 0 && (len(in.Indptr) <= in.Rows || in.Indptr[0] != 0) {
		return errs.New(errs.Data, "row pointers do not fit %d rows", in.Rows)
	}
	nnz := in.NNZ()
	if nnz > MaxNNZ {
		return errs.New(errs.Limit, "cannot pack %d values in one piece", nnz)
	}
	have := [...]int{len(in.Counts), len(in.F32), len(in.F64)}[in.Kind]
	if nnz < 0 || int64(len(in.Indices)) < nnz || int64(have) < nnz {
		return errs.New(errs.Data, "%d indices and %d values for %d stored values", len(in.Indices), have, nnz)
	}
	return nil
}

// measure chooses the widths of all blocks of a stream, keeps them in the
// scratch, and returns the size of the section.
func (p *Plan) measure(stream, n int) (int64, error) {
	s := p.s
	desc, base, offs := s.desc[stream][:0], s.base[stream][:0], s.offs[stream][:0]
	row, words := 0, uint32(0)
	for at := 0; at < n; at += superLen {
		m := min(superLen, n-at)
		next, err := p.fill(stream, at, m, row)
		if err != nil {
			return 0, err
		}
		base = append(base, p.before(stream, at))
		offs = append(offs, words)
		row = next
		for i := 0; i < m; i += blockLen {
			blk := (*[blockLen]uint32)(s.buf[i:])
			top := bits.Len32(s.or(blk))
			if top == 32 {
				if err := checkTop(stream, blk); err != nil {
					return 0, err
				}
			}
			d := s.choose(blk, top)
			desc = append(desc, d)
			words += uint32(blockBytes(d) / 4)
		}
	}
	s.desc[stream], s.base[stream], s.offs[stream] = desc, base, offs
	return alignUp(tableLen(int64(n)) + int64(words)*4 + sectionPad), nil
}

// checkTop looks at a block with a value of 2^31 or more: with indices it
// means that they do not rise, with counts it may be a count of 0, less one.
func checkTop(stream int, blk *[blockLen]uint32) error {
	if stream == idxStream {
		return errs.New(errs.Data, "gene indices do not rise strictly within a row")
	}
	if slices.Contains(blk[:], ^uint32(0)) {
		return errs.New(errs.Data, "a stored count is 0")
	}
	return nil
}

// before returns the running value of a stream ahead of value at.
func (p *Plan) before(stream, at int) uint32 {
	switch {
	case stream == lensStream:
		return uint32(p.in.Indptr[at])
	case stream == cntStream:
		return 0
	case at == 0:
		return uint32(p.in.Cols) - 1
	default:
		return p.in.Indices[at-1]
	}
}

// fill puts values [at, at+m) of a stream into the scratch and zeros up to a
// whole block. row is the first row that may start there, and the returned one
// the first that may start after.
func (p *Plan) fill(stream, at, m, row int) (int, error) {
	s, in := p.s, &p.in
	buf := s.buf[:m]
	switch stream {
	case lensStream:
		for i := range buf {
			d := in.Indptr[at+i+1] - in.Indptr[at+i]
			if d < 0 || d > p.h.NNZ {
				return 0, errs.New(errs.Data, "row pointers fall at row %d", at+i)
			}
			buf[i] = uint32(d)
		}
	case idxStream:
		top := s.diff(buf, in.Indices[at:at+m], p.before(stream, at))
		if int64(top) >= int64(in.Cols) {
			return 0, errs.New(errs.Data, "gene index %d with %d genes", top, in.Cols)
		}
		for ; row < in.Rows && in.Indptr[row] < int64(at+m); row++ {
			if in.Indptr[row+1] > in.Indptr[row] {
				buf[in.Indptr[row]-int64(at)] += uint32(in.Cols)
			}
		}
	default:
		s.lessOne(buf, in.Counts[at:at+m])
	}
	end := (m + blockLen - 1) &^ (blockLen - 1)
	clear(s.buf[m:end])
	return row, nil
}

// write fills a section by the widths that measure chose.
func (p *Plan) write(stream, n int, sec []byte) {
	s, le := p.s, binary.LittleEndian
	ns := len(s.base[stream])
	for i, b := range s.base[stream] {
		le.PutUint32(sec[i*8:], s.offs[stream][i])
		le.PutUint32(sec[i*8+4:], b)
	}
	for i, d := range s.desc[stream] {
		le.PutUint16(sec[ns*8+i*2:], d)
	}
	tables := int(tableLen(int64(n)))
	clear(sec[ns*8+len(s.desc[stream])*2 : tables])
	out := sec[tables:]
	row, blk := 0, 0
	for at := 0; at < n; at += superLen {
		m := min(superLen, n-at)
		row, _ = p.fill(stream, at, m, row) // measure has seen it without an error
		for i := 0; i < m; i += blockLen {
			d := s.desc[stream][blk]
			s.putBlock(out, (*[blockLen]uint32)(s.buf[i:]), d)
			out = out[blockBytes(d):]
			blk++
		}
	}
	clear(out)
}
