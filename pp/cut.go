package pp

import (
	"math"
	"slices"
	"sort"
)

// linspace returns n+1 places from lo to hi with n equal gaps, by the steps of
// numpy.linspace: index times step, then plus lo, the last one set to hi.
func linspace(lo, hi float64, n int) []float64 {
	out := make([]float64, n+1)
	delta := hi - lo
	step := delta / float64(n)
	for i := range out {
		if step == 0 {
			out[i] = float64(i) / float64(n) * delta
		} else {
			out[i] = float64(i) * step
		}
		out[i] = float64(out[i]) + lo
	}
	if n > 0 {
		out[n] = hi
	}
	return out
}

// equalBins returns the n+1 edges of pandas.cut(x, n): equally wide, the lowest
// one moved down by 0.1% of the range so that the smallest x is inside. Values
// that are all equal get a range of 0.1% (or 0.001) to either side. NaN is
// skipped; of no values there are no edges.
func equalBins(x []float64, n int) []float64 {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range x {
		if v < lo {
			lo = v
		}
		if v > hi {
			hi = v
		}
	}
	if lo > hi || n < 1 {
		return nil
	}
	if lo == hi {
		around := float64(0.001 * math.Abs(lo))
		if lo == 0 {
			around = 0.001
		}
		return linspace(lo-around, hi+around, n)
	}
	edges := linspace(lo, hi, n)
	edges[0] -= float64((hi - lo) * 0.001)
	if edges[0] == lo { // a range of rounding errors, where pandas has no bin for lo
		edges[0] = math.Nextafter(lo, math.Inf(-1))
	}
	return edges
}

// percentileBins returns the edges -inf, the 10th, 15th, ... 100th percentile
// of x, +inf, as Cell Ranger bins means. Coinciding edges are dropped and
// counted: with many equal means pandas.cut refuses them.
func percentileBins(x []float64) (edges []float64, dropped int) {
	sorted := slices.Clone(x)
	slices.Sort(sorted)
	edges = append(edges, math.Inf(-1))
	if len(sorted) > 0 {
		for q := 10; q <= 100; q += 5 {
			edges = append(edges, percentile(sorted, float64(q)))
		}
	}
	edges = append(edges, math.Inf(1))
	all := len(edges)
	edges = slices.Compact(edges)
	return edges, all - len(edges)
}

// percentile interpolates linearly in the rising x, by the steps of
// numpy.percentile. x is not empty.
func percentile(x []float64, q float64) float64 {
	at := float64(len(x)-1) * (q / 100)
	if at >= float64(len(x)-1) {
		return x[len(x)-1]
	}
	i := int(at)
	t := at - float64(i)
	a, b := x[i], x[i+1]
	if t >= 0.5 {
		return b - float64((b-a)*(1-t))
	}
	return a + float64((b-a)*t)
}

// assign returns the bin of each x: b where edges[b] < x <= edges[b+1], -1 for
// none and for NaN. The edges rise.
func assign(x, edges []float64) []int {
	out := make([]int, len(x))
	for i, v := range x {
		out[i] = -1
		if math.IsNaN(v) {
			continue
		}
		if b := sort.SearchFloat64s(edges, v); b > 0 && b < len(edges) {
			out[i] = b - 1
		}
	}
	return out
}

// members lists the indices in each of n bins, rising.
func members(bin []int, n int) [][]int {
	out := make([][]int, n)
	for i, b := range bin {
		if b >= 0 {
			out[b] = append(out[b], i)
		}
	}
	return out
}
