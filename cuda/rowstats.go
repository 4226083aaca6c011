//go:build cuda

package cuda

import "github.com/gpusc/gpusc/kernels"

func rowStats(s *stream, op *kernels.RowStats) error {
	c := check{s: s}
	if op.Groups < 0 || op.Groups > 32 {
		c.fail("Groups is %d, 0 to 32 can be", op.Groups)
	}
	m := c.csr(op.X, "X")
	mask := c.optional(op.Mask, int64(m.cols), 1, "Mask")
	var groupOf ptr
	if op.Groups > 0 {
		groupOf = c.need(op.GroupOf, int64(m.cols), 4, "GroupOf")
	}
	total := c.need(op.Total, c.product(m.rows, 1+op.Groups, "Total"), 8, "Total")
	detected := c.need(op.Detected, int64(m.rows), 4, "Detected")
	if c.err != nil {
		return c.err
	}
	return s.launch("rowstats", "rowstats_"+m.suffix(), warps(m.rows),
		m.indptr, m.indices, m.values, m.rows, m.cols, m.nnz, mask, op.Groups, groupOf, total, detected)
}
