package pp

import (
	"context"
	"fmt"
	"math"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/pass"
)

// Check is the step that refuses values which are not counts: negative, NaN,
// infinite, or too large to be added up exactly. It also notes whether all
// values were whole numbers.
type Check struct {
	// Name of a cell and a gene, for the error.
	Cell, Gene func(i int64) string
	Place      string // where the matrix lies: file and element
	AnySign    bool   // negative values are allowed: log or scaled data
	// Whole is set by End: every stored value was a whole number.
	Whole bool
}

// Name implements pass.Step.
func (*Check) Name() string { return "check" }

// NeedsHost implements pass.HostReader.
func (*Check) NeedsHost() bool { return true }

// Worker implements pass.Step.
func (s *Check) Worker(*pass.Worker) (pass.Work, error) { return &checkWork{s: s, whole: true}, nil }

// End implements pass.Step.
func (s *Check) End(_ context.Context, works []pass.Work) error {
	s.Whole = true
	for _, w := range works {
		s.Whole = s.Whole && w.(*checkWork).whole
	}
	return nil
}

type checkWork struct {
	s     *Check
	whole bool
}

func (*checkWork) Close() {}

func (k *checkWork) Chunk(_ context.Context, it *pass.Item) error {
	c := it.Host
	if c.Kind == chunk.Counts {
		return k.counts(c)
	}
	k.whole = false
	n, bad := c.NNZ(), int64(-1)
	if c.Kind == chunk.Float32 {
		bad = firstBad(c.F32[:n], k.s.AnySign)
	} else {
		bad = firstBad(c.F64[:n], k.s.AnySign)
	}
	if bad < 0 {
		return nil
	}
	return k.refuse(c, bad)
}

// counts refuses counts that are too large to be added up. It only looks whether
// any bit above the bound is set, which is quick.
func (k *checkWork) counts(c *chunk.Chunk) error {
	v := c.Counts[:c.NNZ()]
	var a, b uint32
	i := 0
	for ; i+1 < len(v); i += 2 {
		a |= v[i]
		b |= v[i+1]
	}
	for ; i < len(v); i++ {
		a |= v[i]
	}
	if a|b < maxValue {
		return nil
	}
	for i, x := range v {
		if x > maxValue {
			return k.refuse(c, int64(i))
		}
	}
	return nil
}

// refuse is the error for the value at a place of the chunk.
func (k *checkWork) refuse(c *chunk.Chunk, bad int64) error {
	row := 0
	for c.Indptr[row+1] <= bad {
		row++
	}
	v := c.Value(bad)
	cell, gene := c.Row0+int64(row), int64(c.Indices[bad])
	return errs.At(errs.Data, "", k.s.Place, "%s in cell %d (%s), gene %d (%s)",
		kindOf(v), cell, k.s.Cell(cell), gene, k.s.Gene(gene)).Do("%s", remedyOf(v))
}

// maxValue bounds a value so that no sum can overflow; see kernels.MaxTerm. Its
// square must be bounded too.
const maxValue = 1 << 26

func firstBad[T float32 | float64](v []T, anySign bool) int64 {
	for i, x := range v {
		if !(x <= maxValue && (x >= 0 || anySign && x >= -maxValue)) {
			return int64(i)
		}
	}
	return -1
}

func kindOf(v float64) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 0):
		return fmt.Sprintf("an infinite value (%v)", v)
	case v < 0:
		return fmt.Sprintf("a negative value (%v)", v)
	default:
		return fmt.Sprintf("a value too large to be a count (%v)", v)
	}
}

func remedyOf(v float64) string {
	if v < 0 {
		return "counts are wanted here: name the matrix that holds them with --layer or --raw yes"
	}
	return "repair or remove that value first"
}
