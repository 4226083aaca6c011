package cpu

import (
	"math"

	"github.com/gpusc/gpusc/cpu/gramkern"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/kernels"
)

// rowValues works out the values u of rows (see kernels.GramFill).
type rowValues struct {
	m    *matrix
	tr   transform
	w    *work
	s    scaling
	zero []float64 // z(0) of each gene; nil without scaling
	u    []float64
}

// at64 is at without the rounding to float32.
func (s *scaling) at64(v float64, c uint32) float64 {
	if s.centre {
		v -= s.mean[c]
	}
	v /= s.std[c]
	if s.max > 0 {
		v = min(v, s.max)
		if s.centre {
			v = max(v, -s.max)
		}
	}
	return v
}

func (w *work) rowValues(m *matrix, tr transform, s scaling) *rowValues {
	v := &rowValues{m: m, tr: tr, w: w, s: s}
	if s.std != nil {
		v.zero = make([]float64, m.cols)
		for g := range v.zero {
			v.zero[g] = s.at64(0, uint32(g))
		}
	}
	w.value.next()
	return v
}

// row returns the genes and values of row r, valid until the next call.
func (v *rowValues) row(r int) ([]uint32, []float64) {
	m := v.m
	lo, hi := m.ptr[r], m.ptr[r+1]
	idx, scale := m.idx[lo:hi], v.tr.of(int32(r))
	if len(idx) > len(v.u) {
		v.u = make([]float64, min(2*len(idx), m.cols))
	}
	u := v.u[:len(idx)]
	switch m.kind {
	case kernels.Counts:
		if v.tr.scale != nil {
			v.w.value.next()
		}
		for i, x := range m.u32[lo:hi] {
			u[i] = v.w.value.at(x, &v.tr, scale)
		}
	case kernels.Float32:
		applyAll(u, m.f32[lo:hi], &v.tr, scale)
	default:
		applyAll(u, m.f64[lo:hi], &v.tr, scale)
	}
	if v.zero != nil {
		for i, g := range idx {
			u[i] = v.s.at64(u[i], g) - v.zero[g]
		}
	}
	return idx, u
}

func applyAll[T float32 | float64](u []float64, val []T, tr *transform, scale float64) {
	for i, x := range val {
		u[i] = tr.apply(float64(x), scale)
	}
}

// tile views a kernels.GramTile.
func (c *check) tile(t *kernels.GramTile) *gramkern.Tile {
	switch {
	case t.Rows <= 0 || t.Rows%kernels.GramBlock != 0 || t.Genes <= 0 || t.NNZ < 0 || t.NNZ > math.MaxUint32:
		c.fail("a tile of %d rows, %d genes and %d entries cannot be", t.Rows, t.Genes, t.NNZ)
	case t.Hot < 0 || t.Hot > t.Genes || t.Hot != t.Genes && t.Hot%kernels.GramGroup != 0:
		c.fail("%d dense columns of %d is neither all nor whole groups", t.Hot, t.Genes)
	case int64(t.Rows)*kernels.GramGroup*int64(t.Groups()) > math.MaxInt32:
		c.fail("a tile of %d rows and %d dense columns is too large", t.Rows, t.Hot)
	}
	if c.err != nil {
		return nil
	}
	blocks := t.Rows / kernels.GramBlock
	return &gramkern.Tile{
		Rows: t.Rows, Groups: t.Groups(), Sparse: t.Sparse(),
		Dense:  slice[float32](c, t.Dense, c.product(t.Groups()*kernels.GramGroup, t.Rows, "Dense"), "Dense"),
		RowIdx: slice[uint32](c, t.RowIdx, t.NNZ, "RowIdx"),
		RowVal: slice[float32](c, t.RowVal, t.NNZ, "RowVal"),
		RowEnd: slice[uint32](c, t.RowEnd, int64(t.Rows), "RowEnd"),
		ColPtr: slice[uint32](c, t.ColPtr, c.product(blocks, t.Sparse()+1, "ColPtr"), "ColPtr"),
		ColAt:  slice[uint32](c, t.ColAt, t.NNZ, "ColAt"),
		ColVal: slice[float32](c, t.ColVal, t.NNZ, "ColVal"),
		ColPos: slice[uint32](c, t.ColPos, t.NNZ, "ColPos"),
		Sum:    slice[float64](c, t.Sum, c.product(blocks, t.Width(), "Sum"), "Sum"),
	}
}

