package manifold_test

import (
	"context"
	"fmt"

	"github.com/gpusc/gpusc/graph"
	"github.com/gpusc/gpusc/manifold"
)

// square is four cells in a ring.
func square() *graph.CSR {
	return &graph.CSR{
		N: 4, Indptr: []int64{0, 2, 4, 6, 8},
		Indices: []int32{1, 3, 0, 2, 1, 3, 0, 2}, Weights: []float32{1, 1, 1, 1, 1, 1, 1, 1},
	}
}

func ExampleUMAP() {
	l, err := manifold.UMAP(context.Background(), square(), manifold.UMAPOptions{MinDist: new(0.3)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d cells x %d, %d epochs from a %s start, %d component\n",
		l.N, l.Components, l.Epochs, l.Init, l.ComponentsOfGraph)
	// Output: 4 cells x 2, 500 epochs from a spectral start, 1 component
}

func ExampleFindAB() {
	a, b := manifold.FindAB(1, 0.5)
	fmt.Printf("%.4f %.4f\n", a, b)
	// Output: 0.5830 1.3342
}

func ExampleTransform() {
	ref := &manifold.Layout{N: 3, Components: 2, Positions: []float32{0, 0, 4, 0, 0, 4}, A: 0.583, B: 1.334}
	// One new cell, nearest to cell 1.
	y, err := manifold.Transform(context.Background(), ref, []int32{1, 0}, []float32{0.1, 9}, 1, 2, manifold.UMAPOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("nearer to cell 1:", y[0] > 2)
	// Output: nearer to cell 1: true
}

func ExampleUMAPMemory() {
	fmt.Println(manifold.UMAPMemory(1_000_000, 25_000_000, 2, 8)>>20, "MiB")
	// Output: 362 MiB
}
