package devicetest

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/kernels"
)

// testCopies copies pieces at odd offsets there and back.
func testCopies(t *testing.T, r *rig) {
	rng := rand.New(rand.NewPCG(1, 1))
	const n = 10007
	src, dst := r.host(n), r.host(n)
	for i := range src.Bytes() {
		src.Bytes()[i] = byte(rng.Uint32())
	}
	b := r.alloc(n)
	r.ok(r.s.Upload(b, 0, src, 0, n))
	r.ok(r.s.Sync())
	want := bytes.Clone(src.Bytes())
	for range 200 {
		k := rng.Int64N(300)
		from, to := rng.Int64N(n-k), rng.Int64N(n-k)
		r.ok(r.s.Upload(b, to, src, from, k))
		copy(want[to:to+k], src.Bytes()[from:from+k])
	}
	r.ok(r.s.Upload(b, n, src, n, 0)) // nothing, at the very end
	r.ok(r.s.Download(dst, 7, b, 5, n-7))
	r.ok(r.s.Download(dst, 0, b, 0, 7))
	r.ok(r.s.Sync())
	if !bytes.Equal(dst.Bytes()[7:], want[5:n-2]) || !bytes.Equal(dst.Bytes()[:7], want[:7]) {
		t.Error("copied bytes differ")
	}
}

func testClear(t *testing.T, r *rig) {
	v := make([]uint8, 1000)
	for i := range v {
		v[i] = 1
	}
	b := up(r, v)
	r.ok(r.s.Clear(b, 3, 501))
	clear(v[3:504])
	if !bytes.Equal(down[uint8](r, b, len(v)), v) {
		t.Error("cleared bytes differ")
	}
}

// testOrder passes a buffer to and fro between two streams that wait for each
// other: one writes a number, the other reads it.
func testOrder(t *testing.T, r *rig) {
	writer, reader := r.s, r.stream()
	const rounds, n = 100, 1 << 12
	b := r.alloc(n)
	in, out := r.host(rounds*n), r.host(rounds*n)
	for i := range in.Bytes() {
		in.Bytes()[i] = byte(i / n * 37)
	}
	var read device.Event
	for i := range int64(rounds) {
		if read != nil {
			r.ok(writer.Wait(read))
		}
		r.ok(writer.Upload(b, 0, in, i*n, n))
		written, err := writer.Record()
		r.ok(err)
		r.ok(reader.Wait(written))
		r.ok(reader.Download(out, i*n, b, 0, n))
		read, err = reader.Record()
		r.ok(err)
	}
	r.ok(reader.Close())
	r.ok(writer.Sync())
	if !bytes.Equal(in.Bytes(), out.Bytes()) {
		t.Error("a stream ran ahead of the event it waited for")
	}
}

// testEvents waits for events that have passed, for one's own and several times.
func testEvents(t *testing.T, r *rig) {
	other := r.stream()
	b := up(r, []byte{1, 2, 3, 4})
	ev, err := r.s.Record()
	r.ok(err)
	r.ok(r.s.Wait(ev))
	r.ok(r.s.Sync())
	for range 3 {
		r.ok(other.Wait(ev))
	}
	r.ok(other.Clear(b, 0, 2))
	r.ok(other.Sync())
	r.ok(other.Close())
	if got := down[byte](r, b, 4); !bytes.Equal(got, []byte{0, 0, 3, 4}) {
		t.Errorf("got %v", got)
	}
}

// testLongQueue gives more work than any queue holds, without a Sync.
func testLongQueue(t *testing.T, r *rig) {
	n := int64(5000)
	h, b := r.host(n), r.alloc(n)
	for i := range h.Bytes() {
		h.Bytes()[i] = byte(i)
	}
	r.ok(r.s.Sync())
	for i := range n {
		r.ok(r.s.Upload(b, i, h, i, 1))
	}
	if !bytes.Equal(down[byte](r, b, int(n)), h.Bytes()) {
		t.Error("copied bytes differ")
	}
}

