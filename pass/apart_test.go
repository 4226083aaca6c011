package pass

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/cpu"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/memory"
)

// devices are n backends with memory of their own that bring mistakes to light.
// At the end of the test nothing may be left of them.
func devices(t *testing.T, n int, delay uint64) []device.Backend {
	t.Helper()
	ledger := memory.New(0)
	var out []device.Backend
	for i := range n {
		if delay != 0 {
			delay += uint64(i)
		}
		dev, err := cpu.Open(cpu.Options{Ledger: ledger, Apart: true, Poison: true, Delay: delay})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, dev)
	}
	t.Cleanup(func() {
		for i, dev := range out {
			if err := dev.Close(); err != nil {
				t.Errorf("left in backend %d: %v", i, err)
			}
		}
		if left := ledger.Leaks(); len(left) > 0 {
			t.Errorf("left in the ledger: %v", left)
		}
	})
	return out
}

// cached packs pieces of up to 9 rows, of all kinds of values, some of them
// without rows or values. Every third lies in a scratch file.
func cached(t *testing.T, pieces int) *chunk.Cached {
	t.Helper()
	rng := rand.New(rand.NewPCG(uint64(pieces), 1))
	limit := int64(pieces) * 2 / 3 * 576
	c := chunk.NewCache(chunk.CacheOptions{Tmp: t.TempDir(), MemoryLimit: limit, Spans: pieces, Cols: 50})
	for i := range pieces {
		m := chunk.Chunk{Rows: i * 7 % 10, Cols: 50, Kind: chunk.Kind(i / 2 % 3), Indptr: []int64{0}}
		for range m.Rows {
			for g := range uint32(50) {
				if i%5 == 4 || rng.IntN(4) > 0 {
					continue
				}
				m.Indices = append(m.Indices, g)
				switch v := 1 + rng.Uint32N(9); m.Kind {
				case chunk.Counts:
					m.Counts = append(m.Counts, v)
				case chunk.Float32:
					m.F32 = append(m.F32, float32(v)+0.5)
				default:
					m.F64 = append(m.F64, float64(v)+0.1)
				}
			}
			m.Indptr = append(m.Indptr, int64(len(m.Indices)))
		}
		if err := c.Put(t.Context(), i, &m); err != nil {
			t.Fatal(err)
		}
	}
	d, err := c.Seal()
	if err != nil {
		t.Fatal(err)
	}
	if mem, scratch := d.Bytes(); pieces > 5 && (mem == 0 || scratch == 0) {
		t.Fatalf("%d bytes in memory, %d in a scratch file", mem, scratch)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// looks is a step that brings each piece back from its device and compares it
// with what the source gives.
type looks struct {
	hooks
	src  chunk.Source
	host bool // it wants the values on the host
	fail func(it *Item) error

	mu   sync.Mutex
	seen []int                    // in turn
	on   map[device.Backend][]int // by backend
}

func newLooks(src chunk.Source) *looks {
	l := &looks{src: src, on: map[device.Backend][]int{}}
	l.chunk = func(ctx context.Context, it *Item) error {
		if l.fail != nil {
			if err := l.fail(it); err != nil {
				return err
			}
		}
		return l.compare(ctx, it)
	}
	l.turn = func(_ context.Context, it *Item) error {
		l.seen = append(l.seen, it.Index)
		return nil
	}
	return l
}

func (l *looks) NeedsHost() bool { return l.host }

func (l *looks) compare(ctx context.Context, it *Item) error {
	l.mu.Lock()
	l.on[it.Worker.Backend] = append(l.on[it.Worker.Backend], it.Index)
	l.mu.Unlock()
	var want chunk.Chunk
	if err := l.src.Read(ctx, it.Index, &want); err != nil {
		return err
	}
	x, h := it.X, it.Host
	got := chunk.Chunk{Row0: it.Row0, Rows: x.Rows, Cols: x.Cols, Kind: chunk.Kind(x.Kind)}
	if h.Row0 != got.Row0 || h.Rows != got.Rows || h.Cols != got.Cols || h.Kind != got.Kind {
		return fmt.Errorf("piece %d is %+v on the host, %+v on the device", it.Index, *h, got)
	}
	n := int(x.NNZ)
	var err error
	if got.Indptr, err = back[int64](it, x.Indptr, x.Rows+1); err != nil {
		return err
	}
	if got.Indices, err = back[uint32](it, x.Indices, n); err != nil {
		return err
	}
	switch got.Kind {
	case chunk.Counts:
		got.Counts, err = back[uint32](it, x.Values, n)
	case chunk.Float32:
		got.F32, err = back[float32](it, x.Values, n)
	default:
		got.F64, err = back[float64](it, x.Values, n)
	}
	if err != nil {
		return err
	}
	if d := cmp.Diff(trim(want), got); d != "" {
		return fmt.Errorf("piece %d on the device (-want +got):\n%s", it.Index, d)
	}
	if l.host {
		if d := cmp.Diff(trim(want), trim(*h)); d != "" {
			return fmt.Errorf("piece %d on the host (-want +got):\n%s", it.Index, d)
		}
	}
	return nil
}

// trim leaves the slices that are in use, nil where they are empty.
func trim(c chunk.Chunk) chunk.Chunk {
	n := int(c.NNZ())
	out := chunk.Chunk{Row0: c.Row0, Rows: c.Rows, Cols: c.Cols, Kind: c.Kind, Indptr: slices.Clone(c.Indptr[:c.Rows+1])}
	if n == 0 {
		return out
	}
	out.Indices = slices.Clone(c.Indices[:n])
	switch c.Kind {
	case chunk.Counts:
		out.Counts = slices.Clone(c.Counts[:n])
	case chunk.Float32:
		out.F32 = slices.Clone(c.F32[:n])
	default:
		out.F64 = slices.Clone(c.F64[:n])
	}
	return out
}

// back copies the first n elements of a buffer to the host; nil for none.
func back[T any](it *Item, b device.Buffer, n int) ([]T, error) {
	if n == 0 {
		return nil, nil
	}
	h, err := it.Worker.Backend.HostAlloc(b.Size(), "looked at")
	if err != nil {
		return nil, err
	}
	defer h.Free()
	m := &Mirror{Dev: b, host: h}
	var z T
	if err := m.Down(it.Worker.Stream, int64(n)*int64(unsafe.Sizeof(z))); err != nil {
		return nil, err
	}
	if err := it.Sync(); err != nil {
		return nil, err
	}
	return slices.Clone(View[T](m, n)), nil
}

// TestPacked sees that packed pieces come out on the device as the source has
// them, whatever the workers, devices and steps, and in turn.
func TestPacked(t *testing.T) {
	for _, pieces := range []int{1, 2, 40} {
		src := cached(t, pieces)
		for _, n := range []int{1, 2, 3} {
			for _, workers := range []int{1, 2, 5} {
				for _, host := range []bool{false, true} {
					t.Run(fmt.Sprintf("%d pieces/%d devices/%d workers/host %v", pieces, n, workers, host), func(t *testing.T) {
						l := newLooks(src)
						l.host = host
						s := Sweep{Name: "test", Source: src, Backends: devices(t, n, 5), Workers: workers, Steps: []Step{&hooks{}, l}}
						if err := s.Run(t.Context()); err != nil {
							t.Fatal(err)
						}
						if want := int64(pieces); !host && s.Stats.Packed != want || host && s.Stats.Packed != 0 {
							t.Errorf("%d pieces went packed", s.Stats.Packed)
						}
						if len(l.seen) != pieces || !slices.IsSorted(l.seen) {
							t.Errorf("turns %v", l.seen)
						}
						if st := s.Stats; st.Reading <= 0 || st.Waiting <= 0 || st.Busy.Up <= 0 || st.Busy.Down <= 0 || st.Busy.Copying <= 0 || !host && st.Busy.Launches != int64(pieces) {
							t.Errorf("told %+v", st)
						}
					})
				}
			}
		}
	}
}

// TestDecoders sees that no more workers read than may, and that others work on
// the device meanwhile.
func TestDecoders(t *testing.T) {
	for _, decoders := range []int{1, 2} {
		var reading, most atomic.Int64
		second := make(chan struct{})
		src := &fake{pieces: 30, before: func(_ context.Context, i int) error {
			n := reading.Add(1)
			defer reading.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(200 * time.Microsecond)
			if i == 1 {
				close(second)
			}
			return nil
		}}
		h := &hooks{chunk: func(ctx context.Context, it *Item) error {
			if it.Index > 0 {
				return nil
			}
			select { // piece 1 is read while piece 0 is in its steps
			case <-second:
				return nil
			case <-time.After(10 * time.Second):
				return errors.New("nothing is read while a step works")
			}
		}}
		devs := devices(t, 2, 3)
		s := Sweep{Name: "test", Source: src, Backends: devs, Decoders: decoders, Steps: []Step{h}}
		if err := s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := most.Load(); n > int64(decoders) {
			t.Errorf("%d read at the same time, %d may", n, decoders)
		}
		if want := int32(decoders + 4); h.opened.Load() != want {
			t.Errorf("%d workers, want %d", h.opened.Load(), want)
		}
	}
}

// TestWorkers: two more for each device with memory of its own.
func TestWorkers(t *testing.T) {
	shared, err := cpu.Open(cpu.Options{Threads: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer shared.Close()
	apart := devices(t, 2, 0)
	for _, c := range []struct {
		on            []device.Backend
		threads, want int
	}{
		{[]device.Backend{shared}, 0, 3},
		{[]device.Backend{shared}, 5, 5},
		{[]device.Backend{shared, shared}, 0, 6},
		{apart[:1], 1, 3},
		{apart, 4, 8},
		{[]device.Backend{shared, apart[0]}, 0, 5},
	} {
		if got := Workers(c.on, c.threads); got != c.want {
			t.Errorf("%d backends, %d threads: %d workers, want %d", len(c.on), c.threads, got, c.want)
		}
	}
}
