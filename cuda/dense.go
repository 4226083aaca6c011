//go:build cuda

package cuda

import "github.com/gpusc/gpusc/kernels"

func dense(s *stream, op *kernels.Dense) error {
	c := check{s: s}
	m := c.csr(op.X, "X")
	tr := c.transform(op.T, m.rows)
	mean := c.optional(op.Mean, int64(m.cols), 8, "Mean")
	std := c.optional(op.Std, int64(m.cols), 8, "Std")
	if op.Row0 < 0 || op.Rows < 0 || op.Row0 > m.rows || op.Rows > m.rows-op.Row0 {
		c.fail("rows %d to %d of %d", op.Row0, op.Row0+op.Rows, m.rows)
	}
	out := c.need(op.Out, c.product(op.Rows, m.cols, "Out"), 4, "Out")
	if c.err != nil || op.Rows == 0 || m.cols == 0 {
		return c.err
	}
	zero, err := s.scratch(int64(m.cols) * 4)
	if err != nil {
		return err
	}
	err = s.launch("dense", "dense_zero", threads(int64(m.cols)), m.cols, mean, std, op.Centre, op.Max, zero)
	if err != nil {
		return err
	}
	return s.launch("dense", "dense_"+m.suffix(), line(int64(op.Rows), 128),
		m.indptr, m.indices, m.values, m.cols, m.nnz, op.Row0, tr.scale, tr.how, tr.base,
		mean, std, op.Centre, op.Max, zero, out)
}
