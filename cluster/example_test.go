package cluster_test

import (
	"context"
	"fmt"

	"github.com/gpusc/gpusc/cluster"
	"github.com/gpusc/gpusc/graph"
)

// twoTriangles has cells 0, 1, 2 and 3, 4, 5 and a weak edge between 2 and 3.
func twoTriangles() *graph.CSR {
	return &graph.CSR{
		N:       6,
		Indptr:  []int64{0, 2, 4, 7, 10, 12, 14},
		Indices: []int32{1, 2, 0, 2, 0, 1, 3, 2, 4, 5, 3, 5, 3, 4},
		Weights: []float32{1, 1, 1, 1, 1, 1, 0.1, 0.1, 1, 1, 1, 1, 1, 1},
	}
}

func ExampleLeiden() {
	r, err := cluster.Leiden(context.Background(), twoTriangles(), cluster.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%v, modularity %.3f\n", r.Labels, r.Modularity)
	// Output: [0 0 0 1 1 1], modularity 0.484
}

func ExampleSeveral() {
	all, err := cluster.Several(context.Background(), twoTriangles(), []float64{0.01, 1, 10}, cluster.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range all {
		fmt.Println(r.Clusters)
	}
	// Output:
	// 1
	// 2
	// 6
}

func ExampleRestricted() {
	r, err := cluster.Restricted(context.Background(), twoTriangles(), []int32{0, 0, 0, 1, 1, 1}, []int32{1},
		cluster.Options{Resolution: 4})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Names)
	// Output: [0 1,0 1,1 1,2]
}

func ExampleModularity() {
	fmt.Printf("%.3f\n", cluster.Modularity(twoTriangles(), []int32{0, 0, 0, 1, 1, 1}, 1))
	// Output: 0.484
}
