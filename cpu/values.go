package cpu

import "github.com/gpusc/gpusc/kernels"

func values(w *work, op *kernels.Values) error {
	var c check
	m := c.csr(op.X)
	tr := c.transform(op.T, m.rows)
	if c.err != nil {
		return c.err
	}
	out := slice[float32](&c, op.Out, m.ptr[m.rows], "Out")
	if c.err != nil {
		return c.err
	}
	w.value.next()
	for r := range m.rows {
		lo, hi := m.ptr[r], m.ptr[r+1]
		o, scale := out[lo:hi], tr.of(int32(r))
		switch m.kind {
		case kernels.Counts:
			if tr.scale != nil {
				w.value.next()
			}
			countValues(o, m.u32[lo:hi], &w.value, &tr, scale)
		default:
			for i, x := range w.wide(&m, lo, hi) {
				o[i] = float32(tr.apply(x, scale))
			}
		}
	}
	return nil
}

func countValues(out []float32, val []uint32, t *valueTable, tr *transform, scale float64) {
	out = out[:len(val)]
	for i, x := range val {
		if x < tableSize && t.stamp[x] == t.epoch {
			out[i] = float32(t.v[x])
			continue
		}
		out[i] = float32(t.at(x, tr, scale))
	}
}
