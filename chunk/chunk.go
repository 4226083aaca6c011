package chunk

import "context"

// Kind says which of a chunk's value slices is in use.
type Kind uint8

// The kinds of values. Counts are whole numbers from 1 to 2^32-1, whatever type
// the file had; anything else stays in the narrowest float that holds it exactly.
const (
	Counts Kind = iota
	Float32
	Float64
)

func (k Kind) String() string { return [...]string{"counts", "float32", "float64"}[k] }

// Bytes returns the size of one value in memory.
func (k Kind) Bytes() int {
	if k == Float64 {
		return 8
	}
	return 4
}

// Chunk is a run of consecutive cells as CSR (compressed sparse rows).
//
// It is canonical: within a row the gene indices rise strictly, and no stored
// value is zero. Sources make it so (they sort rows, add duplicates up and drop
// explicit zeros), so that no step needs to care. Values may be negative or not
// finite only in the float kinds; steps that need counts check.
type Chunk struct {
	Row0    int64     // index of the first row in the source
	Rows    int       // number of rows (cells)
	Cols    int       // number of columns (genes)
	Kind    Kind      // which value slice is in use
	Indptr  []int64   // Rows+1 offsets into the slices below, Indptr[0] == 0
	Indices []uint32  // gene of each stored value, < Cols
	Counts  []uint32  // values when Kind == Counts
	F32     []float32 // values when Kind == Float32
	F64     []float64 // values when Kind == Float64
}

// NNZ returns the number of stored values.
func (c *Chunk) NNZ() int64 {
	if len(c.Indptr) == 0 {
		return 0
	}
	return c.Indptr[c.Rows]
}

// Value returns the i-th stored value as float64, whatever the kind.
func (c *Chunk) Value(i int64) float64 {
	switch c.Kind {
	case Counts:
		return float64(c.Counts[i])
	case Float32:
		return float64(c.F32[i])
	default:
		return c.F64[i]
	}
}

// Span is one piece of a source: rows [Row0, Row0+Rows) with at most NNZ stored
// values (before duplicates and zeros are taken out).
type Span struct {
	Row0, Rows, NNZ int64
}

// Source is a matrix of cells x genes that can be read in pieces, in any order
// and by several goroutines at once. It owns no goroutine.
type Source interface {
	// Shape returns the number of rows (cells) and columns (genes).
	Shape() (rows, cols int64)
	// Spans is the partition of the rows into the pieces that Read takes, in
	// row order and without gaps. The slice must not be changed.
	Spans() []Span
	// Read fills dst with piece i, reusing its slices where they are large
	// enough. Concurrent calls need different dst. A second Read of the same
	// piece is allowed.
	Read(ctx context.Context, i int, dst *Chunk) error
	// Close frees what the source holds. No Read may be under way.
	Close() error
}

// Sink takes chunks in row order, from one goroutine at a time.
type Sink interface {
	// Put takes the chunk's content; it must not keep the slices.
	Put(ctx context.Context, c *Chunk) error
	// Close ends the stream and commits it. Without a Close nothing is kept.
	Close() error
}
