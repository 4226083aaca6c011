package cpu

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/device/devicetest"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/kernels"
	"github.com/gpusc/gpusc/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, o Options) device.Backend {
	t.Helper()
	dev, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return dev
}

// TestConformance runs the suite as it is and with the options that bring
// mistakes to light, on one thread and on several, and sees that the ledger is
// empty afterwards.
func TestConformance(t *testing.T) {
	for name, o := range map[string]Options{
		"poisoned":        {Poison: true},
		"no private sums": {Threads: 1},
		"apart":           {Apart: true, Poison: true},
	} {
		t.Run(name, func(t *testing.T) {
			devicetest.RunExact(t, func(t *testing.T) device.Backend {
				o := o
				o.Ledger = memory.New(0)
				t.Cleanup(func() {
					if left := o.Ledger.Leaks(); len(left) > 0 {
						t.Errorf("left in the ledger: %v", left)
					}
				})
				dev := open(t, o)
				dev.(*backend).direct = name == "no private sums"
				return dev
			})
		})
	}
}

// TestDelay runs the tests of streams with random pauses.
func TestDelay(t *testing.T) {
	for _, apart := range []bool{false, true} {
		devicetest.RunStreams(t, func(t *testing.T) device.Backend {
			return open(t, Options{Delay: 1, Threads: 3, Poison: true, Apart: apart})
		})
	}
}

