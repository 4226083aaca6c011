//go:build cuda

package cuda

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/kernels"
)

// A chunk of more than 2^31 values is too much for a test, but not row offsets that
// large: the rows of a small chunk are made to begin at a far place, and the buffers
// of its values to begin as far ahead of where they are, so that a kernel finds them
// if it works out places in 64 bits, and else reads or writes what is not there.
//
// A row ahead of them has to reach that far, and must not be read. Operations that
// can leave rows out do so. For the others the first offset is not 0: the kernel
// refuses that row, and does the rest all the same, as a failure only keeps later
// launches from running. Operations that need several launches are not tried so.

// far is where the rows begin.
type far int64

// at moves a buffer of elements of a size, so that element i is found at far+i.
func (f far) at(d *side, b device.Buffer, size int64) device.Buffer {
	k, ok := b.(*buffer)
	if !ok {
		d.t.Fatalf("%T", b)
	}
	moved := &buffer{block: block{b: k.b, size: k.size + int64(f)*size, what: k.what}, at: k.at - ptr(int64(f)*size)}
	return moved
}

// csr uploads c with one more row ahead, which is refused or reaches from 0 to far.
func (f far) csr(d *side, c *chunk.Chunk, refused bool) kernels.CSR {
	x := d.csr(c)
	if f == 0 {
		return x
	}
	p := []int64{0}
	if refused {
		p[0] = int64(f)
	}
	for _, at := range c.Indptr {
		p = append(p, at+int64(f))
	}
	x.Rows++
	x.NNZ += int64(f)
	x.Indptr, x.Indices, x.Values = put(d, p), f.at(d, x.Indices, 4), f.at(d, x.Values, x.Kind.Bytes())
	return x
}

// rows adds the element of the row ahead.
func rows[T any](f far, ahead T, v []T) []T {
	if f == 0 {
		return v
	}
	return append([]T{ahead}, v...)
}

// farOp makes an operation on a chunk whose rows begin at f; 0: as they are.
type farOp struct {
	name    string
	refused bool // the row ahead is refused
	make    func(d *side, c *chunk.Chunk, f far) device.Op
	launch  func(s *stream, op device.Op) error // nil: as Stream.Launch does
}

func farOps() []farOp {
	groups := func(d *side, c *chunk.Chunk, f far) device.Buffer {
		g := make([]int32, c.Rows)
		for r := range g {
			g[r] = int32(r%3) - 1
		}
		return put(d, rows(f, -1, g))
	}
	log := func(d *side, c *chunk.Chunk, f far) kernels.Transform {
		return kernels.Transform{Log1p: true, Scale: put(d, rows(f, 1, scalesOf(c.Rows)))}
	}
	return []farOp{
		{name: "genestats", refused: false, make: func(d *side, c *chunk.Chunk, f far) device.Op {
			n := 2 * c.Cols
			return &kernels.GeneStats{
				X: f.csr(d, c, false), Group: groups(d, c, f), Groups: 2, Sum: d.fixed("Sum", n), Cells: d.counters("Cells", n),
			}
		}},
		{name: "moments", refused: false, make: func(d *side, c *chunk.Chunk, f far) device.Op {
			n := 2 * c.Cols
			return &kernels.Moments{
				X: f.csr(d, c, false), T: log(d, c, f), Group: groups(d, c, f), Groups: 2,
				Sum: d.fixed("Sum", n), SumSq: d.fixed("SumSq", n),
			}
		}},
		{name: "clippedmoments", refused: false, make: func(d *side, c *chunk.Chunk, f far) device.Op {
			n, clip := 2*c.Cols, make([]float64, 2*c.Cols)
			for i := range clip {
				clip[i] = float64(i % 5)
			}
			return &kernels.ClippedMoments{
				X: f.csr(d, c, false), Group: groups(d, c, f), Groups: 2, Clip: put(d, clip),
				Sum: d.fixed("Sum", n), SumSq: d.fixed("SumSq", n), Clipped: d.counters("Clipped", n),
			}
		}},
		{name: "pearsonmoments", refused: false, make: func(d *side, c *chunk.Chunk, f far) device.Op {
			n, share := 2*c.Cols, make([]float64, 2*c.Cols)
			for i := range share {
				share[i] = float64(1+i%13) / float64(7*c.Cols)
			}
			return &kernels.PearsonMoments{
				X: f.csr(d, c, false), Group: groups(d, c, f), Groups: 2, Theta: 100,
				Total: put(d, rows(f, 1, totals(c))), Share: put(d, share), Clip: put(d, []float64{3, 50}),
				Sum: d.fixed("Sum", n), SumSq: d.fixed("SumSq", n),
			}
		}},
		{name: "rowstats", refused: true, make: func(d *side, c *chunk.Chunk, f far) device.Op {
			x := f.csr(d, c, true)
			return &kernels.RowStats{X: x, Total: d.result("Total", 8*int64(x.Rows)), Detected: d.result("Detected", 4*int64(x.Rows))}
		}},
		{name: "topsums", refused: true, make: func(d *side, c *chunk.Chunk, f far) device.Op {
			x := f.csr(d, c, true)
			return &kernels.TopSums{X: x, N: []int{1, 20}, Out: d.result("Out", 2*8*int64(x.Rows))}
		}},
		{name: "highfraction", refused: true, make: func(d *side, c *chunk.Chunk, f far) device.Op {
			return &kernels.HighFraction{
				X: f.csr(d, c, true), Total: put(d, rows(f, 1, totals(c))), Fraction: 0.05,
				Flags: d.sum("Flags", make([]byte, 4*c.Cols)),
			}
		}},
		{name: "values", refused: true, make: func(d *side, c *chunk.Chunk, f far) device.Op {
			out := d.result("Out", 4*c.NNZ())
			if f != 0 {
				out = f.at(d, out, 4)
			}
			return &kernels.Values{X: f.csr(d, c, true), T: log(d, c, f), Out: out}
		}},
		{name: "project", refused: true, make: func(d *side, c *chunk.Chunk, f far) device.Op {
			w := make([]float64, 8*c.Cols)
			for i := range w {
				w[i] = math.Sin(float64(i))
			}
			x := f.csr(d, c, true)
			return &kernels.Project{X: x, T: log(d, c, f), K: 8, Stride: 8, W: put(d, w), Out: d.result("Out", 4*8*int64(x.Rows))}
		}},
		{name: "dense", refused: false, make: func(d *side, c *chunk.Chunk, f far) device.Op {
			x := f.csr(d, c, false)
			return &kernels.Dense{
				X: x, T: log(d, c, f), Row0: x.Rows - c.Rows, Rows: c.Rows, Out: d.result("Out", 4*int64(c.Rows*c.Cols)),
			}
		}},
		{name: "select", refused: false, make: func(d *side, c *chunk.Chunk, f far) device.Op {
			x := f.csr(d, c, false)
			all, take := make([]int32, c.Rows), make([]int32, c.Rows)
			for r := range all {
				all[r], take[r] = int32(r), int32(x.Rows-c.Rows+r)
			}
			to := make([]int32, c.Cols)
			for g := range to {
				to[g] = int32(g/2)*int32(1-g%2) - int32(g%2)
			}
			return &kernels.Select{X: x, RowsOf: put(d, take), Map: put(d, to), Out: d.room(c, c.Rows, (c.Cols+1)/2, staying(c, all, to))}
		}},
	}
}

