package pp

import (
	"context"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/kernels"
	"github.com/gpusc/gpusc/pass"
)

// Pack is the step that puts the cells that stay into the packed cache. It must
// be the last of its sweep: it takes the dropped rows out of the piece in place.
type Pack struct {
	To interface {
		Put(ctx context.Context, i int, c *chunk.Chunk) error
	}
}

// Name implements pass.Step.
func (*Pack) Name() string { return "pack" }

// NeedsHost implements pass.HostReader: it packs what lies on the host.
func (*Pack) NeedsHost() bool { return true }

// End implements pass.Step.
func (*Pack) End(context.Context, []pass.Work) error { return nil }

// Worker implements pass.Step.
func (s *Pack) Worker(*pass.Worker) (pass.Work, error) { return packWork{s}, nil }

type packWork struct{ s *Pack }

func (packWork) Close() {}

func (k packWork) Chunk(ctx context.Context, it *pass.Item) error {
	if err := it.Sync(); err != nil {
		return err
	}
	keepRows(it.Host, it.Keep)
	return k.s.To.Put(ctx, it.Index, it.Host)
}

// keepRows moves the rows that stay together and cuts the chunk to them.
func keepRows(c *chunk.Chunk, keep []bool) {
	if keep == nil {
		return
	}
	var n int64
	rows := 0
	for r := range c.Rows {
		if !keep[r] {
			continue
		}
		lo, hi := c.Indptr[r], c.Indptr[r+1]
		if lo != n {
			copy(c.Indices[n:], c.Indices[lo:hi])
			switch c.Kind {
			case chunk.Counts:
				copy(c.Counts[n:], c.Counts[lo:hi])
			case chunk.Float32:
				copy(c.F32[n:], c.F32[lo:hi])
			default:
				copy(c.F64[n:], c.F64[lo:hi])
			}
		}
		n += hi - lo
		rows++
		c.Indptr[rows] = n
	}
	c.Rows = rows
}

// Pick is the step that takes the selected genes out of each piece and hands the
// narrow pieces on in row order. With Moments it also adds up the transformed
// values of the selected genes.
type Pick struct {
	Map     []int32     // new number of each gene, -1: not selected; rising
	Cols    int         // how many are selected
	Moments *AddMoments // of the narrow piece; nil: none
	// Cells counts for each selected gene the cells that store a value.
	Cells []int64
	// Put takes the narrow pieces in row order. The item's Scale belongs to the
	// same rows.
	Put func(ctx context.Context, c *chunk.Chunk) error
}

// Name implements pass.Step.
func (*Pick) Name() string { return "selected genes" }

// End implements pass.Step.
func (s *Pick) End(ctx context.Context, works []pass.Work) error {
	if s.Moments == nil {
		return nil
	}
	inner := make([]pass.Work, len(works))
	for i, w := range works {
		inner[i] = w.(*pickWork).moments
	}
	return s.Moments.End(ctx, inner)
}

// Worker implements pass.Step.
func (s *Pick) Worker(w *pass.Worker) (pass.Work, error) {
	k := &pickWork{s: s}
	var err error
	if k.narrow, err = newNarrow(w, s.Map, s.Cols); err != nil {
		return k, err
	}
	if s.Moments != nil {
		k.moments, err = s.Moments.Worker(w)
	}
	return k, err
}

type pickWork struct {
	s       *Pick
	narrow  *narrow
	moments pass.Work
	c       *chunk.Chunk
}

func (k *pickWork) Close() {
	k.narrow.free()
	if k.moments != nil {
		k.moments.Close()
	}
}

func (k *pickWork) Chunk(ctx context.Context, it *pass.Item) (err error) {
	x := it.X
	if it.X, err = k.narrow.apply(it); err != nil {
		return err
	}
	if k.moments != nil {
		if err := k.moments.Chunk(ctx, it); err != nil {
			return err
		}
	}
	k.c, err = k.narrow.host(it, true)
	it.X = x
	return err
}

// Turn implements pass.InTurn.
func (k *pickWork) Turn(ctx context.Context, _ *pass.Item) error {
	for _, g := range k.c.Indices {
		k.s.Cells[g]++
	}
	return k.s.Put(ctx, k.c)
}

// narrow is the operation kernels.Select with its buffers, for one worker.
type narrow struct {
	cols                 int
	m                    *pass.Mirror
	indptr, indices, val *pass.Mirror
}

func newNarrow(w *pass.Worker, m []int32, cols int) (*narrow, error) {
	n := &narrow{cols: cols}
	err := mirrors(w.Backend, []want{
		{&n.indptr, int64(w.MaxRows+1) * 8, "row pointers of the selected genes"},
		{&n.indices, w.MaxNNZ * 4, "gene indices of the selected genes"},
		{&n.val, w.MaxNNZ * 8, "values of the selected genes"},
	})
	if err != nil {
		return n, err
	}
	n.m, err = constant(w, m, "numbers of the selected genes")
	return n, err
}

func (n *narrow) free() {
	if n != nil {
		freeAll(n.m, n.indptr, n.indices, n.val)
	}
}

// apply queues the selection and returns the narrow piece on the device; its
// NNZ is known only after host.
func (n *narrow) apply(it *pass.Item) (kernels.CSR, error) {
	out := kernels.CSR{
		Rows: it.X.Rows, Cols: n.cols, NNZ: it.X.NNZ, Kind: it.X.Kind,
		Indptr: n.indptr.Dev, Indices: n.indices.Dev, Values: n.val.Dev,
	}
	if err := it.Launch(&kernels.Select{X: it.X, Map: n.m.Dev, Out: out}); err != nil {
		return out, err
	}
	if err := n.indptr.Down(it.Worker.Stream, int64(out.Rows+1)*8); err != nil {
		return out, err
	}
	if err := it.Sync(); err != nil {
		return out, err
	}
	out.NNZ = pass.View[int64](n.indptr, out.Rows+1)[out.Rows]
	return out, nil
}

// host brings the narrow piece it.X to the host, without its values where the
// caller has others. It is valid until the next apply.
func (n *narrow) host(it *pass.Item, values bool) (*chunk.Chunk, error) {
	x, st := it.X, it.Worker.Stream
	if err := n.indices.Down(st, x.NNZ*4); err != nil {
		return nil, err
	}
	if values {
		if err := n.val.Down(st, x.NNZ*x.Kind.Bytes()); err != nil {
			return nil, err
		}
	}
	if err := it.Sync(); err != nil {
		return nil, err
	}
	c := &chunk.Chunk{
		Row0: it.Row0, Rows: x.Rows, Cols: x.Cols, Kind: chunk.Kind(x.Kind),
		Indptr: pass.View[int64](n.indptr, x.Rows+1), Indices: pass.View[uint32](n.indices, int(x.NNZ)),
	}
	switch {
	case !values:
	case c.Kind == chunk.Counts:
		c.Counts = pass.View[uint32](n.val, int(x.NNZ))
	case c.Kind == chunk.Float32:
		c.F32 = pass.View[float32](n.val, int(x.NNZ))
	default:
		c.F64 = pass.View[float64](n.val, int(x.NNZ))
	}
	return c, nil
}
