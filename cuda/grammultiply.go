//go:build cuda

package cuda

import (
	"fmt"

	"github.com/gpusc/gpusc/kernels"
)

// Shapes of the kernels, see kernels/grammultiply.cu.
const (
	gramRun   = 8    // sparse columns that go to one part in a row
	gramWarps = 16   // runs of a block
	gramReach = 2048 // sparse columns that a warp adds to

	// gramFew squares of 64 x 64 for a part leave multiprocessors idle. It is no
	// device's own number: devices that share out an accumulator must agree.
	gramFew = 128
)

// triangle is the number of squares on one side of the diagonal.
func triangle(columns, side int) int {
	n := (columns + side - 1) / side
	return n * (n + 1) / 2
}

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

	side, slice := 64, 8
	if triangle(padded, side) < gramFew*op.Parts {
		side, slice = 32, 4
	}
	squares := triangle(padded, side)
	from, to := squares*op.Part/op.Parts, squares*(op.Part+1)/op.Parts
	teams := 256 / (side / 8 * side / 8)
	d := line(int64(to-from), 256)
	d.shared = 8*side*side + 4*teams*4*slice*side
	if err := s.launch("grammultiply", fmt.Sprint("grammultiply_dense", side), d,
		t.dense, op.Rows, t.rows, padded, t.width, from, acc); err != nil {
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
