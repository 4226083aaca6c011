package pass

import (
	"context"
	"unsafe"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/kernels"
)

// slot is one worker with the buffers that its pieces pass through.
type slot struct {
	w       Worker
	works   []Work
	host    chunk.Chunk
	item    Item
	indptr  *Mirror
	indices *Mirror
	values  [3]*Mirror // by kind; other kinds than counts when one is first met
}

// SlotBytes is what one worker reserves for pieces of that size, steps apart.
// Values that are no counts take as much again, or three times.
func SlotBytes(maxRows int, maxNNZ int64) int64 {
	return int64(maxRows+1)*8 + maxNNZ*(4+4)
}

// open makes a worker. With an error it may be half made: close it all the same.
func (r *run) open(id int) (s *slot, err error) {
	defer func() { r.caught(recover(), &err) }() // a step's Worker: what is there so far is handed back
	b := r.Backends[id%len(r.Backends)]
	st, err := b.Stream()
	if err != nil {
		return nil, err
	}
	s = &slot{}
	s.w = Worker{ID: id, Backend: b, Stream: st, MaxRows: r.maxRows, MaxNNZ: r.maxNNZ, Cols: r.cols}
	if s.indptr, err = NewMirror(b, int64(r.maxRows+1)*8, "row pointers of a piece"); err != nil {
		return s, err
	}
	if s.indices, err = NewMirror(b, r.maxNNZ*4, "gene indices of a piece"); err != nil {
		return s, err
	}
	s.host = chunk.Chunk{Indptr: View[int64](s.indptr, r.maxRows+1), Indices: View[uint32](s.indices, int(r.maxNNZ))}
	if err := s.hold(chunk.Counts); err != nil {
		return s, err
	}
	for _, step := range r.Steps {
		wk, err := step.Worker(&s.w)
		if wk != nil {
			s.works = append(s.works, wk)
		}
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

// hold makes the staging memory of a kind of values, where it is not there yet.
func (s *slot) hold(k chunk.Kind) error {
	if s.values[k] != nil {
		return nil
	}
	m, err := NewMirror(s.w.Backend, s.w.MaxNNZ*int64(k.Bytes()), "values of a piece")
	if err != nil {
		return err
	}
	s.values[k] = m
	switch n := int(s.w.MaxNNZ); k {
	case chunk.Counts:
		s.host.Counts = View[uint32](m, n)
	case chunk.Float32:
		s.host.F32 = View[float32](m, n)
	default:
		s.host.F64 = View[float64](m, n)
	}
	return nil
}

// adopt returns the staging memory in which the values of a piece lie. Sources
// may leave float32 where counts were, as those of package anndata do. What a
// source made room for itself, as for the first piece of a kind, is moved.
func (s *slot) adopt(h *chunk.Chunk) (*Mirror, error) {
	n := h.NNZ()
	if n == 0 || h.Kind == chunk.Counts && same(h.Counts, s.host.Counts) ||
		h.Kind == chunk.Float32 && len(h.F32) > 0 && unsafe.Pointer(&h.F32[0]) == unsafe.Pointer(&s.host.Counts[0]) {
		return s.values[chunk.Counts], nil
	}
	if err := s.hold(h.Kind); err != nil {
		return nil, err
	}
	switch h.Kind {
	case chunk.Counts:
		h.Counts = moved(s.host.Counts, h.Counts[:n])
	case chunk.Float32:
		h.F32 = moved(s.host.F32, h.F32[:n])
	default:
		h.F64 = moved(s.host.F64, h.F64[:n])
	}
	return s.values[h.Kind], nil
}

// moved puts src at the beginning of dst, unless it is there.
func moved[T any](dst, src []T) []T {
	if !same(dst, src) {
		copy(dst, src)
	}
	return dst[:len(src)]
}

// same tells whether a begins where b does.
func same[T any](a, b []T) bool { return len(a) > 0 && len(b) > 0 && &a[0] == &b[0] }

// read fills the staging memory with piece i and queues its upload.
func (s *slot) read(ctx context.Context, src chunk.Source, i int) (*Item, error) {
	h := s.host // the slices at full length; Read cuts them
	if err := src.Read(ctx, i, &h); err != nil {
		return nil, err
	}
	n := h.NNZ()
	if h.Rows > s.w.MaxRows || n > s.w.MaxNNZ || !same(h.Indptr, s.host.Indptr) || n > 0 && !same(h.Indices, s.host.Indices) {
		return nil, errs.New(errs.Corrupt, "piece %d has %d rows and %d values, more than it was planned with", i, h.Rows, n)
	}
	values, err := s.adopt(&h)
	if err != nil {
		return nil, err
	}
	s.item = Item{Worker: &s.w, Index: i, Host: &h, X: kernels.CSR{
		Rows: h.Rows, Cols: h.Cols, NNZ: n, Kind: kernels.ValueKind(h.Kind),
		Indptr: s.indptr.Dev, Indices: s.indices.Dev, Values: values.Dev,
	}}
	st := s.w.Stream
	if err := s.indptr.Up(st, int64(h.Rows+1)*8); err != nil {
		return nil, err
	}
	if err := s.indices.Up(st, n*4); err != nil {
		return nil, err
	}
	return &s.item, values.Up(st, n*int64(h.Kind.Bytes()))
}

// close frees everything; the stream is drained first.
func (s *slot) close() error {
	err := s.w.Stream.Close()
	for _, wk := range s.works {
		wk.Close()
	}
	for _, m := range []*Mirror{s.indptr, s.indices, s.values[0], s.values[1], s.values[2]} {
		m.Free()
	}
	return err
}
