package anndata

import (
	"math"
	"slices"

	"github.com/gpusc/gpusc/hdf5"
	"github.com/gpusc/gpusc/internal/errs"
)

// SetObs writes the table of the cells, replacing one that is there.
func (w *Writer) SetObs(f *Frame) error { return w.SetFrame("obs", f) }

// SetVar writes the table of the genes, replacing one that is there.
func (w *Writer) SetVar(f *Frame) error { return w.SetFrame("var", f) }

// SetFrame writes a table at any path, all columns, in encoding dataframe 0.2.0.
// Types stay as they are: text stays text and is not made categorical.
func (w *Writer) SetFrame(path string, f *Frame) error {
	g, name, err := w.place(path)
	if err != nil {
		return err
	}
	if g, err = g.Group(name); err != nil {
		return errs.InFile(err, w.path)
	}
	return errs.InFile(w.frame(path, g, f), w.path)
}

func (w *Writer) frame(path string, g *hdf5.GroupWriter, f *Frame) error {
	if err := encode(g, "dataframe", "0.2.0"); err != nil {
		return err
	}
	index := f.IndexName
	if index == "" {
		index = "_index"
	}
	if f.Column(index) != nil {
		index = "_index" // a column has the name of the index
	}
	if err := g.SetAttr("_index", index); err != nil {
		return err
	}
	if err := w.index(g, index, f); err != nil {
		return err
	}
	for i, c := range f.Cols {
		if slices.Contains(f.Names()[:i], c.Name) {
			return errs.At(errs.Usage, w.path, path, "two columns are called %q", c.Name)
		}
		if err := w.column(path, g, c, f.Len()); err != nil {
			return err
		}
	}
	w.rows[path], w.order[path] = int64(f.Len()), f.Names()
	return setOrder(g, f.Names())
}

// setOrder writes column-order; an empty list the way anndata does.
func setOrder(g *hdf5.GroupWriter, names []string) error {
	if len(names) == 0 {
		return g.SetAttr("column-order", []float64{})
	}
	return g.SetAttr("column-order", names)
}

// index writes the row names. Names of which none is missing are a plain list
// of strings whatever they were: every anndata reads that, and the same comes
// out.
func (w *Writer) index(g *hdf5.GroupWriter, name string, f *Frame) error {
	if x := f.nullableIndex; x != nil && slices.Contains(x.Mask, true) {
		return w.data(g, name, x)
	}
	return w.strings(g, name, f.Index)
}

// column checks and writes one column.
func (w *Writer) column(path string, g *hdf5.GroupWriter, c *Column, rows int) error {
	if c.Name == "" || c.Name == "." || slices.Contains([]byte(c.Name), '/') || slices.Contains([]byte(c.Name), 0) {
		return errs.At(errs.Usage, w.path, path, "%q cannot be the name of a column", c.Name).Do("rename the column")
	}
	data, err := c.Values()
	if err != nil {
		return err
	}
	if err := check(c.Name, data, rows); err != nil {
		return errs.InFile(err, w.path)
	}
	return w.data(g, c.Name, data)
}

// data writes the data of a column.
func (w *Writer) data(g *hdf5.GroupWriter, name string, data any) error {
	switch d := data.(type) {
	case []bool:
		return w.array(g, name, hdf5.Bool(), boolBytes(d), int64(len(d)))
	case []string:
		return w.strings(g, name, d)
	case *Categorical:
		return w.categorical(g, name, d)
	case *NullableInt:
		return w.nullable(g, name, "nullable-integer", d.Values, d.Mask, "")
	case *NullableBool:
		return w.nullable(g, name, "nullable-boolean", d.Values, d.Mask, "")
	case *NullableString:
		return w.nullable(g, name, "nullable-string-array", d.Values, d.Mask, d.NA)
	}
	raw, t, ok := rawNumbers(data)
	if !ok {
		return errs.New(errs.Usage, "%q: data of type %T cannot be written", name, data)
	}
	return w.array(g, name, t.datatype(), raw, int64(length(data)))
}

