package neighbors

import (
	"fmt"
	"testing"
)

func TestExactIsBrute(t *testing.T) {
	metrics := map[string]func(a, b []float32) float64{"": euclid64, "cosine": cosine64, "correlation": correlation64}
	for _, c := range []struct{ n, d, k int }{{2, 3, 2}, {47, 1, 5}, {300, 7, 15}, {961, 16, 15}, {1003, 50, 31}} {
		x := clustered(uint64(c.n), c.n, c.d, 5)
		for name, dist := range metrics {
			if name != "" && c.d < 3 {
				continue
			}
			t.Run(fmt.Sprint(c, name), func(t *testing.T) {
				idx, vals := brute(x, c.n, c.d, c.k-1, dist)
				want := mustFind(t, x, c.n, c.d, Options{K: c.k, Metric: name, Method: "exact", Threads: 1}, portable)
				sameUpTo(t, want, idx, vals, 1e-6)
				for _, l := range levels() {
					for _, threads := range []int{1, 2, 3, 7} {
						got := mustFind(t, x, c.n, c.d, Options{K: c.k, Metric: name, Threads: threads}, l)
						if !equal(got, want) {
							t.Errorf("%v with %d threads differs", l, threads)
						}
					}
				}
			})
		}
	}
}

// TestExactThreads: many blocks of lists under many workers.
func TestExactThreads(t *testing.T) {
	const n, d = 6500, 9
	x := clustered(13, n, d, 7)
	want := mustFind(t, x, n, d, Options{K: 20, Threads: 1}, best())
	if want.Method != "exact" || want.Recall != 1 || want.Order != nil || want.Equal() != 0 {
		t.Errorf("%s, recall %g, order %v", want.Method, want.Recall, want.Order != nil)
	}
	for _, l := range levels()[1:] {
		for _, threads := range []int{1, 2, 3, 7} {
			if !equal(mustFind(t, x, n, d, Options{K: 20, Threads: threads}, l), want) {
				t.Errorf("%v with %d threads differs", l, threads)
			}
		}
	}
}

func TestInnerProduct(t *testing.T) {
	const n, d, k = 700, 20, 10
	x := normal(3, n, d)
	most := 0.0
	for i := range n {
		most = max(most, dot64(x[i*d:][:d], x[i*d:][:d]))
	}
	idx, vals := brute(x, n, d, k-1, func(a, b []float32) float64 { return most - dot64(a, b) })
	for _, l := range levels() {
		for _, method := range []string{"exact", "approx"} {
			got := mustFind(t, x, n, d, Options{K: k, Metric: "inner_product", Method: method, Recall: 1}, l)
			sameUpTo(t, got, idx, vals, 1e-6)
		}
	}
}
