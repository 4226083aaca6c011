package anndata

import (
	"cmp"
	"slices"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/internal/errs"
)

// canonical makes c's rows sorted, without duplicates and explicit zeros. v
// holds the values; the chunk's Indptr and Indices are set. Rows that are
// already so, which is nearly all there are, cost one comparison a value.
//
// Duplicates are added in the order they stand in the file, in float32 when the
// file holds float32, as SciPy does, else in float64.
func canonical(c *chunk.Chunk, v *values, t num) (badRow, badPlace int64) {
	limit := uint64(c.Cols)
	clean := !v.odd
	for r := range c.Rows {
		lo, hi := c.Indptr[r], c.Indptr[r+1]
		if lo == hi {
			continue
		}
		row := c.Indices[lo:hi]
		prev := row[0]
		rises := true
		for _, g := range row[1:] {
			if g <= prev {
				rises = false
				break
			}
			prev = g
		}
		if rises && uint64(prev) < limit {
			continue
		}
		for i, g := range row {
			if uint64(g) >= limit {
				return int64(r), lo + int64(i)
			}
		}
		clean = false
	}
	if !clean {
		tidy(c, v, t)
	}
	return -1, -1
}

// entry is one stored value with its place in the row.
type entry struct {
	gene uint32
	at   int32
	x    float64
}

// tidy is the slow path of canonical: it goes through the rows, rewriting them
// towards the front.
func tidy(c *chunk.Chunk, v *values, t num) {
	var es []entry
	out := int64(0)
	read := func(i int64) float64 {
		switch v.kind {
		case chunk.Counts:
			return float64(v.u[i])
		case chunk.Float32:
			return float64(asFloats(v.u)[i])
		}
		return v.d[i]
	}
	// Sums may need a wider kind than the values. They go to a list of floats
	// first when a row has duplicates at all.
	var sums []float64
	if hasDuplicates(c) {
		sums = make([]float64, 0, v.n)
	}
	lo := int64(0)
	for r := range c.Rows {
		hi := c.Indptr[r+1]
		es = es[:0]
		for i := lo; i < hi; i++ {
			es = append(es, entry{c.Indices[i], int32(i - lo), read(i)})
		}
		es = mergeRow(es, t == f32)
		for _, e := range es {
			c.Indices[out] = e.gene
			if sums != nil {
				sums = append(sums, e.x)
			} else {
				v.set(out, e.x)
			}
			out++
		}
		lo = hi
		c.Indptr[r+1] = out
	}
	c.Indices = c.Indices[:out]
	v.n = int(out)
	if sums != nil {
		v.kind, v.n = chunk.Counts, 0
		v.u = sized(v.u, len(sums))
		putAll(v, sums)
	}
}

// set stores a value that came from the same kind.
func (v *values) set(i int64, x float64) {
	switch v.kind {
	case chunk.Counts:
		v.u[i] = uint32(x)
	case chunk.Float32:
		asFloats(v.u)[i] = float32(x)
	default:
		v.d[i] = x
	}
}

// hasDuplicates tells whether a row names a gene twice.
func hasDuplicates(c *chunk.Chunk) bool {
	var row []uint32
	for r := range c.Rows {
		row = append(row[:0], c.Indices[c.Indptr[r]:c.Indptr[r+1]]...)
		if !slices.IsSorted(row) {
			slices.Sort(row)
		}
		for i := 1; i < len(row); i++ {
			if row[i] == row[i-1] {
				return true
			}
		}
	}
	return false
}

// mergeRow sorts a row, adds duplicates up and drops zeros.
func mergeRow(es []entry, single bool) []entry {
	slices.SortFunc(es, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.gene, b.gene), cmp.Compare(a.at, b.at))
	})
	out := es[:0]
	for i := 0; i < len(es); {
		e := es[i]
		for i++; i < len(es) && es[i].gene == e.gene; i++ {
			if single {
				e.x = float64(float32(e.x) + float32(es[i].x))
			} else {
				e.x += es[i].x
			}
		}
		if e.x != 0 {
			out = append(out, e)
		}
	}
	return out
}

// FirstBad finds the first stored value of c that is no count: negative, NaN or
// infinite. row counts from the start of the source. ok is false when there is
// none.
func FirstBad(c *chunk.Chunk) (row, col int64, value float64, ok bool) {
	n := c.NNZ()
	at := int64(-1)
	switch c.Kind {
	case chunk.Counts:
		return 0, 0, 0, false
	case chunk.Float32:
		at = firstBad(c.F32[:n])
	default:
		at = firstBad(c.F64[:n])
	}
	if at < 0 {
		return 0, 0, 0, false
	}
	r, hit := slices.BinarySearch(c.Indptr[:c.Rows+1], at)
	if hit { // the last of the rows that begin here holds the value
		for c.Indptr[r+1] == at {
			r++
		}
	} else {
		r--
	}
	return c.Row0 + int64(r), int64(c.Indices[at]), c.Value(at), true
}

func firstBad[T float32 | float64](x []T) int64 {
	for i, v := range x {
		if !(v >= 0) || v > 0 && v*0 != 0 {
			return int64(i)
		}
	}
	return -1
}

// badIndex is the error of a column number out of range.
func badIndex(file, path string, row, place int64, got uint64, cols int64) error {
	return errs.At(errs.Corrupt, file, path,
		"row %d, place %d: column %d of a matrix of %d columns", row, place, int64(got), cols)
}
