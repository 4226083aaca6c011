package neighbors

import (
	"fmt"
	"testing"
)

// BenchmarkExact compares all pairs of 20,000 cells; GFLOP/s are those of all inner
// products, as if both halves were computed, on one core.
func BenchmarkExact(b *testing.B) {
	const n, d = 20_000, 50
	x := clustered(1, n, d, 30)
	for _, l := range levels() {
		b.Run(l.String(), func(b *testing.B) {
			if l == portable && testing.Short() {
				b.Skip("slow")
			}
			for b.Loop() {
				mustFind(b, x, n, d, Options{Method: "exact", Threads: 1}, l)
			}
			b.ReportMetric(float64(n)*n*d*2/1e9*float64(b.N)/b.Elapsed().Seconds(), "pair-GFLOP/s")
		})
	}
}

// BenchmarkPlain compares 4,096 queries with 20,000 cells, each pair once: what the
// symmetric search is measured by.
func BenchmarkPlain(b *testing.B) {
	const n, d, q = 20_000, 50, 4096
	x := clustered(1, n, d, 30)
	for _, l := range levels() {
		b.Run(l.String(), func(b *testing.B) {
			if l == portable && testing.Short() {
				b.Skip("slow")
			}
			ix, err := newIndex(ctx, x, n, d, Options{Method: "exact", Threads: 1}, l)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, _, err := ix.Query(ctx, x[:q*d], q, 15); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(q)*n*d*2/1e9*float64(b.N)/b.Elapsed().Seconds(), "GFLOP/s")
		})
	}
}

// BenchmarkApprox searches clusters.
func BenchmarkApprox(b *testing.B) {
	const d = 50
	for _, n := range []int{20_000, 100_000} {
		x := clustered(1, n, d, 30)
		for _, recall := range []float64{0.95, 0.99} {
			b.Run(fmt.Sprintf("%d at %g", n, recall), func(b *testing.B) {
				var k *KNN
				for b.Loop() {
					k = mustFind(b, x, n, d, Options{Method: "approx", Recall: recall, Threads: 1}, best())
				}
				b.ReportMetric(k.Recall, "recall")
			})
		}
	}
}

// BenchmarkFilter is one tile, GFLOP/s.
func BenchmarkFilter(b *testing.B) {
	const d = 50
	x, hb := normal(1, tileCols, d*2), make([]float32, tileCols)
	th := make([]float32, tileCols)
	for i := range th {
		th[i] = 1e30
	}
	for _, l := range levels() {
		var m, mc masks
		b.Run(l.String(), func(b *testing.B) {
			for b.Loop() {
				filter(l, d, x, x[tileCols*d:], hb, th, &m)
			}
			b.ReportMetric(tileRows*tileCols*d*2*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
		})
		b.Run("both "+l.String(), func(b *testing.B) {
			for b.Loop() {
				filterBoth(l, d, x, x[tileCols*d:], hb, th, th, th, &m, &mc)
			}
			b.ReportMetric(tileRows*tileCols*d*2*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
		})
	}
}
