package neighbors

import (
	"context"
	"fmt"
)

func ExampleFind() {
	x := []float32{0, 0, 1, 0, 0, 2, 9, 9, 9, 8}
	k, err := Find(context.Background(), x, 5, 2, Options{K: 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range k.N {
		fmt.Println(i, k.Indices[2*i:2*i+2])
	}
	// Output:
	// 0 [1 2]
	// 1 [0 2]
	// 2 [0 1]
	// 3 [4 2]
	// 4 [3 2]
}

func ExampleConnectivities() {
	ctx := context.Background()
	k, err := Find(ctx, []float32{0, 0, 1, 0, 0, 2, 9, 9, 9, 8}, 5, 2, Options{K: 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	g, err := Connectivities(ctx, k, "umap", 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	j, w := g.Row(3)
	fmt.Printf("%d edges; cell 3 to %d: %.3f\n", g.Edges(), j, w)
	// Output: 12 edges; cell 3 to [2 4]: [0.585 1.000]
}

func ExampleIndex() {
	ctx := context.Background()
	ix, err := NewIndex(ctx, []float32{0, 0, 1, 0, 0, 2, 9, 9}, 4, 2, Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ix.Close()
	idx, dist, err := ix.Query(ctx, []float32{0, 1.5, 8, 9}, 2, 2)
	fmt.Println(idx, dist, err)
	// Output: [2 0 3 2] [0.5 1.5 1 10.630146] <nil>
}
