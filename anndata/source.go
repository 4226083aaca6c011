package anndata

import (
	"context"
	"math"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// SourceOptions says how a matrix is cut into spans.
type SourceOptions struct {
	// SpanNNZ is the number of stored values that a span should not pass; 0 is
	// 2 Mi. A single row of more is a span of its own. For a dense matrix every
	// element counts.
	SpanNNZ int64
	// SpanRows, when not 0, makes every span exactly that many rows (the last
	// one fewer), whatever they hold.
	SpanRows int64
}

func (o SourceOptions) withDefaults() SourceOptions {
	if o.SpanNNZ <= 0 {
		o.SpanNNZ = 2 << 20
	}
	return o
}

// Source is a chunk.Source that also tells the memory it needs.
type Source interface {
	chunk.Source
	// Memory is the most bytes that the source itself reserves when workers
	// goroutines read at once: decoding buffers and shared HDF5 chunks. The
	// chunks that they fill are not in it.
	Memory(workers int) int64
}

// maxRows bounds the list of spans of a file made to be endless.
const maxRows = 1 << 34

// Source cuts the matrix into spans. It reads indptr once from end to end and
// refuses one that is not what a CSR matrix has; a CSC matrix is turned here,
// which reads all of it and needs scratch space.
func (m *Matrix) Source(ctx context.Context, o SourceOptions) (Source, error) {
	o = o.withDefaults()
	if m.Cols > math.MaxUint32 {
		return nil, m.errorf(errs.Limit, "%d columns; at most 2^32-1 are supported", m.Cols)
	}
	if m.Rows > maxRows {
		return nil, m.errorf(errs.Limit, "%d rows; at most %d are supported", m.Rows, int64(maxRows))
	}
	if o.SpanRows < 0 {
		return nil, errs.New(errs.Usage, "spans of %d rows cannot be", o.SpanRows)
	}
	var src Source
	var err error
	switch m.Format {
	case "csr":
		src, err = newCSR(ctx, m, o)
	case "csc":
		src, err = newTurned(ctx, m, o)
	default:
		src, err = newDense(ctx, m, o)
	}
	if err != nil {
		return nil, errs.InFile(err, m.file.Path())
	}
	return src, nil
}

// mustFit says whether one reader's buffers can be had at all.
func (m *Matrix) mustFit(need int64) error {
	free := m.file.ledger().Free()
	if need <= free {
		return nil
	}
	return m.errorf(errs.Budget, "decoding needs %s at once, because an HDF5 chunk is %s; %s are free",
		memory.Bytes(need), memory.Bytes(m.chunkBytes()), memory.Bytes(free)).
		Do("give more --memory, or write the file anew with smaller chunks")
}

// planner cuts rows into spans as they go by.
type planner struct {
	o     SourceOptions
	spans []chunk.Span
	cur   chunk.Span
}

// row adds the next row.
func (p *planner) row(nnz int64) {
	full := p.cur.Rows >= p.o.SpanRows
	if p.o.SpanRows == 0 {
		full = p.cur.Rows > 0 && (p.cur.NNZ+nnz > p.o.SpanNNZ || p.cur.Rows >= p.o.SpanNNZ)
	}
	if full && p.cur.Rows > 0 {
		p.flush()
	}
	p.cur.Rows++
	p.cur.NNZ += nnz
}

func (p *planner) flush() {
	if p.cur.Rows == 0 {
		return
	}
	p.spans = append(p.spans, p.cur)
	p.cur = chunk.Span{Row0: p.cur.Row0 + p.cur.Rows}
}

// fill is the last step of every Read: rows are made canonical and the values
// put in place.
func fill(m *Matrix, c *chunk.Chunk, v *values, t num, lo int64) error {
	if row, place := canonical(c, v, t); row >= 0 {
		return badIndex(m.file.Path(), m.Path+"/indices", c.Row0+row, lo+place, uint64(c.Indices[place]), m.Cols)
	}
	v.finish()
	v.end(c)
	return nil
}
