package pp

import (
	"context"

	"github.com/gpusc/gpusc/kernels"
	"github.com/gpusc/gpusc/pass"
)

// NewQCObs makes room for the sums of n cells.
func NewQCObs(n int64, groups []string, topN []int, t CountType) *QCObs {
	q := &QCObs{Genes: make([]int32, n), Total: make([]float64, n), TopN: topN, Groups: groups, Type: t}
	for range topN {
		q.Top = append(q.Top, make([]float64, n))
	}
	for range groups {
		q.GroupTotal = append(q.GroupTotal, make([]float64, n))
	}
	return q
}

// QCObsBytes is the memory that NewQCObs takes.
func QCObsBytes(n int64, groups, topN int) int64 { return n * int64(4+8+8*(groups+topN)) }

// rows returns the sums of the cells lo to lo+n.
func (q *QCObs) rows(lo, n int64) *QCObs {
	cut := func(all [][]float64) [][]float64 {
		out := make([][]float64, len(all))
		for i, v := range all {
			out[i] = v[lo : lo+n]
		}
		return out
	}
	return &QCObs{
		Genes: q.Genes[lo : lo+n], Total: q.Total[lo : lo+n], TopN: q.TopN, Top: cut(q.Top),
		Groups: q.Groups, GroupTotal: cut(q.GroupTotal), Type: q.Type,
	}
}

// RowQC is the step that fills QCObs: totals, totals of gene groups, detected
// genes and the sums of the largest values.
// Source: scanpy.pp.calculate_qc_metrics.
type RowQC struct {
	GroupOf []uint32 // bit q set: the gene belongs to group q
	Out     *QCObs   // a row for each cell of the source
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
		{&k.total, n * int64(1+len(o.Groups)) * 8, "totals of cells"},
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
	width := 1 + len(o.Groups)
	op := &kernels.RowStats{X: it.X, Groups: len(o.Groups), Total: k.total.Dev, Detected: k.detected.Dev}
	if len(o.Groups) > 0 {
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
	if err := k.total.Down(st, int64(rows*width)*8); err != nil {
		return err
	}
	if err := k.detected.Down(st, int64(rows)*4); err != nil {
		return err
	}
	if err := it.Sync(); err != nil {
		return err
	}
	to := o.rows(it.Row0, int64(rows))
	total, detected := pass.View[float64](k.total, rows*width), pass.View[uint32](k.detected, rows)
	for r := range rows {
		to.Genes[r], to.Total[r] = int32(detected[r]), total[r*width]
	}
	every(to.GroupTotal, total[min(1, len(total)):], width)
	every(to.Top, pass.View[float64](k.top, rows*len(o.TopN)), len(o.TopN))
	return nil
}

// every fills the i-th slice with each width-th value of v from the i-th on.
func every(to [][]float64, v []float64, width int) {
	for i, t := range to {
		for r := range t {
			t[r] = v[r*width+i]
		}
	}
}

// FilterRows is the step that decides, from the figures of RowQC, which cells
// of a piece stay. Later steps of the sweep see the answer in Item.Keep.
// Source: scanpy.pp.filter_cells.
type FilterRows struct {
	Filter CellFilter
	Of     *QCObs // filled by a RowQC step before this one
	Out    []bool // one for each cell of the source
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
	n := int64(it.X.Rows)
	keep, err := k.s.Filter.Keep(k.s.Of.rows(it.Row0, n))
	it.Keep = k.s.Out[it.Row0 : it.Row0+n]
	copy(it.Keep, keep)
	return err
}
