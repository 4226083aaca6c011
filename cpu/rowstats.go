package cpu

import "github.com/gpusc/gpusc/kernels"

// rowOut is one row's results.
type rowOut struct {
	total    []float64 // of all genes, then of each group
	detected uint32
}

func rowStats(w *work, op *kernels.RowStats) error {
	var c check
	if op.Groups < 0 || op.Groups > 32 {
		c.fail("Groups is %d, 0 to 32 can be", op.Groups)
	}
	m := c.csr(op.X)
	mask := optional[uint8](&c, op.Mask, int64(m.cols), "Mask")
	var groupOf []uint32
	if op.Groups > 0 {
		groupOf = slice[uint32](&c, op.GroupOf, int64(m.cols), "GroupOf")
	}
	width := 1 + op.Groups
	total := slice[float64](&c, op.Total, c.product(m.rows, width, "Total"), "Total")
	detected := slice[uint32](&c, op.Detected, int64(m.rows), "Detected")
	if c.err != nil {
		return c.err
	}
	for r := range m.rows {
		lo, hi := m.ptr[r], m.ptr[r+1]
		idx, out := m.idx[lo:hi], rowOut{total: total[r*width : (r+1)*width]}
		clear(out.total)
		switch m.kind {
		case kernels.Counts:
			if !out.counts(idx, m.u32[lo:hi], mask, groupOf) {
				clear(out.total)
				addRow(&out, idx, m.u32[lo:hi], mask, groupOf)
			}
		default:
			addRow(&out, idx, w.wide(&m, lo, hi), mask, groupOf)
		}
		detected[r] = out.detected
	}
	return nil
}

// counts adds a row up in whole numbers. That gives the same bits as float64
// additions as long as no sum is above 2^53; otherwise it returns false.
func (o *rowOut) counts(idx, val []uint32, mask []uint8, groupOf []uint32) bool {
	val = val[:len(idx)]
	var sum uint64
	var groups [32]uint64
	n := uint32(len(idx))
	switch {
	case mask == nil && groupOf == nil:
		sum = sumCounts(val)
	case mask == nil:
		for i, c := range idx {
			x := uint64(val[i])
			sum += x
			if g := groupOf[c]; g != 0 {
				addGroups(&groups, g, x)
			}
		}
	case groupOf == nil:
		n = 0
		for i, c := range idx {
			in := uint32(0)
			if mask[c] != 0 {
				in = 1
			}
			n += in
			sum += uint64(val[i] & -in)
		}
	default:
		n = 0
		for i, c := range idx {
			if mask[c] == 0 {
				continue
			}
			n++
			x := uint64(val[i])
			sum += x
			if g := groupOf[c]; g != 0 {
				addGroups(&groups, g, x)
			}
		}
	}
	o.detected = n
	o.total[0] = float64(sum)
	for q := range o.total[1:] {
		o.total[1+q] = float64(groups[q])
	}
	return sum <= 1<<53
}

// addGroups adds x to each group whose bit is set in g.
func addGroups(groups *[32]uint64, g uint32, x uint64) {
	for q := 0; g != 0; q, g = q+1, g>>1 {
		if g&1 != 0 {
			groups[q&31] += x
		}
	}
}

// sumCounts adds up with four sums side by side, as no order matters.
func sumCounts(val []uint32) uint64 {
	var a, b, c, d uint64
	for len(val) >= 4 {
		a += uint64(val[0])
		b += uint64(val[1])
		c += uint64(val[2])
		d += uint64(val[3])
		val = val[4:]
	}
	for _, x := range val {
		a += uint64(x)
	}
	return a + b + c + d
}

// addRow adds a row up in float64, from the first value to the last.
func addRow[T uint32 | float64](o *rowOut, idx []uint32, val []T, mask []uint8, groupOf []uint32) {
	var sum float64
	o.detected = 0
	for i, c := range idx {
		if mask != nil && mask[c] == 0 {
			continue
		}
		x := float64(val[i])
		sum += x
		if x > 0 {
			o.detected++
		}
		if groupOf == nil {
			continue
		}
		g := groupOf[c]
		for q := 1; g != 0 && q < len(o.total); q, g = q+1, g>>1 {
			if g&1 != 0 {
				o.total[q] += x
			}
		}
	}
	o.total[0] = sum
}
