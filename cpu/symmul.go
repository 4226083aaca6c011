package cpu

import (
	"github.com/gpusc/gpusc/internal/panel"
	"github.com/gpusc/gpusc/kernels"
)

func symMul(_ *work, op *kernels.SymMul) error {
	var c check
	a := slice[float64](&c, op.A, c.product(op.N, op.N, "A"), "A")
	x := slice[float64](&c, op.X, c.product(op.N, kernels.SymWidth, "X"), "X")
	y := slice[float64](&c, op.Y, c.product(op.N, kernels.SymWidth, "Y"), "Y")
	if c.err != nil || op.N == 0 {
		return c.err
	}
	panel.NewSymmetric(panel.Best(), op.N, a).Mul(y, x, func(pieces int, f func(int)) {
		for i := range pieces {
			f(i)
		}
	})
	return nil
}
