package pass

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/chunk/pack"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
)

// look sweeps over a source with a step that compares every piece, and returns
// what the sweep tells.
func look(t *testing.T, src chunk.Source, devs []device.Backend, workers int, res *Resident) (*looks, Stats) {
	t.Helper()
	l := newLooks(src)
	s := Sweep{Name: "test", Source: src, Backends: devs, Workers: workers, Decoders: 1, Resident: res, Steps: []Step{l}}
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(l.seen) != len(src.Spans()) || !slices.IsSorted(l.seen) {
		t.Fatalf("turns %v", l.seen)
	}
	return l, s.Stats
}

// TestResident sees that a second sweep copies nothing of what stayed, that each
// device gets its own pieces again, and that Drop and Close free all.
func TestResident(t *testing.T) {
	const pieces = 40
	one, two := cached(t, pieces), cached(t, pieces-1)
	for _, n := range []int{1, 2, 3} {
		for _, workers := range []int{1, 3, 7} {
			t.Run(fmt.Sprintf("%d devices, %d workers", n, workers), func(t *testing.T) {
				devs, res := devices(t, n, 7), &Resident{}
				for round := range 3 {
					l, st := look(t, one, devs, workers, res)
					if round == 0 && (st.Packed != pieces || st.Resident != 0) || round > 0 && (st.Packed != 0 || st.Resident != pieces || st.Busy.Up != 0) {
						t.Errorf("round %d: %+v", round, st)
					}
					shards := min(n, workers)
					for k, dev := range devs[:shards] {
						for _, i := range l.on[dev] {
							if i%shards != k {
								t.Errorf("piece %d was on device %d of %d", i, k, shards)
							}
						}
					}
				}
				if _, st := look(t, two, devs, workers, res); st.Packed != pieces-1 {
					t.Errorf("another source: %+v", st)
				}
				bytes := func(src *chunk.Cached) (sum int64) {
					for i := range src.Spans() {
						sum += src.PackedSize(i)
					}
					return sum
				}
				held := func() (sum int64) {
					for _, d := range devs {
						sum += res.Bytes(d)
					}
					return sum
				}
				if got, want := held(), bytes(one)+bytes(two); got != want {
					t.Errorf("%d bytes are kept, want %d", got, want)
				}
				res.Drop(one)
				if got, want := held(), bytes(two); got != want {
					t.Errorf("%d bytes are kept of the other source, want %d", got, want)
				}
				if _, st := look(t, two, devs, workers, res); st.Resident != pieces-1 {
					t.Errorf("the other source again: %+v", st)
				}
				res.Close()
				if held() != 0 {
					t.Errorf("%d bytes are kept after the end", held())
				}
			})
		}
	}
}

// TestResidentCap: no more is kept than the cap allows, or the device has.
func TestResidentCap(t *testing.T) {
	const pieces = 30
	src := cached(t, pieces)
	for _, limit := range []int64{1, 3 << 10, 6 << 10} {
		for how, capped := range map[string]bool{"cap": true, "device": false} {
			devs, res := devices(t, 2, 9), &Resident{}
			on := devs
			if capped {
				res.Cap = limit
			} else {
				on = []device.Backend{&small{Backend: devs[0], room: limit}, &small{Backend: devs[1], room: limit}}
			}
			look(t, src, on, 4, res)
			_, st := look(t, src, on, 4, res)
			if st.Packed+st.Resident != pieces || limit > 1<<10 && st.Resident == 0 || st.Packed == 0 {
				t.Errorf("%s of %d bytes: %+v", how, limit, st)
			}
			for _, d := range on {
				if n := res.Bytes(d); n > limit || limit > 1<<10 && n == 0 {
					t.Errorf("%s of %d bytes: %d are kept", how, limit, n)
				}
			}
			res.Close()
		}
	}
}

// small is a device with little room for pieces that stay.
type small struct {
	device.Backend
	room int64
	used atomic.Int64
}

func (s *small) Alloc(n int64, what string) (device.Buffer, error) {
	if strings.Contains(what, "kept") && s.used.Add(n) > s.room {
		return nil, errs.New(errs.Budget, "%s needs %d bytes", what, n)
	}
	return s.Backend.Alloc(n, what)
}

// frail is a device of which a call fails: the n-th of its streams' calls that
// queue something, or the n-th allocation.
type frail struct {
	device.Backend
	calls, allocs *atomic.Int64 // down to 0; nil: none fails
	err           error
}

func (f *frail) Stream() (device.Stream, error) {
	s, err := f.Backend.Stream()
	return &frailStream{s, f}, err
}

func (f *frail) Alloc(n int64, what string) (device.Buffer, error) {
	if f.allocs != nil && f.allocs.Add(-1) == 0 {
		return nil, f.err
	}
	return f.Backend.Alloc(n, what)
}

