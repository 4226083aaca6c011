package chunk

import (
	"slices"

	"github.com/gpusc/gpusc/internal/errs"
)

// SpanPlanner cuts rows into spans of at most MaxNNZ stored values and MaxRows
// rows, but at least one row, from a row pointer array that it is fed piece by
// piece, so that no one need hold the array of 10^8 rows.
type SpanPlanner struct {
	maxNNZ, maxRows int64
	spans           []Span
	cur             Span
	last            int64
	begun           bool
}

// NewSpanPlanner returns a planner; a bound of 0 or less is none.
func NewSpanPlanner(maxNNZ, maxRows int64) *SpanPlanner {
	if maxNNZ <= 0 {
		maxNNZ = 1 << 62
	}
	if maxRows <= 0 {
		maxRows = 1 << 62
	}
	return &SpanPlanner{maxNNZ: maxNNZ, maxRows: maxRows}
}

// Feed takes the next pointers, the first of all of them 0. One that is below
// its predecessor is errs.Corrupt.
func (p *SpanPlanner) Feed(indptr []int64) error {
	for _, v := range indptr {
		if !p.begun {
			if v != 0 {
				return errs.New(errs.Corrupt, "the first row pointer is %d, not 0", v)
			}
			p.begun = true
			continue
		}
		n := v - p.last
		if n < 0 || v < 0 {
			return errs.New(errs.Corrupt, "row pointers fall from %d to %d at row %d",
				p.last, v, p.cur.Row0+p.cur.Rows)
		}
		if p.cur.Rows > 0 && (p.cur.Rows == p.maxRows || n > p.maxNNZ-p.cur.NNZ) {
			p.spans = append(p.spans, p.cur)
			p.cur = Span{Row0: p.cur.Row0 + p.cur.Rows}
		}
		p.cur.Rows++
		p.cur.NNZ += n
		p.last = v
	}
	return nil
}

// Finish returns the spans and the number of rows and values. An array of no
// pointers at all is errs.Corrupt; that of no rows has one.
func (p *SpanPlanner) Finish() (spans []Span, rows, nnz int64, err error) {
	if !p.begun {
		return nil, 0, 0, errs.New(errs.Corrupt, "there are no row pointers")
	}
	spans = slices.Clone(p.spans)
	if p.cur.Rows > 0 {
		spans = append(spans, p.cur)
	}
	return spans, p.cur.Row0 + p.cur.Rows, p.last, nil
}

// PlanSpans cuts the rows of a whole row pointer array; see SpanPlanner.
func PlanSpans(indptr []int64, maxNNZ, maxRows int64) ([]Span, error) {
	p := NewSpanPlanner(maxNNZ, maxRows)
	if err := p.Feed(indptr); err != nil {
		return nil, err
	}
	spans, _, _, err := p.Finish()
	return spans, err
}
