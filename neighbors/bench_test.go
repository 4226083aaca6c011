//go:build unix

package neighbors

import (
	"fmt"
	"syscall"
	"testing"
)

// processor returns the seconds that the process has had of processors: other work on the
// machine does not count.
func processor() float64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return float64(r.Utime.Sec+r.Stime.Sec) + float64(r.Utime.Usec+r.Stime.Usec)*1e-6
}

// rate reports flops for each second of a core since start.
func rate(b *testing.B, start, flops float64, name string) {
	s := processor() - start
	b.ReportMetric(s/float64(b.N), "cpu-s/op")
	if name != "" {
		b.ReportMetric(flops*float64(b.N)/s/1e9, name)
	}
}

// BenchmarkExact compares all cells; GFLOP/s are those of all inner products, as if
// both halves were computed, on one core.
func BenchmarkExact(b *testing.B) {
	const d = 50
	for _, n := range []int{20_000, 100_000} {
		x := clustered(1, n, d, 30)
		for _, l := range levels() {
			b.Run(fmt.Sprint(n, " ", l), func(b *testing.B) {
				if l == portable && (testing.Short() || n > 20_000) {
					b.Skip("slow")
				}
				start := processor()
				for b.Loop() {
					mustFind(b, x, n, d, Options{Method: "exact", Threads: 1}, l)
				}
				rate(b, start, float64(n)*float64(n)*d*2, "pair-GFLOP/s")
			})
		}
	}
}

// BenchmarkPlain compares 4,096 queries with 100,000 cells, each pair once: what the
// symmetric search is measured by.
func BenchmarkPlain(b *testing.B) {
	const n, d, q = 100_000, 50, 4096
	x := clustered(1, n, d, 30)
	for _, l := range levels() {
		b.Run(l.String(), func(b *testing.B) {
			if l == portable && true {
				b.Skip("slow")
			}
			ix, err := newIndex(ctx, x, n, d, Options{Method: "exact", Threads: 1}, l)
			if err != nil {
				b.Fatal(err)
			}
			start := processor()
			for b.Loop() {
				if _, _, err := ix.Query(ctx, x[:q*d], q, 15); err != nil {
					b.Fatal(err)
				}
			}
			rate(b, start, float64(q)*n*d*2, "GFLOP/s")
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
				start := processor()
				for b.Loop() {
					k = mustFind(b, x, n, d, Options{Method: "approx", Recall: recall, Threads: 1}, best())
				}
				rate(b, start, 0, "")
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
			start := processor()
			for b.Loop() {
				filter(l, d, x, x[tileCols*d:], hb, th, &m)
			}
			rate(b, start, tileRows*tileCols*d*2, "GFLOP/s")
		})
		b.Run("both "+l.String(), func(b *testing.B) {
			start := processor()
			for b.Loop() {
				filterBoth(l, d, x, x[tileCols*d:], hb, th, th, th, &m, &mc)
			}
			rate(b, start, tileRows*tileCols*d*2, "GFLOP/s")
		})
	}
}

// BenchmarkConnectivities weighs the edges of 20,000 cells.
func BenchmarkConnectivities(b *testing.B) {
	const n, d = 20_000, 50
	k := mustFind(b, clustered(1, n, d, 30), n, d, Options{}, best())
	for _, how := range []string{"umap", "gauss", "jaccard"} {
		b.Run(how, func(b *testing.B) {
			start := processor()
			for b.Loop() {
				if _, err := Connectivities(ctx, k, how, 1); err != nil {
					b.Fatal(err)
				}
			}
			rate(b, start, 0, "")
		})
	}
}
