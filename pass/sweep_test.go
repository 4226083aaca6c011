package pass

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"go.uber.org/goleak"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/cpu"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/kernels"
	"github.com/gpusc/gpusc/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a source of pieces of 3 rows and 4 genes. Row r holds its gene r%4
// alone, with the value r+1, a half more in Float32 pieces, a third in Float64.
type fake struct {
	pieces int
	kind   func(i int) chunk.Kind                 // nil: counts
	before func(ctx context.Context, i int) error // nil: nothing
	spoil  func(i int, c *chunk.Chunk)            // nil: nothing
}

// moves are what a source may do with the values that it gives.
func moves() map[string]func(i int, c *chunk.Chunk) {
	return map[string]func(i int, c *chunk.Chunk){
		"in their place": nil,
		"own slices": func(_ int, c *chunk.Chunk) {
			counts, f32, f64 := slices.Clone(c.Counts), slices.Clone(c.F32), slices.Clone(c.F64)
			clear(c.Counts)
			clear(c.F32)
			clear(c.F64)
			c.Counts, c.F32, c.F64 = counts, f32, f64
		},
		"float32 in the place of counts": func(_ int, c *chunk.Chunk) {
			if c.Kind == chunk.Float32 {
				to := unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(c.Counts))), len(c.F32))
				copy(to, c.F32)
				clear(c.F32)
				c.Counts, c.F32 = nil, to
			}
		},
	}
}

const fakeRows, fakeGenes = 3, 4

func (f *fake) Shape() (int64, int64) { return int64(f.pieces * fakeRows), fakeGenes }
func (f *fake) Close() error          { return nil }

func (f *fake) Spans() []chunk.Span {
	s := make([]chunk.Span, f.pieces)
	for i := range s {
		s[i] = chunk.Span{Row0: int64(i * fakeRows), Rows: fakeRows, NNZ: fakeRows}
	}
	return s
}

func (f *fake) value(row int) float64 {
	v := float64(row + 1)
	if f.kind == nil {
		return v
	}
	return v + [...]float64{0, 0.5, 1.0 / 3}[f.kind(row/fakeRows)]
}

func (f *fake) Read(ctx context.Context, i int, c *chunk.Chunk) error {
	if f.before != nil {
		if err := f.before(ctx, i); err != nil {
			return err
		}
	}
	c.Row0, c.Rows, c.Cols, c.Kind = int64(i*fakeRows), fakeRows, fakeGenes, chunk.Counts
	if f.kind != nil {
		c.Kind = f.kind(i)
	}
	c.Indptr, c.Indices = append(c.Indptr[:0], 0), c.Indices[:0]
	c.Counts, c.F32, c.F64 = c.Counts[:0], c.F32[:0], c.F64[:0]
	for r := i * fakeRows; r < (i+1)*fakeRows; r++ {
		c.Indices = append(c.Indices, uint32(r%fakeGenes))
		switch v := f.value(r); c.Kind {
		case chunk.Counts:
			c.Counts = append(c.Counts, uint32(v))
		case chunk.Float32:
			c.F32 = append(c.F32, float32(v))
		default:
			c.F64 = append(c.F64, v)
		}
		c.Indptr = append(c.Indptr, int64(len(c.Indices)))
	}
	if f.spoil != nil {
		f.spoil(i, c)
	}
	return nil
}

// hooks is a step made of functions; each may be nil.
type hooks struct {
	worker func(w *Worker) error
	chunk  func(ctx context.Context, it *Item) error
	turn   func(ctx context.Context, it *Item) error
	end    func() error

	opened, closed, ended atomic.Int32
}

func (*hooks) Name() string { return "hooks" }

func (h *hooks) End(_ context.Context, works []Work) error {
	for i, w := range works {
		if id := w.(interface{ worker() *hookWork }).worker().w.ID; id != i {
			return fmt.Errorf("work %d is of worker %d", i, id)
		}
	}
	h.ended.Add(1)
	if h.end != nil {
		return h.end()
	}
	return nil
}

