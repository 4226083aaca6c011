package pass

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/cpu"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

func TestSourceBreaksItsWord(t *testing.T) {
	for name, spoil := range map[string]func(c *chunk.Chunk){
		"a row more": func(c *chunk.Chunk) {
			c.Rows++
			c.Indptr = append(c.Indptr, c.Indptr[c.Rows-1])
		},
		"a value more": func(c *chunk.Chunk) {
			c.Indices, c.Counts = append(c.Indices, 3), append(c.Counts, 1)
			c.Indptr[c.Rows]++
		},
		"own offsets": func(c *chunk.Chunk) { c.Indptr = slices.Clone(c.Indptr) },
		"own indices": func(c *chunk.Chunk) { c.Indices = slices.Clone(c.Indices) },
		"no offsets":  func(c *chunk.Chunk) { c.Indptr = nil },
		"offsets that end early": func(c *chunk.Chunk) {
			c.Indptr = c.Indptr[:2]
		},
	} {
		h := &hooks{}
		source := &fake{pieces: 9, spoil: func(i int, c *chunk.Chunk) {
			if i == 5 {
				spoil(c)
			}
		}}
		err := sweep(t, t.Context(), Sweep{Source: source, Workers: 2, Steps: []Step{h}})
		if !errors.Is(err, errs.Corrupt) || h.ended.Load() != 0 {
			t.Errorf("%s: %v, ended %d times", name, err, h.ended.Load())
		}
	}
}

// TestErrors lets each part of a sweep fail or panic.
func TestErrors(t *testing.T) {
	broken := errors.New("broken")
	at := func(i int, f func() error) func(context.Context, *Item) error {
		return func(_ context.Context, it *Item) error {
			if it.Index == i {
				return f()
			}
			return nil
		}
	}
	fail := func() error { return broken }
	panics := func() error { panic("out of its wits") }
	for how, f := range map[string]func() error{"fails": fail, "panics": panics} {
		for _, workers := range []int{1, 2, 7} {
			for where, s := range map[string]struct {
				source fake
				step   *hooks
			}{
				"Worker": {step: &hooks{worker: func(w *Worker) error {
					if w.ID == workers-1 {
						return f()
					}
					return nil
				}}},
				"Read": {source: fake{before: func(_ context.Context, i int) error {
					if i == 20 {
						return f()
					}
					return nil
				}}, step: &hooks{}},
				"Chunk": {step: &hooks{chunk: at(20, f)}},
				"Turn":  {step: &hooks{turn: at(20, f)}},
				"End":   {step: &hooks{end: f}},
			} {
				if how == "panics" && where == "Worker" {
					continue // what it has made so far is lost; see below
				}
				s.source.pieces = 50
				// A step with a turn beside it: those who wait must be woken.
				last := &hooks{turn: func(context.Context, *Item) error { return nil }}
				err := sweep(t, t.Context(), Sweep{Source: &s.source, Workers: workers, Steps: []Step{s.step, last}})
				name := fmt.Sprintf("%s %s, %d workers", where, how, workers)
				switch {
				case how == "fails" && !errors.Is(err, broken):
					t.Errorf("%s: %v", name, err)
				case how == "panics" && (!errors.Is(err, errs.Corrupt) || !strings.Contains(err.Error(), "out of its wits")):
					t.Errorf("%s: %v", name, err)
				case last.ended.Load() != 0:
					t.Errorf("%s: the sweep went on to its end", name)
				}
			}
		}
	}
}

// mad is a step that panics at once.
type mad struct{}

func (mad) Name() string                      { return "mad" }
func (mad) Worker(*Worker) (Work, error)      { panic("out of its wits") }
func (mad) End(context.Context, []Work) error { return nil }

func TestOtherPanics(t *testing.T) {
	for name, s := range map[string]Sweep{
		"Worker":   {Source: &fake{pieces: 4}, Workers: 2, Steps: []Step{&hooks{}, mad{}}},
		"Progress": {Source: &fake{pieces: 4}, Workers: 2, Progress: func(Progress) { panic("out of its wits") }},
	} {
		if err := sweep(t, t.Context(), s); !errors.Is(err, errs.Corrupt) {
			t.Errorf("%s panics: %v", name, err)
		}
	}
}

// TestNoMemory lets each reservation fail in turn.
func TestNoMemory(t *testing.T) {
	for budget := int64(64); ; budget += 64 {
		ledger := memory.New(budget)
		dev, err := cpu.Open(cpu.Options{Ledger: ledger})
		if err != nil {
			t.Fatal(err)
		}
		h := &hooks{}
		s := Sweep{Source: &fake{pieces: 9, kind: func(i int) chunk.Kind { return chunk.Kind(i % 3) }}, Backends: []device.Backend{dev}, Workers: 3, Steps: []Step{h}}
		err = s.Run(t.Context())
		if e := dev.Close(); e != nil {
			t.Errorf("%d bytes: left in the backend: %v", budget, e)
		}
		if left := ledger.Leaks(); len(left) > 0 {
			t.Errorf("%d bytes: left in the ledger: %v", budget, left)
		}
		if h.opened.Load() != h.closed.Load() {
			t.Errorf("%d bytes: %d works made, %d closed", budget, h.opened.Load(), h.closed.Load())
		}
		if err == nil {
			return
		}
		if !errors.Is(err, errs.Budget) || budget > 1<<20 {
			t.Fatalf("%d bytes: %v", budget, err)
		}
	}
}

// TestCancel cancels in the middle of a read, of a step and of a turn; those who
// wait for a turn must end too, and soon.
func TestCancel(t *testing.T) {
	why := errors.New("asked to stop")
	for _, where := range []string{"read", "chunk", "turn"} {
		for _, workers := range []int{1, 2, 7} {
			ctx, cancel := context.WithCancelCause(t.Context())
			var asked atomic.Int64
			stop := func(ctx context.Context, i int) error {
				if i == 20 {
					asked.Store(time.Now().UnixNano())
					cancel(why)
					<-ctx.Done()
					return ctx.Err()
				}
				return nil
			}
			source, h := &fake{pieces: 1000}, &hooks{turn: func(context.Context, *Item) error { return nil }}
			inItem := func(ctx context.Context, it *Item) error { return stop(ctx, it.Index) }
			switch where {
			case "read":
				source.before = stop
			case "chunk":
				h.chunk = inItem
			default:
				h.turn = inItem
			}
			err := sweep(t, ctx, Sweep{Source: source, Workers: workers, Steps: []Step{h}})
			if took := time.Now().UnixNano() - asked.Load(); took > int64(2*time.Second) {
				t.Errorf("%s, %d workers: %v to stop", where, workers, time.Duration(took))
			}
			if !errors.Is(err, why) || h.ended.Load() != 0 {
				t.Errorf("%s, %d workers: %v", where, workers, err)
			}
			cancel(nil)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h := &hooks{}
	if err := sweep(t, ctx, Sweep{Source: &fake{}, Steps: []Step{h}}); !errors.Is(err, context.Canceled) || h.ended.Load() != 0 {
		t.Errorf("cancelled before the start: %v", err)
	}
}
