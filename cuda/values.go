//go:build cuda

package cuda

import "github.com/gpusc/gpusc/kernels"

func values(s *stream, op *kernels.Values) error {
	c := check{s: s}
	m := c.csr(op.X, "X")
	tr := c.transform(op.T, m.rows)
	out, room := c.upTo(op.Out, m.nnz, 4, "Out")
	if c.err != nil {
		return c.err
	}
	return s.launch("values", "values_"+m.suffix(), warps(m.rows),
		m.indptr, m.values, m.rows, m.nnz, tr.scale, tr.how, tr.base, room, out)
}
