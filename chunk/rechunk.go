package chunk

import (
	"context"
	"unsafe"

	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// Rechunk is a Sink that cuts what it is given into pieces of exactly Rows
// rows, the last one shorter, whatever the sizes of the chunks. A piece depends
// on its rows alone, its kind too: it has the narrowest kind of its values.
type Rechunk struct {
	o    RechunkOptions
	emit func(ctx context.Context, i int, c *Chunk) error
	res  *memory.Reservation
	cur  Chunk // rows that wait for their piece to fill; Row0 and Cols are set
	view Chunk // a piece that lies within one chunk
	next int   // number of the next piece
	err  error
}

// RechunkOptions configures a Rechunk.
type RechunkOptions struct {
	Ledger *memory.Ledger // nil: nothing is reserved
	Rows   int            // rows of a piece, at least 1
	Name   string         // in the ledger; empty: "row tiles"
}

// NewRechunk returns a Rechunk that gives pieces 0, 1, ... to emit, one at a
// time and from the goroutine that calls Put or Close. emit must not keep the
// chunk's slices. The rows of one unfinished piece are held in memory that is
// reserved in the ledger.
func NewRechunk(o RechunkOptions, emit func(ctx context.Context, i int, c *Chunk) error) (*Rechunk, error) {
	if o.Rows < 1 {
		return nil, errs.New(errs.Usage, "pieces of %d rows", o.Rows)
	}
	if o.Ledger == nil {
		o.Ledger = memory.New(0)
	}
	if o.Name == "" {
		o.Name = "row tiles"
	}
	res, err := o.Ledger.Reserve(memory.Host, o.Name, 0)
	if err != nil {
		return nil, err
	}
	return &Rechunk{o: o, emit: emit, res: res}, nil
}

// Put implements Sink. Errors of the ledger (errs.Budget) and of emit end the
// stream: every later call returns them.
func (r *Rechunk) Put(ctx context.Context, c *Chunk) error {
	if r.err == nil {
		r.err = r.put(ctx, c)
	}
	return r.err
}

func (r *Rechunk) put(ctx context.Context, c *Chunk) error {
	for at := 0; at < c.Rows; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(c.Rows-at, r.o.Rows-r.cur.Rows)
		if n == r.o.Rows && c.Kind == Counts {
			// A whole piece of counts goes on without a copy.
			if err := r.pass(ctx, c, at, n); err != nil {
				return err
			}
		} else if err := r.add(c, at, n); err != nil {
			return err
		}
		at += n
		if r.cur.Rows == r.o.Rows {
			if err := r.flush(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// Close emits what is left and frees the memory. It implements Sink; the last
// call of emit gets a context that is never cancelled.
func (r *Rechunk) Close() error {
	if r.err == nil && r.cur.Rows > 0 {
		r.err = r.flush(context.Background())
	}
	err := r.err
	r.Discard()
	return err
}

// Discard frees the memory without emitting what is left, for a stream that
// failed elsewhere. It may be called after Close, and twice.
func (r *Rechunk) Discard() {
	r.res.Release()
	r.cur, r.view = Chunk{}, Chunk{}
	if r.err == nil {
		r.err = errs.New(errs.Usage, "a closed stream of pieces is used")
	}
}

// Pieces returns how many pieces have been emitted.
func (r *Rechunk) Pieces() int { return r.next }

// row0 is the row at which the next piece starts.
func (r *Rechunk) row0() int64 { return int64(r.next) * int64(r.o.Rows) }

func (r *Rechunk) flush(ctx context.Context) error {
	c := &r.cur
	c.Row0 = r.row0()
	if c.Kind != Counts {
		// Narrow finds the room for its results here, and makes none.
		if err := room(r, &c.Counts, int(c.NNZ())); err != nil {
			return err
		}
		if c.Kind == Float64 {
			if err := room(r, &c.F32, int(c.NNZ())); err != nil {
				return err
			}
		}
		Narrow(c)
	}
	err := r.emit(ctx, r.next, c)
	r.next++
	c.Rows, c.Kind = 0, Counts
	c.Indptr, c.Indices = c.Indptr[:1], c.Indices[:0]
	c.Counts, c.F32, c.F64 = c.Counts[:0], c.F32[:0], c.F64[:0]
	return err
}

// pass emits n rows of c as they lie.
func (r *Rechunk) pass(ctx context.Context, c *Chunk, row, n int) error {
	v := &r.view
	if err := room(r, &v.Indptr, n+1); err != nil {
		return err
	}
	a, b := c.Indptr[row], c.Indptr[row+n]
	v.Row0, v.Rows, v.Cols, v.Kind = r.row0(), n, c.Cols, Counts
	v.Indptr = v.Indptr[:n+1]
	for i, p := range c.Indptr[row : row+n+1] {
		v.Indptr[i] = p - a
	}
	v.Indices, v.Counts = c.Indices[a:b:b], c.Counts[a:b:b]
	err := r.emit(ctx, r.next, v)
	v.Indices, v.Counts = nil, nil
	r.next++
	return err
}

// add copies n rows of c behind those that wait. Where kinds differ, all of
// them go to float64, which holds every kind exactly, until flush.
func (r *Rechunk) add(c *Chunk, row, n int) error {
	cur := &r.cur
	from, to := c.Indptr[row], c.Indptr[row+n]
	old := cur.NNZ()
	nnz := int(old + to - from)
	if err := room(r, &cur.Indptr, r.o.Rows+1); err != nil {
		return err
	}
	if err := room(r, &cur.Indices, nnz); err != nil {
		return err
	}
	if old == 0 {
		cur.Kind = c.Kind
	} else if cur.Kind != c.Kind {
		if err := r.widen(nnz); err != nil {
			return err
		}
	}
	var err error
	switch cur.Kind {
	case Counts:
		if err = room(r, &cur.Counts, nnz); err == nil {
			cur.Counts = append(cur.Counts, c.Counts[from:to]...)
		}
	case Float32:
		if err = room(r, &cur.F32, nnz); err == nil {
			cur.F32 = append(cur.F32, c.F32[from:to]...)
		}
	default:
		if err = room(r, &cur.F64, nnz); err == nil {
			for i := from; i < to; i++ {
				cur.F64 = append(cur.F64, c.Value(i))
			}
		}
	}
	if err != nil {
		return err
	}
	cur.Indices = append(cur.Indices, c.Indices[from:to]...)
	if len(cur.Indptr) == 0 {
		cur.Indptr = append(cur.Indptr, 0)
	}
	for _, p := range c.Indptr[row+1 : row+n+1] {
		cur.Indptr = append(cur.Indptr, old+p-from)
	}
	cur.Cols = c.Cols
	cur.Rows += n
	return nil
}

// widen turns the values that wait into float64, with room for n.
func (r *Rechunk) widen(n int) error {
	cur := &r.cur
	if cur.Kind == Float64 {
		return nil
	}
	if err := room(r, &cur.F64, n); err != nil {
		return err
	}
	cur.F64 = cur.F64[:0]
	for i := range cur.NNZ() {
		cur.F64 = append(cur.F64, cur.Value(i))
	}
	cur.Kind, cur.Counts, cur.F32 = Float64, cur.Counts[:0], cur.F32[:0]
	return nil
}

// room gives *x a capacity of n or more, reserved before it is made.
func room[T any](r *Rechunk, x *[]T, n int) error {
	if cap(*x) >= n {
		return nil
	}
	n = max(n, cap(*x)+cap(*x)/2)
	var zero T
	if err := r.res.Resize(r.bytes() + int64(n)*int64(unsafe.Sizeof(zero))); err != nil {
		return err
	}
	y := make([]T, len(*x), n)
	copy(y, *x)
	*x = y
	return r.res.Resize(r.bytes()) // the old one is gone
}

// bytes is the size of all that is held.
func (r *Rechunk) bytes() int64 {
	c := &r.cur
	return int64(8*(cap(c.Indptr)+cap(r.view.Indptr)+cap(c.F64)) + 4*(cap(c.Indices)+cap(c.Counts)+cap(c.F32)))
}
