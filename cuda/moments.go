//go:build cuda

package cuda

import "github.com/gpusc/gpusc/kernels"

func moments(s *stream, op *kernels.Moments) error {
	c := check{s: s}
	m := c.csr(op.X, "X")
	t := c.transform(op.T, m.rows)
	g := c.geneSums(m, c.groups(op.Group, m.rows, op.Groups), op.Groups)
	sum := c.need(op.Sum, g.sums, 16, "Sum")
	sq := c.need(op.SumSq, g.sums, 16, "SumSq")
	if c.err != nil {
		return c.err
	}
	return s.inPairs(&g, "moments", []any{t.scale, t.how, t.base}, sum, sq)
}