// TestForgottenWait shows that Delay finds a missing wait: a download that does
// not wait for another stream's upload sees old bytes at least once.
func TestForgottenWait(t *testing.T) {
	if raceEnabled {
		t.Skip("a data race on purpose")
	}
	dev := open(t, Options{Delay: 7, Poison: true})
	defer func() { must(t, dev.Close()) }()
	a, b := newQueue(t, dev), newQueue(t, dev)
	h, _ := dev.HostAlloc(64, "in")
	out, _ := dev.HostAlloc(64, "out")
	d, _ := dev.Alloc(64, "between")
	defer func() { h.Free(); out.Free(); d.Free() }()
	early := false
	for i := byte(0); i < 100; i++ {
		h.Bytes()[0] = i
		must(t, a.Upload(d, 0, h, 0, 64))
		must(t, b.Download(out, 0, d, 0, 64))
		must(t, a.Sync())
		must(t, b.Sync())
		early = early || out.Bytes()[0] != i
	}
	must(t, a.Close())
	must(t, b.Close())
	if !early {
		t.Error("a missing wait was never noticed")
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newQueue(t testing.TB, dev device.Backend) device.Stream {
	t.Helper()
	s, err := dev.Stream()
	must(t, err)
	return s
}

func TestBudget(t *testing.T) {
	l := memory.New(1 << 20)
	dev := open(t, Options{Ledger: l})
	a, err := dev.Alloc(600<<10, "first")
	must(t, err)
	_, err = dev.HostAlloc(600<<10, "second")
	if !errors.Is(err, errs.Budget) || !strings.Contains(err.Error(), "second needs 600 KiB") || !strings.Contains(err.Error(), "--memory") {
		t.Errorf("beyond the budget: %v", err)
	}
	a.Free()
	if n := l.Used(memory.Host); n != 0 {
		t.Errorf("%d bytes in use after Free", n)
	}
	h, err := dev.HostAlloc(600<<10, "second")
	must(t, err)
	if n := l.Used(memory.Pinned); n != 600<<10 {
		t.Errorf("%d pinned bytes in use", n)
	}
	h.Free()
	must(t, dev.Close())
}

// TestPool sees that blocks come back, and poisoned.
func TestPool(t *testing.T) {
	dev := open(t, Options{Poison: true})
	defer func() { must(t, dev.Close()) }()
	for range 3 {
		h, err := dev.HostAlloc(1000, "x")
		must(t, err)
		if !bytes.Equal(h.Bytes(), bytes.Repeat([]byte{0xFF}, 1000)) {
			t.Error("fresh memory is not poisoned")
		}
		clear(h.Bytes())
		h.Free()
	}
}

// TestWaitOnFailure sees that a failure reaches a stream that waits.
func TestWaitOnFailure(t *testing.T) {
	dev := open(t, Options{})
	defer func() { must(t, dev.Close()) }()
	a, b := newQueue(t, dev), newQueue(t, dev)
	d, _ := dev.Alloc(8, "small")
	defer d.Free()
	must(t, a.Launch(&kernels.TopSums{X: kernels.CSR{Rows: 9, Indptr: d}, N: []int{1}, Out: d}))
	ev, err := a.Record()
	if err == nil { // else the failure came first
		must(t, b.Wait(ev))
		if b.Sync() == nil {
			t.Error("the waiting stream goes on")
		}
	}
	if a.Sync() == nil {
		t.Error("no failure")
	}
	_, _ = a.Close(), b.Close()
}

// TestPanic sees that an index out of range ends the stream only.
func TestPanic(t *testing.T) {
	dev := open(t, Options{})
	defer func() { must(t, dev.Close()) }()
	s := newQueue(t, dev)
	bufs := map[string]device.Buffer{}
	for name, n := range map[string]int64{"ptr": 16, "idx": 800, "val": 800, "sum": 160, "sq": 160} {
		b, err := dev.Alloc(n, name)
		must(t, err)
		defer b.Free()
		bufs[name] = b
	}
	ptr, err := dev.HostAlloc(16, "ptr")
	must(t, err)
	defer ptr.Free()
	ptr.Bytes()[8] = 200
	bad, err := dev.HostAlloc(800, "idx")
	must(t, err)
	defer bad.Free()
	for i := range bad.Bytes() {
		bad.Bytes()[i] = byte(i)
	}
	must(t, s.Upload(bufs["ptr"], 0, ptr, 0, 16))
	must(t, s.Upload(bufs["idx"], 0, bad, 0, 800))
	must(t, s.Upload(bufs["val"], 0, bad, 0, 800))
	x := kernels.CSR{Rows: 1, Cols: 10, NNZ: 200, Indptr: bufs["ptr"], Indices: bufs["idx"], Values: bufs["val"]}
	must(t, s.Launch(&kernels.Moments{X: x, Groups: 1, Sum: bufs["sum"], SumSq: bufs["sq"]}))
	if err := s.Sync(); !errors.Is(err, errs.Data) || !strings.Contains(err.Error(), "moments") {
		t.Errorf("a gene that does not exist: %v", err)
	}
	_ = s.Close()
}

// TestAddTerms holds the assembly to its Go twin.
func TestAddTerms(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	tab := &termTable{epoch: 5}
	for i := range tab.lanes {
		v := math.Exp(8*rng.Float64() - 4)
		tab.lanes[i], _ = split(v, v*v)
		if i%16 != 15 {
			tab.stamp[i] = 5
		}
	}
	for n := range 60 {
		for _, most := range []uint32{15, 70, math.MaxUint32} {
			idx, val := make([]uint32, n), make([]uint32, n)
			for i := range idx {
				idx[i], val[i] = uint32(rng.IntN(101)), rng.Uint32N(most)
			}
			cols := 100 + rng.IntN(2)
			a, b := make([]lanes, cols), make([]lanes, cols)
			i, j := addTerms(a, tab, idx, val), addTermsGo(b, tab, idx, val)
			if i != j {
				t.Fatalf("stopped at %d, the Go twin at %d", i, j)
			}
			for c := range a {
				if a[c] != b[c] {
					t.Fatalf("gene %d: %v, want %v", c, a[c], b[c])
				}
			}
		}
	}
}

// TestSplit holds lanes to kernels.ToFixed.
func TestSplit(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for range 10000 {
		v, q := math.Exp(60*rng.Float64()-50), math.Exp(30*rng.Float64()-20)
		l, ok := split(v, q)
		if ok != (v < laneLimit && q < laneLimit) {
			t.Fatalf("split(%g, %g) fits: %v", v, q, ok)
		}
		if ok && (fixed(l[0], l[1]) != kernels.ToFixed(v) || fixed(l[2], l[3]) != kernels.ToFixed(q)) {
			t.Fatalf("split(%g, %g) = %v", v, q, l)
		}
	}
}

// TestApart sees that kernels of a backend with memory of its own see only what
// was uploaded, that its buffers count as device memory, and that it can tell
// what it did.
func TestApart(t *testing.T) {
	l := memory.New(1 << 20)
	dev := open(t, Options{Ledger: l, Apart: true})
	s := newQueue(t, dev)
	h, err := dev.HostAlloc(64, "in")
	must(t, err)
	if _, ok := dev.Share(h); ok || dev.Info().Unified {
		t.Error("host memory is shared")
	}
	d, err := dev.Alloc(8<<20, "more than the host may have")
	must(t, err)
	if n := l.Used(memory.Device); n != 8<<20 {
		t.Errorf("%d bytes of device memory in use", n)
	}
	for i := range h.Bytes() {
		h.Bytes()[i] = 7
	}
	must(t, s.Upload(d, 0, h, 0, 64))
	must(t, s.Sync())
	clear(h.Bytes())
	must(t, s.Download(h, 0, d, 16, 16))
	must(t, s.Sync())
	if !bytes.Equal(h.Bytes()[:17], append(bytes.Repeat([]byte{7}, 16), 0)) {
		t.Errorf("came back as %v", h.Bytes())
	}
	got := dev.(device.Meter).Busy()
	if got.Up != 64 || got.Down != 16 || got.Copying <= 0 || got.Launches != 0 || got.Computing != 0 {
		t.Errorf("the meter tells %+v", got)
	}
	must(t, s.Close())
	d.Free()
	h.Free()
	must(t, dev.Close())
}
