package cpu

import "github.com/gpusc/gpusc/kernels"

// exactSquare bounds the counts whose square is a term that may be added.
const exactSquare = 1 << 26

// clippedSums are one group's accumulators.
type clippedSums struct {
	clip    []float64
	sum, sq []kernels.Fixed
	clipped []uint64
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
		s := clippedSums{clip[at:end], sum[at:end], sq[at:end], clipped[at:end]}
		for _, r := range b.rows {
			lo, hi := m.ptr[r], m.ptr[r+1]
			var err error
			switch idx := m.idx[lo:hi]; m.kind {
			case kernels.Counts:
				err = s.counts(idx, m.u32[lo:hi])
			case kernels.Float32:
				err = clipFloats(&s, idx, m.f32[lo:hi])
			default:
				err = clipFloats(&s, idx, m.f64[lo:hi])
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// counts adds whole numbers: only the part before the point changes.
func (s *clippedSums) counts(idx, val []uint32) error {
	val = val[:len(idx)]
	clip := s.clip
	sum, sq := s.sum[:len(clip)], s.sq[:len(clip)]
	for i, c := range idx {
		x := val[i]
		if float64(x) > clip[c] {
			s.clipped[c]++
			continue
		}
		if x > exactSquare {
			_, err := term(float64(float64(x) * float64(x)))
			return err
		}
		sum[c].Hi += int64(x)
		sq[c].Hi += int64(uint64(x) * uint64(x))
	}
	return nil
}

func clipFloats[T float32 | float64](s *clippedSums, idx []uint32, val []T) error {
	for i, c := range idx {
		x := float64(val[i])
		if x > s.clip[c] {
			s.clipped[c]++
			continue
		}
		f, err := term(x)
		if err != nil {
			return err
		}
		g, err := term(float64(x * x))
		if err != nil {
			return err
		}
		s.sum[c] = s.sum[c].Add(f)
		s.sq[c] = s.sq[c].Add(g)
	}
	return nil
}