// testParallel runs an operation on several streams at once, each with its own
// rows and accumulators.
func testParallel(t *testing.T, r *rig) {
	if !r.dev.Supports("genestats") {
		t.Skip("needs genestats")
	}
	m := generate("typical", 200, 500, kernels.Counts, 0.1, true, smallCount)
	sum, cells := newSums(), make([]uint64, m.cols)
	m.each(func(_ int, c uint32, x float64) {
		sum.add(int(c), x)
		cells[c]++
	})
	total := make([]uint64, m.cols)
	const streams, per = 4, 50
	var ops []*kernels.GeneStats
	for k := range streams {
		ops = append(ops, &kernels.GeneStats{
			X: r.csr(m.part(k*per, (k+1)*per)), Groups: 1,
			Sum: up(r, make([]kernels.Fixed, m.cols)), Cells: up(r, make([]uint64, m.cols)),
		})
	}
	ready, err := r.s.Record()
	r.ok(err)
	for _, op := range ops {
		s := r.stream()
		r.ok(s.Wait(ready))
		r.ok(s.Launch(op))
		done, err := s.Record()
		r.ok(err)
		r.ok(r.s.Wait(done))
		defer func() { r.ok(s.Close()) }()
	}
	for _, op := range ops {
		for c, n := range down[uint64](r, op.Cells, m.cols) {
			total[c] += n
		}
	}
	for c := range total {
		if total[c] != cells[c] {
			t.Fatalf("gene %d is in %d cells, want %d", c, total[c], cells[c])
		}
	}
}

// noSuchOp is not in any catalogue.
type noSuchOp struct{}

func (noSuchOp) Kernel() string { return "no such operation" }

// testSticky breaks streams and sees that they stay broken, and others do not.
func testSticky(t *testing.T, r *rig) {
	b, h := r.alloc(100), r.host(100)
	for name, breakIt := range map[string]func(s device.Stream) error{
		"upload beyond the end":   func(s device.Stream) error { return s.Upload(b, 90, h, 0, 11) },
		"upload beyond the start": func(s device.Stream) error { return s.Upload(b, -1, h, 0, 5) },
		"download beyond the end": func(s device.Stream) error { return s.Download(h, 0, b, 1, 100) },
		"huge copy":               func(s device.Stream) error { return s.Download(h, 0, b, 1, math.MaxInt64) },
		"clear beyond the end":    func(s device.Stream) error { return s.Clear(b, 101, 0) },
		"negative clear":          func(s device.Stream) error { return s.Clear(b, 5, -1) },
		"unknown operation":       func(s device.Stream) error { return s.Launch(noSuchOp{}) },
		"foreign event":           func(s device.Stream) error { return s.Wait("an event") },
		"foreign buffer":          func(s device.Stream) error { return s.Clear(otherBuffer{}, 0, 1) },
	} {
		s := r.stream()
		err := breakIt(s)
		if err == nil {
			err = s.Sync()
		}
		if err == nil {
			t.Errorf("%s: no error", name)
			r.ok(s.Close())
			continue
		}
		if e := s.Clear(b, 0, 1); e == nil || e.Error() != err.Error() {
			t.Errorf("%s: a later call gives %v, want %v", name, e, err)
		}
		if e := s.Sync(); e == nil || e.Error() != err.Error() {
			t.Errorf("%s: Sync gives %v, want %v", name, e, err)
		}
		if e := s.Close(); e == nil {
			t.Errorf("%s: Close gives no error", name)
		}
	}
	r.ok(r.s.Clear(b, 0, 1))
	r.ok(r.s.Sync())
}

// testAfterFailure queues an operation that fails and one that would not, in one go:
// the second must not run, as it may rest on what the first was to do.
func testAfterFailure(t *testing.T, r *rig) {
	if !r.dev.Supports("rowstats") {
		t.Skip("needs rowstats")
	}
	m := generate("typical", 10, 50, kernels.Counts, 0.5, false, smallCount)
	good := kernels.RowStats{X: r.csr(m), Total: up(r, make([]float64, m.rows)), Detected: up(r, make([]uint32, m.rows))}
	bad := good
	bad.X.Indptr = up(r, []int64{0, 5, 3, 9, 9, 9, 9, 9, 9, 9, 9})
	bad.Total, bad.Detected = up(r, make([]float64, m.rows)), up(r, make([]uint32, m.rows))
	r.ok(r.s.Sync())
	s := r.stream()
	_ = s.Launch(&bad)
	_ = s.Launch(&good) // may know already that the stream has failed
	if s.Sync() == nil || s.Close() == nil {
		t.Error("no error for falling offsets")
	}
	for row, n := range down[uint32](r, good.Detected, m.rows) {
		if n != 0 {
			t.Fatalf("an operation ran after one that failed: row %d has %d values", row, n)
		}
	}
}

