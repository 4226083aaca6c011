package pack

import (
	"slices"

	"github.com/gpusc/gpusc/internal/errs"
)

// DecodeSelect is Decode of some columns: column c becomes genes[c], and is
// left out where that is negative. genes has an entry for every column and
// rises over those that stay; cols is the new number of columns. All rows stay.
// It takes less time than to decode everything and choose then, as what is
// left out does not leave the first-level cache.
func DecodeSelect(b []byte, genes []int32, cols int, out *Matrix, s *Scratch) error {
	b, h, err := whole(b)
	if err != nil {
		return err
	}
	if err := checkGenes(genes, h.Cols, cols); err != nil {
		return err
	}
	s.ptrs = resize(s.ptrs, h.Rows+1)
	if err := decodeLens(b[h.Lens:h.Idx], &h, s.ptrs, s); err != nil {
		return err
	}
	out.Rows, out.Cols, out.Kind = h.Rows, cols, h.Kind
	out.Indptr = resize(out.Indptr, h.Rows+1)
	clear(out.Indptr)
	idx := newIdxReader(b[h.Idx:h.Vals], &h, s.ptrs)
	sel := selector{genes: genes, ptrs: s.ptrs, indptr: out.Indptr, genesOut: out.Indices[:0]}
	var cnt reader
	switch vals := b[h.Vals:]; h.Kind {
	case Counts:
		cnt = newReader(vals, int(h.NNZ))
		out.Counts = out.Counts[:0]
	case Float32:
		out.F32 = out.F32[:0]
	default:
		out.F64 = out.F64[:0]
	}
	for at := 0; at < idx.n; at += superLen {
		m := min(superLen, idx.n-at)
		x := s.buf[:blocks(m)]
		if err := idx.next(at, m, x, s); err != nil {
			return err
		}
		places := sel.choose(at, x[:m], &s.more)
		switch h.Kind {
		case Counts:
			// The indices have been used: their place takes the counts.
			if err := cnt.counts(at, x, s); err != nil {
				return err
			}
			out.Counts = slices.Grow(out.Counts, len(places))
			for _, i := range places {
				out.Counts = append(out.Counts, x[i])
			}
		case Float32:
			out.F32 = pickF32(out.F32, b[h.Vals+int64(at)*4:], places)
		default:
			out.F64 = pickF64(out.F64, b[h.Vals+int64(at)*8:], places)
		}
	}
	sel.finish()
	out.Indices = sel.genesOut
	return nil
}

func checkGenes(genes []int32, have, cols int) error {
	if len(genes) != have {
		return errs.New(errs.Usage, "a choice from %d columns, not %d", len(genes), have)
	}
	last := int32(-1)
	for c, g := range genes {
		if g < 0 {
			continue
		}
		if g <= last || int(g) >= cols {
			return errs.New(errs.Usage, "column %d becomes %d of %d, after %d", c, g, cols, last)
		}
		last = g
	}
	return nil
}

// selector keeps the chosen ones of indices that come superblock by superblock.
type selector struct {
	genes    []int32
	ptrs     []int64 // of all values
	indptr   []int64 // of those that stay
	genesOut []uint32
	row      int // the row of the next value, or an empty one before it
}

// choose appends the new indices of a superblock's values to genesOut and
// returns the places in it of those that stay.
func (s *selector) choose(at int, idx []uint32, places *[superLen]uint32) []uint32 {
	had := len(s.genesOut)
	s.genesOut = slices.Grow(s.genesOut, len(idx))
	out := s.genesOut[had : had+len(idx)]
	k, i := 0, 0
	for i < len(idx) {
		for s.ptrs[s.row+1] <= int64(at+i) { // rows that end here
			s.row++
			s.indptr[s.row] = int64(had + k)
		}
		end := int(min(s.ptrs[s.row+1]-int64(at), int64(len(idx))))
		for ; i < end; i++ {
			g := s.genes[idx[i]]
			// Written always, kept by the step: whether a gene stays is as good
			// as random, and a branch on it costs more.
			out[k], places[k&(superLen-1)] = uint32(g), uint32(i)
			k += int(^uint32(g) >> 31)
		}
	}
	s.genesOut = s.genesOut[:had+k]
	return places[:k]
}

// finish sets the pointers of the rows after the last value.
func (s *selector) finish() {
	for s.row < len(s.ptrs)-1 {
		s.row++
		s.indptr[s.row] = int64(len(s.genesOut))
	}
}
