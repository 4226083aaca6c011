package pass

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
)

// Sweep is one pass over a source.
type Sweep struct {
	Name     string
	Source   chunk.Source
	Backends []device.Backend // at least one; workers are dealt out over them
	Workers  int              // 0: as function Workers says
	// Decoders is how many of the workers may read and decode at the same time;
	// 0: no bound where all backends share host memory, else GOMAXPROCS.
	Decoders int
	Resident *Resident // keeps packed pieces on the devices; nil: nothing does
	Steps    []Step
	Progress func(Progress) // called from workers as pieces are done; nil: not
	Stats    Stats          // filled by Run
}

// Progress is how far a sweep has come.
type Progress struct {
	Pass        string
	Cells, Of   int64
	Seconds     float64
	BytesOfFile int64 // not known here; filled in by whoever knows the file
}

// Prefetcher is a source that can be told which piece will be wanted soon.
type Prefetcher interface{ Prefetch(i int) }

// Run reads every piece once and runs the steps on it. On return no goroutine of
// the sweep is left and all its buffers are free. The first error ends it.
//
// Errors are those of the source, the steps and the backends; errs.Corrupt where
// a source gives more than its spans promise or a step panics; the cause of ctx.
func (s *Sweep) Run(ctx context.Context) error {
	if len(s.Backends) == 0 {
		return errs.New(errs.Usage, "pass %s has no backend to run on", s.Name)
	}
	r := &run{Sweep: s, spans: s.Source.Spans(), turn: newTurnstile(), start: time.Now()}
	rows, cols := s.Source.Shape()
	r.rows, r.cols = rows, int(cols)
	for _, sp := range r.spans {
		r.maxRows = max(r.maxRows, int(sp.Rows))
		r.maxNNZ = max(r.maxNNZ, sp.NNZ)
	}
	s.Stats = Stats{}
	if s.Workers <= 0 {
		s.Workers = Workers(s.Backends, s.Decoders)
	}
	s.Workers = max(1, min(s.Workers, len(r.spans)))
	r.claims = make(claims, s.shards())
	if n := s.decoders(); n < s.Workers {
		r.gate = make(chan struct{}, n)
	}
	before := device.BusyOf(s.Backends)
	err := r.all(ctx)
	s.Stats.Busy = device.BusyOf(s.Backends).Sub(before)
	if err != nil && errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// decoders is how many workers may decode at the same time.
func (s *Sweep) decoders() int {
	switch {
	case s.Decoders > 0:
		return s.Decoders
	case apart(s.Backends) == 0:
		return s.Workers
	}
	return runtime.GOMAXPROCS(0)
}

// run is the state of one Sweep.Run.
type run struct {
	*Sweep
	spans   []chunk.Span
	rows    int64
	cols    int
	maxRows int
	maxNNZ  int64
	turn    *turnstile
	claims  claims
	gate    chan struct{} // a token for each worker that may decode; nil: all may
	start   time.Time
	mu      sync.Mutex // of cells and calls of Progress
	cells   int64
}

func (r *run) all(ctx context.Context) (err error) {
	ws := make([]*slot, 0, r.Workers)
	defer func() { r.caught(recover(), &err) }() // in End, after all is closed
	defer func() {
		for _, w := range ws {
			r.Stats.add(w.w.did)
			if e := w.close(); err == nil {
				err = e
			}
		}
	}()
	for i := range r.Workers {
		w, err := r.open(i)
		if w != nil {
			ws = append(ws, w)
		}
		if err != nil {
			return err
		}
	}
	g, gctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(gctx, r.turn.kill)
	defer stop()
	for _, w := range ws {
		g.Go(func() error { return r.loop(gctx, w) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for i, st := range r.Steps {
		works := make([]Work, len(ws))
		for j, w := range ws {
			works[j] = w.works[i]
		}
		if err := st.End(ctx, works); err != nil {
			return inStep(st, err)
		}
	}
	return nil
}

// inStep names the step that failed, where the error does not name a place
// itself: such an error is left as it is, so that the file can be filled in.
func inStep(s Step, err error) error {
	var e *errs.E
	if errors.As(err, &e) {
		return err
	}
	return fmt.Errorf("%s: %w", s.Name(), err)
}

// loop is the life of one worker goroutine.
func (r *run) loop(ctx context.Context, w *slot) (err error) {
	defer func() { r.caught(recover(), &err) }()
	for ctx.Err() == nil {
		i := r.claims.take(w.shard)
		if i >= len(r.spans) {
			return nil
		}
		if p, ok := r.Source.(Prefetcher); ok && i+r.Workers < len(r.spans) {
			p.Prefetch(i + r.Workers)
		}
		if err := r.piece(ctx, w, i); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// caught makes an error of what recover has returned.
func (r *run) caught(p any, err *error) {
	if p != nil {
		*err = errs.New(errs.Corrupt, "internal error in pass %s: %v", r.Name, p)
	}
}

// hostWork does what brings a piece to staging memory. Where there are more
// workers than may decode, a token is held meanwhile, and given back before
// anything waits for the device or for a turn. What steps do on the host is
// small, packing apart, and is not held to it.
func (r *run) hostWork(ctx context.Context, w *Worker, f func() error) error {
	if r.gate != nil {
		select {
		case r.gate <- struct{}{}:
			defer func() { <-r.gate }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	start := time.Now()
	err := f()
	w.did.Reading += time.Since(start)
	return err
}

// piece takes one piece through reading, upload and all steps.
func (r *run) piece(ctx context.Context, w *slot, i int) error {
	it, err := w.bring(ctx, i)
	if err != nil {
		return err
	}
	ordered := false
	for j, wk := range w.works {
		if err := wk.Chunk(ctx, it); err != nil {
			return inStep(r.Steps[j], err)
		}
		_, t := wk.(InTurn)
		ordered = ordered || t
	}
	if err := it.Sync(); err != nil {
		return err
	}
	w.in.done(i)
	if ordered {
		if err := r.inTurn(ctx, w, it, i); err != nil {
			return err
		}
	}
	r.report(r.spans[i].Rows)
	return nil
}

func (r *run) inTurn(ctx context.Context, w *slot, it *Item, i int) error {
	if !r.turn.enter(ctx, i) {
		return context.Canceled
	}
	for j, wk := range w.works {
		if t, ok := wk.(InTurn); ok {
			if err := t.Turn(ctx, it); err != nil {
				return inStep(r.Steps[j], err)
			}
		}
	}
	r.turn.leave()
	return nil
}

func (r *run) report(rows int64) {
	if r.Progress == nil {
		return
	}
	r.mu.Lock() // from the count to the call, so that what is told only ever grows
	defer r.mu.Unlock()
	r.cells += rows
	r.Progress(Progress{Pass: r.Name, Cells: r.cells, Of: r.rows, Seconds: time.Since(r.start).Seconds()})
}