func (h *hooks) Worker(w *Worker) (Work, error) {
	k := &hookWork{h: h, w: w}
	h.opened.Add(1)
	var err error
	if k.m, err = NewMirror(w.Backend, 100, "a step's own"); err == nil && h.worker != nil {
		err = h.worker(w)
	}
	if h.turn != nil {
		return hookTurn{k}, err
	}
	return k, err
}

type hookWork struct {
	h *hooks
	w *Worker
	m *Mirror
}

func (k *hookWork) worker() *hookWork { return k }
func (k *hookWork) Close()            { k.m.Free(); k.h.closed.Add(1) }

func (k *hookWork) Chunk(ctx context.Context, it *Item) error {
	if k.h.chunk == nil {
		return nil
	}
	return k.h.chunk(ctx, it)
}

type hookTurn struct{ *hookWork }

func (k hookTurn) Turn(ctx context.Context, it *Item) error { return k.h.turn(ctx, it) }

// sweep runs a sweep on a cpu that brings mistakes to light, and sees that
// nothing is left of it.
func sweep(t *testing.T, ctx context.Context, s Sweep) error {
	t.Helper()
	ledger := memory.New(0)
	dev, err := cpu.Open(cpu.Options{Ledger: ledger, Poison: true, Delay: 3})
	if err != nil {
		t.Fatal(err)
	}
	s.Name, s.Backends = "test", []device.Backend{dev}
	err = s.Run(ctx)
	if e := dev.Close(); e != nil {
		t.Errorf("left in the backend: %v", e)
	}
	if left := ledger.Leaks(); len(left) > 0 {
		t.Errorf("left in the ledger: %v", left)
	}
	for _, st := range s.Steps {
		if h, ok := st.(*hooks); ok && h.opened.Load() != h.closed.Load() {
			t.Errorf("%d works made, %d closed", h.opened.Load(), h.closed.Load())
		}
	}
	return err
}

func TestTurnsAreInOrder(t *testing.T) {
	for _, workers := range []int{1, 2, 5, 16} {
		for _, pieces := range []int{1, 3, 100} {
			var turns, chunks []int
			var mu sync.Mutex
			h := &hooks{
				chunk: func(_ context.Context, it *Item) error {
					mu.Lock()
					defer mu.Unlock()
					chunks = append(chunks, it.Index)
					return nil
				},
				turn: func(_ context.Context, it *Item) error { // one at a time: no lock
					if it.Row0 != int64(it.Index*fakeRows) {
						return fmt.Errorf("piece %d begins at row %d", it.Index, it.Row0)
					}
					turns = append(turns, it.Index)
					return nil
				},
			}
			source := &fake{pieces: pieces, before: func(_ context.Context, i int) error {
				time.Sleep(time.Duration((pieces-i)*7%5) * 100 * time.Microsecond) // late ones may overtake
				return nil
			}}
			if err := sweep(t, t.Context(), Sweep{Source: source, Workers: workers, Steps: []Step{h}}); err != nil {
				t.Fatal(err)
			}
			slices.Sort(chunks)
			for i := range pieces {
				if len(turns) != pieces || turns[i] != i || chunks[i] != i {
					t.Fatalf("%d workers: turns %v, pieces %v", workers, turns, chunks)
				}
			}
			if h.ended.Load() != 1 || int(h.opened.Load()) != min(workers, pieces) {
				t.Errorf("%d workers, %d pieces: %d works, ended %d times", workers, pieces, h.opened.Load(), h.ended.Load())
			}
		}
	}
}

// TestKinds sees that what a step finds on the device is the piece, whatever
// kind of values the worker held before and wherever the source left them.
func TestKinds(t *testing.T) {
	for name, kind := range map[string]func(i int) chunk.Kind{
		"float32": func(int) chunk.Kind { return chunk.Float32 },
		"float64": func(int) chunk.Kind { return chunk.Float64 },
		"rising":  func(i int) chunk.Kind { return chunk.Kind(min(i/3, 2)) },
		"falling": func(i int) chunk.Kind { return chunk.Kind(2 - min(i/3, 2)) },
		"mixed":   func(i int) chunk.Kind { return chunk.Kind(i % 3) },
	} {
		for how, move := range moves() {
			for _, workers := range []int{1, 3} {
				t.Run(fmt.Sprintf("%s/%s/%d workers", name, how, workers), func(t *testing.T) {
					kindsCase(t, &fake{pieces: 12, kind: kind, spoil: move}, workers)
				})
			}
		}
	}
}

