package devicetest

import (
	"testing"
	"unsafe"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/kernels"
)

// rig is a backend with a stream. Buffers made with it are freed at the end of
// the test, and closing the backend then must find nothing left.
type rig struct {
	t    *testing.T
	dev  device.Backend
	s    device.Stream
	free []interface{ Free() }
	// exact: the bits of sums of products are compared too; see RunExact.
	exact bool
}

func newRig(t *testing.T, open func(t *testing.T) device.Backend) *rig {
	t.Helper()
	r := &rig{t: t, dev: open(t)}
	r.s = r.stream()
	t.Cleanup(func() {
		_ = r.s.Close()
		r.release()
		if err := r.dev.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return r
}

// stream opens one more stream; whoever asks closes it.
func (r *rig) stream() device.Stream {
	r.t.Helper()
	s, err := r.dev.Stream()
	r.ok(err)
	return s
}

func (r *rig) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// release frees what was allocated so far.
func (r *rig) release() {
	for _, f := range r.free {
		f.Free()
	}
	r.free = nil
}

func (r *rig) alloc(n int64) device.Buffer {
	r.t.Helper()
	b, err := r.dev.Alloc(n, "test buffer")
	r.ok(err)
	if b.Size() != n {
		r.t.Fatalf("Alloc(%d) gave %d bytes", n, b.Size())
	}
	r.free = append(r.free, b)
	return b
}

func (r *rig) host(n int64) device.Host {
	r.t.Helper()
	h, err := r.dev.HostAlloc(n, "test staging")
	r.ok(err)
	if int64(len(h.Bytes())) != n {
		r.t.Fatalf("HostAlloc(%d) gave %d bytes", n, len(h.Bytes()))
	}
	r.free = append(r.free, h)
	return h
}

// bytesOf views the memory of v.
func bytesOf[T any](v []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(*new(T))))
}

// up makes a buffer that holds v.
func up[T any](r *rig, v []T) device.Buffer {
	r.t.Helper()
	p := bytesOf(v)
	n := int64(len(p))
	h, b := r.host(n), r.alloc(n)
	copy(h.Bytes(), p)
	r.ok(r.s.Upload(b, 0, h, 0, n))
	return b
}

// down returns the first n elements of b.
func down[T any](r *rig, b device.Buffer, n int) []T {
	r.t.Helper()
	v := make([]T, n)
	p := bytesOf(v)
	h := r.host(int64(len(p)))
	r.ok(r.s.Download(h, 0, b, 0, int64(len(p))))
	r.ok(r.s.Sync())
	copy(p, h.Bytes())
	return v
}

// csr uploads m.
func (r *rig) csr(m *matrix) kernels.CSR {
	r.t.Helper()
	x := kernels.CSR{Rows: m.rows, Cols: m.cols, NNZ: m.nnz(), Kind: m.kind}
	x.Indptr, x.Indices = up(r, m.ptr), up(r, m.idx)
	switch m.kind {
	case kernels.Counts:
		x.Values = up(r, m.u32)
	case kernels.Float32:
		x.Values = up(r, m.f32)
	default:
		x.Values = up(r, m.f64)
	}
	return x
}

// run launches op and waits for it.
func (r *rig) run(op device.Op) {
	r.t.Helper()
	r.ok(r.s.Launch(op))
	r.ok(r.s.Sync())
}

// fails runs op on a stream of its own and returns the error.
func (r *rig) fails(op device.Op) error {
	r.t.Helper()
	r.ok(r.s.Sync()) // what the operation reads must be there
	s := r.stream()
	err := s.Launch(op)
	if e := s.Sync(); e != nil {
		err = e
	}
	if e := s.Close(); err != nil && e == nil {
		r.t.Error("Close forgot the stream's error")
	}
	return err
}
