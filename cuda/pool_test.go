//go:build cuda

package cuda

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/kernels"
)

// cells is a matrix on a device, each row of which holds all genes.
type cells struct {
	rows, cols int
	x          kernels.CSR
	bufs       []device.Buffer
}

// fill copies v to a new buffer and waits for that.
func fill[T any](t *testing.T, b device.Backend, v []T) device.Buffer {
	t.Helper()
	n := int64(len(v)) * int64(unsafe.Sizeof(v[0]))
	h, err := b.HostAlloc(n, "test")
	ok(t, err)
	defer h.Free()
	copy(h.Bytes(), unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), n))
	k, err := b.Alloc(n, "test")
	ok(t, err)
	s, err := b.Stream()
	ok(t, err)
	ok(t, s.Upload(k, 0, h, 0, n))
	ok(t, s.Close())
	return k
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newCells(t *testing.T, b device.Backend, rows, cols int) *cells {
	t.Helper()
	rng := rand.New(rand.NewPCG(uint64(rows), uint64(cols)))
	n := rows * cols
	ptr, idx, val := make([]int64, rows+1), make([]uint32, n), make([]float32, n)
	for i := range n {
		idx[i], val[i] = uint32(i%cols), 1+8*rng.Float32()
	}
	for i := range ptr {
		ptr[i] = int64(i * cols)
	}
	c := &cells{rows: rows, cols: cols}
	c.x = kernels.CSR{
		Rows: rows, Cols: cols, NNZ: int64(n), Kind: kernels.Float32,
		Indptr: fill(t, b, ptr), Indices: fill(t, b, idx), Values: fill(t, b, val),
	}
	c.bufs = []device.Buffer{c.x.Indptr, c.x.Indices, c.x.Values}
	return c
}

func (c *cells) free() {
	for _, b := range c.bufs {
		b.Free()
	}
}

// use is an operation with scratch memory, and where its result lies.
type use struct {
	op  device.Op
	out device.Buffer
}

// newUse makes an operation of one of four kinds over the cells.
func newUse(t *testing.T, b device.Backend, c *cells, kind int) use {
	t.Helper()
	result := func(n int) device.Buffer { return fill(t, b, make([]uint64, n)) }
	switch kind {
	case 0:
		out := result((c.rows*c.cols + 1) / 2)
		return use{&kernels.Dense{X: c.x, Rows: c.rows, Out: out}, out}
	case 1:
		out := result(c.rows)
		return use{&kernels.TopSums{X: c.x, N: []int{c.cols - 1}, Out: out}, out}
	case 2:
		out := result(2 * c.cols)
		sq := result(2 * c.cols)
		c.bufs = append(c.bufs, sq)
		return use{&kernels.Moments{X: c.x, Groups: 1, Sum: out, SumSq: sq}, out}
	}
	x := c.x
	x.Indptr, x.Indices, x.Values = result(c.rows+1), result((c.rows*c.cols+1)/2), result((c.rows*c.cols+1)/2)
	c.bufs = append(c.bufs, x.Indptr, x.Indices)
	return use{&kernels.Select{X: c.x, Out: x}, x.Values}
}

// bytesOf brings a result back.
func (u use) bytes(t *testing.T, b device.Backend) []byte {
	t.Helper()
	h, err := b.HostAlloc(u.out.Size(), "test")
	ok(t, err)
	defer h.Free()
	s, err := b.Stream()
	ok(t, err)
	ok(t, s.Download(h, 0, u.out, 0, u.out.Size()))
	ok(t, s.Close())
	return bytes.Clone(h.Bytes())
}

// alone runs the operation by itself and returns the result, which is 0 again then.
func (u use) alone(t *testing.T, b device.Backend) []byte {
	t.Helper()
	s, err := b.Stream()
	ok(t, err)
	ok(t, s.Launch(u.op))
	ok(t, s.Sync())
	result := u.bytes(t, b)
	ok(t, s.Clear(u.out, 0, u.out.Size()))
	ok(t, s.Close())
	return result
}

// TestPoolUnderStreams queues operations with scratch memory on several streams
// without waiting for any, so that memory goes from one to the other while it is in
// use; they must give what they give one by one.
func TestPoolUnderStreams(t *testing.T) {
	o := testOptions()
	for _, debug := range []bool{true, false} {
		t.Run(fmt.Sprintf("debug %v", debug), func(t *testing.T) {
			o.Debug, o.Memory = debug, 12<<20
			b, err := Open(0, o)
			if err != nil {
				t.Skipf("no device: %v", err)
			}
			for round := range 4 {
				poolRound(t, b, round)
			}
			ok(t, b.Close())
		})
	}
}