func (f *frail) HostAlloc(n int64, what string) (device.Host, error) {
	if f.allocs != nil && f.allocs.Add(-1) == 0 {
		return nil, f.err
	}
	return f.Backend.HostAlloc(n, what)
}

type frailStream struct {
	device.Stream
	f *frail
}

func (s *frailStream) fails() error {
	if s.f.calls != nil && s.f.calls.Add(-1) == 0 {
		return s.f.err
	}
	return nil
}

func (s *frailStream) Upload(dst device.Buffer, off int64, src device.Host, srcOff, n int64) error {
	if err := s.fails(); err != nil {
		return err
	}
	return s.Stream.Upload(dst, off, src, srcOff, n)
}

func (s *frailStream) Launch(op device.Op) error {
	if err := s.fails(); err != nil {
		return err
	}
	return s.Stream.Launch(op)
}

func (s *frailStream) Sync() error {
	return errors.Join(s.fails(), s.Stream.Sync())
}

// TestDeviceFails lets one of two devices fail at one call after the other, in
// mid-sweep and before: the sweep ends with that error and nothing is left.
func TestDeviceFails(t *testing.T) {
	broken := errors.New("the device has gone away")
	src := cached(t, 12)
	for _, where := range []string{"queue", "memory"} {
		ended := false
		for n := int64(1); !ended; n++ {
			if n > 2000 {
				t.Fatalf("%s: never got to the end", where)
			}
			devs, res := devices(t, 2, 0), &Resident{}
			left := &atomic.Int64{}
			left.Store(n)
			f := &frail{Backend: devs[1], err: broken}
			if where == "queue" {
				f.calls = left
			} else {
				f.allocs = left
			}
			l := newLooks(src)
			s := Sweep{Name: "test", Source: src, Backends: []device.Backend{devs[0], f}, Workers: 4, Resident: res, Steps: []Step{&hooks{}, l}}
			err := s.Run(t.Context())
			ended = left.Load() > 0
			if ended && err != nil || !ended && !errors.Is(err, broken) {
				t.Errorf("%s call %d: %v", where, n, err)
			}
			if l.opened.Load() != l.closed.Load() {
				t.Errorf("%s call %d: %d works made, %d closed", where, n, l.opened.Load(), l.closed.Load())
			}
			// What stayed is whole: another sweep may use it.
			f.calls, f.allocs = nil, nil
			look(t, src, s.Backends, 4, res)
			res.Close()
		}
	}
}

// TestPackedBad: a source that breaks its word, or whose bytes have changed.
func TestPackedBad(t *testing.T) {
	good := cached(t, 10)
	for name, spoil := range map[string]func(b []byte) []byte{
		"cut":           func(b []byte) []byte { return b[:len(b)-64] },
		"no header":     func(b []byte) []byte { return b[:10] },
		"own slice":     slices.Clone[[]byte],
		"another piece": func(b []byte) []byte { return append(b[:0], other(t)...) },
		"gone bad":      func(b []byte) []byte { b[200] ^= 0xFF; return b },
	} {
		res := &Resident{}
		s := Sweep{Name: "test", Source: &spoilt{good, spoil}, Backends: devices(t, 2, 3), Workers: 3, Resident: res, Steps: []Step{&hooks{}}}
		err := s.Run(t.Context())
		res.Close()
		if !errors.Is(err, errs.Corrupt) && name != "gone bad" { // which may unpack to something
			t.Errorf("%s: %v", name, err)
		}
	}
}

// other is a packed piece of other genes.
func other(t *testing.T) []byte {
	plan, err := pack.NewPlan(pack.Matrix{Rows: 1, Cols: 70, Indptr: []int64{0, 0}}, new(pack.Scratch))
	if err != nil {
		t.Fatal(err)
	}
	return plan.Append(nil)
}

type spoilt struct {
	*chunk.Cached
	f func([]byte) []byte
}

func (s *spoilt) Packed(i int, buf []byte) ([]byte, error) {
	b, err := s.Cached.Packed(i, buf)
	if err == nil && i == 7 {
		b = s.f(b)
	}
	return b, err
}

// TestCancelPacked cancels while workers wait for their turn to decode.
func TestCancelPacked(t *testing.T) {
	why := errors.New("asked to stop")
	for _, workers := range []int{1, 2, 7} {
		ctx, cancel := context.WithCancelCause(t.Context())
		src := &fake{pieces: 1000, before: func(ctx context.Context, i int) error {
			if i == 20 {
				cancel(why)
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}}
		h := &hooks{turn: func(context.Context, *Item) error { return nil }}
		s := Sweep{Name: "test", Source: src, Backends: devices(t, 2, 3), Workers: workers, Decoders: 1, Steps: []Step{h}}
		if err := s.Run(ctx); !errors.Is(err, why) || h.ended.Load() != 0 || h.opened.Load() != h.closed.Load() {
			t.Errorf("%d workers: %v", workers, err)
		}
		cancel(nil)
	}
}
