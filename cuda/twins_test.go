//go:build cuda

package cuda

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"unsafe"

	"github.com/gpusc/gpusc/anndata"
	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/cpu"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/internal/testdata"
	"github.com/gpusc/gpusc/kernels"
)

// side is one of two backends that run the same operations on the same bytes.
type side struct {
	t    *testing.T
	dev  device.Backend
	s    device.Stream
	free []interface{ Free() }
	outs []out // what is compared
}

// out is a result.
type out struct {
	name string
	b    device.Buffer
	skip func(i int64) bool // 8 bytes that mean nothing; nil: none
}

func (d *side) ok(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatalf("%s: %v", d.dev.Info().Name, err)
	}
}

// put makes a buffer that holds v.
func put[T any](d *side, v []T) device.Buffer {
	d.t.Helper()
	size := len(v) * int(unsafe.Sizeof(*new(T)))
	h, err := d.dev.HostAlloc(int64(size), "test staging")
	d.ok(err)
	b, err := d.dev.Alloc(int64(size), "test buffer")
	d.ok(err)
	d.free = append(d.free, h, b)
	copy(h.Bytes(), unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), size))
	d.ok(d.s.Upload(b, 0, h, 0, int64(size)))
	return b
}

// result makes a buffer of n bytes to be compared. It holds a pattern, so that it is
// seen where a twin writes what the other does not.
func (d *side) result(name string, n int64) device.Buffer {
	d.t.Helper()
	return d.sum(name, bytes.Repeat([]byte{0x5A}, int(n)))
}

// sum makes an accumulator that starts at v.
func (d *side) sum(name string, v []byte) device.Buffer {
	d.t.Helper()
	b := put(d, v)
	d.outs = append(d.outs, out{name: name, b: b})
	return b
}

// fixed makes n accumulators whose low halves are a carry away from the next number.
func (d *side) fixed(name string, n int) device.Buffer {
	d.t.Helper()
	v := bytes.Repeat([]byte{0xFF}, 16*n)
	for i := range n {
		v[16*i] -= byte(i % 5)
	}
	return d.sum(name, v)
}

// counters makes n counters of 8 bytes, from 0.
func (d *side) counters(name string, n int) device.Buffer {
	d.t.Helper()
	return d.sum(name, make([]byte, 8*n))
}

// csr uploads c.
func (d *side) csr(c *chunk.Chunk) kernels.CSR {
	d.t.Helper()
	x := kernels.CSR{Rows: c.Rows, Cols: c.Cols, NNZ: c.NNZ(), Kind: kernels.ValueKind(c.Kind)}
	n := x.NNZ
	x.Indptr, x.Indices = put(d, c.Indptr[:c.Rows+1]), put(d, c.Indices[:n])
	switch c.Kind {
	case chunk.Counts:
		x.Values = put(d, c.Counts[:n])
	case chunk.Float32:
		x.Values = put(d, c.F32[:n])
	default:
		x.Values = put(d, c.F64[:n])
	}
	return x
}

// run runs operations on a stream of their own and returns the results, or an error.
func (d *side) run(t *testing.T, ops func(d *side) []device.Op) (got [][]byte, outs []out, err error) {
	d.t, d.free, d.outs = t, nil, nil
	d.s, err = d.dev.Stream()
	d.ok(err)
	defer func() {
		_ = d.s.Close() // its failure is err
		for _, f := range d.free {
			f.Free()
		}
	}()
	list := ops(d)
	d.ok(d.s.Sync())
	for _, op := range list {
		if err := d.s.Launch(op); err != nil {
			return nil, nil, err
		}
	}
	if err := d.s.Sync(); err != nil {
		return nil, nil, err
	}
	for _, o := range d.outs {
		h, err := d.dev.HostAlloc(o.b.Size(), "test staging")
		d.ok(err)
		d.free = append(d.free, h)
		d.ok(d.s.Download(h, 0, o.b, 0, o.b.Size()))
		d.ok(d.s.Sync())
		got = append(got, bytes.Clone(h.Bytes()))
	}
	return got, d.outs, nil
}

// twins are the two backends.
type twins struct {
	cpu, cuda         *side
	compared, refused int
}

