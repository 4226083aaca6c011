package kernels

import (
	"math"
	"testing"
)

func TestFixed(t *testing.T) {
	for _, v := range []float64{0, 1, 1.5, -1.5, 3.25e-5, -3.25e-5, 12345.678, 1 << 51, -0.1} {
		f := ToFixed(v)
		if got := f.Float64(); math.Abs(got-v) > 1e-15*math.Abs(v)+1e-19 {
			t.Errorf("ToFixed(%g) = %v = %g", v, f, got)
		}
	}
	// (v-fl) of a tiny negative number rounds to 1; the conversion must not leave its range.
	if got := ToFixed(-1e-30).Float64(); got > 0 || got < -1e-18 {
		t.Errorf("tiny negative: %g", got)
	}
	var s Fixed
	for range 1000 {
		s = s.Add(ToFixed(0.1)).Add(ToFixed(-0.1))
	}
	if s != (Fixed{}) && math.Abs(s.Float64()) > 1e-15 {
		t.Errorf("sum of opposites: %v", s)
	}
}
