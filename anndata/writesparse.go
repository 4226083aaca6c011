package anndata

import (
	"encoding/binary"
	"math"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/hdf5"
	"github.com/gpusc/gpusc/internal/errs"
)

// CSRWriter takes the rows of a sparse matrix in order.
//
// The bytes of the file do not depend on how rows are grouped into calls of Put:
// the three lists are staged value by value, and each goes to the file in pieces
// of exactly one HDF5 chunk, the moment it is full.
type CSRWriter struct {
	w       *Writer
	path    string
	g       *hdf5.GroupWriter
	t       num
	csc     bool
	cols    int64
	rows    int64
	nnz     int64
	data    stage
	indices stage
	indptr  stage
	maxNNZ  int64
	wide    bool // indices and offsets are int64
	closed  bool
}

// stage is the part of a list that does not yet fill an HDF5 chunk.
type stage struct {
	d    *hdf5.DatasetWriter
	buf  []byte
	full int
}

// CSR begins a sparse matrix of cols columns, as an element such as "X" or
// "layers/counts". dtype is NumPy's name of the type of the values. maxNNZ is
// the most values that will come, 0 if that is not known: below 2^31 indices and
// offsets are int32, as SciPy has them, else both are int64.
func (w *Writer) CSR(path string, cols int64, dtype string, maxNNZ int64) (*CSRWriter, error) {
	return w.compressed(path, cols, dtype, maxNNZ, false)
}

func (w *Writer) compressed(path string, cols int64, dtype string, maxNNZ int64, csc bool) (*CSRWriter, error) {
	t, typ5 := storable(dtype)
	if t == notNum {
		return nil, errs.New(errs.Usage, "values cannot be stored as %q", dtype).Do("use float32, float64 or an integer type")
	}
	if cols < 0 || cols > math.MaxUint32 {
		return nil, errs.New(errs.Usage, "a matrix of %d columns cannot be written", cols)
	}
	parent, name, err := w.place(path)
	if err != nil {
		return nil, err
	}
	c := &CSRWriter{w: w, path: path, t: t, cols: cols, csc: csc, maxNNZ: maxNNZ}
	if c.g, err = parent.Group(name); err != nil {
		return nil, errs.InFile(err, w.path)
	}
	typ := "csr_matrix"
	if csc {
		typ = "csc_matrix"
	}
	if err := encode(c.g, typ, "0.1.0"); err != nil {
		return nil, errs.InFile(err, w.path)
	}
	// Both lists of one width: SciPy refuses to work in place on a matrix whose
	// indices and offsets differ in type.
	c.wide = cols > math.MaxInt32 || maxNNZ <= 0 || maxNNZ > math.MaxInt32
	index, offset := i32, i32
	if c.wide {
		index, offset = i64, i64
	}
	for _, s := range []struct {
		to   *stage
		name string
		t    *hdf5.Datatype
	}{{&c.data, "data", typ5}, {&c.indices, "indices", index.datatype()}, {&c.indptr, "indptr", offset.datatype()}} {
		if err := c.begin(s.to, s.name, s.t); err != nil {
			return nil, errs.InFile(err, w.path)
		}
	}
	w.open[path] = c
	return c, c.offset(0)
}

func (c *CSRWriter) begin(s *stage, name string, t *hdf5.Datatype) (err error) {
	spec := c.w.growing(t)
	if t.Class == hdf5.ClassFloat {
		// A cell's normalised counts are few distinct numbers: whole numbers that
		// repeat compress twice as well as bytes that have been taken apart
		// (gzip 1 on log-normalised counts: 5.6 and 113 MB/s against 2.7 and 57).
		spec.Compression.Shuffle = false
	}
	s.full = int(spec.Chunk[0]) * t.Size
	s.buf = make([]byte, 0, s.full)
	s.d, err = c.g.Dataset(name, spec)
	return err
}