// rawNumbers gives a slice of numbers as little-endian bytes.
func rawNumbers(data any) ([]byte, num, bool) {
	switch d := data.(type) {
	case []float64:
		return little(d), f64, true
	case []float32:
		return little(d), f32, true
	case []int8:
		return little(d), i8, true
	case []int16:
		return little(d), i16, true
	case []int32:
		return little(d), i32, true
	case []int64:
		return little(d), i64, true
	case []uint8:
		return little(d), u8, true
	case []uint16:
		return little(d), u16, true
	case []uint32:
		return little(d), u32, true
	case []uint64:
		return little(d), u64, true
	}
	return nil, notNum, false
}

func boolBytes(v []bool) []byte {
	b := make([]byte, len(v))
	for i, x := range v {
		if x {
			b[i] = 1
		}
	}
	return b
}

// categorical writes codes in the narrowest type, as pandas holds them.
func (w *Writer) categorical(parent *hdf5.GroupWriter, name string, c *Categorical) error {
	g, err := parent.Group(name)
	if err != nil {
		return err
	}
	if err := encode(g, "categorical", "0.2.0"); err != nil {
		return err
	}
	if err := g.SetAttr("ordered", c.Ordered); err != nil {
		return err
	}
	if err := w.data(g, "categories", c.Categories); err != nil {
		return err
	}
	var codes any = c.Codes
	switch n := length(c.Categories); {
	case n <= math.MaxInt8:
		codes = narrowed[int8](c.Codes)
	case n <= math.MaxInt16:
		codes = narrowed[int16](c.Codes)
	}
	return w.data(g, "codes", codes)
}

func narrowed[T int8 | int16](v []int32) []T {
	out := make([]T, len(v))
	for i, x := range v {
		out[i] = T(x)
	}
	return out
}

func (w *Writer) nullable(parent *hdf5.GroupWriter, name, typ string, values any, mask []bool, na string) error {
	g, err := parent.Group(name)
	if err != nil {
		return err
	}
	if err := encode(g, typ, "0.1.0"); err != nil {
		return err
	}
	if na != "" {
		if err := g.SetAttr("na-value", na); err != nil {
			return err
		}
	}
	if err := w.data(g, "values", values); err != nil {
		return err
	}
	return w.data(g, "mask", mask)
}

// AddObsColumns adds columns to obs, or replaces those of the same name, which
// keep their place.
func (w *Writer) AddObsColumns(cols ...*Column) error { return w.addColumns("obs", cols) }

// AddVarColumns is AddObsColumns for var.
func (w *Writer) AddVarColumns(cols ...*Column) error { return w.addColumns("var", cols) }

func (w *Writer) addColumns(path string, cols []*Column) error {
	if err := w.findOrder(path); err != nil {
		return err
	}
	g, err := w.h.Root().Group(path)
	if err != nil {
		return errs.InFile(err, w.path)
	}
	order := slices.Clone(w.order[path])
	for _, c := range cols {
		if c.Name == "_index" {
			return errs.At(errs.Usage, w.path, path, "%q is the name of the index", c.Name)
		}
		if err := w.clear(g, c.Name); err != nil {
			return err
		}
		if err := w.column(path, g, c, int(w.rows[path])); err != nil {
			return errs.InFile(err, w.path)
		}
		if !slices.Contains(order, c.Name) {
			order = append(order, c.Name)
		}
	}
	w.order[path] = order
	return errs.InFile(setOrder(g, order), w.path)
}

// findOrder learns the column-order of a frame of the file being edited.
func (w *Writer) findOrder(path string) error {
	if _, ok := w.order[path]; ok {
		return nil
	}
	if w.base == nil {
		return errs.At(errs.Usage, w.path, path, "columns are added before the table is set")
	}
	g, err := w.base.group(path)
	if err != nil {
		return err
	}
	if g == nil {
		return errs.At(errs.Unsupported, w.path, path, "has the form of anndata before 0.7, which cannot be added to").
			Do("write a new file with -o")
	}
	order, err := columnOrder(g)
	w.order[path] = order
	return err
}