func newTwins(t *testing.T) twins {
	t.Helper()
	dev := openTest(t)
	host, err := cpu.Open(cpu.Options{Poison: true})
	if err != nil {
		t.Fatal(err)
	}
	w := twins{cpu: &side{t: t, dev: host}, cuda: &side{t: t, dev: dev}}
	t.Cleanup(func() {
		for _, d := range []*side{w.cpu, w.cuda} {
			if err := d.dev.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return w
}

// same runs operations on both and compares results, or that both refuse the values.
func (w *twins) same(t *testing.T, ops func(d *side) []device.Op) {
	t.Helper()
	want, outs, wantErr := w.cpu.run(t, ops)
	got, _, gotErr := w.cuda.run(t, ops)
	if wantErr != nil || gotErr != nil {
		if !errors.Is(wantErr, errs.Data) || !errors.Is(gotErr, errs.Data) {
			t.Fatalf("cpu says %v, cuda %v", wantErr, gotErr)
		}
		w.refused++
		return
	}
	w.compared++
	for k, o := range outs {
		if bytes.Equal(got[k], want[k]) {
			continue
		}
		for i := 0; i < len(want[k]); i += 8 {
			end := min(i+8, len(want[k]))
			if g, v := got[k][i:end], want[k][i:end]; !bytes.Equal(g, v) && (o.skip == nil || !o.skip(int64(i/8))) {
				t.Fatalf("%s: bytes %d on are %x, cpu has %x", o.name, i, g, v)
			}
		}
	}
}

// twinCase is a chunk to try.
type twinCase struct {
	name   string
	c      *chunk.Chunk
	groups []int
	ops    []string // nil: all
}

// made makes a chunk whose row r holds a gene with chance(r), 2: surely.
func made(rows, cols int, kind chunk.Kind, rng *rand.Rand, chance func(r int) float64, draw func() float64) *chunk.Chunk {
	c := &chunk.Chunk{Rows: rows, Cols: cols, Kind: kind, Indptr: []int64{0}}
	for r := range rows {
		p := chance(r)
		for g := range cols {
			if p < 2 && (p == 0 || rng.Float64() >= p) {
				continue
			}
			c.Indices = append(c.Indices, uint32(g))
			switch x := draw(); kind {
			case chunk.Counts:
				c.Counts = append(c.Counts, uint32(min(1+math.Abs(x), math.MaxUint32)))
			case chunk.Float32:
				c.F32 = append(c.F32, float32(x))
			default:
				c.F64 = append(c.F64, x)
			}
		}
		c.Indptr = append(c.Indptr, int64(len(c.Indices)))
	}
	return c
}

// randomCases are shapes, kinds and sizes of values drawn from seeds.
func randomCases(n uint64) (list []twinCase) {
	for seed := range n {
		rng := rand.New(rand.NewPCG(seed, 3))
		p, size := rng.Float64()*rng.Float64(), 12*rng.Float64()
		kind := chunk.Kind(seed % 3)
		c := made(rng.IntN(300), rng.IntN(400), kind, rng, func(r int) float64 {
			if r%7 == 6 {
				return 0
			}
			return p
		}, func() float64 {
			if kind != chunk.Counts && seed%2 == 0 && rng.IntN(2) == 0 {
				return -math.Exp(size*rng.Float64() - 8)
			}
			return math.Exp(size*rng.Float64() - 4)
		})
		list = append(list, twinCase{fmt.Sprintf("seed %d", seed), c, []int{1, 3}, nil})
	}
	return list
}

// edgeCases are the shapes in which something has gone wrong before, somewhere.
func edgeCases() (list []twinCase) {
	rng := rand.New(rand.NewPCG(1, 1))
	all := func(int) float64 { return 1 }
	small := func() float64 { return math.Floor(rng.ExpFloat64()) }
	for kind := range chunk.Kind(3) {
		add := func(name string, c *chunk.Chunk, ops ...string) {
			list = append(list, twinCase{fmt.Sprintf("%s %v", name, kind), c, []int{1, 3}, ops})
		}
		add("no rows", made(0, 9, kind, rng, all, small))
		add("empty rows", made(50, 30, kind, rng, func(int) float64 { return 0 }, small))
		add("one row", made(1, 3000, kind, rng, func(int) float64 { return 0.3 }, small))
		add("one gene", made(300, 1, kind, rng, func(int) float64 { return 0.7 }, small))
		add("65536 values in a row", made(4, 65536, kind, rng, func(r int) float64 {
			return [...]float64{0.001, 1, 0, 0.01}[r]
		}, small))
		if kind != chunk.Float64 { // as float32, for the time it takes
			add("more rows than a slice", made(sliceRows+1000, 3, kind, rng, func(int) float64 { return 0.8 }, small),
				"genestats", "moments scaled log1p", "clippedmoments", "pearsonmoments")
		}
		add("above 2^32", made(40, 60, kind, rng, func(int) float64 { return 0.5 }, func() float64 {
			return math.Exp2(32 + 10*rng.Float64())
		}))
	}
	return list
}

// fileCases are pieces of real files.
func fileCases(t *testing.T) (list []twinCase) {
	ctx := t.Context()
	files, err := filepath.Glob(filepath.Join(testdata.Dir(t), "counts", "*.h5ad"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		f, err := anndata.Open(ctx, path, anndata.Options{})
		if err != nil {
			t.Fatal(err)
		}
		m, err := f.Matrix("X")
		if err != nil {
			t.Fatal(err)
		}
		src, err := m.Source(ctx, anndata.SourceOptions{SpanRows: 70})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range []int{0, len(src.Spans()) - 1} {
			c := &chunk.Chunk{}
			if err := src.Read(ctx, i, c); err != nil {
				t.Fatal(err)
			}
			list = append(list, twinCase{fmt.Sprintf("%s piece %d", filepath.Base(path), i), c, []int{1, 3}, nil})
		}
		if err := errors.Join(src.Close(), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

// runTwins runs every operation that the device has on the cases.
func runTwins(t *testing.T, cases []twinCase) {
	w := newTwins(t)
	for _, k := range cases {
		for _, groups := range k.groups {
			for _, op := range twinOps() {
				if !w.cuda.supports(op.needs) || k.ops != nil && !slices.Contains(k.ops, op.name) {
					continue
				}
				t.Run(fmt.Sprintf("%s/groups %d/%s", k.name, groups, op.name), func(t *testing.T) {
					if op.most > 0 && int64(k.c.Cols) > op.most {
						t.Skip("for the time it takes")
					}
					w.same(t, func(d *side) []device.Op { return op.make(d, k.c, groups) })
				})
			}
		}
	}
	if w.compared < 2*w.refused {
		t.Errorf("%d results compared, %d refused by both: the cases are no good", w.compared, w.refused)
	}
}

func (d *side) supports(ops []string) bool {
	for _, name := range ops {
		if !d.dev.Supports(name) {
			return false
		}
	}
	return true
}

func TestTwinsRandom(t *testing.T) { runTwins(t, randomCases(24)) }
func TestTwinsEdges(t *testing.T)  { runTwins(t, edgeCases()) }
func TestTwinsFiles(t *testing.T)  { runTwins(t, fileCases(t)) }
