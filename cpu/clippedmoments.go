package cpu

import "github.com/gpusc/gpusc/kernels"

const (
	// exactSquare bounds the counts whose square is a term that may be added.
	exactSquare = 1 << 26
	// narrowCount bounds those that flushRows of go into private sums.
	narrowCount = 1 << 20
)

// clippedSums are one group's accumulators.
type clippedSums struct {
	clip    []float64
	sum, sq []kernels.Fixed
	clipped []uint64
	private []privateClip // nil: add to the others at once
}

// privateClip is a gene's limit and private sums, in half a cache line.
type privateClip struct {
	limit, sum, sq, clipped uint64
}

func clippedMoments(w *work, op *kernels.ClippedMoments) error {
	var c check
	m := c.csr(op.X)
	group := c.groups(op.Group, m.rows, op.Groups)
	n := c.product(op.Groups, m.cols, "Sum")
	clip := slice[float64](&c, op.Clip, n, "Clip")
	sum := slice[kernels.Fixed](&c, op.Sum, n, "Sum")
	sq := slice[kernels.Fixed](&c, op.SumSq, n, "SumSq")
	clipped := slice[uint64](&c, op.Clipped, n, "Clipped")
	if c.err != nil {
		return c.err
	}
	return w.buckets(&m, group, op.Groups, func(b bucket) error {
		at, end := b.group*m.cols, (b.group+1)*m.cols
		s := clippedSums{clip: clip[at:end], sum: sum[at:end], sq: sq[at:end], clipped: clipped[at:end]}
		if b.dense && m.kind == kernels.Counts {
			s.private = zeros[privateClip](w, m.cols)
			s.setLimits()
		}
		for _, r := range b.rows {
			lo, hi := m.ptr[r], m.ptr[r+1]
			var err error
			switch idx := m.idx[lo:hi]; m.kind {
			case kernels.Counts:
				err = s.counts(idx, m.u32[lo:hi])
			default:
				err = s.floats(idx, w.wide(&m, lo, hi))
			}
			if err != nil {
				return err
			}
		}
		s.flush()
		return nil
	})
}

// setLimits turns the limits of private sums into whole numbers: x is above
// clip just where it is above its floor.
func (s *clippedSums) setLimits() {
	for c := range s.private {
		limit := uint64(1 << 32)
		switch clip := s.clip[c]; {
		case clip < 0:
			limit = 0 // no stored count is as small
		case clip < 1<<32:
			limit = uint64(int64(clip))
		}
		s.private[c].limit = limit
	}
}

// counts adds whole numbers: only the part before the point changes.
func (s *clippedSums) counts(idx, val []uint32) error {
	val = val[:len(idx)]
	private := s.private
	for i, c := range idx {
		x := uint64(val[i])
		if private != nil && x < narrowCount {
			p := &private[c]
			if x > p.limit {
				p.clipped++
				continue
			}
			p.sum += x
			p.sq += x * x
			continue
		}
		if float64(x) > s.clip[c] {
			s.clipped[c]++
			continue
		}
		if x > exactSquare {
			return errTerm(float64(float64(x) * float64(x)))
		}
		s.sum[c].Hi += int64(x)
		s.sq[c].Hi += int64(x * x)
	}
	return nil
}

// flush carries the private sums over and leaves them zero.
func (s *clippedSums) flush() {
	for c := range s.private {
		p := &s.private[c]
		s.sum[c].Hi += int64(p.sum)
		s.sq[c].Hi += int64(p.sq)
		s.clipped[c] += p.clipped
	}
	clear(s.private)
}

func (s *clippedSums) floats(idx []uint32, val []float64) error {
	for i, c := range idx {
		x := val[i]
		if x > s.clip[c] {
			s.clipped[c]++
			continue
		}
		q := float64(x * x)
		if !addable(x) || !addable(q) {
			return errTerm(q)
		}
		s.sum[c] = s.sum[c].Add(kernels.ToFixed(x))
		s.sq[c] = s.sq[c].Add(kernels.ToFixed(q))
	}
	return nil
}
