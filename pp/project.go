package pp

import (
	"context"

	"github.com/gpusc/gpusc/kernels"
	"github.com/gpusc/gpusc/pass"
)

// Project is the step that hands on the scores of the cells in row order: each
// cell's values times the weights of the components, less the offset.
// Source: scanpy.pp.pca.
type Project struct {
	Log1p, Scaled bool // Scaled: z-scores with Mean, Std and Max, else as they are
	LnBase        float64
	Mean, Std     []float64 // of the selected genes
	NoCentre      bool
	Max           float64
	K, Stride     int       // components; Stride is K filled up to a multiple of 8
	W             []float64 // genes x Stride
	Offset        []float64 // Stride
	// Put takes whole rows of K scores, in order.
	Put func(ctx context.Context, v []float32) error
}

// Name implements pass.Step.
func (*Project) Name() string { return "project" }

// End implements pass.Step.
func (*Project) End(context.Context, []pass.Work) error { return nil }

// Worker implements pass.Step.
func (s *Project) Worker(w *pass.Worker) (pass.Work, error) {
	k := &projectWork{s: s}
	var err error
	if k.w, err = constant(w, s.W, "weights of the components"); err != nil {
		return k, err
	}
	if k.offset, err = constant(w, s.Offset, "offsets of the components"); err != nil {
		return k, err
	}
	if s.Scaled {
		if k.mean, err = constant(w, s.Mean, "means of genes"); err != nil {
			return k, err
		}
		if k.std, err = constant(w, s.Std, "deviations of genes"); err != nil {
			return k, err
		}
	}
	k.out, err = pass.NewMirror(w.Backend, int64(w.MaxRows)*int64(s.K)*4, "scores of cells")
	return k, err
}

type projectWork struct {
	s                         *Project
	w, offset, mean, std, out *pass.Mirror
}

func (k *projectWork) Close() { freeAll(k.w, k.offset, k.mean, k.std, k.out) }

func (k *projectWork) Chunk(_ context.Context, it *pass.Item) error {
	s := k.s
	op := &kernels.Project{
		X: it.X, T: kernels.Transform{Scale: it.Scale, Log1p: s.Log1p, LnBase: s.LnBase},
		K: s.K, Stride: s.Stride, W: k.w.Dev, Offset: k.offset.Dev, Out: k.out.Dev,
	}
	if s.Scaled {
		op.Mean, op.Std, op.Centre, op.Max = k.mean.Dev, k.std.Dev, !s.NoCentre, s.Max
	}
	if err := it.Launch(op); err != nil {
		return err
	}
	return k.out.Down(it.Worker.Stream, int64(it.X.Rows)*int64(s.K)*4)
}

// Turn implements pass.InTurn.
func (k *projectWork) Turn(ctx context.Context, it *pass.Item) error {
	return k.s.Put(ctx, pass.View[float32](k.out, it.X.Rows*k.s.K))
}
