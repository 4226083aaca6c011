//go:build cuda

package cuda

import "github.com/gpusc/gpusc/kernels"

func project(s *stream, op *kernels.Project) error {
	c := check{s: s}
	m := c.csr(op.X, "X")
	tr := c.transform(op.T, m.rows)
	z := c.scaled(op.Mean, op.Std, op.Centre, op.Max, m.cols)
	if op.K < 0 || op.Stride < op.K || op.Stride%8 != 0 {
		c.fail("%d components in rows of %d", op.K, op.Stride)
	}
	w := c.need(op.W, c.product(m.cols, op.Stride, "W"), 8, "W")
	offset := c.optional(op.Offset, int64(op.Stride), 8, "Offset")
	out := c.need(op.Out, c.product(m.rows, op.K, "Out"), 4, "Out")
	if c.err != nil || op.K == 0 {
		return c.err
	}
	return s.launch("project", "project_"+m.suffix(), warps(m.rows),
		m.indptr, m.indices, m.values, m.rows, m.cols, m.nnz, tr.scale, tr.how, tr.base,
		z.mean, z.std, z.centre, z.max, op.K, op.Stride, w, offset, out)
}
