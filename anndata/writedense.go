package anndata

import (
	"github.com/gpusc/gpusc/hdf5"
	"github.com/gpusc/gpusc/internal/errs"
)

// DenseWriter takes the rows of a dense matrix in order.
type DenseWriter struct {
	w    *Writer
	path string
	g    *hdf5.GroupWriter
	name string
	d    *hdf5.DatasetWriter // nil for a matrix without columns
	t    num
	typ  *hdf5.Datatype
	cols int64
	rows int64
	buf  []byte
	done bool
}

// Dense begins a dense matrix of cols columns, such as "obsm/X_pca". dtype is
// float32, float64 or an integer type, by NumPy's name.
func (w *Writer) Dense(path string, cols int64, dtype string) (*DenseWriter, error) {
	t, typ5 := storable(dtype)
	if t == notNum {
		return nil, errs.New(errs.Usage, "values cannot be stored as %q", dtype).Do("use float32, float64 or an integer type")
	}
	if cols < 0 {
		return nil, errs.New(errs.Usage, "a matrix of %d columns cannot be written", cols)
	}
	g, name, err := w.place(path)
	if err != nil {
		return nil, err
	}
	d := &DenseWriter{w: w, path: path, g: g, name: name, t: t, typ: typ5, cols: cols}
	if cols > 0 {
		if d.d, err = g.Dataset(name, w.growing(typ5, cols)); err != nil {
			return nil, errs.InFile(err, w.path)
		}
		if err := encode(d.d, "array", "0.2.0"); err != nil {
			return nil, errs.InFile(err, w.path)
		}
	}
	w.open[path] = d
	return d, nil
}

// Put adds whole rows of float32, row after row.
func (d *DenseWriter) Put(rows []float32) error { return putDense(d, rows) }

// PutFloat64 adds whole rows of float64.
func (d *DenseWriter) PutFloat64(rows []float64) error { return putDense(d, rows) }

// PutEmpty adds n rows to a matrix without columns.
func (d *DenseWriter) PutEmpty(n int64) { d.rows += n }

func putDense[T float32 | float64](d *DenseWriter, rows []T) error {
	if d.cols == 0 || int64(len(rows))%d.cols != 0 {
		return errs.At(errs.Usage, d.w.path, d.path, "%d values are no rows of %d", len(rows), d.cols)
	}
	const batch = 1 << 15
	d.rows += int64(len(rows)) / d.cols
	step := max(batch/int(d.cols), 1) * int(d.cols)
	for len(rows) > 0 {
		n := min(step, len(rows))
		var ok bool
		if d.buf, ok = appendAs(d.buf[:0], d.t, rows[:n]); !ok {
			return errs.At(errs.Data, d.w.path, d.path, "a value that %s does not hold", d.t)
		}
		if err := d.d.Append(d.buf); err != nil {
			return errs.InFile(err, d.w.path)
		}
		rows = rows[n:]
	}
	return nil
}

// Close ends the matrix.
func (d *DenseWriter) Close() error {
	if d.done {
		return nil
	}
	d.done = true
	delete(d.w.open, d.path)
	if d.d == nil {
		return errs.InFile(d.w.array(d.g, d.name, d.typ, nil, d.rows, 0), d.w.path)
	}
	return errs.InFile(d.d.Close(), d.w.path)
}
