package cpu

import (
	"github.com/gpusc/gpusc/cpu/gramkern"
	"github.com/gpusc/gpusc/kernels"
)

func gramMultiply(_ *work, op *kernels.GramMultiply) error {
	var c check
	c.parts(op.Part, op.Parts)
	t := c.tile(&op.Tile)
	if c.err == nil && (op.Rows < 0 || op.Rows > t.Rows) {
		c.fail("%d rows in a tile for %d", op.Rows, t.Rows)
	}
	width := op.Tile.Width()
	acc := slice[float64](&c, op.Acc, c.product(width, width, "Acc"), "Acc")
	sum := slice[float64](&c, op.ColSum, int64(width), "ColSum")
	if c.err != nil {
		return c.err
	}
	t.Multiply(gramkern.Best(), op.Rows, op.Part, op.Parts, acc, sum)
	return nil
}
