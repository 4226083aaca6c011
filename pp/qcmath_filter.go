package pp

import (
	"maps"
	"math"
	"slices"

	"github.com/gpusc/gpusc/internal/errs"
)

// CellFilter keeps cells by their sums. Bounds are inclusive and all of them
// must hold; nil bounds nothing. scanpy.pp.filter_cells takes one per call.
type CellFilter struct {
	MinGenes, MaxGenes   *int
	MinCounts, MaxCounts *float64
	// MaxPct bounds the share of gene groups in percent, by group (as in
	// QCObs.Groups). A cell without counts has no share and is not kept.
	MaxPct map[string]float64
}

// Empty tells whether the filter keeps every cell.
func (f CellFilter) Empty() bool {
	return f.MinGenes == nil && f.MaxGenes == nil && f.MinCounts == nil && f.MaxCounts == nil && len(f.MaxPct) == 0
}

// Keep returns which cells pass. Errors: errs.Usage for a group that q lacks
// and for a bound that is not a number.
func (f CellFilter) Keep(q *QCObs) ([]bool, error) {
	if err := numbers("cells", f.MinCounts, f.MaxCounts); err != nil {
		return nil, err
	}
	keep := make([]bool, len(q.Genes))
	for i, g := range q.Genes {
		keep[i] = between(int64(g), f.MinGenes, f.MaxGenes) && between(q.Total[i], f.MinCounts, f.MaxCounts)
	}
	for _, name := range slices.Sorted(maps.Keys(f.MaxPct)) {
		most := f.MaxPct[name]
		k := slices.Index(q.Groups, name)
		if k < 0 {
			return nil, errs.New(errs.Usage, "filter of cells: there is no gene group %q", name).
				Do("name it among the groups of quality control")
		}
		if err := numbers("cells", &most); err != nil {
			return nil, err
		}
		for i, p := range q.Percent(k) {
			keep[i] = keep[i] && p <= most
		}
	}
	return keep, nil
}

// Columns returns what scanpy adds to obs, for the cells kept: n_genes if genes
// were bounded, n_counts if counts were.
func (f CellFilter) Columns(q *QCObs, keep []bool) []Column {
	var out []Column
	if f.MinGenes != nil || f.MaxGenes != nil {
		out = append(out, Column{"n_genes", int64s(Compact(q.Genes, keep))})
	}
	if f.MinCounts != nil || f.MaxCounts != nil {
		out = append(out, Column{"n_counts", q.Type.sums(Compact(q.Total, keep))})
	}
	return out
}

// GeneFilter keeps genes by their sums. Bounds are inclusive and all of them
// must hold; nil bounds nothing. scanpy.pp.filter_genes takes one per call.
type GeneFilter struct {
	MinCells, MaxCells   *int
	MinCounts, MaxCounts *float64
}

// Empty tells whether the filter keeps every gene.
func (f GeneFilter) Empty() bool {
	return f.MinCells == nil && f.MaxCells == nil && f.MinCounts == nil && f.MaxCounts == nil
}

// Keep returns which genes pass. Errors: errs.Usage for a bound that is not a
// number.
func (f GeneFilter) Keep(q *QCVar) ([]bool, error) {
	if err := numbers("genes", f.MinCounts, f.MaxCounts); err != nil {
		return nil, err
	}
	keep := make([]bool, len(q.Cells))
	for g, n := range q.Cells {
		keep[g] = between(n, f.MinCells, f.MaxCells) && between(q.Total[g], f.MinCounts, f.MaxCounts)
	}
	return keep, nil
}

// Columns returns what scanpy adds to var, for the genes kept: n_cells if cells
// were bounded, n_counts if counts were.
func (f GeneFilter) Columns(q *QCVar, keep []bool) []Column {
	var out []Column
	if f.MinCells != nil || f.MaxCells != nil {
		out = append(out, Column{"n_cells", Compact(q.Cells, keep)})
	}
	if f.MinCounts != nil || f.MaxCounts != nil {
		out = append(out, Column{"n_counts", q.Type.sums(Compact(q.Total, keep))})
	}
	return out
}

// Compact returns the v[i] with keep[i], in order.
func Compact[T any](v []T, keep []bool) []T {
	n := 0
	for _, k := range keep {
		if k {
			n++
		}
	}
	out := make([]T, 0, n)
	for i, k := range keep {
		if k {
			out = append(out, v[i])
		}
	}
	return out
}

// between tells whether lo <= v <= hi, where nil bounds nothing.
func between[V int64 | float64, B int | float64](v V, lo, hi *B) bool {
	return (lo == nil || float64(v) >= float64(*lo)) && (hi == nil || float64(v) <= float64(*hi))
}

func numbers(what string, bounds ...*float64) error {
	for _, b := range bounds {
		if b != nil && math.IsNaN(*b) {
			return errs.New(errs.Usage, "filter of %s: a bound is not a number", what)
		}
	}
	return nil
}
