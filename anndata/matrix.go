package anndata

import (
	"slices"
	"strings"

	"github.com/gpusc/gpusc/hdf5"
	"github.com/gpusc/gpusc/internal/errs"
)

// MatrixInfo describes a matrix of cells x genes.
type MatrixInfo struct {
	Path       string `json:"path"`   // "X", "raw/X", "layers/NAME"
	Format     string `json:"format"` // "csr", "csc", "dense"
	Rows       int64  `json:"n_obs"`
	Cols       int64  `json:"n_vars"`
	NNZ        int64  `json:"nnz"`          // stored values; rows*cols for a dense one
	DType      string `json:"dtype"`        // of the values, as NumPy names it
	IndexDType string `json:"index_dtype"`  // of the column numbers; "" for a dense one
	Indptr     string `json:"indptr_dtype"` // type of indptr; "" for a dense one
}

// Matrix is a matrix of a file, opened but not read. See Source.
type Matrix struct {
	MatrixInfo

	file *File
	obj  hdf5.Object
	flip bool // the matrix is looked at the other way round: csc as csr of its transpose
}

// Matrices lists X, raw/X and the layers, as far as they are there.
func (f *File) Matrices() ([]MatrixInfo, error) {
	paths := []string{"X", "raw/X"}
	if g, err := f.group("layers"); err != nil {
		return nil, err
	} else if g != nil {
		links, err := g.Links()
		if err != nil {
			return nil, err
		}
		for _, l := range links {
			paths = append(paths, "layers/"+l.Name)
		}
	}
	var out []MatrixInfo
	for _, p := range paths {
		m, err := f.find(p)
		if err != nil {
			if isUnsupported(err) {
				continue // an awkward array, say: Elements tells of it
			}
			return nil, err
		}
		if m != nil {
			out = append(out, m.MatrixInfo)
		}
	}
	return out, nil
}

// group opens the group at path, nil when there is none.
func (f *File) group(path string) (*hdf5.Group, error) {
	o, ok, err := f.lookup(path)
	if err != nil || !ok {
		return nil, err
	}
	g, _ := o.(*hdf5.Group)
	return g, nil
}

// Matrix opens the matrix at a path: "X", "raw/X", "layers/NAME", or any other
// 2-D element.
//
// Errors: errs.Data when there is none; errs.Unsupported for an element that is
// no matrix.
func (f *File) Matrix(sel string) (*Matrix, error) {
	m, err := f.find(sel)
	if err != nil {
		return nil, errs.InFile(err, f.path)
	}
	if m == nil {
		e := f.errorf(errs.Data, sel, "there is no such matrix")
		if all, lerr := f.Matrices(); lerr == nil && len(all) > 0 {
			names := make([]string, len(all))
			for i, x := range all {
				names[i] = x.Path
			}
			e.Do("choose one of %s", strings.Join(names, ", "))
		}
		return nil, e
	}
	return m, nil
}

