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
				err = addResiduals(&s, idx, m.u32[lo:hi], total[r])
			case kernels.Float32:
				err = addResiduals(&s, idx, m.f32[lo:hi], total[r])
			default:
				err = addResiduals(&s, idx, m.f64[lo:hi], total[r])
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func addResiduals[T number](s *pearsonSums, idx []uint32, val []T, total float64) error {
	finite := !math.IsInf(s.theta, 0)
	for i, c := range idx {
		mu := float64(total * s.share[c])
		variance := mu
		if finite {
			variance += float64(mu*mu) / s.theta
		}
		root := math.Sqrt(variance)
		z := clampTo((float64(val[i])-mu)/root, s.clip)
		z0 := clampTo((0-mu)/root, s.clip)
		f, err := term(z - z0)
		if err != nil {
			return err
		}
		g, err := term(float64(z*z) - float64(z0*z0))
		if err != nil {
			return err
		}
		s.sum[c] = s.sum[c].Add(f)
		s.sq[c] = s.sq[c].Add(g)
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
