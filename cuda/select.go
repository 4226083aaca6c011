//go:build cuda

package cuda

import "github.com/gpusc/gpusc/kernels"

// selectBlock is ROWS of kernels/select.cu.
const selectBlock = 32

func selectRows(s *stream, op *kernels.Select) error {
	c := check{s: s}
	m, out := c.csr(op.X, "X"), c.csr(op.Out, "Out")
	rowsOf := c.optional(op.RowsOf, int64(out.rows), 4, "RowsOf")
	genes := c.optional(op.Map, int64(m.cols), 4, "Map")
	if out.kind != m.kind {
		c.fail("Out.Kind is %d, X.Kind is %d", out.kind, m.kind)
	}
	if op.RowsOf == nil && out.rows != m.rows {
		c.fail("Out has %d rows, X has %d, and RowsOf is nil", out.rows, m.rows)
	}
	if op.Map == nil && out.cols != m.cols {
		c.fail("Out has %d genes, X has %d, and Map is nil", out.cols, m.cols)
	}
	if c.err != nil {
		return c.err
	}
	blocks := (int64(out.rows) + selectBlock - 1) / selectBlock
	sums, err := s.scratch(max(blocks, 1) * 8)
	if err != nil {
		return err
	}
	mapBlocks := int64(0)
	if genes != 0 {
		mapBlocks = (int64(m.cols) + 255) / 256
	}
	err = s.launch("select", "select_count", line(mapBlocks+blocks, 256),
		m.indptr, m.indices, m.rows, m.cols, m.nnz, rowsOf, genes, out.rows, out.cols, mapBlocks, out.indptr, sums)
	if err != nil {
		return err
	}
	err = s.launch("select", "select_scan", line(1, 1024), blocks, out.rows, out.nnz, out.indptr, sums)
	if err != nil {
		return err
	}
	return s.launch("select", "select_"+m.suffix(), warps(out.rows),
		m.indptr, m.indices, m.values, rowsOf, genes, out.rows, sums, out.indptr, out.indices, out.values)
}
