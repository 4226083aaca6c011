//go:build cuda

package cuda

import (
	"github.com/gpusc/gpusc/internal/errs"
)

// status is Status of kernels/common.cuh.
type status struct {
	seq, code uint64
	a, b      int64
	v         float64
}

// statusBytes is the size of status on the device.
const statusBytes = 40

// err turns the word into an error.
func (w *status) err() error {
	switch w.code {
	case 1:
		// Which of several is found first is left to chance, so none is named.
		return errs.New(errs.Data, "a value is infinite, missing or too large to be added up").
			Do("look for infinite, missing or very large values")
	case 2:
		return errs.New(errs.Data, "X.Indptr[%d] is %d, which is below the one before or beyond the values", w.a, w.b)
	case 3:
		return errs.New(errs.Usage, "Group[%d] is %d, which is no group", w.a, w.b)
	case 4:
		return errs.New(errs.Data, "row %d holds gene %d, which is not there", w.a, w.b)
	case 5:
		return errs.New(errs.Usage, "Out has no room for the values of row %d", w.a)
	case 6:
		return errs.New(errs.Usage, "RowsOf[%d] is %d, which is not after the one before or beyond the rows", w.a, w.b)
	case 7:
		return errs.New(errs.Usage, "Map[%d] is %d, which is not after the one before or beyond the genes", w.a, w.b)
	case 8:
		return errs.New(errs.Corrupt, "the packed chunk contradicts itself (section %d at %d)", w.a, w.b)
	case 9:
		return errs.New(errs.Usage, "Rank[%d] is %d, which is no rank", w.a, w.b)
	case 10:
		return errs.New(errs.Usage, "X is of another shape or kind than the packed chunk of %d x %g with %d values", w.a, w.v, w.b)
	case 11:
		return errs.New(errs.Unsupported, "packed matrix of version %d, not 1", w.a)
	}
	return errs.New(errs.Corrupt, "the device reports failure %d (%d, %d, %g), which has no name", w.code, w.a, w.b, w.v)
}
