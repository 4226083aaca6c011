package pp

import (
	"cmp"
	"math"
	"slices"
)

// meanSkipNaN is the mean of v without its NaN, with Kahan's compensated sum as
// pandas groups have it; NaN of nothing.
func meanSkipNaN(v []float64) float64 {
	sum, lost, n := 0.0, 0.0, 0
	for _, x := range v {
		if math.IsNaN(x) {
			continue
		}
		n++
		y := x - lost
		t := sum + y
		lost = t - sum - y
		if math.IsNaN(lost) { // an infinite term
			lost = 0
		}
		sum = t
	}
	if n == 0 {
		return math.NaN()
	}
	return sum / float64(n)
}

// stdSkipNaN is the standard deviation (ddof 1) of v without its NaN, updated
// by Welford's rule as pandas groups have it, so that equal values give 0
// exactly; NaN of fewer than two.
func stdSkipNaN(v []float64) float64 {
	mean, sum, n := 0.0, 0.0, 0.0
	for _, x := range v {
		if math.IsNaN(x) {
			continue
		}
		n++
		d := x - mean
		mean += d / n
		sum += float64((x - mean) * d)
	}
	if n < 2 {
		return math.NaN()
	}
	return math.Sqrt(sum / (n - 1))
}

// median of v without its NaN: the middle value, or half the sum of the middle
// two; NaN of nothing. v is put in order.
func median(v []float64) float64 {
	slices.Sort(v)
	for len(v) > 0 && math.IsNaN(v[0]) { // NaN sorts first
		v = v[1:]
	}
	n := len(v)
	switch {
	case n == 0:
		return math.NaN()
	case n%2 == 1:
		return v[n/2]
	}
	return (v[n/2-1] + v[n/2]) / 2
}

// madScale is the 75th percentile of the standard normal distribution.
const madScale = 0.6744897501960817

// mad is the median absolute deviation of v from its median, over madScale.
func mad(v []float64, centre float64) float64 {
	d := make([]float64, len(v))
	for i, x := range v {
		d[i] = math.Abs(x-centre) / madScale
	}
	return median(d)
}

// descending orders floats from the largest down, NaN last.
func descending(a, b float64) int {
	switch an, bn := math.IsNaN(a), math.IsNaN(b); {
	case an && bn:
		return 0
	case an:
		return 1
	case bn:
		return -1
	}
	return cmp.Compare(b, a)
}

// ascending orders floats from the smallest up, NaN last.
func ascending(a, b float64) int {
	if math.IsNaN(a) || math.IsNaN(b) {
		return descending(a, b)
	}
	return cmp.Compare(a, b)
}

// sortedBy returns the indices 0..n-1 in the given order, ties by index.
func sortedBy(n int, order func(a, b int) int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	slices.SortStableFunc(out, order)
	return out
}

// firstOf marks the first n of the order.
func firstOf(order []int, n int) []bool {
	out := make([]bool, len(order))
	for _, i := range order[:min(n, len(order))] {
		out[i] = true
	}
	return out
}
