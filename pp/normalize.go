package pp

import (
	"context"

	"github.com/gpusc/gpusc/kernels"
	"github.com/gpusc/gpusc/pass"
)

// Totals is the step that adds up each cell over the genes of Mask and, when
// Target is given, turns the totals into factors of normalisation for the steps
// behind it.
// Source: scanpy.pp.normalize_total.
type Totals struct {
	Mask   []uint8   // 1 for each gene that counts; nil: all
	Target float64   // 0: not known yet, only totals are taken
	Out    []float64 // the totals, one for each row of the source
}

// Name implements pass.Step.
func (*Totals) Name() string { return "totals of cells" }

// End implements pass.Step.
func (*Totals) End(context.Context, []pass.Work) error { return nil }

// Worker implements pass.Step.
func (s *Totals) Worker(w *pass.Worker) (pass.Work, error) {
	k := &totalsWork{s: s}
	n := int64(w.MaxRows)
	err := mirrors(w.Backend, []want{
		{&k.total, n * 8, "totals of cells"},
		{&k.detected, n * 4, "detected genes of cells"},
		{&k.scale, n * 8, "factors of cells"},
	})
	if err != nil || s.Mask == nil {
		return k, err
	}
	k.mask, err = constant(w, s.Mask, "genes that count")
	return k, err
}

type totalsWork struct {
	s                            *Totals
	total, detected, scale, mask *pass.Mirror
}

func (k *totalsWork) Close() { freeAll(k.total, k.detected, k.scale, k.mask) }

func (k *totalsWork) Chunk(_ context.Context, it *pass.Item) error {
	rows := it.X.Rows
	op := &kernels.RowStats{X: it.X, Total: k.total.Dev, Detected: k.detected.Dev}
	if k.mask != nil {
		op.Mask = k.mask.Dev
	}
	if err := it.Launch(op); err != nil {
		return err
	}
	if err := k.total.Down(it.Worker.Stream, int64(rows)*8); err != nil {
		return err
	}
	if err := it.Sync(); err != nil {
		return err
	}
	total := pass.View[float64](k.total, rows)
	copy(k.s.Out[it.Row0:], total)
	if k.s.Target == 0 {
		return nil
	}
	return setScale(it, k.scale, total, k.s.Target)
}

// setScale gives the piece the factors target/total; a cell without counts
// stays as it is.
func setScale(it *pass.Item, m *pass.Mirror, total []float64, target float64) error {
	scale := pass.View[float64](m, it.X.Rows)
	for i := range scale {
		scale[i] = 1
		if t := total[i]; t > 0 {
			scale[i] = target / t
		}
	}
	it.Scale, it.ScaleHost = m.Dev, scale
	return m.Up(it.Worker.Stream, int64(len(scale))*8)
}

// UseScale is the step that gives each piece the factors of normalisation from
// totals that an earlier sweep has taken.
type UseScale struct {
	Total  []float64 // one for each row of the source
	Target float64
}

// Name implements pass.Step.
func (*UseScale) Name() string { return "factors of cells" }

// End implements pass.Step.
func (*UseScale) End(context.Context, []pass.Work) error { return nil }

// Worker implements pass.Step.
func (s *UseScale) Worker(w *pass.Worker) (pass.Work, error) {
	m, err := pass.NewMirror(w.Backend, int64(w.MaxRows)*8, "factors of cells")
	return &useScaleWork{s, m}, err
}

type useScaleWork struct {
	s *UseScale
	m *pass.Mirror
}

func (k *useScaleWork) Close() { k.m.Free() }

func (k *useScaleWork) Chunk(_ context.Context, it *pass.Item) error {
	return setScale(it, k.m, k.s.Total[it.Row0:], k.s.Target)
}

// HighGenes is the step that finds the genes which hold more than Fraction of
// the total of any cell.
// Source: exclude_highly_expressed of scanpy.pp.normalize_total.
type HighGenes struct {
	Fraction float64
	Total    []float64 // of each row of the source; a Totals step before it fills it
	Out      []bool    // one for each gene: true where it is such a gene
}

// Name implements pass.Step.
func (*HighGenes) Name() string { return "highly expressed genes" }

// Worker implements pass.Step.
func (s *HighGenes) Worker(w *pass.Worker) (pass.Work, error) {
	k := &highWork{s: s, w: w}
	err := mirrors(w.Backend, []want{
		{&k.total, int64(w.MaxRows) * 8, "totals of cells"},
	})
	if err != nil {
		return k, err
	}
	k.flags, err = constant(w, make([]uint32, w.Cols), "highly expressed genes")
	return k, err
}

// End implements pass.Step.
func (s *HighGenes) End(_ context.Context, works []pass.Work) error {
	for _, wk := range works {
		k := wk.(*highWork)
		if err := k.flags.Down(k.w.Stream, int64(len(s.Out))*4); err != nil {
			return err
		}
		if err := k.w.Stream.Sync(); err != nil {
			return err
		}
		for i, f := range pass.View[uint32](k.flags, len(s.Out)) {
			s.Out[i] = s.Out[i] || f != 0
		}
	}
	return nil
}

type highWork struct {
	s            *HighGenes
	w            *pass.Worker
	total, flags *pass.Mirror
}

func (k *highWork) Close() { freeAll(k.total, k.flags) }

func (k *highWork) Chunk(_ context.Context, it *pass.Item) error {
	rows := it.X.Rows
	copy(pass.View[float64](k.total, rows), k.s.Total[it.Row0:])
	if err := k.total.Up(it.Worker.Stream, int64(rows)*8); err != nil {
		return err
	}
	return it.Launch(&kernels.HighFraction{X: it.X, Total: k.total.Dev, Fraction: k.s.Fraction, Flags: k.flags.Dev})
}
