package pp

import (
	"fmt"
	"math"
	"slices"

	"github.com/gpusc/gpusc/internal/errs"
)

// CountType is the type of the counts in the file. scanpy's sums have it too,
// and so have the columns made of them.
type CountType uint8

// The types of counts.
const (
	Float32Counts CountType = iota // sums float32, as most files
	Float64Counts                  // sums float64
	IntCounts                      // sums int64, their logarithms float64
)

// DefaultPercentTop returns scanpy's percent_top.
func DefaultPercentTop() []int { return []int{50, 100, 200, 500} }

// CheckPercentTop holds that each n of percent_top is between 1 and the number
// of genes, and returns them rising. Errors: errs.Usage naming the value.
func CheckPercentTop(percentTop []int, genes int) ([]int, error) {
	out := slices.Clone(percentTop)
	slices.Sort(out)
	for _, n := range out {
		if n < 1 || n > genes {
			return nil, errs.New(errs.Usage, "quality control: percent_top has %d, and there are %d genes", n, genes).
				Do("leave %d out of percent_top", n)
		}
	}
	return out, nil
}

// QCObs holds the quality-control sums of each cell.
// Reference: scanpy.pp.calculate_qc_metrics.
type QCObs struct {
	Genes      []int32     // genes with a value > 0
	Total      []float64   // sum of the values
	TopN       []int       // percent_top, rising
	Top        [][]float64 // per TopN, per cell: sum of the n largest values
	Groups     []string    // gene groups (qc_vars), for example mt
	GroupTotal [][]float64 // per group, per cell: sum over its genes
	Type       CountType
	NoLog      bool // leave the log1p columns out
}

// Columns returns the columns of obs in scanpy's order and types. A share of a
// cell without counts is NaN.
func (q *QCObs) Columns() []Column {
	out := []Column{{"n_genes_by_counts", q.Genes}}
	if !q.NoLog {
		logs := make([]float64, len(q.Genes))
		for i, g := range q.Genes {
			logs[i] = math.Log1p(float64(g))
		}
		out = append(out, Column{"log1p_n_genes_by_counts", logs})
	}
	out = append(out, q.Type.totals("total_counts", q.Total, q.NoLog)...)
	for i, n := range q.TopN {
		out = append(out, Column{fmt.Sprintf("pct_counts_in_top_%d_genes", n), percent(q.Top[i], q.Total)})
	}
	for i, name := range q.Groups {
		out = append(out, q.Type.totals("total_counts_"+name, q.GroupTotal[i], q.NoLog)...)
		out = append(out, Column{"pct_counts_" + name, q.Type.derived(q.Percent(i))})
	}
	return out
}

// Percent returns the share of group i in each cell's total, in percent.
func (q *QCObs) Percent(i int) []float64 { return percent(q.GroupTotal[i], q.Total) }

// QCVar holds the quality-control sums of each gene.
// Reference: scanpy.pp.calculate_qc_metrics.
type QCVar struct {
	N     int64     // cells
	Cells []int64   // per gene, cells with a value > 0
	Total []float64 // per gene, sum of the values
	Type  CountType
	NoLog bool // leave the log1p columns out
}

// Columns returns the columns of var in scanpy's order and types.
func (q *QCVar) Columns() []Column {
	mean, dropout := make([]float64, len(q.Total)), make([]float64, len(q.Total))
	n := float64(q.N)
	for g, t := range q.Total {
		mean[g] = t / n
		dropout[g] = (1 - float64(q.Cells[g])/n) * 100
	}
	out := []Column{{"n_cells_by_counts", q.Cells}, {"mean_counts", q.Type.derived(mean)}}
	if !q.NoLog {
		out = append(out, Column{"log1p_mean_counts", q.Type.derived(log1p(mean))})
	}
	out = append(out, Column{"pct_dropout_by_counts", dropout})
	return append(out, q.Type.totals("total_counts", q.Total, q.NoLog)...)
}

// totals returns the column of sums and, unless left out, that of their log1p.
func (t CountType) totals(name string, v []float64, noLog bool) []Column {
	out := []Column{{name, t.sums(v)}}
	if !noLog {
		out = append(out, Column{"log1p_" + name, t.derived(log1p(v))})
	}
	return out
}

// sums gives v the type of sums. A whole number that float32 cannot hold keeps
// the column float64: counts stay exact, where scanpy rounds them.
func (t CountType) sums(v []float64) any {
	switch {
	case t == IntCounts:
		out := make([]int64, len(v))
		for i, x := range v {
			out[i] = int64(x)
		}
		return out
	case t == Float64Counts || slices.ContainsFunc(v, func(x float64) bool {
		return x == math.Trunc(x) && float64(float32(x)) != x
	}):
		return v
	}
	return float32s(v)
}

// derived gives v the type of what is computed from sums.
func (t CountType) derived(v []float64) any {
	if t == Float32Counts {
		return float32s(v)
	}
	return v
}

func log1p(v []float64) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = math.Log1p(x)
	}
	return out
}

func percent(part, whole []float64) []float64 {
	out := make([]float64, len(part))
	for i, p := range part {
		out[i] = p / whole[i] * 100
	}
	return out
}
