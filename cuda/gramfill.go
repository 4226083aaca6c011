//go:build cuda

package cuda

import (
	"math"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/kernels"
)

// tile is a kernels.GramTile as addresses.
type tile struct {
	rows, genes, hot, groups, sparse, width, blocks int

	nnz                           int64
	dense, rowIdx, rowVal, rowEnd ptr
	colPtr, colAt, colVal, colPos ptr
	sum                           ptr
}

// tile views a kernels.GramTile, without Rank.
func (c *check) tile(t *kernels.GramTile) tile {
	switch {
	case t.Rows <= 0 || t.Rows%kernels.GramBlock != 0 || t.Genes <= 0 || t.NNZ < 0 || t.NNZ > math.MaxUint32:
		c.fail("a tile of %d rows, %d genes and %d entries cannot be", t.Rows, t.Genes, t.NNZ)
	case t.Hot < 0 || t.Hot > t.Genes || t.Hot != t.Genes && t.Hot%kernels.GramGroup != 0:
		c.fail("%d dense columns of %d is neither all nor whole groups", t.Hot, t.Genes)
	case int64(t.Rows)*kernels.GramGroup*int64(t.Groups()) > math.MaxInt32:
		c.fail("a tile of %d rows and %d dense columns is too large", t.Rows, t.Hot)
	}
	if c.err != nil {
		return tile{}
	}
	blocks := t.Rows / kernels.GramBlock
	return tile{
		rows: t.Rows, genes: t.Genes, hot: t.Hot, groups: t.Groups(), sparse: t.Sparse(), width: t.Width(), blocks: blocks,
		nnz:    t.NNZ,
		dense:  c.need(t.Dense, c.product(t.Groups()*kernels.GramGroup, t.Rows, "Dense"), 4, "Dense"),
		rowIdx: c.need(t.RowIdx, t.NNZ, 4, "RowIdx"),
		rowVal: c.need(t.RowVal, t.NNZ, 4, "RowVal"),
		rowEnd: c.need(t.RowEnd, int64(t.Rows), 4, "RowEnd"),
		colPtr: c.need(t.ColPtr, c.product(blocks, t.Sparse()+1, "ColPtr"), 4, "ColPtr"),
		colAt:  c.need(t.ColAt, t.NNZ, 4, "ColAt"),
		colVal: c.need(t.ColVal, t.NNZ, 4, "ColVal"),
		colPos: c.need(t.ColPos, t.NNZ, 4, "ColPos"),
		sum:    c.need(t.Sum, c.product(blocks, t.Width(), "Sum"), 8, "Sum"),
	}
}

func (c *check) parts(part, parts int) {
	if part < 0 || part >= parts {
		c.fail("part %d of %d", part, parts)
	}
}

// scaling is how u is made of transformed values.
type scaling struct {
	mean, std ptr // 0: none
	centre    bool
	max       float64
}

// scaled views the parameters of scaling; Std is needed with Mean or Max.
func (c *check) scaled(mean, std device.Buffer, centre bool, limit float64, genes int) scaling {
	if std == nil && (mean != nil || limit > 0) || std != nil && centre && mean == nil {
		c.fail("scaling needs both Mean and Std")
	}
	return scaling{
		mean: c.optional(mean, int64(genes), 8, "Mean"), std: c.optional(std, int64(genes), 8, "Std"),
		centre: centre, max: limit,
	}
}

func gramFill(s *stream, op *kernels.GramFill) error {
	c := check{s: s}
	c.parts(op.Part, op.Parts)
	m := c.csr(op.X, "X")
	tr := c.transform(op.T, m.rows)
	z := c.scaled(op.Mean, op.Std, op.Centre, op.Max, op.Tile.Genes)
	t := c.tile(&op.Tile)
	rank := c.need(op.Tile.Rank, int64(op.Tile.Genes), 4, "Rank")
	center := c.need(op.Center, int64(op.Tile.Genes), 8, "Center")
	if c.err == nil && (m.cols != t.genes || m.rows > t.rows) {
		c.fail("a tile for %d rows and %d genes cannot take %d x %d", t.rows, t.genes, m.rows, m.cols)
	}
	if c.err != nil {
		return c.err
	}
	all := (m.rows + kernels.GramBlock - 1) / kernels.GramBlock
	own := (all - op.Part + op.Parts - 1) / op.Parts // blocks of this part
	if own = max(own, 0); own > 65535 {
		c.fail("%d rows are too many for a tile", m.rows)
		return c.err
	}
	padded := t.groups * kernels.GramGroup
	head := (int64(padded)*4 + 255) &^ 255
	bitBytes := int64(own) * int64(t.sparse) * kernels.GramBlock / 8
	zero, err := s.scratch(head + bitBytes)
	if err != nil {
		return err
	}
	bits := zero + ptr(head)
	if err := s.set(bits, 0, bitBytes); err != nil {
		return err
	}
	if err := s.launch("gramfill", "gramfill_ranks", threads(int64(max(t.genes, padded))),
		rank, center, t.genes, t.hot, padded, zero); err != nil {
		return err
	}
	rows := warps(own * kernels.GramBlock)
	if err := s.launch("gramfill", "gramfill_count", rows,
		m.indptr, m.indices, m.rows, t.genes, min(m.nnz, t.nnz), rank, t.hot, op.Part, op.Parts, t.rowEnd, bits); err != nil {
		return err
	}
	if err := s.launch("gramfill", "gramfill_ends", line(int64(own), kernels.GramBlock),
		m.indptr, m.rows, t.sparse, op.Part, op.Parts, t.rowEnd, t.colPtr, bits); err != nil {
		return err
	}
	if err := s.launch("gramfill", "gramfill_rows_"+m.suffix(), rows,
		m.indptr, m.indices, m.values, m.rows, tr.scale, tr.how, tr.base, z.mean, z.std, z.centre, z.max, rank, center,
		op.Part, op.Parts, t.rows, t.hot, t.groups, t.sparse, t.dense, t.rowIdx, t.rowVal, t.rowEnd, t.colPtr,
		t.colAt, t.colVal, t.colPos, zero, bits); err != nil {
		return err
	}
	sums := threads(int64(t.width))
	sums.grid[1] = int64(own)
	return s.launch("gramfill", "gramfill_sums", sums,
		m.rows, op.Part, op.Parts, t.rows, t.groups, t.sparse, t.dense, t.colPtr, t.colVal, zero, t.sum)
}
