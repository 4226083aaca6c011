package gramkern

import "math"

// ProjectRow adds one sparse row times the weights to out, in float64:
//
//	out[j] += sum over i of val[i] * w[idx[i]*ldw + j]
//
// by fused multiply-adds in the order of the list. len(out) is a multiple of 8
// and at most ldw.
func ProjectRow(l Level, idx []uint32, val, w []float64, ldw int, out []float64) {
	if len(idx) == 0 || len(out) == 0 {
		return
	}
	var top uint32
	for _, g := range idx {
		top = max(top, g)
	}
	_, _ = val[len(idx)-1], w[int(top)*ldw+len(out)-1]
	blocks := len(out) / 8
	if l == Portable {
		projectPortable(blocks, idx, val, w, ldw, out)
		return
	}
	for blocks > 0 {
		n := projectVector(l, blocks, idx, val, w, ldw, out)
		if blocks -= n; blocks > 0 {
			w, out = w[8*n:], out[8*n:]
		}
	}
}

func projectPortable(blocks int, idx []uint32, val, w []float64, ldw int, out []float64) {
	out = out[:8*blocks]
	for i, g := range idx {
		x := val[i]
		row := w[int(g)*ldw : int(g)*ldw+len(out)]
		for j := range out {
			out[j] = math.FMA(x, row[j], out[j])
		}
	}
}
