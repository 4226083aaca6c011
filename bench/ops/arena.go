package ops

import (
	"unsafe"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/kernels"
)

// arena makes buffers on one stream and frees them together. After the first
// failure it makes nothing more, and err holds it.
type arena struct {
	dev  device.Backend
	s    device.Stream
	made []interface{ Free() }
	err  error
}

// ok keeps the first error and tells whether there is none yet.
func (a *arena) ok(err error) bool {
	if a.err == nil {
		a.err = err
	}
	return a.err == nil
}

// free frees all that was made. Nothing queued may use it any more.
func (a *arena) free() {
	for _, b := range a.made {
		b.Free()
	}
	a.made = nil
}

// zero makes a buffer of n bytes that are zero.
func (a *arena) zero(n int64) device.Buffer {
	b := a.alloc(n)
	if a.err == nil && n > 0 {
		a.ok(a.s.Clear(b, 0, n))
	}
	return b
}

// alloc makes a buffer of n bytes.
func (a *arena) alloc(n int64) device.Buffer {
	if a.err != nil {
		return nil
	}
	b, err := a.dev.Alloc(n, "benchmark")
	if !a.ok(err) {
		return nil
	}
	a.made = append(a.made, b)
	return b
}

// staged is how much page-locked memory a copy to the device takes at a time.
const staged = 64 << 20

// put makes a buffer that holds v.
func put[T any](a *arena, v []T) device.Buffer {
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(*new(T))))
	n := int64(len(b))
	to := a.alloc(n)
	if a.err != nil || n == 0 {
		return to
	}
	h, err := a.dev.HostAlloc(min(n, staged), "benchmark")
	if !a.ok(err) {
		return to
	}
	defer h.Free()
	for at := int64(0); at < n && a.err == nil; at += staged {
		part := b[at:min(at+staged, n)]
		copy(h.Bytes(), part)
		if a.ok(a.s.Upload(to, at, h, 0, int64(len(part)))) {
			a.ok(a.s.Sync())
		}
	}
	return to
}

// csr puts a matrix on the device.
func (a *arena) csr(m *matrix) kernels.CSR {
	return kernels.CSR{
		Rows: m.rows, Cols: m.cols, NNZ: m.nnz(), Kind: kernels.Counts,
		Indptr: put(a, m.ptr), Indices: put(a, m.idx), Values: put(a, m.val),
	}
}

// room makes space for a matrix of this shape.
func (a *arena) room(rows, cols int, nnz int64) kernels.CSR {
	return kernels.CSR{
		Rows: rows, Cols: cols, NNZ: nnz, Kind: kernels.Counts,
		Indptr: a.alloc(8 * int64(rows+1)), Indices: a.alloc(4 * nnz), Values: a.alloc(4 * nnz),
	}
}
