package pp

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Edges and bins are pandas' to the bit.
func TestEqualBins(t *testing.T) {
	for i, c := range cutCases {
		edges := equalBins(c.x, c.n)
		if !slices.Equal(edges, c.edges) {
			t.Errorf("case %d: edges %v, want %v", i, edges, c.edges)
		}
		if bin := assign(c.x, edges); !slices.Equal(bin, c.bin) {
			t.Errorf("case %d: bins %v, want %v", i, bin, c.bin)
		}
	}
	if e := equalBins([]float64{math.NaN()}, 3); e != nil {
		t.Errorf("edges of nothing: %v", e)
	}
}

func TestPercentileBins(t *testing.T) {
	for i, c := range percentileCases {
		want := slices.Compact(append(append([]float64{math.Inf(-1)}, c.want...), math.Inf(1)))
		got, dropped := percentileBins(c.x)
		if !slices.Equal(got, want) || dropped != 21-len(want) {
			t.Errorf("case %d: %v (%d dropped), want %v", i, got, dropped, want)
		}
	}
	if got, dropped := percentileBins(nil); len(got) != 2 || dropped != 0 {
		t.Errorf("edges of nothing: %v, %d dropped", got, dropped)
	}
}

func TestGroupStatistics(t *testing.T) {
	c := groupCase
	if m, s, med := meanSkipNaN(c.x), stdSkipNaN(c.x), median(slices.Clone(c.x)); m != c.mean || s != c.std || med != c.median {
		t.Errorf("%v %v %v, want %v %v %v", m, s, med, c.mean, c.std, c.median)
	}
	nan := []float64{math.NaN()}
	if !math.IsNaN(meanSkipNaN(nan)) || !math.IsNaN(stdSkipNaN([]float64{1})) || !math.IsNaN(median(nan)) {
		t.Error("statistics of nothing are not NaN")
	}
	if s := stdSkipNaN([]float64{0.1, 0.1, 0.1}); s != 0 {
		t.Errorf("equal values: std %v", s)
	}
}

// Every finite value is in one bin whose edges enclose it.
func TestEveryValueHasABin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOfN(rapid.Float64Range(0, 1e6), 1, 40).Draw(t, "x")
		edges := equalBins(x, rapid.IntRange(1, 30).Draw(t, "n"))
		for i, b := range assign(x, edges) {
			if b < 0 || !(edges[b] < x[i] && x[i] <= edges[b+1]) {
				t.Fatalf("%v is in bin %d of %v", x[i], b, edges)
			}
		}
	})
}
