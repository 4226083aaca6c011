package chunk

import (
	"math"
	"slices"

	"github.com/gpusc/gpusc/internal/errs"
)

// Tidy makes a chunk as it was stored into what Source promises: canonical, and
// of the narrowest kind. It is Canonical and Narrow in the order that is
// fastest when the chunk is already canonical.
func Tidy(c *Chunk) error {
	if err := checkIndptr(c); err != nil {
		return err
	}
	rising, err := rises(c)
	if err != nil {
		return err
	}
	// A whole conversion to counts has met no zero.
	if rising && c.Kind != Counts && toCounts(c) {
		return nil
	}
	if !rising {
		sortRows(c)
	}
	if !rising || hasZero(c) {
		compact(c)
	}
	Narrow(c)
	return nil
}

// Canonical sorts the rows of c by gene where they are not, adds up values of
// the same gene, in their order and in their type, and drops zeros, in place.
// Counts whose sum passes 2^32-1 become Float64. Nothing is changed, and no
// more than one look taken, when c is canonical already.
//
// Row pointers that fall and genes beyond Cols are errs.Corrupt.
// Reference: scipy.sparse csr_matrix.sum_duplicates and eliminate_zeros.
func Canonical(c *Chunk) error {
	if err := checkIndptr(c); err != nil {
		return err
	}
	rising, err := rises(c)
	if err != nil {
		return err
	}
	if !rising {
		sortRows(c)
	}
	if !rising || hasZero(c) {
		compact(c)
	}
	return nil
}

// checkIndptr checks the row pointers against each other and the slices.
func checkIndptr(c *Chunk) error {
	if c.Rows < 0 || c.Cols < 0 || len(c.Indptr) < c.Rows+1 || c.Indptr[0] != 0 {
		return errs.New(errs.Corrupt, "row pointers do not fit %d rows", c.Rows)
	}
	for r := range c.Rows {
		if c.Indptr[r+1] < c.Indptr[r] {
			return errs.New(errs.Corrupt, "row pointers fall from %d to %d at row %d",
				c.Indptr[r], c.Indptr[r+1], c.Row0+int64(r))
		}
	}
	have := [...]int{len(c.Counts), len(c.F32), len(c.F64)}[c.Kind]
	if n := c.NNZ(); n > int64(len(c.Indices)) || n > int64(have) {
		return errs.New(errs.Corrupt, "%d stored values, but %d genes and %d values", n, len(c.Indices), have)
	}
	return nil
}

// rises tells whether the genes rise strictly within every row, in one pass
// that knows nothing of rows: it counts the places where they do not, which
// must then all be at the starts of rows.
func rises(c *Chunk) (bool, error) {
	idx := c.Indices[:c.NNZ()]
	falls, top := scan(idx)
	if len(idx) > 0 && int64(top) >= int64(c.Cols) {
		return false, errs.New(errs.Corrupt, "gene index %d with %d genes", top, c.Cols)
	}
	for r := range c.Rows {
		if p := c.Indptr[r]; p > 0 && p < c.Indptr[r+1] && idx[p] <= idx[p-1] {
			falls--
		}
	}
	return falls == 0, nil
}

func hasZero(c *Chunk) bool {
	switch n := c.NNZ(); c.Kind {
	case Counts:
		return anyZero(c.Counts[:n])
	case Float32:
		return anyZeroF32(c.F32[:n])
	default:
		return slices.Contains(c.F64[:n], 0)
	}
}

// sortRows sorts the rows that do not rise; equal genes keep their order.
func sortRows(c *Chunk) {
	switch c.Kind {
	case Counts:
		sortValues(c, c.Counts)
	case Float32:
		sortValues(c, c.F32)
	default:
		sortValues(c, c.F64)
	}
}

func sortValues[V uint32 | float32 | float64](c *Chunk, vals []V) {
	var keys, spare []uint64
	var old []V
	for r := range c.Rows {
		idx := c.Indices[c.Indptr[r]:c.Indptr[r+1]]
		if slices.IsSorted(idx) {
			continue
		}
		v := vals[c.Indptr[r]:c.Indptr[r+1]]
		// The place in the row below the gene: all keys differ, and equal
		// genes stay in order.
		keys = keys[:0]
		for i, g := range idx {
			keys = append(keys, uint64(g)<<32|uint64(i))
		}
		spare = grow(spare, len(keys))
		keys, spare = sortKeys(keys, spare, uint32(c.Cols))
		old = append(old[:0], v...)
		for i, k := range keys {
			idx[i] = uint32(k >> 32)
			v[i] = old[uint32(k)]
		}
	}
}

// sortKeys sorts keys, whose high halves are below limit and whose low halves
// rise. It returns the sorted keys, and the other of the two slices. Longer
// rows go byte by byte of the gene, which is four times faster.
func sortKeys(keys, spare []uint64, limit uint32) (sorted, other []uint64) {
	if len(keys) < 64 {
		slices.Sort(keys)
		return keys, spare
	}
	for shift := 32; shift < 64 && uint64(limit)<<32>>shift > 0; shift += 8 {
		var at [256]uint32
		for _, k := range keys {
			at[k>>shift&255]++
		}
		sum := uint32(0)
		for i, n := range at {
			at[i] = sum
			sum += n
		}
		for _, k := range keys {
			b := k >> shift & 255
			spare[at[b]] = k
			at[b]++
		}
		keys, spare = spare, keys
	}
	return keys, spare
}

// compact adds up equal neighbours and drops zeros; rows are sorted.
func compact(c *Chunk) {
	if c.Kind == Counts && sumsOverflow(c) {
		c.F64 = grow(c.F64, int(c.NNZ()))
		for i, v := range c.Counts[:c.NNZ()] {
			c.F64[i] = float64(v)
		}
		c.Kind = Float64
	}
	switch c.Kind {
	case Counts:
		c.Counts = compactValues(c, c.Counts)
	case Float32:
		c.F32 = compactValues(c, c.F32)
	default:
		c.F64 = compactValues(c, c.F64)
	}
}

func compactValues[V uint32 | float32 | float64](c *Chunk, vals []V) []V {
	to, from := int64(0), int64(0)
	for r := range c.Rows {
		end := c.Indptr[r+1]
		for i := from; i < end; {
			g, sum := c.Indices[i], vals[i]
			for i++; i < end && c.Indices[i] == g; i++ {
				sum += vals[i]
			}
			if sum != 0 {
				c.Indices[to], vals[to] = g, sum
				to++
			}
		}
		from = end
		c.Indptr[r+1] = to
	}
	c.Indices = c.Indices[:to]
	return vals[:to]
}

func sumsOverflow(c *Chunk) bool {
	for r := range c.Rows {
		end := c.Indptr[r+1]
		for i := c.Indptr[r]; i < end; {
			g, sum := c.Indices[i], uint64(c.Counts[i])
			for i++; i < end && c.Indices[i] == g; i++ {
				sum += uint64(c.Counts[i])
			}
			if sum > math.MaxUint32 {
				return true
			}
		}
	}
	return false
}

// grow returns a slice of n elements, x itself where it is large enough; the
// content is undefined.
func grow[T any](x []T, n int) []T {
	if cap(x) >= n {
		return x[:n]
	}
	return make([]T, n)
}
