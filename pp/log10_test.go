package pp

import (
	"math"
	"testing"
)

func TestLog10(t *testing.T) {
	for _, c := range decimalLogs {
		if got := log10(c[0]); got != c[1] {
			t.Errorf("log10(%v) = %v, want %v", c[0], got, c[1])
		}
	}
	for x, want := range map[float64]float64{0: math.Inf(-1), math.Inf(1): math.Inf(1)} {
		if got := log10(x); got != want {
			t.Errorf("log10(%v) = %v, want %v", x, got, want)
		}
	}
	for _, x := range []float64{-1, math.NaN()} {
		if got := log10(x); !math.IsNaN(got) {
			t.Errorf("log10(%v) = %v, want NaN", x, got)
		}
	}
}

func BenchmarkLog10(b *testing.B) {
	x := 0.0
	for b.Loop() {
		x += log10(1.234)
	}
	_ = x
}
