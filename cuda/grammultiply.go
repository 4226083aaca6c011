//go:build cuda

package cuda

import "github.com/gpusc/gpusc/kernels"

// Shapes of the kernels, see kernels/grammultiply.cu.
const (
	gramSide  = 64   // of a square of dense columns
	gramRun   = 8    // sparse columns that go to one part in a row
	gramWarps = 16   // runs of a block
	gramReach = 2048 // sparse columns that a warp adds to
)

func gramMultiply(s *stream, op *kernels.GramMultiply) error {
	c := check{s: s}
	c.parts(op.Part, op.Parts)
	t := c.tile(&op.Tile)
	if c.err == nil && (op.Rows < 0 || op.Rows > t.rows) {
		c.fail("%d rows in a tile for %d", op.Rows, t.rows)
	}
	acc := c.need(op.Acc, c.product(t.width, t.width, "Acc"), 8, "Acc")
	sum := c.need(op.ColSum, int64(t.width), 8, "ColSum")
	if c.err != nil || op.Rows == 0 {
		return c.err
	}
	padded := t.groups * kernels.GramGroup

	squares := (padded + gramSide - 1) / gramSide
	squares = squares * (squares + 1) / 2
	from, to := squares*op.Part/op.Parts, squares*(op.Part+1)/op.Parts
	d := line(int64(to-from), 256)
	d.shared = gramSide*gramSide*8 + 4*2*2*8*gramSide*4
	if err := s.launch("grammultiply", "grammultiply_dense", d, t.dense, op.Rows, t.rows, padded, t.width, from, acc); err != nil {
		return err
	}

	all := (t.sparse + gramRun - 1) / gramRun
	runs := max((all-op.Part+op.Parts-1)/op.Parts, 0) // of this part
	d = line(int64((runs+gramWarps-1)/gramWarps), gramWarps*32)
	d.grid[1] = int64(t.groups)
	d.shared = kernels.GramBlock * kernels.GramGroup * 4
	if err := s.launch("grammultiply", "grammultiply_axpy", d, t.dense, op.Rows, t.rows, t.nnz, padded, t.sparse,
		t.colPtr, t.colAt, t.colVal, op.Part, op.Parts, acc); err != nil {
		return err
	}

	d = line(int64(runs*gramRun), 32)
	d.grid[1] = int64((t.sparse + gramReach - 1) / gramReach)
	d.shared = min(t.sparse, gramReach) * 8
	if err := s.launch("grammultiply", "grammultiply_pairs", d, op.Rows, t.nnz, padded, t.sparse,
		t.rowIdx, t.rowVal, t.rowEnd, t.colPtr, t.colAt, t.colVal, t.colPos, op.Part, op.Parts, acc); err != nil {
		return err
	}

	lo, hi := t.width*op.Part/op.Parts, t.width*(op.Part+1)/op.Parts
	return s.launch("grammultiply", "grammultiply_colsum", threads(int64(hi-lo)), t.sum, op.Rows, t.width, lo, hi, sum)
}
