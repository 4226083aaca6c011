package cpu

import "github.com/gpusc/gpusc/kernels"

func highFraction(w *work, op *kernels.HighFraction) error {
	var c check
	m := c.csr(op.X)
	total := slice[float64](&c, op.Total, int64(m.rows), "Total")
	flags := slice[uint32](&c, op.Flags, int64(m.cols), "Flags")
	if c.err != nil {
		return c.err
	}
	for r := range m.rows {
		lo, hi := m.ptr[r], m.ptr[r+1]
		idx, limit := m.idx[lo:hi], float64(op.Fraction*total[r])
		switch m.kind {
		case kernels.Counts:
			flagCounts(flags, idx, m.u32[lo:hi], limit)
		default:
			flagAbove(flags, idx, w.wide(&m, lo, hi), limit)
		}
	}
	return nil
}

// flagCounts compares whole numbers where that is the same.
func flagCounts(flags, idx, val []uint32, limit float64) {
	if !(limit >= 0) {
		flagAbove(flags, idx, val, limit)
		return
	}
	if limit >= 1<<32 {
		return
	}
	t := uint32(limit) // x > limit just where x > floor(limit)
	val = val[:len(idx)]
	for i, x := range val {
		if x > t {
			flags[idx[i]] = 1
		}
	}
}

func flagAbove[T uint32 | float64](flags, idx []uint32, val []T, limit float64) {
	for i, c := range idx {
		if float64(val[i]) > limit {
			flags[c] = 1
		}
	}
}