func kindsCase(t *testing.T, source *fake, workers int) {
	got, host := make([]float64, 12*fakeRows), make([]float64, 12*fakeRows)
	h := &hooks{chunk: func(_ context.Context, it *Item) error {
		for i := range it.Host.NNZ() {
			host[it.Row0+i] = it.Host.Value(i)
		}
		total, err := totals(it)
		copy(got[it.Row0:], total)
		return err
	}}
	if err := sweep(t, t.Context(), Sweep{Source: source, Workers: workers, Steps: []Step{h}}); err != nil {
		t.Fatal(err)
	}
	for r := range got {
		want := source.value(r)
		if source.kind(r/fakeRows) == chunk.Float32 {
			want = float64(float32(want))
		}
		if got[r] != want || host[r] != want {
			t.Fatalf("row %d holds %v on the device and %v on the host, want %v", r, got[r], host[r], want)
		}
	}
}

// totals adds up the rows of a piece on its device.
func totals(it *Item) ([]float64, error) {
	w, n := it.Worker, it.X.Rows
	total, err := NewMirror(w.Backend, int64(n)*8, "totals")
	if err != nil {
		return nil, err
	}
	defer total.Free()
	seen, err := NewMirror(w.Backend, int64(n)*4, "detected")
	if err != nil {
		return nil, err
	}
	defer seen.Free()
	if err := it.Launch(&kernels.RowStats{X: it.X, Total: total.Dev, Detected: seen.Dev}); err != nil {
		return nil, err
	}
	if err := total.Down(w.Stream, int64(n)*8); err != nil {
		return nil, err
	}
	if err := it.Sync(); err != nil {
		return nil, err
	}
	return slices.Clone(View[float64](total, n)), nil
}

func TestNoPieces(t *testing.T) {
	h := &hooks{chunk: func(context.Context, *Item) error { return errors.New("no piece was promised") }}
	if err := sweep(t, t.Context(), Sweep{Source: &fake{}, Workers: 4, Steps: []Step{h}}); err != nil {
		t.Fatal(err)
	}
	if h.ended.Load() != 1 || h.opened.Load() != 1 {
		t.Errorf("%d works, ended %d times", h.opened.Load(), h.ended.Load())
	}
	if err := (&Sweep{Source: &fake{}}).Run(t.Context()); !errors.Is(err, errs.Usage) {
		t.Errorf("without a backend: %v", err)
	}
}

func TestProgress(t *testing.T) {
	for _, workers := range []int{1, 5} {
		var told []int64
		s := Sweep{Source: &fake{pieces: 200}, Workers: workers, Progress: func(p Progress) {
			if p.Pass != "test" || p.Of != 600 || p.Seconds < 0 {
				t.Errorf("told %+v", p)
			}
			told = append(told, p.Cells)
		}}
		if err := sweep(t, t.Context(), s); err != nil {
			t.Fatal(err)
		}
		for i := range 200 {
			if len(told) != 200 || told[i] != int64(i+1)*fakeRows {
				t.Fatalf("%d workers: told %v", workers, told)
			}
		}
	}
}

// prefetched is a source that notes which pieces it was told of.
type prefetched struct {
	fake
	mu   sync.Mutex
	told map[int]bool
}

func (p *prefetched) Prefetch(i int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told[i] = true
}

// TestPrefetch sees that the source is told of each piece that is not read at once.
func TestPrefetch(t *testing.T) {
	const workers = 3
	p := &prefetched{fake: fake{pieces: 20}, told: map[int]bool{}}
	if err := sweep(t, t.Context(), Sweep{Source: p, Workers: workers}); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if p.told[i] != (i >= workers) {
			t.Errorf("piece %d told of: %v", i, p.told[i])
		}
	}
	if len(p.told) != 20-workers {
		t.Errorf("told of %d pieces", len(p.told))
	}
}