// farCase compares a launch on the device with one on the cpu with rows that begin at
// 0: results that the row ahead has a part of are compared without it.
func (w *twins) farCase(t *testing.T, op farOp, c *chunk.Chunk, f far) {
	want, outs, err := w.cpu.run(t, func(d *side) []device.Op { return []device.Op{op.make(d, c, 0)} })
	if err != nil {
		t.Fatal(err)
	}
	got := w.farRun(t, op, c, f)
	for k, o := range outs {
		if g := got[k][len(got[k])-len(want[k]):]; !bytes.Equal(g, want[k]) {
			t.Errorf("%s differs", o.name)
		}
	}
}

// farRun returns the results of a launch that may have failed.
func (w *twins) farRun(t *testing.T, op farOp, c *chunk.Chunk, f far) (got [][]byte) {
	d := w.cuda
	d.t, d.free, d.outs = t, nil, nil
	var err error
	d.s, err = d.dev.Stream()
	d.ok(err)
	defer func() {
		for _, b := range d.free {
			b.Free()
		}
	}()
	o := op.make(d, c, f)
	d.ok(d.s.Sync())
	if op.launch != nil {
		d.ok(op.launch(d.s.(*stream), o))
	} else {
		d.ok(d.s.Launch(o))
	}
	if err := d.s.Close(); (err != nil) != op.refused {
		t.Fatalf("the launch ends with %v", err)
	}
	d.s, err = d.dev.Stream()
	d.ok(err)
	for _, o := range d.outs {
		h, err := d.dev.HostAlloc(o.b.Size(), "test staging")
		d.ok(err)
		d.free = append(d.free, h)
		d.ok(d.s.Download(h, 0, o.b, 0, o.b.Size()))
		d.ok(d.s.Sync())
		got = append(got, bytes.Clone(h.Bytes()))
	}
	d.ok(d.s.Close())
	return got
}

// TestFarOffsets tries offsets beyond what 32 bits hold, signed and unsigned.
func TestFarOffsets(t *testing.T) {
	w := newTwins(t)
	rng := rand.New(rand.NewPCG(4, 4))
	for kind := range chunk.Kind(3) {
		c := made(40, 90, kind, rng, func(r int) float64 { return 0.01 * float64(r*r%97) }, func() float64 {
			return math.Floor(math.Exp(5*rng.Float64())) + 1
		})
		for _, f := range []far{1<<31 - 100, 1<<32 - 100, 1<<40 + 5} {
			for _, op := range farOps() {
				if !w.cuda.dev.Supports(op.name) {
					continue
				}
				t.Run(fmt.Sprintf("%s/%v/%d", op.name, kind, f), func(t *testing.T) { w.farCase(t, op, c, f) })
			}
		}
	}
}

// TestFarOffsetsWays does so for the ways of genestats that the shape of such a chunk
// does not choose.
func TestFarOffsetsWays(t *testing.T) {
	w := newTwins(t)
	rng := rand.New(rand.NewPCG(5, 5))
	c := made(40, 90, chunk.Counts, rng, func(int) float64 { return 0.3 }, func() float64 { return math.Exp(8 * rng.Float64()) })
	for name, launch := range genestatsWays() {
		for _, f := range []far{1<<31 - 100, 1<<32 - 100, 1<<40 + 5} {
			op := farOps()[0]
			op.launch = launch
			t.Run(fmt.Sprintf("%s/%d", name, f), func(t *testing.T) { w.farCase(t, op, c, f) })
		}
	}
}
