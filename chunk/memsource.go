package chunk

import (
	"context"

	"github.com/gpusc/gpusc/internal/errs"
)

// MemOptions says how a matrix in memory is cut into spans. The zero value cuts
// at 4 million values.
type MemOptions struct {
	SpanRows int64 // rows of a span at most, 0 for no bound
	SpanNNZ  int64 // stored values of a span at most, 0 for no bound
}

// MemSource is a Source over a matrix that lies in memory. Its reservation is
// the business of whoever made the arrays.
type MemSource struct {
	all   Chunk
	spans []Span
}

// FromCSR makes a Source of cells x cols from the arrays of a CSR matrix with
// any type of values. The arrays are copied, and made canonical: rows sorted,
// duplicates added up, zeros dropped. Integers beyond 2^53 lose digits.
// Arrays that do not fit together are errs.Corrupt.
func FromCSR[V Number](indptr []int64, indices []uint32, values []V, cols int, o MemOptions) (*MemSource, error) {
	if len(indices) != len(values) {
		return nil, errs.New(errs.Corrupt, "%d genes, but %d values", len(indices), len(values))
	}
	c := &Chunk{
		Rows: len(indptr) - 1, Cols: cols,
		Indptr:  append([]int64(nil), indptr...),
		Indices: append([]uint32(nil), indices...),
	}
	setValues(c, values)
	if err := Tidy(c); err != nil {
		return nil, err
	}
	return FromChunk(c, o)
}

// FromChunk makes a Source of one canonical chunk, whose slices it keeps and
// does not change. Each span that is read has the narrowest kind of its own
// values.
func FromChunk(c *Chunk, o MemOptions) (*MemSource, error) {
	if err := checkIndptr(c); err != nil {
		return nil, err
	}
	if rising, err := rises(c); err != nil || !rising || hasZero(c) {
		if err == nil {
			err = errs.New(errs.Usage, "the chunk is not canonical").Do("call Canonical first")
		}
		return nil, err
	}
	if o == (MemOptions{}) {
		o.SpanNNZ = 4 << 20
	}
	spans, err := PlanSpans(c.Indptr[:c.Rows+1], o.SpanNNZ, o.SpanRows)
	if err != nil {
		return nil, err
	}
	return &MemSource{all: *c, spans: spans}, nil
}

// Shape implements Source.
func (m *MemSource) Shape() (rows, cols int64) { return int64(m.all.Rows), int64(m.all.Cols) }

// Spans implements Source.
func (m *MemSource) Spans() []Span { return m.spans }

// Close implements Source. The arrays are left to the garbage collector.
func (m *MemSource) Close() error { return nil }

// Read implements Source.
func (m *MemSource) Read(ctx context.Context, i int, dst *Chunk) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if i < 0 || i >= len(m.spans) {
		return errs.New(errs.Usage, "no span %d of %d", i, len(m.spans))
	}
	s := m.spans[i]
	copyRows(dst, &m.all, int(s.Row0), int(s.Rows))
	dst.Row0 = s.Row0
	Narrow(dst)
	return nil
}

// copyRows makes dst a copy of n rows of src from row.
func copyRows(dst, src *Chunk, row, n int) {
	a, b := src.Indptr[row], src.Indptr[row+n]
	dst.Row0, dst.Rows, dst.Cols, dst.Kind = src.Row0+int64(row), n, src.Cols, src.Kind
	dst.Indptr = grow(dst.Indptr, n+1)
	for i, p := range src.Indptr[row : row+n+1] {
		dst.Indptr[i] = p - a
	}
	dst.Indices = append(dst.Indices[:0], src.Indices[a:b]...)
	switch src.Kind {
	case Counts:
		dst.Counts = append(dst.Counts[:0], src.Counts[a:b]...)
	case Float32:
		dst.F32 = append(dst.F32[:0], src.F32[a:b]...)
	default:
		dst.F64 = append(dst.F64[:0], src.F64[a:b]...)
	}
}
