package pp_test

import (
	"fmt"

	"github.com/gpusc/gpusc/pp"
)

func ExampleSeuratHVG() {
	// Six genes over 100 cells, two of them with a high variance for their mean.
	m := pp.Moments{
		N:    100,
		Mean: []float64{1, 1.1, 0.9, 5, 5.2, 4.9},
		Var:  []float64{1, 9.0, 1.1, 6, 30., 5.5},
	}
	res, err := pp.SeuratHVG([]pp.Moments{m}, pp.HVGOptions{NTopGenes: 2, NBins: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.HighlyVariable)
	for _, c := range res.Columns() {
		fmt.Println(c.Name)
	}
	// Output:
	// [false true false false true false]
	// highly_variable
	// means
	// dispersions
	// dispersions_norm
}

func ExampleCellRangerHVG() {
	// Two genes without counts: their means coincide, and an edge is dropped.
	m := pp.Moments{
		N:    100,
		Mean: []float64{0, 0, 0, 1, 2, 3, 4, 5},
		Var:  []float64{0, 0, 0, 1, 2, 3, 9, 5},
	}
	res, err := pp.CellRangerHVG([]pp.Moments{m}, pp.HVGOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.Warnings[0])
	// Output: cell_ranger: 3 of 21 bin edges coincide and were dropped; genes without counts may be the cause
}

func ExampleSeuratV3() {
	// Counts of four cells and six genes.
	counts := [][]float64{{1, 0, 2, 3, 9, 5}, {0, 1, 2, 5, 0, 4}, {1, 1, 3, 4, 1, 6}, {1, 0, 1, 3, 0, 5}}
	n, genes := len(counts), len(counts[0])
	sums := func(limit []float64) (sum, sq []float64) {
		sum, sq = make([]float64, genes), make([]float64, genes)
		for _, row := range counts {
			for g, x := range row {
				if limit != nil {
					x = min(x, limit[g])
				}
				sum[g] += x
				sq[g] += x * x
			}
		}
		return sum, sq
	}
	s, q := sums(nil)
	m := pp.MomentsOf(int64(n), s, q)
	std, clip, err := pp.V3Limits(m, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	s, q = sums(clip)
	batch := pp.V3Batch{N: m.N, Mean: m.Mean, RegStd: std, Sum: s, SumSq: q}
	res, err := pp.SeuratV3(m, []pp.V3Batch{batch}, pp.HVGOptions{NTopGenes: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.HighlyVariable)
	// Output: [false false false false true false]
}

func ExamplePearsonHVG() {
	overall := pp.Moments{N: 10, Mean: []float64{1, 2, 3}, Var: []float64{2, 2, 2}}
	// Residual variances of three genes in two batches.
	res, err := pp.PearsonHVG(overall, [][]float64{{3, 1, 2}, {4, 1, 0.5}}, pp.HVGOptions{NTopGenes: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.HighlyVariable, res.NBatches)
	// Output: [true false false] [2 0 0]
}

func ExampleCellFilter() {
	obs := &pp.QCObs{Genes: []int32{150, 900, 2500}, Total: []float64{200, 3000, 9000}}
	keep, err := pp.CellFilter{MinGenes: new(200), MaxCounts: new(8000.0)}.Keep(obs)
	fmt.Println(keep, err)
	// Output: [false true false] <nil>
}

func ExampleGeneFilter() {
	v := &pp.QCVar{N: 100, Cells: []int64{2, 50}, Total: []float64{2, 80}}
	keep, err := pp.GeneFilter{MinCells: new(3)}.Keep(v)
	fmt.Println(keep, err)
	// Output: [false true] <nil>
}

func ExampleCheckPercentTop() {
	_, err := pp.CheckPercentTop(pp.DefaultPercentTop(), 300)
	fmt.Println(err)
	// Output: quality control: percent_top has 500, and there are 300 genes; leave 500 out of percent_top
}

func ExampleMedianTarget() {
	target, err := pp.MedianTarget([]float64{0, 900, 1000, 1200, 5000})
	fmt.Println(target, err)
	// Output: 1100 <nil>
}

func ExampleQCVar_Columns() {
	v := &pp.QCVar{N: 4, Cells: []int64{1, 4}, Total: []float64{2, 8}}
	for _, c := range v.Columns() {
		fmt.Println(c.Name, c.Data)
	}
	// Output:
	// n_cells_by_counts [1 4]
	// mean_counts [0.5 2]
	// log1p_mean_counts [0.4054651 1.0986123]
	// pct_dropout_by_counts [75 0]
	// total_counts [2 8]
	// log1p_total_counts [1.0986123 2.1972246]
}