func (c *check) parts(part, parts int) {
	if part < 0 || part >= parts {
		c.fail("part %d of %d", part, parts)
	}
}

// scaled views the parameters of scaling; Std is needed with Mean or Max.
func (c *check) scaled(op *kernels.GramFill, genes int) scaling {
	s := scaling{
		mean:   optional[float64](c, op.Mean, int64(genes), "Mean"),
		std:    optional[float64](c, op.Std, int64(genes), "Std"),
		centre: op.Centre,
		max:    op.Max,
	}
	hasMean, hasStd := op.Mean != nil, op.Std != nil // the slices are nil without genes too
	if !hasStd && (hasMean || s.max > 0) || hasStd && s.centre && !hasMean {
		c.fail("scaling needs both Mean and Std")
	}
	return s
}

func gramFill(w *work, op *kernels.GramFill) error {
	var c check
	c.parts(op.Part, op.Parts)
	m := c.csr(op.X)
	tr := c.transform(op.T, m.rows)
	s := c.scaled(op, op.Tile.Genes)
	t := c.tile(&op.Tile)
	rank := slice[uint32](&c, op.Tile.Rank, int64(op.Tile.Genes), "Rank")
	center := slice[float64](&c, op.Center, int64(op.Tile.Genes), "Center")
	if c.err == nil && (m.cols != op.Tile.Genes || m.rows > t.Rows || m.ptr[m.rows] > op.Tile.NNZ) {
		c.fail("a tile for %d rows, %d genes and %d entries cannot take %d x %d with %d",
			t.Rows, op.Tile.Genes, op.Tile.NNZ, m.rows, m.cols, m.ptr[m.rows])
	}
	if c.err != nil {
		return c.err
	}
	f, err := filler(t, op, rank, center)
	if err != nil {
		return err
	}
	v := w.rowValues(&m, tr, s)
	for b := op.Part; b*kernels.GramBlock < m.rows; b += op.Parts {
		first := b * kernels.GramBlock
		last := min(first+kernels.GramBlock, m.rows)
		f.Begin(first, last-first, uint32(m.ptr[first]))
		for r := first; r < last; r++ {
			idx, u := v.row(r)
			f.Row(r, idx, u)
		}
		f.End()
	}
	return nil
}

// filler works out where each gene goes.
func filler(t *gramkern.Tile, op *kernels.GramFill, rank []uint32, center []float64) (*gramkern.Filler, error) {
	f := &gramkern.Filler{
		T: t, Center: center,
		Place:  make([]int32, len(rank)),
		Column: make([]int32, len(rank)),
		Zero:   make([]float32, t.Groups*gramkern.Group),
	}
	hot := op.Tile.Hot
	for g, k := range rank {
		switch n := int(k); {
		case n >= len(rank):
			return nil, errs.New(errs.Usage, "Rank[%d] is %d, with %d genes", g, k, len(rank))
		case n < hot:
			f.Place[g] = int32(n/gramkern.Group*t.Rows*gramkern.Group + n%gramkern.Group)
			f.Column[g] = int32(n)
			f.Zero[n] = float32(0 - center[g]) // never -0, so that adding no difference changes no bit
		default:
			f.Place[g] = -int32(n-hot) - 1
			f.Column[g] = int32(t.Groups*gramkern.Group + n - hot)
		}
	}
	return f, nil
}
