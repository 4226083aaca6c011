package cpu

import "github.com/gpusc/gpusc/kernels"

// scaling is the parameters of dense.
type scaling struct {
	mean, std []float64
	centre    bool
	max       float64
}

// at returns the scaled value of v in gene c.
func (s *scaling) at(v float64, c uint32) float32 {
	if s.centre && s.mean != nil {
		v -= s.mean[c]
	}
	if s.std != nil {
		v /= s.std[c]
	}
	if s.max > 0 {
		if v > s.max {
			v = s.max
		}
		if s.centre && v < -s.max {
			v = -s.max
		}
	}
	return float32(v)
}

func dense(w *work, op *kernels.Dense) error {
	var c check
	m := c.csr(op.X)
	tr := c.transform(op.T, m.rows)
	s := scaling{
		mean:   optional[float64](&c, op.Mean, int64(m.cols), "Mean"),
		std:    optional[float64](&c, op.Std, int64(m.cols), "Std"),
		centre: op.Centre,
		max:    op.Max,
	}
	out := slice[float32](&c, op.Out, c.product(m.rows, m.cols, "Out"), "Out")
	if c.err != nil || m.rows == 0 || m.cols == 0 {
		return c.err
	}
	// What a gene is where nothing is stored is the same in every row: the
	// first row is made, the others copy it.
	zero := make([]float32, m.cols)
	for g := range zero {
		zero[g] = s.at(0, uint32(g))
	}
	w.value.next()
	for r := range m.rows {
		lo, hi := m.ptr[r], m.ptr[r+1]
		o, idx, scale := out[r*m.cols:(r+1)*m.cols], m.idx[lo:hi], tr.of(int32(r))
		copy(o, zero)
		switch m.kind {
		case kernels.Counts:
			if tr.scale != nil {
				w.value.next()
			}
			for i, x := range m.u32[lo:hi] {
				o[idx[i]] = s.at(w.value.at(x, &tr, scale), idx[i])
			}
		default:
			for i, x := range w.wide(&m, lo, hi) {
				o[idx[i]] = s.at(tr.apply(x, scale), idx[i])
			}
		}
	}
	return nil
}
