package pp

import (
	"context"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/kernels"
	"github.com/gpusc/gpusc/pass"
)

// WriteSparse is the step that hands the cells on in row order, with the genes
// that stay, as stored or normalised.
type WriteSparse struct {
	Map    []int32 // new number of each gene, -1: left out; nil: all stay
	Cols   int
	Values bool // hand on transformed values (Item.Scale, then Log1p), not the stored ones
	Log1p  bool
	LnBase float64
	// Put takes the pieces in row order. values is nil when the chunk's own are
	// meant; where it is not, the chunk's own may be missing.
	Put func(ctx context.Context, c *chunk.Chunk, values []float32) error
}

// Name implements pass.Step.
func (*WriteSparse) Name() string { return "write X" }

// NeedsHost implements pass.HostReader: where all genes stay, the pieces are
// handed on as they were read; else as they come back from the device.
func (s *WriteSparse) NeedsHost() bool { return s.Map == nil }

// End implements pass.Step.
func (*WriteSparse) End(context.Context, []pass.Work) error { return nil }

// Worker implements pass.Step.
func (s *WriteSparse) Worker(w *pass.Worker) (pass.Work, error) {
	k := &sparseWork{s: s}
	var err error
	if s.Map != nil {
		if k.narrow, err = newNarrow(w, s.Map, s.Cols); err != nil {
			return k, err
		}
	}
	if s.Values {
		k.values, err = pass.NewMirror(w.Backend, w.MaxNNZ*4, "values to write")
	}
	return k, err
}

type sparseWork struct {
	s      *WriteSparse
	narrow *narrow
	values *pass.Mirror
	c      *chunk.Chunk
}

func (k *sparseWork) Close() { k.narrow.free(); k.values.Free() }

func (k *sparseWork) Chunk(_ context.Context, it *pass.Item) (err error) {
	x := it.X
	defer func() { it.X = x }()
	k.c = it.Host
	if k.narrow != nil {
		if it.X, err = k.narrow.apply(it); err != nil {
			return err
		}
		if k.c, err = k.narrow.host(it, !k.s.Values); err != nil {
			return err
		}
	}
	if !k.s.Values {
		return nil
	}
	t := kernels.Transform{Scale: it.Scale, Log1p: k.s.Log1p, LnBase: k.s.LnBase}
	if err := it.Launch(&kernels.Values{X: it.X, T: t, Out: k.values.Dev}); err != nil {
		return err
	}
	return k.values.Down(it.Worker.Stream, it.X.NNZ*4)
}

// Turn implements pass.InTurn.
func (k *sparseWork) Turn(ctx context.Context, it *pass.Item) error {
	if !k.s.Values {
		return k.s.Put(ctx, k.c, nil)
	}
	return k.s.Put(ctx, k.c, pass.View[float32](k.values, int(k.c.NNZ())))
}

// WriteDense is the step that hands the scaled cells on in row order as dense
// rows of float32. Source: scanpy.pp.scale.
type WriteDense struct {
	Map       []int32
	Cols      int
	Log1p     bool
	LnBase    float64
	Mean, Std []float64 // of the genes that stay
	Centre    bool
	Max       float64 // 0: no clipping
	// Put takes whole rows, in order.
	Put func(ctx context.Context, v []float32) error
}

// denseBatch is how many rows are made dense at a time: the memory of a worker
// must not grow with the rows of a piece.
const denseBatch = 64

// DenseBytes is what one worker of WriteDense reserves for its rows.
func DenseBytes(cols int) int64 { return denseBatch * int64(cols) * 4 }

// Name implements pass.Step.
func (*WriteDense) Name() string { return "write scaled X" }

// End implements pass.Step.
func (*WriteDense) End(context.Context, []pass.Work) error { return nil }

// Worker implements pass.Step.
func (s *WriteDense) Worker(w *pass.Worker) (pass.Work, error) {
	k := &denseWork{s: s}
	var err error
	if s.Map != nil {
		if k.narrow, err = newNarrow(w, s.Map, s.Cols); err != nil {
			return k, err
		}
	}
	if k.mean, err = constant(w, s.Mean, "means of genes"); err != nil {
		return k, err
	}
	if k.std, err = constant(w, s.Std, "deviations of genes"); err != nil {
		return k, err
	}
	k.out, err = pass.NewMirror(w.Backend, DenseBytes(s.Cols), "dense rows")
	return k, err
}

type denseWork struct {
	s              *WriteDense
	narrow         *narrow
	mean, std, out *pass.Mirror
}

func (k *denseWork) Close() { k.narrow.free(); freeAll(k.mean, k.std, k.out) }

func (k *denseWork) Chunk(context.Context, *pass.Item) error { return nil }

// Turn implements pass.InTurn: dense rows are made when they can be handed on,
// so that only one worker holds them at a time.
func (k *denseWork) Turn(ctx context.Context, it *pass.Item) (err error) {
	x := it.X
	defer func() { it.X = x }()
	if k.narrow != nil {
		if it.X, err = k.narrow.apply(it); err != nil {
			return err
		}
	}
	st := it.Worker.Stream
	for lo := 0; lo < it.X.Rows; lo += denseBatch {
		n := min(denseBatch, it.X.Rows-lo)
		op := &kernels.Dense{
			X: it.X, T: kernels.Transform{Scale: it.Scale, Log1p: k.s.Log1p, LnBase: k.s.LnBase},
			Row0: lo, Rows: n, Mean: k.mean.Dev, Std: k.std.Dev, Centre: k.s.Centre, Max: k.s.Max, Out: k.out.Dev,
		}
		if err := it.Launch(op); err != nil {
			return err
		}
		if err := k.out.Down(st, int64(n)*int64(k.s.Cols)*4); err != nil {
			return err
		}
		if err := it.Sync(); err != nil {
			return err
		}
		if err := k.s.Put(ctx, pass.View[float32](k.out, n*k.s.Cols)); err != nil {
			return err
		}
	}
	return nil
}
