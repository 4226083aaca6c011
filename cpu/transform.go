package cpu

import "github.com/gpusc/gpusc/kernels"

// transform is a kernels.Transform with its buffer viewed.
type transform struct {
	scale []float64 // nil: 1
	log   bool
	exp   bool
	base  float64 // 0: natural
}

func (c *check) transform(t kernels.Transform, rows int) transform {
	if t.Log1p && t.Expm1 {
		c.fail("T has both Log1p and Expm1")
	}
	return transform{optional[float64](c, t.Scale, int64(rows), "T.Scale"), t.Log1p, t.Expm1, t.LnBase}
}

// of returns the factor of row r.
func (t *transform) of(r int32) float64 {
	if t.scale == nil {
		return 1
	}
	return t.scale[r]
}

// apply returns the transformed value of x in a row with the given factor.
func (t *transform) apply(x, scale float64) float64 {
	v := float64(x * scale)
	if t.log {
		v = kernels.Log1p(v)
		if t.base != 0 {
			v /= t.base
		}
		return v
	}
	if t.exp {
		if t.base != 0 {
			v = float64(v * t.base)
		}
		return kernels.Expm1(v)
	}
	return v
}

// tableSize is the number of small counts whose terms are kept for a row.
const tableSize = 64

// termTable keeps the lanes of the small counts of one row. stamp tells which
// entries are of the present row, so that nothing is cleared between rows.
// The assembly knows this layout.
type termTable struct {
	stamp [tableSize]uint32
	lanes [tableSize]lanes
	epoch uint32
}

// next begins a new row.
func (t *termTable) next() {
	t.epoch++
	if t.epoch == 0 {
		t.stamp = [tableSize]uint32{}
		t.epoch = 1
	}
}

// valueTable keeps the transformed values of the small counts of one row.
type valueTable struct {
	stamp [tableSize]uint32
	v     [tableSize]float64
	epoch uint32
}

// next begins a new row.
func (t *valueTable) next() {
	t.epoch++
	if t.epoch == 0 {
		t.stamp = [tableSize]uint32{}
		t.epoch = 1
	}
}

// at returns the transformed value of count x.
func (t *valueTable) at(x uint32, tr *transform, scale float64) float64 {
	if x < tableSize {
		if t.stamp[x] != t.epoch {
			t.stamp[x] = t.epoch
			t.v[x] = tr.apply(float64(x), scale)
		}
		return t.v[x]
	}
	return tr.apply(float64(x), scale)
}