// add stages bytes and hands a full chunk over.
func (s *stage) add(b ...byte) error {
	s.buf = append(s.buf, b...)
	if len(s.buf) < s.full {
		return nil
	}
	return s.flush()
}

func (s *stage) flush() error {
	if len(s.buf) == 0 {
		return nil
	}
	err := s.d.Append(s.buf)
	s.buf = s.buf[:0]
	return err
}

// offset adds an entry of indptr.
func (c *CSRWriter) offset(at int64) error {
	if c.indptr.d == nil {
		return nil
	}
	if !c.wide {
		return c.indptr.add(binary.LittleEndian.AppendUint32(nil, uint32(at))...)
	}
	return c.indptr.add(binary.LittleEndian.AppendUint64(nil, uint64(at))...)
}

// Put adds the rows of ch. values, when not nil, stand in for the chunk's own.
//
// Errors: errs.Data for a value that the type does not hold.
func (c *CSRWriter) Put(ch *chunk.Chunk, values []float32) error {
	nnz := ch.NNZ()
	if int64(ch.Cols) > c.cols {
		return errs.At(errs.Usage, c.w.path, c.path, "rows of %d columns for a matrix of %d", ch.Cols, c.cols)
	}
	if values != nil && int64(len(values)) < nnz {
		return errs.At(errs.Usage, c.w.path, c.path, "%d values for %d places", len(values), nnz)
	}
	if c.maxNNZ > 0 && c.nnz+nnz > c.maxNNZ {
		return errs.At(errs.Usage, c.w.path, c.path, "more than the %d values that were announced", c.maxNNZ)
	}
	for r := range ch.Rows {
		if err := c.row(ch, values, ch.Indptr[r], ch.Indptr[r+1]); err != nil {
			return errs.InFile(err, c.w.path)
		}
	}
	return nil
}

// row adds one row. Between two boundaries of chunks, values and places are
// copied in runs.
func (c *CSRWriter) row(ch *chunk.Chunk, values []float32, lo, hi int64) error {
	size := c.t.Size()
	c.nnz += hi - lo
	for at := lo; at < hi; {
		n := min(hi-at, int64(c.data.full-len(c.data.buf))/int64(size))
		var ok bool
		if c.data.buf, ok = appendValues(c.data.buf, c.t, ch, values, at, at+n); !ok {
			return errs.At(errs.Data, "", c.path, "row %d: a value that %s does not hold", c.rows, c.t)
		}
		if len(c.data.buf) == c.data.full {
			if err := c.data.flush(); err != nil {
				return err
			}
		}
		if err := c.places(ch.Indices[at : at+n]); err != nil {
			return err
		}
		at += n
	}
	c.rows++
	return c.offset(c.nnz)
}

// places adds column numbers.
func (c *CSRWriter) places(idx []uint32) error {
	for len(idx) > 0 {
		s := &c.indices
		if c.wide {
			s.buf = binary.LittleEndian.AppendUint64(s.buf, uint64(idx[0]))
			idx = idx[1:]
		} else {
			n := min(len(idx), (s.full-len(s.buf))/4)
			s.buf = append(s.buf, little(idx[:n])...)
			idx = idx[n:]
		}
		if len(s.buf) == s.full {
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Close ends the matrix.
func (c *CSRWriter) Close() error {
	if c.closed {
		return nil
	}
	c.closed = true
	delete(c.w.open, c.path)
	shape := []int64{c.rows, c.cols}
	if c.csc {
		shape = []int64{c.cols, c.rows}
	}
	if err := c.g.SetAttr("shape", shape); err != nil {
		return errs.InFile(err, c.w.path)
	}
	for _, s := range []*stage{&c.data, &c.indices, &c.indptr} {
		if err := s.flush(); err != nil {
			return errs.InFile(err, c.w.path)
		}
		if err := s.d.Close(); err != nil {
			return errs.InFile(err, c.w.path)
		}
	}
	return nil
}
