package cpu

import (
	"github.com/gpusc/gpusc/cpu/gramkern"
	"github.com/gpusc/gpusc/kernels"
)

func project(w *work, op *kernels.Project) error {
	var c check
	m := c.csr(op.X)
	tr := c.transform(op.T, m.rows)
	s := c.scaled(&kernels.GramFill{Mean: op.Mean, Std: op.Std, Centre: op.Centre, Max: op.Max}, m.cols)
	if op.K < 0 || op.Stride < op.K || op.Stride%8 != 0 {
		c.fail("%d components in rows of %d", op.K, op.Stride)
	}
	weights := slice[float64](&c, op.W, c.product(m.cols, op.Stride, "W"), "W")
	offset := optional[float64](&c, op.Offset, int64(op.Stride), "Offset")
	out := slice[float32](&c, op.Out, c.product(m.rows, op.K, "Out"), "Out")
	if c.err != nil || op.K == 0 {
		return c.err
	}
	l, v := gramkern.Best(), w.rowValues(&m, tr, s)
	sum := make([]float64, (op.K+7)/8*8)
	for r := range m.rows {
		clear(sum)
		for k := range min(len(sum), len(offset)) {
			sum[k] = -offset[k]
		}
		idx, u := v.row(r)
		gramkern.ProjectRow(l, idx, u, weights, op.Stride, sum)
		o := out[r*op.K : (r+1)*op.K]
		for k := range o {
			o[k] = float32(sum[k])
		}
	}
	return nil
}
