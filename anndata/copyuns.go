package anndata

import (
	"strings"

	"github.com/gpusc/gpusc/hdf5"
	"github.com/gpusc/gpusc/internal/errs"
)

// uns copies the unstructured part. Colours of categories that no kept cell has
// go with them, as in anndata.
func (c *copier) uns() error {
	o, ok, err := c.src.lookup("uns")
	if err != nil || !ok {
		return err
	}
	g, ok := o.(*hdf5.Group)
	if !ok {
		return c.whole("uns")
	}
	if c.o.Subset.Obs == nil && c.o.Subset.Var == nil && !c.src.legacy.compound {
		return c.whole("uns")
	}
	if _, err := c.w.group("uns"); err != nil {
		return err
	}
	names, err := sortedNames(g)
	if err != nil {
		return err
	}
	for _, n := range names {
		path := "uns/" + n
		if c.skipped(path) {
			continue
		}
		if done, err := c.special(n); err != nil {
			return err
		} else if done {
			continue
		}
		if err := c.whole(path); err != nil {
			return err
		}
	}
	return nil
}

// special copies what is bound to a column: categories of the form before 0.7
// are in the column already, and colours follow the categories.
func (c *copier) special(name string) (bool, error) {
	if col, ok := strings.CutSuffix(name, "_categories"); ok && c.src.legacy.compound {
		used, err := c.isCategorical(col)
		return used, err
	}
	if name == "neighbors" && c.src.legacy.compound && c.o.Subset.Obs != nil {
		return true, c.oldNeighbors()
	}
	col, ok := strings.CutSuffix(name, "_colors")
	if !ok {
		return false, nil
	}
	for _, a := range []struct {
		frame func() (*Frame, error)
		rows  []int64
	}{{c.src.Obs, c.o.Subset.Obs}, {c.src.Var, c.o.Subset.Var}} {
		if a.rows == nil {
			continue
		}
		done, err := c.colours(name, col, a.frame, a.rows)
		if done || err != nil {
			return done, err
		}
	}
	return false, nil
}

// isCategorical tells whether obs or var has a categorical column of the name.
func (c *copier) isCategorical(name string) (bool, error) {
	for _, frame := range []func() (*Frame, error){c.src.Obs, c.src.Var} {
		f, err := frame()
		if err != nil {
			return false, err
		}
		if col := f.Column(name); col != nil {
			d, err := col.Values()
			if err != nil {
				return false, err
			}
			if _, ok := d.(*Categorical); ok {
				return true, nil
			}
		}
	}
	return false, nil
}

// colours writes the colours of the categories that are left; done is false when
// the list does not belong to a categorical column.
func (c *copier) colours(name, col string, frame func() (*Frame, error), rows []int64) (done bool, err error) {
	f, err := frame()
	if err != nil {
		return false, err
	}
	column := f.Column(col)
	if column == nil {
		return false, nil
	}
	d, err := column.Values()
	if err != nil {
		return false, err
	}
	cat, ok := d.(*Categorical)
	if !ok {
		return false, nil
	}
	o, _, err := c.src.lookup("uns/" + name)
	if err != nil {
		return false, err
	}
	ds, ok := o.(*hdf5.Dataset)
	if !ok || len(ds.Dims()) != 1 || ds.Dims()[0] < int64(length(cat.Categories)) {
		return false, nil
	}
	list, err := c.src.readArray(ds)
	if err != nil {
		return false, err
	}
	kept := &Categorical{Codes: take(cat.Codes, rows), Categories: cat.Categories}
	cut, err := takeAny(name, list, kept.used())
	if err != nil {
		return false, err
	}
	return true, c.w.SetUns(name, cut)
}

// oldNeighbors moves the two graphs that anndata before 0.7 kept in uns to obsp,
// where reading with anndata moves them too, and copies the rest.
func (c *copier) oldNeighbors() error {
	g, err := c.src.group("uns/neighbors")
	if err != nil {
		return err
	}
	if g == nil {
		return c.whole("uns/neighbors")
	}
	names, err := sortedNames(g)
	if err != nil {
		return err
	}
	for _, n := range names {
		path := "uns/neighbors/" + n
		if n != "distances" && n != "connectivities" {
			if err := c.whole(path); err != nil {
				return err
			}
			continue
		}
		if err := c.aligned(path, "obsp/"+n, c.o.Subset.Obs, c.o.Subset.Obs); err != nil {
			return err
		}
	}
	return nil
}

// compoundArrays turns obsm or varm of the form before 0.7, one compound dataset
// with a list in each member, into arrays.
func (c *copier) compoundArrays(path string, ds *hdf5.Dataset) error {
	rows := c.o.Subset.Obs
	if path == "varm" {
		rows = c.o.Subset.Var
	}
	return c.compoundArraysTo(path, ds, rows)
}

func (c *copier) compoundArraysTo(to string, ds *hdf5.Dataset, rows []int64) error {
	t := ds.Type()
	if t.Class != hdf5.ClassCompound || len(ds.Dims()) != 1 {
		return errs.At(errs.Unsupported, "", ds.Path(), "%s of shape %v, where arrays belong", t.Class, ds.Dims())
	}
	raw, err := c.src.readBytes(ds)
	if err != nil {
		return err
	}
	n := ds.Dims()[0]
	if _, err := c.w.group(to); err != nil {
		return err
	}
	for i := range t.Members {
		m := &t.Members[i]
		if c.skipped(to + "/" + m.Name) {
			continue
		}
		a, err := arrayMember(ds.Path(), raw, t.Size, n, m)
		if err != nil {
			return err
		}
		if rows != nil {
			if err := inRange(ds.Path(), rows, n); err != nil {
				return err
			}
			a = a.rows(rows)
		}
		if err := c.w.Set(to+"/"+m.Name, a); err != nil {
			return err
		}
	}
	return nil
}

// arrayMember cuts a member that is a number or an array of numbers out of the
// records.
func arrayMember(path string, raw []byte, stride int, n int64, m *hdf5.Member) (Array, error) {
	base, shape := m.Type, []int64{n}
	per := 1
	if base.Class == hdf5.ClassArray {
		for _, d := range base.Dims {
			shape = append(shape, int64(d))
			per *= d
		}
		base = base.Base
	}
	t := numOf(base)
	size := m.Type.Size
	if t == notNum || m.Offset < 0 || m.Offset+size > stride || per*t.Size() != size {
		return Array{}, errs.At(errs.Unsupported, "", path, "member %q holds no numbers but %s", m.Name, base.Class)
	}
	if len(shape) == 1 {
		shape = append(shape, 1) // obsm and varm hold tables, not lists
	}
	cut := alloc(nil, int(n)*size)
	for i := range int(n) {
		copy(cut[i*size:(i+1)*size], raw[i*stride+m.Offset:])
	}
	toHost(cut, t.Size(), base.BigEndian)
	if base.IsBool() {
		return Array{Shape: shape, Data: bools(cut)}, nil
	}
	return Array{Shape: shape, Data: numbers(t, cut)}, nil
}

// rows gives the rows of an array.
func (a Array) rows(rows []int64) Array {
	per := int64(1)
	for _, d := range a.Shape[1:] {
		per *= d
	}
	at := make([]int64, 0, int64(len(rows))*per)
	for _, r := range rows {
		for k := range per {
			at = append(at, r*per+k)
		}
	}
	data, err := takeAny("", a.Data, at)
	if err != nil {
		return a
	}
	shape := append([]int64{int64(len(rows))}, a.Shape[1:]...)
	return Array{Shape: shape, Data: data}
}
