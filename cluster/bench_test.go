package cluster

import (
	"fmt"
	"testing"
)

// BenchmarkLeiden: graphs like those of cells, 15 neighbours each, cells in the order
// of their groups and at random.
func BenchmarkLeiden(b *testing.B) {
	for _, n := range []int{20_000, 100_000} {
		random, _ := mixture(n, 30, 0.08, 15, 1)
		for name, o := range map[string]Options{"at random": {}, "in order": {Order: breadth(random)}} {
			b.Run(fmt.Sprintf("%d %s", n, name), func(b *testing.B) {
				q := 0.0
				for b.Loop() {
					r, err := Leiden(b.Context(), random, o)
					if err != nil {
						b.Fatal(err)
					}
					q = r.Quality
				}
				b.ReportMetric(q, "modularity")
				b.ReportMetric(float64(random.Edges()), "edges")
			})
		}
	}
}

// BenchmarkIgraph is what to compare with: the time is igraph's CPU time, without
// making the graph.
func BenchmarkIgraph(b *testing.B) {
	for _, n := range []int{20_000, 100_000} {
		g, _ := mixture(n, 30, 0.08, 15, 1)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p := igraph(b, g, b.N, Options{})[0]
			b.ReportMetric(p.Seconds*1e9/float64(b.N), "ns/op")
			b.ReportMetric(median(p.Q), "modularity")
		})
	}
}
