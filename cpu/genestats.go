package cpu

import "github.com/gpusc/gpusc/kernels"

// A gene's private sum holds the sum of counts in the low bits and the number
// of cells above them. flushRows counts below packedLimit leave both their room.
const (
	packedShift = 40
	packedLimit = 1 << 24
)

// geneSums are one group's accumulators.
type geneSums struct {
	sum     []kernels.Fixed
	cells   []uint64
	private []uint64 // nil: add to the others at once
}

func geneStats(w *work, op *kernels.GeneStats) error {
	var c check
	m := c.csr(op.X)
	group := c.groups(op.Group, m.rows, op.Groups)
	n := c.product(op.Groups, m.cols, "Sum")
	sum := slice[kernels.Fixed](&c, op.Sum, n, "Sum")
	cells := slice[uint64](&c, op.Cells, n, "Cells")
	if c.err != nil {
		return c.err
	}
	return w.buckets(&m, group, op.Groups, func(b bucket) error {
		at := b.group * m.cols
		s := geneSums{sum: sum[at : at+m.cols], cells: cells[at : at+m.cols]}
		switch m.kind {
		case kernels.Counts:
			if b.dense {
				s.private = zeros[uint64](w, m.cols)
			}
			s.counts(&m, b.rows)
			s.flush()
			return nil
		default:
			return s.floats(w, &m, b.rows)
		}
	})
}

func (s *geneSums) counts(m *matrix, rows []int32) {
	for _, r := range rows {
		lo, hi := m.ptr[r], m.ptr[r+1]
		idx, val := m.idx[lo:hi], m.u32[lo:hi]
		if s.private == nil {
			for i, c := range idx {
				s.sum[c].Hi += int64(val[i])
				s.cells[c]++
			}
			continue
		}
		private := s.private
		val = val[:len(idx)]
		for i, c := range idx {
			x := val[i]
			if x >= packedLimit {
				s.sum[c].Hi += int64(x)
				s.cells[c]++
				continue
			}
			private[c] += 1<<packedShift + uint64(x)
		}
	}
}

// flush carries the private sums over and leaves them zero.
func (s *geneSums) flush() {
	for c, p := range s.private {
		s.sum[c].Hi += int64(p & (1<<packedShift - 1))
		s.cells[c] += p >> packedShift
	}
	clear(s.private)
}

func (s *geneSums) floats(w *work, m *matrix, rows []int32) error {
	for _, r := range rows {
		lo, hi := m.ptr[r], m.ptr[r+1]
		idx, val := m.idx[lo:hi], w.wide(m, lo, hi)
		val = val[:len(idx)]
		for i, c := range idx {
			x := val[i]
			if !addable(x) {
				return errTerm(x)
			}
			s.sum[c] = s.sum[c].Add(kernels.ToFixed(x))
			if x > 0 {
				s.cells[c]++
			}
		}
	}
	return nil
}
