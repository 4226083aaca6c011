package anndata

import (
	"context"
	"math"
	"slices"
	"sort"

	"github.com/gpusc/gpusc/hdf5"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// Table is a dense matrix of cells x columns that is read whole, such as
// obsm/X_pca: Rows x Cols values, row by row.
type Table struct {
	Rows, Cols int64
	Values     []float32
	held       *memory.Reservation
}

// Close gives the table's memory back to the ledger.
func (t *Table) Close() { t.held.Release() }

// Table reads a dense matrix with a row for each cell as float32; cols > 0 reads
// only that many columns, the first ones. nil, nil when there is nothing at path.
// The caller closes it.
//
// Errors: errs.Unsupported for an element that is no dense matrix of numbers,
// errs.Corrupt for another number of rows than of cells, errs.Usage for more columns
// than there are, errs.Budget.
func (f *File) Table(ctx context.Context, path string, cols int64) (*Table, error) {
	o, ok, err := f.lookup(path)
	if err != nil || !ok || isNull(o) {
		return nil, errs.InFile(err, f.path)
	}
	ds, ok := o.(*hdf5.Dataset)
	if !ok || len(ds.Dims()) != 2 || numOf(ds.Type()) == notNum {
		return nil, f.errorf(errs.Unsupported, path, "is no dense matrix of numbers")
	}
	d := ds.Dims()
	if d[0] != f.nobs {
		return nil, f.errorf(errs.Corrupt, path, "has %d rows, obs %d", d[0], f.nobs)
	}
	switch {
	case cols == 0:
		cols = d[1]
	case cols > d[1]:
		return nil, f.errorf(errs.Usage, path, "has %d columns, and %d are asked for", d[1], cols)
	}
	if cols < 1 {
		return nil, f.errorf(errs.Data, path, "has no columns")
	}
	if err := f.believable(ds); err != nil {
		return nil, errs.InFile(err, f.path)
	}
	t := &Table{Rows: d[0], Cols: cols}
	if t.held, err = f.ledger().Reserve(memory.Host, path, 4*d[0]*cols); err != nil {
		return nil, err
	}
	t.Values = make([]float32, 0, d[0]*cols)
	err = eachBlock(ctx, ds, func(v any) error {
		if cols == d[1] {
			t.Values = appendNumbers(t.Values, v)
			return nil
		}
		row := appendNumbers[float32](nil, v)
		for ; len(row) > 0; row = row[d[1]:] {
			t.Values = append(t.Values, row[:cols]...)
		}
		return nil
	})
	if err != nil {
		t.Close()
		return nil, errs.InFile(err, f.path)
	}
	return t, nil
}

// Sparse is a square sparse matrix of cells x cells that is read whole, such as
// obsp/connectivities: the places of row i rise in
// Indices[Indptr[i]:Indptr[i+1]], with their Values.
type Sparse struct {
	Indptr  []int64
	Indices []int32
	Values  []float32
	held    *memory.Reservation
}

// Close gives the matrix's memory back to the ledger.
func (s *Sparse) Close() { s.held.Release() }

// Sparse reads a sparse matrix of cells x cells, float32, its rows sorted. One in csc
// form is read as its transpose, which is the same for a symmetric one. nil, nil when
// there is nothing at path. The caller closes it.
//
// Errors: errs.Unsupported for an element that is no sparse matrix, errs.Corrupt for
// lists that contradict each other, another shape and places that are twice there,
// errs.Budget.
func (f *File) Sparse(ctx context.Context, path string) (*Sparse, error) {
	m, err := f.find(path)
	if err != nil || m == nil {
		return nil, errs.InFile(err, f.path)
	}
	if m.Format == "dense" {
		return nil, m.errorf(errs.Unsupported, "is a dense matrix, and a sparse one is wanted").Do("gpusc neighbors makes one")
	}
	if m.Rows != f.nobs || m.Cols != f.nobs || f.nobs > math.MaxInt32 {
		return nil, m.errorf(errs.Corrupt, "is %d x %d, of %d cells", m.Rows, m.Cols, f.nobs)
	}
	s := &Sparse{}
	if s.held, err = f.ledger().Reserve(memory.Host, path, 8*(f.nobs+1)+8*m.NNZ); err != nil {
		return nil, err
	}
	if err := s.read(ctx, f, m); err != nil {
		s.Close()
		return nil, errs.InFile(err, f.path)
	}
	return s, nil
}

func (s *Sparse) read(ctx context.Context, f *File, m *Matrix) error {
	data, indices, indptr, err := m.lists()
	if err != nil {
		return err
	}
	n := f.nobs
	if indptr.n != n+1 || indices.n != data.n {
		return m.errorf(errs.Corrupt, "has %d row ends, %d places and %d values for %d rows", indptr.n, indices.n, data.n, n)
	}
	for _, r := range []*run1{data, indices, indptr} {
		if err := f.believable(r.ds); err != nil {
			return err
		}
	}
	s.Indptr, s.Indices, s.Values = make([]int64, 0, n+1), make([]int32, 0, data.n), make([]float32, 0, data.n)
	if err := eachBlock(ctx, indptr.ds, func(v any) error { s.Indptr = appendNumbers(s.Indptr, v); return nil }); err != nil {
		return err
	}
	if err := eachBlock(ctx, data.ds, func(v any) error { s.Values = appendNumbers(s.Values, v); return nil }); err != nil {
		return err
	}
	if err := eachBlock(ctx, indices.ds, func(v any) (err error) { s.Indices, err = s.places(m, n, v); return err }); err != nil {
		return err
	}
	return s.order(m, n)
}

// places adds column numbers that have been checked.
func (s *Sparse) places(m *Matrix, n int64, v any) ([]int32, error) {
	for _, j := range appendNumbers[int64](nil, v) {
		if j < 0 || j >= n {
			return nil, m.errorf(errs.Corrupt, "value %d is in column %d of %d", len(s.Indices), j, n)
		}
		s.Indices = append(s.Indices, int32(j))
	}
	return s.Indices, nil
}

// order checks the rows and sorts those that do not rise.
func (s *Sparse) order(m *Matrix, n int64) error {
	if s.Indptr[0] != 0 || s.Indptr[n] != int64(len(s.Indices)) {
		return m.errorf(errs.Corrupt, "its rows go from %d to %d, and it has %d values", s.Indptr[0], s.Indptr[n], len(s.Indices))
	}
	for i := range n {
		if s.Indptr[i+1] < s.Indptr[i] {
			return m.errorf(errs.Corrupt, "row %d ends before it begins", i)
		}
	}
	for i := range n {
		lo, hi := s.Indptr[i], s.Indptr[i+1]
		r := byPlace{s.Indices[lo:hi], s.Values[lo:hi]}
		if !slices.IsSorted(r.j) {
			sort.Sort(r)
		}
		for k := 1; k < len(r.j); k++ {
			if r.j[k] == r.j[k-1] {
				return m.errorf(errs.Corrupt, "row %d has column %d twice", i, r.j[k])
			}
		}
	}
	return nil
}

// byPlace sorts a row by column.
type byPlace struct {
	j []int32
	v []float32
}

func (r byPlace) Len() int           { return len(r.j) }
func (r byPlace) Less(a, b int) bool { return r.j[a] < r.j[b] }
func (r byPlace) Swap(a, b int)      { r.j[a], r.j[b], r.v[a], r.v[b] = r.j[b], r.j[a], r.v[b], r.v[a] }

// blockBytes is about how much of a dataset eachBlock reads at a time.
const blockBytes = 4 << 20

// eachBlock reads a dataset of numbers in pieces of whole HDF5 chunks. use must not
// keep what it is given.
func eachBlock(ctx context.Context, ds *hdf5.Dataset, use func(v any) error) error {
	t, d := numOf(ds.Type()), ds.Dims()
	if t == notNum || len(d) == 0 {
		return errs.At(errs.Unsupported, "", ds.Path(), "holds no numbers but %s", ds.Type().Class)
	}
	row := max(ds.RowBytes(), 1)
	step := max(blockBytes/row, 1)
	if c := ds.Layout().Chunk; len(c) > 0 && c[0] > 0 {
		step = (step + c[0] - 1) / c[0] * c[0]
	}
	step = max(1, min(step, d[0]))
	dec := hdf5.NewDecoder()
	b := alloc(nil, int(step*row))
	for at := int64(0); at < d[0]; at += step {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		end := min(at+step, d[0])
		part := b[:(end-at)*row]
		if err := ds.ReadRows(ctx, dec, part, at, end); err != nil {
			return err
		}
		toHost(part, t.Size(), ds.Type().BigEndian)
		if err := use(numbers(t, part)); err != nil {
			return err
		}
	}
	return nil
}

// appendNumbers adds numbers of any type, turned into T.
func appendNumbers[T number](to []T, v any) []T {
	switch v := v.(type) {
	case []float32:
		return appendAll(to, v)
	case []float64:
		return appendAll(to, v)
	case []int8:
		return appendAll(to, v)
	case []int16:
		return appendAll(to, v)
	case []int32:
		return appendAll(to, v)
	case []int64:
		return appendAll(to, v)
	case []uint8:
		return appendAll(to, v)
	case []uint16:
		return appendAll(to, v)
	case []uint32:
		return appendAll(to, v)
	case []uint64:
		return appendAll(to, v)
	}
	return to
}

func appendAll[T, F number](to []T, v []F) []T {
	for _, x := range v {
		to = append(to, T(x))
	}
	return to
}

// Text reads a string at a path, such as uns/neighbors/connectivities_key; "" when
// there is none.
func (f *File) Text(path string) (string, error) {
	o, ok, err := f.lookup(path)
	if err != nil || !ok || isNull(o) {
		return "", errs.InFile(err, f.path)
	}
	ds, ok := o.(*hdf5.Dataset)
	if c := hdf5.ClassVLenString; !ok || ds.Len() != 1 || ds.Type().Class != c && ds.Type().Class != hdf5.ClassString {
		return "", nil
	}
	v, err := ds.ReadStrings(1 << 20)
	if err != nil || len(v) != 1 {
		return "", errs.InFile(err, f.path)
	}
	return v[0], nil
}

// Int reads a whole number at a path, such as uns/neighbors/params/n_pcs; 0 when
// there is none.
func (f *File) Int(path string) (int64, error) {
	o, ok, err := f.lookup(path)
	if err != nil || !ok || isNull(o) {
		return 0, errs.InFile(err, f.path)
	}
	ds, ok := o.(*hdf5.Dataset)
	if !ok || ds.Len() != 1 || ds.Type().Class != hdf5.ClassInt {
		return 0, nil
	}
	v, err := ds.ReadInt64s(64)
	if err != nil || len(v) != 1 {
		return 0, errs.InFile(err, f.path)
	}
	return v[0], nil
}

// Has tells whether there is something at a path.
func (f *File) Has(path string) (bool, error) {
	_, ok, err := f.lookup(path)
	return ok, errs.InFile(err, f.path)
}
