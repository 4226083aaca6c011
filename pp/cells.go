package pp

import (
	"context"

	"github.com/gpusc/gpusc/kernels"
	"github.com/gpusc/gpusc/pass"
)

// CellStats are the per-cell figures of a sweep, a row for each cell of the
// source. Total holds 1+Groups figures a cell (all genes, then each gene group),
// Top len(TopN) figures.
type CellStats struct {
	Groups   int
	TopN     []int
	Total    []float64
	Detected []uint32
	Top      []float64
}

// NewCellStats makes room for n cells.
func NewCellStats(n int64, groups int, topN []int) *CellStats {
	return &CellStats{
		Groups: groups, TopN: topN,
		Total: make([]float64, n*int64(1+groups)), Detected: make([]uint32, n), Top: make([]float64, n*int64(len(topN))),
	}
}

// CellStatsBytes is the memory that NewCellStats takes.
func CellStatsBytes(n int64, groups int, topN []int) int64 {
	return n * int64(8*(1+groups)+4+8*len(topN))
}

// RowQC is the step that fills CellStats: totals, totals of gene groups,
// detected genes and the sums of the largest values.
// Source: scanpy.pp.calculate_qc_metrics.
type RowQC struct {
	GroupOf []uint32 // bit q set: the gene belongs to group q
	Out     *CellStats
}

// Name implements pass.Step.
func (*RowQC) Name() string { return "QC of cells" }

// End implements pass.Step.
func (*RowQC) End(context.Context, []pass.Work) error { return nil }

// Worker implements pass.Step.
func (s *RowQC) Worker(w *pass.Worker) (pass.Work, error) {
	k := &rowQCWork{s: s}
	n, o := int64(w.MaxRows), s.Out
	err := mirrors(w.Backend, []want{
		{&k.total, n * int64(1+o.Groups) * 8, "totals of cells"},
		{&k.detected, n * 4, "detected genes of cells"},
		{&k.top, n * int64(len(o.TopN)) * 8, "largest genes of cells"},
	})
	if err != nil {
		return k, err
	}
	k.group, err = constant(w, s.GroupOf, "gene groups")
	return k, err
}

type rowQCWork struct {
	s                           *RowQC
	total, detected, top, group *pass.Mirror
}

func (k *rowQCWork) Close() { freeAll(k.total, k.detected, k.top, k.group) }

func (k *rowQCWork) Chunk(_ context.Context, it *pass.Item) error {
	o, st, rows := k.s.Out, it.Worker.Stream, it.X.Rows
	if rows == 0 {
		return nil
	}
	nt := rows * (1 + o.Groups)
	op := &kernels.RowStats{X: it.X, Groups: o.Groups, Total: k.total.Dev, Detected: k.detected.Dev}
	if o.Groups > 0 {
		op.GroupOf = k.group.Dev
	}
	if err := it.Launch(op); err != nil {
		return err
	}
	if len(o.TopN) > 0 {
		if err := it.Launch(&kernels.TopSums{X: it.X, N: o.TopN, Out: k.top.Dev}); err != nil {
			return err
		}
		if err := k.top.Down(st, int64(rows*len(o.TopN)*8)); err != nil {
			return err
		}
	}
	if err := k.total.Down(st, int64(nt)*8); err != nil {
		return err
	}
	if err := k.detected.Down(st, int64(rows)*4); err != nil {
		return err
	}
	if err := it.Sync(); err != nil {
		return err
	}
	copy(o.Total[it.Row0*int64(1+o.Groups):], pass.View[float64](k.total, nt))
	copy(o.Detected[it.Row0:], pass.View[uint32](k.detected, rows))
	copy(o.Top[it.Row0*int64(len(o.TopN)):], pass.View[float64](k.top, rows*len(o.TopN)))
	return nil
}

// FilterRows is the step that decides, from the figures of RowQC, which cells
// of a piece stay. Later steps of the sweep see the answer in Item.Keep.
type FilterRows struct {
	Keep func(row int64) bool // from the cell's own figures
	Out  []bool               // one for each cell of the source
}

// Name implements pass.Step.
func (*FilterRows) Name() string { return "filter cells" }

// End implements pass.Step.
func (*FilterRows) End(context.Context, []pass.Work) error { return nil }

// Worker implements pass.Step.
func (s *FilterRows) Worker(*pass.Worker) (pass.Work, error) { return filterWork{s}, nil }

type filterWork struct{ s *FilterRows }

func (filterWork) Close() {}

func (k filterWork) Chunk(_ context.Context, it *pass.Item) error {
	keep := k.s.Out[it.Row0 : it.Row0+int64(it.X.Rows)]
	for i := range keep {
		keep[i] = k.s.Keep(it.Row0 + int64(i))
	}
	it.Keep = keep
	return nil
}
