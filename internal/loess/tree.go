package loess

import (
	"math"
	"slices"
)

// box is a cell: the points lo..hi (both in) and the vertices on either side.
type box struct {
	lo, hi      int
	left, right float64
}

// vertices builds the k-d tree over the rising x and returns the places where
// its cells meet and end, rising. A cell with most or fewer points is a leaf.
//
// The order of the cuts, breadth first, and the bound on their number are
// those of dloess: they matter where the bound is met.
func vertices(x []float64, most int) []float64 {
	n := len(x)
	bound := max(200, n)
	lo, hi := x[0], x[n-1]
	margin := 0.005 * max(hi-lo, float64(1e-10*max(math.Abs(lo), math.Abs(hi)))+1e-30)
	lo, hi = lo-margin, hi+margin
	at := []float64{lo, hi}
	cells := []box{{0, n - 1, lo, hi}}
	for i := 0; i < len(cells); i++ {
		c := cells[i]
		small := c.hi-c.lo+1 <= most || c.right <= c.left
		if small || len(cells)+2 > bound || len(at)+1 > bound {
			continue
		}
		m := cut(x, c.lo, c.hi)
		t := x[m]
		if t == c.left || t == c.right {
			continue
		}
		at = append(at, t)
		cells = append(cells, box{c.lo, m, c.left, t}, box{m + 1, c.hi, t, c.right})
	}
	slices.Sort(at)
	return slices.Compact(at)
}

// cut returns the index of the last point of the left half of lo..hi. Among
// equal values it looks for the nearest change, right before left; where one
// side has none left to look at, the median stays, and equal points part.
func cut(x []float64, lo, hi int) int {
	mid := (lo + hi) / 2
	for off := 0; mid+off >= lo && mid+off < hi; {
		if x[mid+off] != x[mid+off+1] {
			return mid + off
		}
		off = -off
		if off >= 0 {
			off++
		}
	}
	return mid
}
