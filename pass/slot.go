package pass

import (
	"context"

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

// adopt moves values that the source had to make room for itself, the first
// piece of their kind, into staging memory.
func (s *slot) adopt(h *chunk.Chunk) error {
	if s.values[h.Kind] != nil {
		return nil
	}
	if err := s.hold(h.Kind); err != nil {
		return err
	}
	n := h.NNZ()
	if h.Kind == chunk.Float32 {
		copy(s.host.F32, h.F32[:n])
		h.F32 = s.host.F32[:n]
	} else {
		copy(s.host.F64, h.F64[:n])
		h.F64 = s.host.F64[:n]
	}
	return nil
}

// same tells whether a begins where b does.
func same[T any](a, b []T) bool { return len(a) > 0 && len(b) > 0 && &a[0] == &b[0] }

// staged tells whether the values lie in staging memory.
func (s *slot) staged(h *chunk.Chunk) bool {
	switch h.Kind {
	case chunk.Counts:
		return same(h.Counts, s.host.Counts)
	case chunk.Float32:
		return same(h.F32, s.host.F32)
	default:
		return same(h.F64, s.host.F64)
	}
}

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
	if err := s.adopt(&h); err != nil {
		return nil, err
	}
	if n > 0 && !s.staged(&h) {
		return nil, errs.New(errs.Corrupt, "the values of piece %d are not where they were wanted", i)
	}
	k := int(h.Kind)
	s.item = Item{Worker: &s.w, Index: i, Host: &h, X: kernels.CSR{
		Rows: h.Rows, Cols: h.Cols, NNZ: n, Kind: kernels.ValueKind(h.Kind),
		Indptr: s.indptr.Dev, Indices: s.indices.Dev, Values: s.values[k].Dev,
	}}
	st := s.w.Stream
	if err := s.indptr.Up(st, int64(h.Rows+1)*8); err != nil {
		return nil, err
	}
	if err := s.indices.Up(st, n*4); err != nil {
		return nil, err
	}
	return &s.item, s.values[k].Up(st, n*int64(h.Kind.Bytes()))
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
