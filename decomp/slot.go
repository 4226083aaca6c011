package decomp

import (
	"unsafe"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/kernels"
)

// view returns host memory as elements.
func view[T any](h device.Host) []T {
	b := h.Bytes()
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(*new(T))))
}

// array is staging memory and the device's view or copy of it.
type array struct {
	dev    device.Backend
	what   string
	host   device.Host
	buf    device.Buffer
	shared bool
}

// grow makes room for n bytes and loses the content if it has to. Nothing that
// uses the array may be queued.
func (a *array) grow(n int64) error {
	n = max(n, 64)
	if a.host != nil && int64(len(a.host.Bytes())) >= n {
		return nil
	}
	a.free()
	h, err := a.dev.HostAlloc(n, a.what)
	if err != nil {
		return err
	}
	a.host = h
	if a.buf, a.shared = a.dev.Share(h); !a.shared {
		a.buf, err = a.dev.Alloc(n, a.what)
	}
	return err
}

// upload queues the copy of the first n bytes, where one is needed.
func (a *array) upload(s device.Stream, n int64) error {
	if a.shared || n == 0 {
		return nil
	}
	return s.Upload(a.buf, 0, a.host, 0, n)
}

func (a *array) free() {
	if a.buf != nil {
		a.buf.Free()
	}
	if a.host != nil {
		a.host.Free()
	}
	a.buf, a.host = nil, nil
}

// slot holds one chunk on its way to the device, with the factors of its rows.
type slot struct {
	chunk                chunk.Chunk
	ptr, idx, val, scale array
	hasScale             bool
	free                 chan struct{} // a token when the slot can be filled
	ready                chan struct{} // a token when it has been
}

// newSlot makes room for a chunk of so many rows and values.
func newSlot(dev device.Backend, rows int, nnz int64, hasScale bool) (*slot, error) {
	s := &slot{hasScale: hasScale, free: make(chan struct{}, 1), ready: make(chan struct{}, 1)}
	s.ptr = array{dev: dev, what: "row offsets of a tile"}
	s.idx = array{dev: dev, what: "gene indices of a tile"}
	s.val = array{dev: dev, what: "values of a tile"}
	s.scale = array{dev: dev, what: "row factors of a tile"}
	s.free <- struct{}{}
	err := s.ptr.grow(int64(rows+1) * 8)
	if err == nil {
		err = s.idx.grow(nnz * 4)
	}
	if err == nil {
		err = s.val.grow(nnz * 4)
	}
	if err == nil && hasScale {
		err = s.scale.grow(int64(rows) * 8)
	}
	return s, err
}

func (s *slot) release() {
	for _, a := range []*array{&s.ptr, &s.idx, &s.val, &s.scale} {
		a.free()
	}
}

// lend gives the chunk the staging memory to read into.
func (s *slot) lend() {
	c := &s.chunk
	c.Indptr = view[int64](s.ptr.host)[:0]
	c.Indices = view[uint32](s.idx.host)[:0]
	c.Counts = view[uint32](s.val.host)[:0]
	c.F32 = view[float32](s.val.host)[:0]
	c.F64 = view[float64](s.val.host)[:0]
}

// take brings what was read into staging memory, where the source took slices
// of its own instead, and checks its shape.
func (s *slot) take(span chunk.Span, genes int, scale []float64) error {
	c := &s.chunk
	nnz := c.NNZ()
	if int64(c.Rows) != span.Rows || c.Row0 != span.Row0 || c.Cols != genes || len(c.Indptr) < c.Rows+1 ||
		nnz < 0 || int64(len(c.Indices)) < nnz {
		return errs.New(errs.Data, "rows %d to %d: the source gave %d rows from %d on with %d genes and %d values",
			span.Row0, span.Row0+span.Rows, c.Rows, c.Row0, c.Cols, nnz)
	}
	if err := stage(&s.ptr, c.Indptr[:c.Rows+1]); err != nil {
		return err
	}
	if err := stage(&s.idx, c.Indices[:nnz]); err != nil {
		return err
	}
	var err error
	switch c.Kind {
	case chunk.Counts:
		err = stage(&s.val, c.Counts[:nnz])
	case chunk.Float32:
		err = stage(&s.val, c.F32[:nnz])
	default:
		err = stage(&s.val, c.F64[:nnz])
	}
	if err == nil && s.hasScale {
		copy(view[float64](s.scale.host), scale[span.Row0:span.Row0+span.Rows])
	}
	return err
}

// stage puts v at the beginning of a, unless it is there.
func stage[T any](a *array, v []T) error {
	if len(v) == 0 || a.host != nil && unsafe.Pointer(&v[0]) == unsafe.Pointer(&a.host.Bytes()[0]) {
		return nil
	}
	n := int64(len(v)) * int64(unsafe.Sizeof(v[0]))
	if a.host == nil || int64(len(a.host.Bytes())) < n {
		if err := a.grow(n + n/4); err != nil {
			return err
		}
	}
	copy(view[T](a.host), v)
	return nil
}

// upload queues the copies.
func (s *slot) upload(st device.Stream) error {
	c := &s.chunk
	nnz := c.NNZ()
	for _, u := range []struct {
		a *array
		n int64
	}{
		{&s.ptr, int64(c.Rows+1) * 8},
		{&s.idx, nnz * 4},
		{&s.val, nnz * int64(c.Kind.Bytes())},
		{&s.scale, int64(c.Rows) * 8},
	} {
		if u.a == &s.scale && !s.hasScale {
			continue
		}
		if err := u.a.upload(st, u.n); err != nil {
			return err
		}
	}
	return nil
}

// csr is the chunk as operations see it.
func (s *slot) csr() kernels.CSR {
	c := &s.chunk
	return kernels.CSR{
		Rows: c.Rows, Cols: c.Cols, NNZ: c.NNZ(), Kind: kernels.ValueKind(c.Kind),
		Indptr: s.ptr.buf, Indices: s.idx.buf, Values: s.val.buf,
	}
}

// transform is the tile's kernels.Transform.
func (s *slot) transform(v *Values) kernels.Transform {
	t := kernels.Transform{Log1p: v.Log1p, LnBase: v.LnBase}
	if s.hasScale {
		t.Scale = s.scale.buf
	}
	return t
}
