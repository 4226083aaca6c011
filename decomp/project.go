package decomp

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/kernels"
)

// Projection computes the scores of cells: (x - Mean) times Components.
//
// Source has the genes of the Gram pass and may be cut into any spans; Values
// must be those of the Gram pass.
type Projection struct {
	Device  device.Backend
	Streams []device.Stream // each works on a span of its own
	Source  chunk.Source
	Values  Values
	Result  *Result
	// Put takes the scores of some rows, rows x K, valid during the call. It is
	// called from several goroutines at once, in any order.
	Put func(row0 int64, scores []float32) error
}

// Run projects all cells.
func (p *Projection) Run(ctx context.Context) error {
	rows, genes := p.Source.Shape()
	switch {
	case len(p.Streams) == 0:
		return errs.New(errs.Usage, "no stream given")
	case genes != int64(p.Result.Genes):
		return errs.New(errs.Usage, "components of %d genes for a matrix of %d", p.Result.Genes, genes)
	}
	if err := p.Values.check(rows, genes); err != nil {
		return err
	}
	run := &projectRun{Projection: p}
	defer run.free()
	if err := run.open(); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range p.Streams {
		group.Go(func() error { return run.work(ctx, s) })
	}
	return group.Wait()
}

// Scores projects all cells into one matrix, cells x K. It is kept in memory: 4 K
// bytes for each cell.
func (p *Projection) Scores(ctx context.Context) ([]float32, error) {
	rows, _ := p.Source.Shape()
	k := int64(p.Result.K)
	out := make([]float32, rows*k)
	q := *p
	q.Put = func(row0 int64, scores []float32) error {
		copy(out[row0*k:], scores)
		return nil
	}
	return out, q.Run(ctx)
}

// projectRun is one run of a Projection.
type projectRun struct {
	*Projection
	next      atomic.Int64 // span that is handed out next
	constants [4]array     // weights, offset, mean, std
	stride    int
}

// open copies the weights to the device.
func (r *projectRun) open() error {
	w, offset, stride := r.Result.Weights(&r.Values)
	r.stride = stride
	in := [4][]float64{w, offset, nil, nil}
	if r.Values.clips() {
		in[2], in[3] = r.Values.Mean, r.Values.Std
	}
	names := [4]string{"weights of a projection", "offsets of a projection", "gene means", "gene deviations"}
	for i, v := range in {
		a := &r.constants[i]
		a.dev, a.what = r.Device, names[i]
		if len(v) == 0 {
			continue
		}
		if err := stage(a, v); err != nil {
			return err
		}
		if err := a.upload(r.Streams[0], int64(len(v))*8); err != nil {
			return err
		}
	}
	return r.Streams[0].Sync()
}

func (r *projectRun) free() {
	for i := range r.constants {
		r.constants[i].free()
	}
}

// work takes spans until none is left.
func (r *projectRun) work(ctx context.Context, st device.Stream) (err error) {
	rows, nnz := 0, int64(0)
	for _, s := range r.Source.Spans() {
		rows, nnz = max(rows, int(s.Rows)), max(nnz, s.NNZ)
	}
	s, err := newSlot(r.Device, rows, min(nnz, firstNNZ(rows, r.Result.Genes)), r.Values.Scale != nil)
	out := array{dev: r.Device, what: "scores"}
	defer func() {
		if e := st.Sync(); err == nil {
			err = e
		}
		s.release()
		out.free()
	}()
	if err != nil {
		return err
	}
	if err := out.grow(int64(rows) * int64(r.Result.K) * 4); err != nil {
		return err
	}
	for {
		i := int(r.next.Add(1) - 1)
		if i >= len(r.Source.Spans()) {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.span(ctx, st, s, &out, i); err != nil {
			return err
		}
	}
}

// span projects one span.
func (r *projectRun) span(ctx context.Context, st device.Stream, s *slot, out *array, i int) error {
	span := r.Source.Spans()[i]
	s.lend()
	if err := r.Source.Read(ctx, i, &s.chunk); err != nil {
		return err
	}
	if err := s.take(span, r.Result.Genes, r.Values.Scale); err != nil {
		return err
	}
	if err := s.upload(st); err != nil {
		return err
	}
	c := &r.constants
	err := st.Launch(&kernels.Project{
		X: s.csr(), T: s.transform(&r.Values), Mean: c[2].buf, Std: c[3].buf,
		Centre: !r.Values.NoCentre, Max: r.Values.Max,
		K: r.Result.K, Stride: r.stride, W: c[0].buf, Offset: c[1].buf, Out: out.buf,
	})
	if err != nil {
		return err
	}
	n := span.Rows * int64(r.Result.K)
	if !out.shared && n > 0 {
		if err := st.Download(out.host, 0, out.buf, 0, n*4); err != nil {
			return err
		}
	}
	if err := st.Sync(); err != nil {
		return err
	}
	return r.Put(span.Row0, view[float32](out.host)[:n])
}