type otherBuffer struct{}

func (otherBuffer) Size() int64 { return 1 << 20 }
func (otherBuffer) Free()       {}

// testBadOps gives operations buffers that are too small, missing or freed.
func testBadOps(t *testing.T, r *rig) {
	if !r.dev.Supports("genestats") {
		t.Skip("needs genestats")
	}
	m := generate("typical", 10, 50, kernels.Counts, 0.5, false, smallCount)
	good := kernels.GeneStats{
		X: r.csr(m), Groups: 1,
		Sum: up(r, make([]kernels.Fixed, m.cols)), Cells: up(r, make([]uint64, m.cols)),
	}
	gone, err := r.dev.Alloc(int64(16*m.cols), "gone")
	r.ok(err)
	gone.Free()
	for name, spoil := range map[string]func(o *kernels.GeneStats){
		"small Sum":          func(o *kernels.GeneStats) { o.Sum = o.Cells },
		"no Sum":             func(o *kernels.GeneStats) { o.Sum = nil },
		"freed Sum":          func(o *kernels.GeneStats) { o.Sum = gone },
		"foreign Sum":        func(o *kernels.GeneStats) { o.Sum = otherBuffer{} },
		"no groups":          func(o *kernels.GeneStats) { o.Groups = 0 },
		"many groups":        func(o *kernels.GeneStats) { o.Groups = 3 },
		"group out of range": func(o *kernels.GeneStats) { o.Group = up(r, []int32{0, 0, 0, 0, 1, 0, 0, 0, 0, 0}) },
		"few rows' offsets":  func(o *kernels.GeneStats) { o.X.Rows = 11 },
		"many values":        func(o *kernels.GeneStats) { o.X.NNZ += 1000 },
		"negative sizes":     func(o *kernels.GeneStats) { o.X.Rows = -1 },
		"falling offsets":    func(o *kernels.GeneStats) { o.X.Indptr = up(r, []int64{0, 5, 3, 9, 9, 9, 9, 9, 9, 9, 9}) },
		"far offsets":        func(o *kernels.GeneStats) { o.X.Indptr = up(r, []int64{0, 5, 6, 9, 9, 9, 9, 9, 9, 9, 1 << 40}) },
		"a kind that is not": func(o *kernels.GeneStats) { o.X.Kind = 7 },
	} {
		o := good
		spoil(&o)
		err := r.fails(&o)
		if err == nil {
			t.Errorf("%s: no error", name)
		} else if !strings.Contains(err.Error(), "genestats") {
			t.Errorf("%s: the error does not name the operation: %v", name, err)
		}
	}
	r.run(&good)
}

// testRefusedTerms adds up what cannot be added up.
func testRefusedTerms(t *testing.T, r *rig) {
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1 << 60, -(1 << 60)} {
		m := generate("bad", 3, 4, kernels.Float64, 1, false, positive)
		m.f64[5] = x
		sum := up(r, startAt(m.cols))
		cells := up(r, make([]uint64, m.cols))
		for _, op := range []device.Op{
			&kernels.GeneStats{X: r.csr(m), Groups: 1, Sum: sum, Cells: cells},
			&kernels.Moments{X: r.csr(m), Groups: 1, Sum: sum, SumSq: up(r, startAt(m.cols))},
		} {
			if !r.dev.Supports(op.Kernel()) {
				continue
			}
			if err := r.fails(op); !errors.Is(err, errs.Data) {
				t.Errorf("%s of %g: %v, want an errs.Data error", op.Kernel(), x, err)
			}
		}
	}
}
