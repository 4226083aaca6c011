//go:build cuda

package cuda

import "github.com/gpusc/gpusc/kernels"

func symMul(s *stream, op *kernels.SymMul) error {
	c := check{s: s}
	a := c.need(op.A, c.product(op.N, op.N, "A"), 8, "A")
	x := c.need(op.X, c.product(op.N, kernels.SymWidth, "X"), 8, "X")
	y := c.need(op.Y, c.product(op.N, kernels.SymWidth, "Y"), 8, "Y")
	if c.err != nil {
		return c.err
	}
	stripes := min(16, max(1, op.N/128))
	return s.launch("symmul", "symmul_rows", line((int64(op.N)+15)/16, (stripes+1)*32), op.N, stripes, a, x, y)
}
