package cpu

import (
	"math"

	"github.com/gpusc/gpusc/kernels"
)

// pearsonSums are one group's parameters and accumulators.
type pearsonSums struct {
	share       []float64
	clip, theta float64
	sum, sq     []kernels.Fixed
}

// expectation is what a value is expected to be, and its standard deviation.
type expectation struct{ mu, root float64 }

func pearsonMoments(w *work, op *kernels.PearsonMoments) error {
	var c check
	m := c.csr(op.X)
	group := c.groups(op.Group, m.rows, op.Groups)
	n := c.product(op.Groups, m.cols, "Sum")
	total := slice[float64](&c, op.Total, int64(m.rows), "Total")
	share := slice[float64](&c, op.Share, n, "Share")
	clip := slice[float64](&c, op.Clip, int64(op.Groups), "Clip")
	sum := slice[kernels.Fixed](&c, op.Sum, n, "Sum")
	sq := slice[kernels.Fixed](&c, op.SumSq, n, "SumSq")
	if c.err != nil {
		return c.err
	}
	return w.buckets(&m, group, op.Groups, func(b bucket) error {
		at, end := b.group*m.cols, (b.group+1)*m.cols
		s := pearsonSums{share[at:end], clip[b.group], op.Theta, sum[at:end], sq[at:end]}
		for _, r := range b.rows {
			lo, hi := m.ptr[r], m.ptr[r+1]
			var err error
			switch idx := m.idx[lo:hi]; m.kind {
			case kernels.Counts:
				err = addResiduals(w, &s, idx, m.u32[lo:hi], total[r])
			default:
				err = addResiduals(w, &s, idx, w.wide(&m, lo, hi), total[r])
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// addResiduals takes a row in two steps, expected values and roots first: a
// square root keeps half of its target register, so in one loop each value
// would wait for the one before.
func addResiduals[T uint32 | float64](w *work, s *pearsonSums, idx []uint32, val []T, total float64) error {
	finite := !math.IsInf(s.theta, 0)
	w.expected = grow(w.expected, len(idx))
	expected := w.expected
	for i, c := range idx {
		mu := float64(total * s.share[c])
		variance := mu
		if finite {
			variance += float64(mu*mu) / s.theta
		}
		expected[i] = expectation{mu, math.Sqrt(variance)}
	}
	val = val[:len(expected)]
	for i, e := range expected {
		z := clampTo((float64(val[i])-e.mu)/e.root, s.clip)
		z0 := clampTo((0-e.mu)/e.root, s.clip)
		d := z - z0
		q := float64(z*z) - float64(z0*z0)
		if !addable(d) || !addable(q) {
			return errTerm(q)
		}
		c := idx[i]
		s.sum[c] = s.sum[c].Add(kernels.ToFixed(d))
		s.sq[c] = s.sq[c].Add(kernels.ToFixed(q))
	}
	return nil
}

// clampTo returns min(max(z, -limit), limit), and NaN for NaN.
func clampTo(z, limit float64) float64 {
	if z < -limit {
		z = -limit
	}
	if z > limit {
		z = limit
	}
	return z
}
