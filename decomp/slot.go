package decomp

import (
	"context"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/chunk/pack"
	"github.com/gpusc/gpusc/internal/errs"
)

// slot holds one chunk on its way to the devices, with the factors of its rows.
type slot struct {
	on    []*staged // one for each device
	free  chan struct{}
	ready chan struct{} // a token when it has been filled; free: when it can be
}

// newSlot makes room for a chunk of so many rows and values.
func (r *gramRun) newSlot(rows int, nnz int64) (*slot, error) {
	s := &slot{free: make(chan struct{}, 1), ready: make(chan struct{}, 1)}
	s.free <- struct{}{}
	for _, d := range r.devices {
		st := newStaged(d.Backend)
		s.on = append(s.on, st)
		if err := st.open(r, rows, nnz); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *slot) release() {
	for _, st := range s.on {
		st.free()
	}
}

// read brings tile t into the staging memory of every device: it is decoded into
// that of the first, and copied on from there.
func (s *slot) read(ctx context.Context, r *gramRun, t int) error {
	span := r.Source.Spans()[t]
	c := s.on[0].lend()
	if err := r.Source.Read(ctx, t, c); err != nil {
		return err
	}
	nnz := c.NNZ()
	if int64(c.Rows) != span.Rows || c.Row0 != span.Row0 || c.Cols != r.genes || len(c.Indptr) < c.Rows+1 ||
		nnz < 0 || int64(len(c.Indices)) < nnz {
		return errs.New(errs.Data, "rows %d to %d: the source gave %d rows from %d on with %d genes and %d values",
			span.Row0, span.Row0+span.Rows, c.Rows, c.Row0, c.Cols, nnz)
	}
	// The first device last: its staging memory may have to grow, and what the
	// others are to have would be lost.
	for i := len(s.on) - 1; i >= 0; i-- {
		if err := s.on[i].take(c); err != nil {
			return err
		}
	}
	return s.factors(r, span)
}

// fetch brings tile t, packed, into the staging memory of every device.
func (s *slot) fetch(r *gramRun, t int) error {
	span := r.Source.Spans()[t]
	if span.Rows == 0 {
		return nil
	}
	to := &s.on[0].packed
	if err := to.grow(r.packed.PackedSize(t)); err != nil {
		return err
	}
	b, err := r.packed.Packed(t, to.host.Bytes())
	if err != nil {
		return err
	}
	h, err := pack.ReadHeader(b)
	if err != nil {
		return err
	}
	if h.Size != int64(len(b)) || int64(h.Rows) != span.Rows || h.Cols != r.genes {
		return errs.New(errs.Data, "rows %d to %d: the source gave %d rows with %d genes in %d bytes",
			span.Row0, span.Row0+span.Rows, h.Rows, h.Cols, len(b))
	}
	for i := len(s.on) - 1; i >= 0; i-- {
		st := s.on[i]
		st.rows, st.cols, st.nnz, st.kind = h.Rows, h.Cols, h.NNZ, chunk.Kind(h.Kind)
		if err := stage(&st.packed, b); err != nil {
			return err
		}
		st.bytes = h.Size
	}
	return s.factors(r, span)
}

// factors copies the factors of the rows.
func (s *slot) factors(r *gramRun, span chunk.Span) error {
	if r.Values.Scale == nil {
		return nil
	}
	for _, st := range s.on {
		if err := stage(&st.scale, r.Values.Scale[span.Row0:span.Row0+span.Rows]); err != nil {
			return err
		}
	}
	return nil
}
