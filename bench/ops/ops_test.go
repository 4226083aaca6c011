package ops

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/gpusc/gpusc/cpu"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/kernels"
	"github.com/gpusc/gpusc/memory"
)

func open(t *testing.T) device.Backend {
	t.Helper()
	b, err := cpu.Open(cpu.Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil { // lists what was not freed
			t.Error(err)
		}
	})
	return b
}

func TestMeasure(t *testing.T) {
	l := memory.New(0)
	o := Options{Rows: 300, Genes: 800, Density: 0.1, Runs: 1, Ledger: l, PeakF32: 1e12, PeakF64: 1e12}
	r, err := Measure(t.Context(), open(t), o)
	if err != nil {
		t.Fatal(err)
	}
	if d := float64(r.NNZ) / (300 * 800); math.Abs(d-0.1) > 0.01 {
		t.Errorf("density %g, not 0.1", d)
	}
	if r.Streams != 2 || len(r.Ceilings) != 1 || !(r.Ceilings[0].Rate > 1e8) {
		t.Errorf("%d streams, ceilings %+v", r.Streams, r.Ceilings)
	}
	if len(r.Operations) != 15 {
		t.Errorf("%d operations, not the 15 of the catalogue", len(r.Operations))
	}
	for _, op := range r.Operations {
		counted := op.Name == "grammultiply" || op.Name == "project" || op.Name == "symmul"
		switch {
		case op.Not != "":
			t.Errorf("%s: %s", op.Name, op.Not)
		case !(op.Seconds > 0) || !(op.Alone > 0) || op.Launches < 1 || op.Runs != 1:
			t.Errorf("%s: %+v", op.Name, op)
		case (op.Flops > 0) != counted || (op.FlopPart > 0) != counted:
			t.Errorf("%s: %d FLOP, share %g", op.Name, op.Flops, op.FlopPart)
		case math.Abs(op.Rate*op.Seconds-2*float64(op.Bytes)) > 1: // two streams
			t.Errorf("%s: %g bytes/s in %g s are not %d bytes", op.Name, op.Rate, op.Seconds, op.Bytes)
		}
	}
	var b strings.Builder
	if err := r.Print(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"grammultiply", "copy: one thread", "as declared, not measured", "2 streams", "may be served by caches"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if left := l.Leaks(); len(left) > 0 {
		t.Error(left)
	}
}

// TestBytes holds the formulas to arithmetic by hand.
func TestBytes(t *testing.T) {
	m := &matrix{rows: 2, cols: 4, ptr: []int64{0, 3, 5}, idx: []uint32{0, 1, 3, 1, 2}, val: []uint32{1, 2, 3, 4, 5}}
	dev := open(t)
	meter, err := newMeter(dev, &Options{Streams: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer meter.close()
	in, err := load(meter.shared, m, []int32{-1, 0, 0, -1})
	if err != nil {
		t.Fatal(err)
	}
	a := &arena{dev: dev, s: meter.streams[0]}
	defer a.free()
	const csr = 3*8 + 5*8
	want := map[string]int64{
		"rowstats": csr + 4*4 + 2*20, "topsums": csr - 5*4 + 2*32, "highfraction": csr + 2*8 + 4*4,
		"genestats": csr + 2*4*24, "moments": csr + 2*8 + 2*4*32, "values": 2*16 + 8 + 5*8, "select": 24 + 20 + 20 + 16 + 24 + 40,
		"dense": csr + 16 + 16*4 + 4*2*4, "project": csr + 16 + 8*4*50 + 4*2*50, "symmul": 8*16 + 64*4 + 64*4, "unpack": in.packedBytes + csr,
	}
	for _, c := range cases() {
		w := c.make(in, a)
		if n, ok := want[c.name]; ok && w.bytes != n {
			t.Errorf("%s moves %d bytes, not %d", c.name, w.bytes, n)
		}
		if c.name == "project" && w.flops != 2*5*50 {
			t.Errorf("project has %d FLOP", w.flops)
		}
	}
	if a.err != nil {
		t.Fatal(a.err)
	}
	if err := meter.sync(); err != nil {
		t.Fatal(err)
	}
}

func TestChosen(t *testing.T) {
	to, n := chosen([]int32{-1, 5, -1, 0, -1}, 3)
	want := []int32{0, 1, -1, 2, -1}
	if n != 3 {
		t.Fatal(n)
	}
	for g := range to {
		if to[g] != want[g] {
			t.Fatalf("%v, not %v", to, want)
		}
	}
}

// without is a device that lacks an operation, and fails at another.
type without struct{ device.Backend }

func (w without) Supports(name string) bool { return name != "moments" && w.Backend.Supports(name) }

func (w without) Stream() (device.Stream, error) {
	s, err := w.Backend.Stream()
	return failing{s}, err
}

type failing struct{ device.Stream }

func (f failing) Launch(op device.Op) error {
	if op.Kernel() == "genestats" {
		return f.Stream.Launch(&kernels.GeneStats{}) // no buffers
	}
	return f.Stream.Launch(op)
}

func TestFailuresAreTold(t *testing.T) {
	r, err := Measure(t.Context(), without{open(t)}, Options{Rows: 64, Genes: 100, Runs: 1, Density: 0.2})
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range r.Operations {
		if bad := op.Name == "moments" || op.Name == "genestats"; bad != (op.Not != "") {
			t.Errorf("%s: %q", op.Name, op.Not)
		}
	}
	var b strings.Builder
	if err := r.Print(&b); err != nil || !strings.Contains(b.String(), "moments: not measured: cpu has no such operation") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

func TestRefuses(t *testing.T) {
	for what, o := range map[string]Options{
		"too dense":     {Density: 0.99, Rows: 10},
		"no density":    {Density: -1},
		"not a density": {Density: math.NaN()},
		"rows":          {Rows: -1},
		"genes":         {Genes: 3},
		"streams":       {Streams: -1},
	} {
		if _, err := Measure(t.Context(), open(t), o); !errors.Is(err, errs.Usage) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := Measure(t.Context(), open(t), Options{Ledger: memory.New(1 << 20)}); !errors.Is(err, errs.Budget) {
		t.Errorf("no memory: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Measure(ctx, open(t), Options{Rows: 64, Genes: 100}); !errors.Is(err, context.Canceled) {
		t.Errorf("called off: %v", err)
	}
}