// find is Matrix with nil for one that is absent or null.
func (f *File) find(sel string) (*Matrix, error) {
	path := sel
	if sel == "raw/X" && f.legacy.rawX {
		path = "raw.X"
	}
	o, ok, err := f.lookup(path)
	if err != nil || !ok || isNull(o) {
		return nil, err
	}
	m := &Matrix{file: f, obj: o, MatrixInfo: MatrixInfo{Path: sel}}
	switch o := o.(type) {
	case *hdf5.Dataset:
		err = m.describeDense(o)
	case *hdf5.Group:
		err = m.describeSparse(o)
	default:
		err = errs.At(errs.Corrupt, "", sel, "is neither a group nor a dataset")
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (m *Matrix) describeDense(ds *hdf5.Dataset) error {
	d, t := ds.Dims(), numOf(ds.Type())
	if len(d) != 2 || t == notNum {
		return errs.At(errs.Unsupported, "", m.Path, "no matrix: %s of shape %v", ds.Type().Class, d)
	}
	m.Format, m.Rows, m.Cols, m.DType = "dense", d[0], d[1], typeName(ds.Type())
	m.NNZ = d[0] * d[1]
	return nil
}

// describeSparse reads the present form (encoding-type, shape) and the one
// before 0.7 (h5sparse_format, h5sparse_shape).
func (m *Matrix) describeSparse(g *hdf5.Group) error {
	typ, _, err := encoding(g)
	if err != nil {
		return err
	}
	format, shape := strings.TrimSuffix(typ, "_matrix"), "shape"
	if typ == "" {
		if format, err = textAttr(g, "h5sparse_format"); err != nil {
			return err
		}
		shape = "h5sparse_shape"
	}
	if format != "csr" && format != "csc" {
		return errs.At(errs.Unsupported, "", m.Path, "no matrix: an element of encoding %q", typ)
	}
	a, ok, err := g.Attr(shape)
	if err != nil {
		return err
	}
	if !ok {
		return errs.At(errs.Corrupt, "", m.Path, "a sparse matrix without attribute %q", shape)
	}
	d, err := a.Ints()
	if err != nil {
		return err
	}
	if len(d) != 2 || d[0] < 0 || d[1] < 0 {
		return errs.At(errs.Corrupt, "", m.Path, "its shape is %v", d)
	}
	m.Format, m.Rows, m.Cols = format, d[0], d[1]
	data, indices, indptr, err := m.lists()
	if err != nil {
		return err
	}
	m.NNZ, m.DType, m.IndexDType, m.Indptr = data.n, typeName(data.ds.Type()), indices.t.String(), indptr.t.String()
	return nil
}

// lists opens the three datasets of a sparse matrix.
func (m *Matrix) lists() (data, indices, indptr *run1, err error) {
	g := m.obj.(*hdf5.Group)
	var r [3]*run1
	for i, name := range []string{"data", "indices", "indptr"} {
		ok, err := g.Has(name)
		if err != nil {
			return nil, nil, nil, err
		}
		if !ok {
			return nil, nil, nil, errs.At(errs.Corrupt, "", m.Path, "a sparse matrix without %q", name)
		}
		ds, err := g.Dataset(name)
		if err != nil {
			return nil, nil, nil, err
		}
		if r[i], err = newRun1(m.file.path, ds); err != nil {
			return nil, nil, nil, err
		}
		if i > 0 && (r[i].t < i8 || r[i].t > u64) {
			return nil, nil, nil, errs.At(errs.Corrupt, "", m.Path+"/"+name, "holds %s, where whole numbers belong", r[i].t)
		}
	}
	return r[0], r[1], r[2], nil
}

// major is the number of runs that indptr delimits: rows, or columns of csc.
func (m *Matrix) major() int64 {
	if m.Format == "csc" && !m.flip {
		return m.Cols
	}
	return m.Rows
}

// minor is the number of values that indices may take.
func (m *Matrix) minor() int64 {
	if m.Format == "csc" && !m.flip {
		return m.Rows
	}
	return m.Cols
}

// transposed looks at a csc matrix as the csr matrix of its transpose.
func (m *Matrix) transposed() *Matrix {
	t := *m
	t.Rows, t.Cols, t.flip = m.Cols, m.Rows, true
	return &t
}

// chunkBytes is the largest decoded HDF5 chunk.
func (m *Matrix) chunkBytes() int64 {
	if ds, ok := m.obj.(*hdf5.Dataset); ok {
		return ds.ChunkBytes()
	}
	data, indices, indptr, err := m.lists()
	if err != nil {
		return 0
	}
	return max(data.bytes, indices.bytes, indptr.bytes)
}

func (m *Matrix) errorf(kind error, format string, a ...any) *errs.E {
	return errs.At(kind, m.file.path, m.Path, format, a...)
}

// VarOf gives the genes that the matrix's columns stand for: raw/var for raw/X,
// var for the others.
func (f *File) VarOf(m *Matrix) (*Frame, error) {
	if m.Path != "raw/X" {
		return f.Var()
	}
	path := "raw/var"
	if f.legacy.rawX {
		path = "raw.var"
	}
	fr, err := f.Frame(path)
	if err != nil {
		return nil, errs.InFile(err, f.path)
	}
	if int64(fr.Len()) != m.Cols {
		return nil, f.errorf(errs.Corrupt, path, "has %d rows, raw/X %d columns", fr.Len(), m.Cols)
	}
	return fr, nil
}

// aligned checks a matrix of cells x genes against obs and var.
func (f *File) aligned(m *Matrix) error {
	if m.Rows != f.nobs {
		return m.errorf(errs.Corrupt, "has %d rows, obs %d", m.Rows, f.nobs)
	}
	if m.Path != "raw/X" && m.Cols != f.nvars {
		return m.errorf(errs.Corrupt, "has %d columns, var %d rows", m.Cols, f.nvars)
	}
	return nil
}

// sortedNames lists a group's children.
func sortedNames(g *hdf5.Group) ([]string, error) {
	links, err := g.Links()
	if err != nil {
		return nil, err
	}
	out := make([]string, len(links))
	for i, l := range links {
		out[i] = l.Name
	}
	slices.Sort(out)
	return out, nil
}
