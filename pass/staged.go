package pass

import (
	"context"
	"unsafe"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/kernels"
)

// staged is the feed that decodes pieces on the host, into staging memory, and
// uploads them where the device does not read that.
type staged struct {
	r       *run
	w       *Worker
	room    chunk.Chunk // the slices at full length
	host    chunk.Chunk // the piece at hand
	indptr  *Mirror
	indices *Mirror
	values  [3]*Mirror // by kind; other kinds than counts when one is first met
}

func (r *run) newStaged(w *Worker) (feed, error) {
	s := &staged{r: r, w: w}
	var err error
	if s.indptr, err = NewMirror(w.Backend, int64(r.maxRows+1)*8, "row pointers of a piece"); err != nil {
		return s, err
	}
	if s.indices, err = NewMirror(w.Backend, r.maxNNZ*4, "gene indices of a piece"); err != nil {
		return s, err
	}
	s.room = chunk.Chunk{Indptr: View[int64](s.indptr, r.maxRows+1), Indices: View[uint32](s.indices, int(r.maxNNZ))}
	return s, s.hold(chunk.Counts)
}

// hold makes the staging memory of a kind of values, where it is not there yet.
func (s *staged) hold(k chunk.Kind) error {
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
		s.room.Counts = View[uint32](m, n)
	case chunk.Float32:
		s.room.F32 = View[float32](m, n)
	default:
		s.room.F64 = View[float64](m, n)
	}
	return nil
}

// adopt returns the staging memory in which the values of a piece lie. Sources
// may leave float32 where counts were, as those of package anndata do. What a
// source made room for itself, as for the first piece of a kind, is moved.
func (s *staged) adopt(h *chunk.Chunk) (*Mirror, error) {
	n := h.NNZ()
	if n == 0 || h.Kind == chunk.Counts && same(h.Counts, s.room.Counts) ||
		h.Kind == chunk.Float32 && len(h.F32) > 0 && unsafe.Pointer(&h.F32[0]) == unsafe.Pointer(&s.room.Counts[0]) {
		return s.values[chunk.Counts], nil
	}
	if err := s.hold(h.Kind); err != nil {
		return nil, err
	}
	switch h.Kind {
	case chunk.Counts:
		h.Counts = moved(s.room.Counts, h.Counts[:n])
	case chunk.Float32:
		h.F32 = moved(s.room.F32, h.F32[:n])
	default:
		h.F64 = moved(s.room.F64, h.F64[:n])
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

// bring implements feed.
func (s *staged) bring(ctx context.Context, i int) (*chunk.Chunk, kernels.CSR, error) {
	s.host = s.room // Read cuts the slices
	h, st := &s.host, s.w.Stream
	var values *Mirror
	err := s.r.hostWork(ctx, s.w, func() (err error) {
		if err := s.r.Source.Read(ctx, i, h); err != nil {
			return err
		}
		n := h.NNZ()
		if h.Rows > s.w.MaxRows || n > s.w.MaxNNZ || !same(h.Indptr, s.room.Indptr) || n > 0 && !same(h.Indices, s.room.Indices) {
			return errs.New(errs.Corrupt, "piece %d has %d rows and %d values, more than it was planned with", i, h.Rows, n)
		}
		values, err = s.adopt(h)
		return err
	})
	if err != nil {
		return nil, kernels.CSR{}, err
	}
	n := h.NNZ()
	x := kernels.CSR{
		Rows: h.Rows, Cols: h.Cols, NNZ: n, Kind: kernels.ValueKind(h.Kind),
		Indptr: s.indptr.Dev, Indices: s.indices.Dev, Values: values.Dev,
	}
	if err := s.indptr.Up(st, int64(h.Rows+1)*8); err != nil {
		return nil, x, err
	}
	if err := s.indices.Up(st, n*4); err != nil {
		return nil, x, err
	}
	return h, x, values.Up(st, n*int64(h.Kind.Bytes()))
}

// done implements feed.
func (*staged) done(int) {}

// free implements feed.
func (s *staged) free() {
	for _, m := range []*Mirror{s.indptr, s.indices, s.values[0], s.values[1], s.values[2]} {
		m.Free()
	}
}
