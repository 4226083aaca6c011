package anndata

import (
	"strings"

	"github.com/gpusc/gpusc/hdf5"
	"github.com/gpusc/gpusc/internal/errs"
)

// legacyForm says which old forms a file has.
type legacyForm struct {
	compound bool // before 0.7: obs and var are compound datasets
	rawX     bool // "raw.X" and "raw.var" at the root, not a group raw
}

func (f *File) findLegacy() (l legacyForm, err error) {
	o, ok, err := f.lookup("obs")
	if err != nil || !ok {
		return l, err
	}
	_, l.compound = o.(*hdf5.Dataset)
	raw, err := f.h.Root().Has("raw")
	if err != nil {
		return l, err
	}
	dotted, err := f.h.Root().Has("raw.X")
	l.rawX = dotted && !raw
	return l, err
}

// compoundFrame reads a frame that is one dataset of a compound type, as
// anndata wrote it before 0.7. The first member is the index.
func (f *File) compoundFrame(path string, ds *hdf5.Dataset) (*Frame, error) {
	t := ds.Type()
	if t.Class != hdf5.ClassCompound || len(t.Members) == 0 || len(ds.Dims()) != 1 {
		return nil, errs.At(errs.Unsupported, "", path, "no table, but %s of shape %v", t.Class, ds.Dims())
	}
	raw, err := f.readBytes(ds)
	if err != nil {
		return nil, err
	}
	first, err := f.member(ds, raw, &t.Members[0])
	if err != nil {
		return nil, err
	}
	fr := &Frame{IndexName: t.Members[0].Name}
	if fr.Index, err = (&Column{Data: first}).Strings(); err != nil {
		return nil, err
	}
	for i := range t.Members[1:] {
		m := &t.Members[i+1]
		fr.Cols = append(fr.Cols, &Column{Name: m.Name, load: func() (any, error) {
			d, err := f.member(ds, raw, m)
			if err == nil && (path == "obs" || path == "var" || path == "raw.var" || path == "raw/var") {
				d, err = f.unsCategories(m.Name, d)
			}
			return d, errs.InFile(err, f.path)
		}})
	}
	return fr, nil
}

// member cuts one member out of the records of a compound dataset.
func (f *File) member(ds *hdf5.Dataset, raw []byte, m *hdf5.Member) (any, error) {
	stride, size := ds.Type().Size, m.Type.Size
	if stride <= 0 || size <= 0 || m.Offset < 0 || m.Offset+size > stride {
		return nil, errs.At(errs.Corrupt, "", ds.Path(), "member %q lies outside its record", m.Name)
	}
	n := len(raw) / stride
	cut := alloc(nil, n*size)
	for i := range n {
		copy(cut[i*size:(i+1)*size], raw[i*stride+m.Offset:])
	}
	switch m.Type.Class {
	case hdf5.ClassString:
		out := make([]string, n)
		for i := range out {
			out[i] = fixedString(cut[i*size:(i+1)*size], m.Type.StrPad)
		}
		return out, nil
	case hdf5.ClassVLenString:
		return f.h.Strings(m.Type, cut, f.o.MaxElement)
	}
	t := numOf(m.Type)
	if t == notNum {
		return nil, errs.At(errs.Unsupported, "", ds.Path(), "member %q holds no numbers but %s", m.Name, m.Type.Class)
	}
	toHost(cut, size, m.Type.BigEndian)
	if m.Type.IsBool() {
		return bools(cut), nil
	}
	return numbers(t, cut), nil
}

func fixedString(b []byte, pad uint8) string {
	s := string(b)
	if pad == hdf5.PadSpace {
		return strings.TrimRight(s, " ")
	}
	if i := strings.IndexByte(s, 0); i >= 0 {
		s = s[:i]
	}
	return s
}

// unsCategories makes a categorical of a column of codes whose categories lie in
// uns/NAME_categories. As in anndata, codes that do not fit the categories mean
// that those belong to the other axis.
func (f *File) unsCategories(name string, data any) (any, error) {
	o, ok, err := f.lookup("uns/" + name + "_categories")
	if err != nil || !ok {
		return data, err
	}
	ds, ok := o.(*hdf5.Dataset)
	if !ok || len(ds.Dims()) > 1 {
		return data, nil
	}
	var cats any
	if len(ds.Dims()) == 0 {
		return data, nil
	}
	if cats, err = f.readArray(ds); err != nil {
		return nil, err
	}
	c := &Categorical{Categories: widerCategories(cats)}
	if c.Categories == nil {
		return data, nil
	}
	if c.Codes, ok = codesOf(data, length(c.Categories)); !ok {
		return data, nil
	}
	return c, nil
}