func poolRound(t *testing.T, b device.Backend, round int) {
	rng := rand.New(rand.NewPCG(uint64(round), 3))
	const streams, steps = 3, 5
	all := make([]*cells, 0, streams*steps)
	uses := make([]use, 0, streams*steps)
	want := make([][]byte, 0, streams*steps)
	for range streams * steps {
		c := newCells(t, b, 3+rng.IntN(20), []int{30, 300, 2500, 3000, 5000}[rng.IntN(5)])
		u := newUse(t, b, c, rng.IntN(4))
		want = append(want, u.alone(t, b))
		all, uses = append(all, c), append(uses, u)
	}
	var queues []device.Stream
	for range streams {
		s, err := b.Stream()
		ok(t, err)
		queues = append(queues, s)
	}
	for i, u := range uses {
		ok(t, queues[i%streams].Launch(u.op))
	}
	for i := range queues {
		ok(t, queues[(i+round)%streams].Close())
	}
	for i, u := range uses {
		if !bytes.Equal(u.bytes(t, b), want[i]) {
			t.Errorf("round %d: %s, number %d of stream %d, gives something else beside others", round, u.op.Kernel(), i/streams, i%streams)
		}
		u.out.Free()
		all[i].free()
	}
}

// TestPoolIsFull leaves the pool so little memory that a stream has to take what
// another one's queued work still uses.
func TestPoolIsFull(t *testing.T) {
	for round := range 10 {
		o := testOptions()
		o.Memory, o.Debug = 4<<20, round%2 == 0
		b, err := Open(0, o)
		if err != nil {
			t.Skipf("no device: %v", err)
		}
		fullRound(t, b)
		ok(t, b.Close())
	}
}

func fullRound(t *testing.T, b device.Backend) {
	small, large := newCells(t, b, 5, 3000), newCells(t, b, 5, 5000)
	uses := []use{newUse(t, b, small, 2), newUse(t, b, large, 2), newUse(t, b, small, 2)}
	var want [][]byte
	for _, u := range uses {
		want = append(want, u.alone(t, b))
	}
	var queues []device.Stream
	for range 2 {
		s, err := b.Stream()
		ok(t, err)
		queues = append(queues, s)
	}
	// Room for the scratch memory of one small and one large matrix, and nothing else.
	first, err := b.Alloc(40*3000, "room")
	ok(t, err)
	second, err := b.Alloc(40*5000, "room")
	ok(t, err)
	var rest []device.Buffer
	for n := int64(1 << 20); n >= 256; n /= 2 {
		for {
			k, err := b.Alloc(n, "rest")
			if err != nil {
				break
			}
			rest = append(rest, k)
		}
	}
	first.Free()
	second.Free()
	ok(t, queues[0].Launch(uses[0].op))
	ok(t, queues[0].Launch(uses[1].op)) // its scratch memory grows
	ok(t, queues[1].Launch(uses[2].op)) // gets what the first one had
	for _, s := range queues {
		ok(t, s.Close())
	}
	for _, k := range rest {
		k.Free()
	}
	for i, u := range uses {
		if !bytes.Equal(u.bytes(t, b), want[i]) {
			t.Errorf("operation %d was disturbed by another stream", i)
		}
		u.out.Free()
	}
	small.free()
	large.free()
}

// TestEventsAreNotMixed records events on other streams between the making and the
// use of one.
func TestEventsAreNotMixed(t *testing.T) {
	b := openTest(t)
	var s [3]device.Stream
	for i := range s {
		var err error
		s[i], err = b.Stream()
		ok(t, err)
	}
	const n, rounds = 1 << 12, 20
	in, err := b.HostAlloc(rounds*n, "test")
	ok(t, err)
	out, err := b.HostAlloc(rounds*n, "test")
	ok(t, err)
	for i := range in.Bytes() {
		in.Bytes()[i] = byte(1 + i/n)
	}
	k, err := b.Alloc(rounds*n, "test")
	ok(t, err)
	for i := range int64(rounds) {
		ok(t, s[0].Upload(k, i*n, in, i*n, n))
		written, err := s[0].Record()
		ok(t, err)
		_, err = s[2].Record()
		ok(t, err)
		ok(t, s[1].Wait(written))
		ok(t, s[1].Download(out, i*n, k, i*n, n))
		ok(t, s[1].Sync())
	}
	for i := range s {
		ok(t, s[i].Close())
	}
	if !bytes.Equal(in.Bytes(), out.Bytes()) {
		t.Error("a stream ran ahead of the event it waited for")
	}
	in.Free()
	out.Free()
	k.Free()
	ok(t, b.Close())
}
