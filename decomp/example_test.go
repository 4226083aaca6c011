package decomp_test

import (
	"fmt"

	"github.com/gpusc/gpusc/decomp"
)

func ExampleTopEigen() {
	a := []float64{ // 3 x 3, symmetric
		3, 2, 0,
		2, 0, 0,
		0, 0, 1,
	}
	values, vectors, err := decomp.TopEigen(3, decomp.DenseMul(a, 3, 0), 2, decomp.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.3f\n%.3f\n%.3f\n", values, vectors[:3], vectors[3:])
	// Output:
	// [4.000 1.000]
	// [0.894 0.447 0.000]
	// [0.000 0.000 1.000]
}

func ExamplePCA() {
	// Two genes that rise together: sums over 5 cells of products about the mean.
	m := &decomp.Moments{Cells: 5, Genes: 2, Mean: []float64{1, 2}, Products: []float64{4, 4, 4, 4}}
	r, err := decomp.PCA(m, decomp.PCAOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d component, variance %.1f, ratio %.1f\n", r.K, r.Variance[0], r.VarianceRatio[0])
	// Output: 1 component, variance 2.0, ratio 1.0
}

func ExamplePlanGram() {
	cells := []int64{3, 900, 40, 1000} // of 1000 cells, for each gene
	plan := decomp.PlanGram(cells, 1000)
	fmt.Println(plan.Common)
	// Output: [false true false true]
}
