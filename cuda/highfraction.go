//go:build cuda

package cuda

import "github.com/gpusc/gpusc/kernels"

func highFraction(s *stream, op *kernels.HighFraction) error {
	c := check{s: s}
	m := c.csr(op.X, "X")
	total := c.need(op.Total, int64(m.rows), 8, "Total")
	flags := c.need(op.Flags, int64(m.cols), 4, "Flags")
	if c.err != nil {
		return c.err
	}
	return s.launch("highfraction", "highfraction_"+m.suffix(), warps(m.rows),
		m.indptr, m.indices, m.values, m.rows, m.cols, m.nnz, total, op.Fraction, flags)
}
