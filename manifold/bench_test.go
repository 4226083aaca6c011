package manifold

import (
	"context"
	"fmt"
	"testing"
)

// BenchmarkMove is one force, at every level.
func BenchmarkMove(b *testing.B) {
	for _, dims := range []int{2, 3} {
		tl := testTile(8192, dims, 5)
		tl.window, tl.first = 4096, 8192
		for i := range tl.ys {
			tl.ys[i] = float32(10 * signed(hash(1, uint64(i), 0)))
		}
		for _, l := range levels() {
			b.Run(fmt.Sprintf("%dd/%v", dims, l), func(b *testing.B) {
				targets := make([]uint32, 8+2*lanes)
				for k := range targets {
					targets[k] = uint32(k * 97)
				}
				var out [4]float32
				i := uint32(0)
				for b.Loop() {
					l.move(tl, dims, i%8192, noSelf, i*12345, targets, 48, out[:])
					i++
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/48, "ns/force")
			})
		}
	}
}

// BenchmarkUMAP is the whole layout of 20,000 cells, 200 epochs, and its start alone.
func BenchmarkUMAP(b *testing.B) {
	g, x, _ := generated(b, 20_000, 10, 30)
	o := UMAPOptions{PCA: x, PCADim: 10}
	for _, l := range levels() {
		b.Run(l.String(), func(b *testing.B) {
			for b.Loop() {
				if _, err := umap(context.Background(), g, o, l); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("start", func(b *testing.B) {
		o, _ := o.withDefaults(g.N)
		for b.Loop() {
			if err := start(newCrew(context.Background(), 0), g, o, &Layout{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
