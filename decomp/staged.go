package decomp

import (
	"unsafe"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/device"
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

// staged is a chunk in the staging memory of one device: as it is, or packed.
type staged struct {
	chunk         chunk.Chunk // lent to the source
	rows, cols    int
	nnz, bytes    int64 // values; packed bytes
	kind          chunk.Kind
	ptr, idx, val array
	packed, scale array
}

func newStaged(dev device.Backend) *staged {
	return &staged{
		ptr:    array{dev: dev, what: "row offsets of a tile"},
		idx:    array{dev: dev, what: "gene indices of a tile"},
		val:    array{dev: dev, what: "values of a tile"},
		packed: array{dev: dev, what: "a packed tile"},
		scale:  array{dev: dev, what: "row factors of a tile"},
	}
}

// open makes room for a chunk of so many rows and values.
func (s *staged) open(r *gramRun, rows int, nnz int64) error {
	size := int64(0)
	if r.packed != nil {
		for i := range r.Source.Spans() {
			size = max(size, r.packed.PackedSize(i))
		}
	}
	for _, a := range []struct {
		a    *array
		n    int64
		need bool
	}{
		{&s.ptr, int64(rows+1) * 8, r.packed == nil},
		{&s.idx, nnz * 4, r.packed == nil},
		{&s.val, nnz * 4, r.packed == nil},
		{&s.packed, size, r.packed != nil},
		{&s.scale, int64(rows) * 8, r.Values.Scale != nil},
	} {
		if !a.need {
			continue
		}
		if err := a.a.grow(a.n); err != nil {
			return err
		}
	}
	return nil
}

func (s *staged) free() {
	for _, a := range []*array{&s.ptr, &s.idx, &s.val, &s.packed, &s.scale} {
		a.free()
	}
}

// lend gives a source the staging memory to read into.
func (s *staged) lend() *chunk.Chunk {
	c := &s.chunk
	c.Indptr = view[int64](s.ptr.host)[:0]
	c.Indices = view[uint32](s.idx.host)[:0]
	c.Counts = view[uint32](s.val.host)[:0]
	c.F32 = view[float32](s.val.host)[:0]
	c.F64 = view[float64](s.val.host)[:0]
	return c
}

// take copies a chunk into staging memory, unless it lies there.
func (s *staged) take(c *chunk.Chunk) error {
	nnz := c.NNZ()
	s.rows, s.cols, s.nnz, s.kind = c.Rows, c.Cols, nnz, c.Kind
	if err := stage(&s.ptr, c.Indptr[:c.Rows+1]); err != nil {
		return err
	}
	if err := stage(&s.idx, c.Indices[:nnz]); err != nil {
		return err
	}
	switch c.Kind {
	case chunk.Counts:
		return stage(&s.val, c.Counts[:nnz])
	case chunk.Float32:
		return stage(&s.val, c.F32[:nnz])
	}
	return stage(&s.val, c.F64[:nnz])
}

// upload queues the copies, and the unpacking into x where there is one, and
// returns the chunk as operations see it.
func (s *staged) upload(st device.Stream, x *matrix) (kernels.CSR, error) {
	out := kernels.CSR{Rows: s.rows, Cols: s.cols, NNZ: s.nnz, Kind: kernels.ValueKind(s.kind)}
	if s.scale.host != nil {
		if err := s.scale.upload(st, int64(s.rows)*8); err != nil {
			return out, err
		}
	}
	if x != nil {
		if err := x.hold(s.nnz, s.kind); err != nil {
			return out, err
		}
		out.Indptr, out.Indices, out.Values = x.ptr, x.idx, x.val
		if err := s.packed.upload(st, s.bytes); err != nil {
			return out, err
		}
		return out, st.Launch(&kernels.Unpack{Packed: s.packed.buf, Bytes: s.bytes, X: out})
	}
	for _, u := range []struct {
		a *array
		n int64
	}{{&s.ptr, int64(s.rows+1) * 8}, {&s.idx, s.nnz * 4}, {&s.val, s.nnz * int64(s.kind.Bytes())}} {
		if err := u.a.upload(st, u.n); err != nil {
			return out, err
		}
	}
	out.Indptr, out.Indices, out.Values = s.ptr.buf, s.idx.buf, s.val.buf
	return out, nil
}

// transform is the tile's kernels.Transform.
func (s *staged) transform(v *Values) kernels.Transform {
	t := kernels.Transform{Log1p: v.Log1p, LnBase: v.LnBase}
	if v.Scale != nil {
		t.Scale = s.scale.buf
	}
	return t
}

// matrix is room for an unpacked chunk on a device.
type matrix struct {
	dev           device.Backend
	ptr, idx, val device.Buffer
}

// newMatrix makes room for so many rows and values.
func newMatrix(dev device.Backend, rows int, nnz int64) (*matrix, error) {
	m := &matrix{dev: dev}
	var err error
	if m.ptr, err = dev.Alloc(int64(rows+1)*8, "row offsets of a tile"); err != nil {
		return m, err
	}
	return m, m.hold(nnz, chunk.Counts)
}

// hold makes room for more values, or wider ones.
func (m *matrix) hold(nnz int64, kind chunk.Kind) error {
	for _, a := range []struct {
		b    *device.Buffer
		n    int64
		what string
	}{{&m.idx, nnz * 4, "gene indices of a tile"}, {&m.val, nnz * int64(kind.Bytes()), "values of a tile"}} {
		if *a.b != nil && (*a.b).Size() >= a.n {
			continue
		}
		if *a.b != nil {
			(*a.b).Free()
			*a.b = nil
		}
		buf, err := m.dev.Alloc(max(a.n+a.n/4, 64), a.what)
		if err != nil {
			return err
		}
		*a.b = buf
	}
	return nil
}

func (m *matrix) free() {
	for _, b := range []device.Buffer{m.ptr, m.idx, m.val} {
		if b != nil {
			b.Free()
		}
	}
}
