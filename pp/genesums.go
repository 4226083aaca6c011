package pp

import (
	"context"

	"github.com/gpusc/gpusc/kernels"
	"github.com/gpusc/gpusc/pass"
)

// GeneSums are the per-gene sums of a sweep for each group of cells: every slice
// has Groups*Genes entries, group by group, or is nil where the step has no such
// sum. What is summed is said at the step.
type GeneSums struct {
	Genes, Groups int
	Sum, SumSq    []kernels.Fixed
	Cells         []uint64
}

// NewGeneSums makes room for the sums.
func NewGeneSums(genes, groups int, sumSq, cells bool) *GeneSums {
	n := genes * groups
	s := &GeneSums{Genes: genes, Groups: groups, Sum: make([]kernels.Fixed, n)}
	if sumSq {
		s.SumSq = make([]kernels.Fixed, n)
	}
	if cells {
		s.Cells = make([]uint64, n)
	}
	return s
}

// Bytes is the size of one copy of the sums: each worker of a sweep has one.
func (s *GeneSums) Bytes() int64 {
	return int64(len(s.Sum)+len(s.SumSq))*16 + int64(len(s.Cells))*8
}

// Float returns a slice of sums as float64, for group g.
func (s *GeneSums) Float(f []kernels.Fixed, g int) []float64 {
	out := make([]float64, s.Genes)
	for i := range out {
		out[i] = f[g*s.Genes+i].Float64()
	}
	return out
}

// acc is one worker's copy of GeneSums on its device, with the groups of the
// rows at hand.
type acc struct {
	to                       *GeneSums
	w                        *pass.Worker
	sum, sumSq, cells, group *pass.Mirror
}

func newAcc(w *pass.Worker, to *GeneSums) (*acc, error) {
	a := &acc{to: to, w: w}
	err := mirrors(w.Backend, []want{
		{&a.sum, int64(len(to.Sum)) * 16, "sums of genes"},
		{&a.sumSq, int64(len(to.SumSq)) * 16, "sums of squares of genes"},
		{&a.cells, int64(len(to.Cells)) * 8, "cells of genes"},
		{&a.group, int64(w.MaxRows) * 4, "groups of cells"},
	})
	if err != nil {
		return a, err
	}
	for _, m := range []*pass.Mirror{a.sum, a.sumSq, a.cells} {
		clear(m.Bytes())
		if err := m.Up(w.Stream, int64(len(m.Bytes()))); err != nil {
			return a, err
		}
	}
	return a, nil
}

// Close implements part of pass.Work.
func (a *acc) Close() { freeAll(a.sum, a.sumSq, a.cells, a.group) }

// merge adds the worker's sums to the result. Integers: the order is free.
func (a *acc) merge() error {
	for _, m := range []*pass.Mirror{a.sum, a.sumSq, a.cells} {
		if err := m.Down(a.w.Stream, int64(len(m.Bytes()))); err != nil {
			return err
		}
	}
	if err := a.w.Stream.Sync(); err != nil {
		return err
	}
	addFixed(a.to.Sum, pass.View[kernels.Fixed](a.sum, len(a.to.Sum)))
	addFixed(a.to.SumSq, pass.View[kernels.Fixed](a.sumSq, len(a.to.SumSq)))
	for i, v := range pass.View[uint64](a.cells, len(a.to.Cells)) {
		a.to.Cells[i] += v
	}
	return nil
}

func addFixed(dst, src []kernels.Fixed) {
	for i, v := range src {
		dst[i] = dst[i].Add(v)
	}
}

// mergeAll is the End of every step whose works are made of acc.
func mergeAll(works []pass.Work) error {
	for _, w := range works {
		if err := w.(interface{ merge() error }).merge(); err != nil {
			return err
		}
	}
	return nil
}

// GeneQC is the step that adds up, for each gene, the values (Sum) and the cells
// that have it (Cells): group 0 are the cells that stay, group 1 those dropped.
// Source: scanpy.pp.calculate_qc_metrics, scanpy.pp.filter_genes.
type GeneQC struct {
	Out *GeneSums // of two groups, with Cells
}

// Name implements pass.Step.
func (*GeneQC) Name() string { return "QC of genes" }

// End implements pass.Step.
func (*GeneQC) End(_ context.Context, works []pass.Work) error { return mergeAll(works) }

// Worker implements pass.Step.
func (s *GeneQC) Worker(w *pass.Worker) (pass.Work, error) {
	a, err := newAcc(w, s.Out)
	return geneQCWork{a}, err
}

type geneQCWork struct{ *acc }

func (k geneQCWork) Chunk(_ context.Context, it *pass.Item) error {
	g, err := groups(it, k.group, nil, 1)
	if err != nil {
		return err
	}
	return it.Launch(&kernels.GeneStats{X: it.X, Group: g, Groups: 2, Sum: k.sum.Dev, Cells: k.cells.Dev})
}

