package cpu

import (
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/kernels"
)

func selectRows(_ *work, op *kernels.Select) error {
	var c check
	m := c.csr(op.X)
	out := c.room(op.Out, "Out")
	rowsOf := optional[int32](&c, op.RowsOf, int64(out.rows), "RowsOf")
	genes := optional[int32](&c, op.Map, int64(m.cols), "Map")
	c.selection(&m, &out, rowsOf, genes, op)
	if c.err != nil {
		return c.err
	}
	n := 0
	out.ptr[0] = 0
	for i := range out.rows {
		r := i
		if rowsOf != nil {
			r = int(rowsOf[i])
		}
		lo, hi := m.ptr[r], m.ptr[r+1]
		idx, room := m.idx[lo:hi], out.idx[n:]
		k := 0
		switch m.kind {
		case kernels.Counts:
			k = pick(room, out.u32[n:], idx, m.u32[lo:hi], genes)
		case kernels.Float32:
			k = pick(room, out.f32[n:], idx, m.f32[lo:hi], genes)
		default:
			k = pick(room, out.f64[n:], idx, m.f64[lo:hi], genes)
		}
		if k < 0 {
			return errs.New(errs.Usage, "Out has room for %d values, row %d has more", op.Out.NNZ, i)
		}
		n += k
		out.ptr[i+1] = int64(n)
	}
	return nil
}

// selection checks what is asked for.
func (c *check) selection(m, out *matrix, rowsOf, genes []int32, op *kernels.Select) {
	if c.err != nil {
		return
	}
	if out.kind != m.kind {
		c.fail("Out.Kind is %d, X.Kind is %d", out.kind, m.kind)
	}
	if op.RowsOf == nil && out.rows != m.rows {
		c.fail("Out has %d rows, X has %d, and RowsOf is nil", out.rows, m.rows)
	}
	if op.Map == nil && out.cols != m.cols {
		c.fail("Out has %d genes, X has %d, and Map is nil", out.cols, m.cols)
	}
	last := int32(-1)
	for i, r := range rowsOf {
		if r <= last || int(r) >= m.rows {
			c.fail("RowsOf[%d] is %d after %d, X has %d rows", i, r, last, m.rows)
			return
		}
		last = r
	}
	last = -1
	for g, to := range genes {
		if to < 0 {
			continue
		}
		if to <= last || int(to) >= out.cols {
			c.fail("Map[%d] is %d after %d, Out has %d genes", g, to, last, out.cols)
			return
		}
		last = to
	}
}

// pick copies a row's values of the genes that stay and returns how many there
// are, -1 when there is no room for them.
func pick[T number](outIdx []uint32, outVal []T, idx []uint32, val []T, genes []int32) int {
	if genes == nil {
		if len(outIdx) < len(idx) {
			return -1
		}
		copy(outIdx, idx)
		return copy(outVal, val)
	}
	val = val[:len(idx)]
	k := 0
	if len(outIdx) >= len(idx) {
		// Every value is written, and only those that stay move the end on:
		// no branch that a processor could guess wrong.
		outIdx, outVal = outIdx[:len(idx)], outVal[:len(idx)]
		for i, c := range idx {
			to := genes[c]
			outIdx[k], outVal[k] = uint32(to), val[i]
			k += int(^uint32(to) >> 31)
		}
		return k
	}
	for i, c := range idx {
		to := genes[c]
		if to < 0 {
			continue
		}
		if k == len(outIdx) {
			return -1
		}
		outIdx[k], outVal[k] = uint32(to), val[i]
		k++
	}
	return k
}