// AddMoments is the step that adds up the transformed values and their squares for
// each gene, in groups by batch. Cells that the filter drops are left out.
// The factor of normalisation is the piece's Item.Scale.
type AddMoments struct {
	Log1p, Expm1 bool
	LnBase       float64
	Batch        []int32 // batch of each row of the source; nil: one
	Out          *GeneSums
}

// Name implements pass.Step.
func (*AddMoments) Name() string { return "moments of genes" }

// End implements pass.Step.
func (*AddMoments) End(_ context.Context, works []pass.Work) error { return mergeAll(works) }

// Worker implements pass.Step.
func (s *AddMoments) Worker(w *pass.Worker) (pass.Work, error) {
	a, err := newAcc(w, s.Out)
	return momentsWork{a, s}, err
}

type momentsWork struct {
	*acc
	s *AddMoments
}

func (k momentsWork) Chunk(_ context.Context, it *pass.Item) error {
	g, err := groups(it, k.group, k.s.Batch, -1)
	if err != nil {
		return err
	}
	return it.Launch(&kernels.Moments{
		X: it.X, T: kernels.Transform{Scale: it.Scale, Log1p: k.s.Log1p, Expm1: k.s.Expm1, LnBase: k.s.LnBase},
		Group: g, Groups: k.s.Out.Groups, Sum: k.sum.Dev, SumSq: k.sumSq.Dev,
	})
}

// AddClipped is the step of kernels.ClippedMoments: Sum and SumSq of the counts not
// above the gene's limit, and in Cells the number of counts above it.
type AddClipped struct {
	Clip  []float64 // Groups*Genes
	Batch []int32
	Out   *GeneSums
}

// Name implements pass.Step.
func (*AddClipped) Name() string { return "clipped moments" }

// End implements pass.Step.
func (*AddClipped) End(_ context.Context, works []pass.Work) error { return mergeAll(works) }

// Worker implements pass.Step.
func (s *AddClipped) Worker(w *pass.Worker) (pass.Work, error) {
	a, err := newAcc(w, s.Out)
	if err != nil {
		return a, err
	}
	clip, err := constant(w, s.Clip, "clipping limits")
	return clippedWork{a, s, clip}, err
}

// Chunk is there so that a half-made acc can be closed as a Work.
func (a *acc) Chunk(context.Context, *pass.Item) error { return nil }

type clippedWork struct {
	*acc
	s    *AddClipped
	clip *pass.Mirror
}

func (k clippedWork) Close() { freeAll(k.clip); k.acc.Close() }

func (k clippedWork) Chunk(_ context.Context, it *pass.Item) error {
	g, err := groups(it, k.group, k.s.Batch, -1)
	if err != nil {
		return err
	}
	return it.Launch(&kernels.ClippedMoments{
		X: it.X, Group: g, Groups: k.s.Out.Groups, Clip: k.clip.Dev, Sum: k.sum.Dev, SumSq: k.sumSq.Dev, Clipped: k.cells.Dev,
	})
}

// AddPearson is the step of kernels.PearsonMoments: what the stored values add to
// the sums of residuals and of their squares, in groups by batch.
// Source: scanpy.experimental.pp.highly_variable_genes.
type AddPearson struct {
	Total []float64 // of each row of the source
	Share []float64 // Groups*Genes
	Clip  []float64 // Groups
	Theta float64
	Batch []int32
	Out   *GeneSums
}

// Name implements pass.Step.
func (*AddPearson) Name() string { return "Pearson residuals" }

// End implements pass.Step.
func (*AddPearson) End(_ context.Context, works []pass.Work) error { return mergeAll(works) }

// Worker implements pass.Step.
func (s *AddPearson) Worker(w *pass.Worker) (pass.Work, error) {
	a, err := newAcc(w, s.Out)
	k := pearsonWork{acc: a, s: s}
	if err != nil {
		return k, err
	}
	if k.share, err = constant(w, s.Share, "shares of genes"); err != nil {
		return k, err
	}
	if k.clip, err = constant(w, s.Clip, "clipping limits"); err != nil {
		return k, err
	}
	k.total, err = pass.NewMirror(w.Backend, int64(w.MaxRows)*8, "totals of cells")
	return k, err
}

type pearsonWork struct {
	*acc
	s                  *AddPearson
	share, clip, total *pass.Mirror
}

func (k pearsonWork) Close() { freeAll(k.share, k.clip, k.total); k.acc.Close() }

func (k pearsonWork) Chunk(_ context.Context, it *pass.Item) error {
	g, err := groups(it, k.group, k.s.Batch, -1)
	if err != nil {
		return err
	}
	rows := it.X.Rows
	copy(pass.View[float64](k.total, rows), k.s.Total[it.Row0:])
	if err := k.total.Up(it.Worker.Stream, int64(rows)*8); err != nil {
		return err
	}
	return it.Launch(&kernels.PearsonMoments{
		X: it.X, Group: g, Groups: k.s.Out.Groups, Total: k.total.Dev, Share: k.share.Dev, Clip: k.clip.Dev,
		Theta: k.s.Theta, Sum: k.sum.Dev, SumSq: k.sumSq.Dev,
	})
}
