package anndata

import (
	"context"
	"slices"

	"github.com/gpusc/gpusc/hdf5"
	"github.com/gpusc/gpusc/internal/errs"
)

// Frame reads a data frame at any path: its index at once, its columns when
// they are asked for.
func (f *File) Frame(path string) (*Frame, error) {
	o, ok, err := f.lookup(path)
	if err != nil {
		return nil, errs.InFile(err, f.path)
	}
	if !ok {
		return nil, f.errorf(errs.Data, path, "there is no such table")
	}
	var fr *Frame
	switch o := o.(type) {
	case *hdf5.Group:
		fr, err = f.groupFrame(path, o)
	case *hdf5.Dataset:
		fr, err = f.compoundFrame(path, o)
	default:
		err = errs.At(errs.Corrupt, "", path, "is neither a group nor a dataset")
	}
	if err != nil {
		return nil, errs.InFile(err, f.path)
	}
	return fr, nil
}

// frameIndex tells the name of the index column of a frame kept as a group.
func frameIndex(path string, g *hdf5.Group) (string, error) {
	typ, _, err := encoding(g)
	if err != nil {
		return "", err
	}
	if typ != "" && typ != "dataframe" {
		return "", errs.At(errs.Unsupported, "", path, "no table, but an element of encoding %q", typ)
	}
	name, err := textAttr(g, "_index")
	if err == nil && name == "" {
		err = errs.At(errs.Corrupt, "", path, "a table without attribute %q", "_index")
	}
	return name, err
}

// frameRows counts the rows of a frame without reading them.
func (f *File) frameRows(path string) (int64, error) {
	o, ok, err := f.lookup(path)
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, errs.At(errs.Data, "", path, "there is no such table")
	}
	ds, isDataset := o.(*hdf5.Dataset)
	if !isDataset {
		g, ok := o.(*hdf5.Group)
		if !ok {
			return 0, errs.At(errs.Corrupt, "", path, "is neither a group nor a dataset")
		}
		name, err := frameIndex(path, g)
		if err != nil {
			return 0, err
		}
		if ds, err = f.columnRows(path, g, name); err != nil {
			return 0, err
		}
	}
	d := ds.Dims()
	if len(d) != 1 {
		return 0, errs.At(errs.Corrupt, "", ds.Path(), "shape %v, where a list belongs", d)
	}
	return d[0], nil
}

// columnRows finds the dataset whose length is that of the column.
func (f *File) columnRows(path string, g *hdf5.Group, name string) (*hdf5.Dataset, error) {
	o, err := child(path, g, name)
	if err != nil {
		return nil, err
	}
	if ds, ok := o.(*hdf5.Dataset); ok {
		return ds, nil
	}
	sub, ok := o.(*hdf5.Group)
	if !ok {
		return nil, errs.At(errs.Corrupt, "", path+"/"+name, "is neither a group nor a dataset")
	}
	for _, k := range []string{"mask", "values", "codes"} {
		if has, err := sub.Has(k); err != nil {
			return nil, err
		} else if has {
			return dataset(path+"/"+name, sub, k)
		}
	}
	return nil, errs.At(errs.Unsupported, "", path+"/"+name, "a column of unknown form")
}

// child opens an element of a group that must be there.
func child(path string, g *hdf5.Group, name string) (hdf5.Object, error) {
	ok, err := g.Has(name)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errs.At(errs.Corrupt, "", path, "%q is missing", name)
	}
	return g.Lookup(name)
}

// dataset is child for what must be a dataset.
func dataset(path string, g *hdf5.Group, name string) (*hdf5.Dataset, error) {
	o, err := child(path, g, name)
	if err != nil {
		return nil, err
	}
	ds, ok := o.(*hdf5.Dataset)
	if !ok {
		return nil, errs.At(errs.Corrupt, "", path, "%q is a group, where a dataset belongs", name)
	}
	return ds, nil
}

// groupFrame reads a frame of the form dataframe 0.1.0 or 0.2.0.
func (f *File) groupFrame(path string, g *hdf5.Group) (*Frame, error) {
	name, err := frameIndex(path, g)
	if err != nil {
		return nil, err
	}
	n, err := f.frameRows(path)
	if err != nil {
		return nil, err
	}
	fr := &Frame{IndexName: name}
	data, err := f.readColumn(path, g, name)
	if err != nil {
		return nil, err
	}
	if fr.Index, err = (&Column{Name: name, Data: data}).Strings(); err != nil {
		return nil, errs.At(errs.Unsupported, "", path+"/"+name, "an index of unknown form").Because(err)
	}
	if x, ok := data.(*NullableString); ok {
		fr.nullableIndex = x
	}
	order, err := columnOrder(g)
	if err != nil {
		return nil, err
	}
	for _, col := range order {
		if ok, err := g.Has(col); err != nil {
			return nil, err
		} else if !ok {
			return nil, errs.At(errs.Corrupt, "", path, "column %q is listed in column-order and missing", col)
		}
		fr.Cols = append(fr.Cols, &Column{Name: col, load: func() (any, error) {
			d, err := f.readColumn(path, g, col)
			if err == nil && int64(length(d)) != n {
				err = errs.At(errs.Corrupt, "", path+"/"+col, "has %d rows, its table %d", length(d), n)
			}
			return d, errs.InFile(err, f.path)
		}})
	}
	return fr, nil
}

// columnOrder lists the columns. anndata stores an empty list as float64[0].
func columnOrder(g *hdf5.Group) ([]string, error) {
	a, ok, err := g.Attr("column-order")
	if err != nil || !ok || a.Null {
		return nil, err
	}
	if len(a.Dims) == 1 && a.Dims[0] == 0 {
		return nil, nil
	}
	return a.Strings()
}

// readColumn reads one column of a frame's group.
func (f *File) readColumn(path string, g *hdf5.Group, name string) (any, error) {
	o, err := child(path, g, name)
	if err != nil {
		return nil, err
	}
	at := path + "/" + name
	switch o := o.(type) {
	case *hdf5.Dataset:
		a, ok, err := o.Attr("categories")
		if err != nil {
			return nil, err
		}
		if ok {
			return f.referredCategories(at, o, a)
		}
		return f.readArray(o)
	case *hdf5.Group:
		typ, _, err := encoding(o)
		if err != nil {
			return nil, err
		}
		switch typ {
		case "categorical":
			return f.readCategorical(at, o)
		case "nullable-integer", "nullable-boolean", "nullable-string-array":
			return f.readNullable(at, o, typ)
		}
		return nil, errs.At(errs.Unsupported, "", at, "a column of encoding %q", typ)
	}
	return nil, errs.At(errs.Unsupported, "", at, "a column of unknown form")
}

func (f *File) readCategorical(at string, g *hdf5.Group) (any, error) {
	codes, err := dataset(at, g, "codes")
	if err != nil {
		return nil, err
	}
	co, err := child(at, g, "categories")
	if err != nil {
		return nil, err
	}
	c := &Categorical{}
	if a, ok, err := g.Attr("ordered"); err != nil {
		return nil, err
	} else if ok {
		if c.Ordered, err = a.Bool(); err != nil {
			return nil, err
		}
	}
	var cats any
	switch co := co.(type) {
	case *hdf5.Dataset:
		cats, err = f.readArray(co)
	case *hdf5.Group: // anndata 0.13 keeps text categories as nullable strings, too
		cats, err = f.readColumn(at, g, "categories")
	default:
		err = errs.At(errs.Corrupt, "", at, "its categories are no dataset")
	}
	if err != nil {
		return nil, err
	}
	return f.categorical(at, c, codes, cats)
}

// referredCategories reads the form of anndata 0.7: the codes point to the
// categories by an object reference.
func (f *File) referredCategories(at string, codes *hdf5.Dataset, a *hdf5.Attr) (any, error) {
	refs, err := a.Refs()
	if err != nil {
		return nil, err
	}
	if len(refs) != 1 {
		return nil, errs.At(errs.Corrupt, "", at, "%d references to categories", len(refs))
	}
	o, err := f.h.Deref(refs[0])
	if err != nil {
		return nil, err
	}
	ds, ok := o.(*hdf5.Dataset)
	if !ok {
		return nil, errs.At(errs.Corrupt, "", at, "its categories are no dataset")
	}
	cats, err := f.readArray(ds)
	if err != nil {
		return nil, err
	}
	c := &Categorical{}
	if oa, ok, err := ds.Attr("ordered"); err != nil {
		return nil, err
	} else if ok {
		if c.Ordered, err = oa.Bool(); err != nil {
			return nil, err
		}
	}
	return f.categorical(at, c, codes, cats)
}

// categorical puts codes and categories together and checks them.
func (f *File) categorical(at string, c *Categorical, codes *hdf5.Dataset, cats any) (any, error) {
	data, err := f.readArray(codes)
	if err != nil {
		return nil, err
	}
	c.Categories = widerCategories(cats)
	if c.Categories == nil {
		return nil, errs.At(errs.Unsupported, "", at, "categories of type %T", cats)
	}
	var ok bool
	if c.Codes, ok = codesOf(data, length(c.Categories)); !ok {
		return nil, errs.At(errs.Corrupt, "", at, "a code outside its %d categories", length(c.Categories))
	}
	return c, nil
}

// widerCategories gives categories as one of the types that a Categorical has.
func widerCategories(cats any) any {
	switch d := cats.(type) {
	case []string, []int64, []float64, []bool:
		return d
	case []float32:
		return widened[float64](d)
	case []int8:
		return widened[int64](d)
	case []int16:
		return widened[int64](d)
	case []int32:
		return widened[int64](d)
	case []uint8:
		return widened[int64](d)
	case []uint16:
		return widened[int64](d)
	case []uint32:
		return widened[int64](d)
	case *NullableString:
		return d.Values
	}
	return nil
}

func widened[To, From number](d []From) []To {
	out := make([]To, len(d))
	for i, x := range d {
		out[i] = To(x)
	}
	return out
}

// codesOf gives category codes of any integer type as int32.
func codesOf(data any, n int) ([]int32, bool) {
	switch d := data.(type) {
	case []int8:
		return narrowCodes(d, n)
	case []int16:
		return narrowCodes(d, n)
	case []int32:
		return narrowCodes(d, n)
	case []int64:
		return narrowCodes(d, n)
	case []uint8:
		return narrowCodes(d, n)
	case []uint16:
		return narrowCodes(d, n)
	case []uint32:
		return narrowCodes(d, n)
	}
	return nil, false
}

func narrowCodes[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32](d []T, n int) ([]int32, bool) {
	out := make([]int32, len(d))
	for i, x := range d {
		if int64(x) < -1 || int64(x) >= int64(n) {
			return nil, false
		}
		out[i] = int32(x)
	}
	return out, true
}

func (f *File) readNullable(at string, g *hdf5.Group, typ string) (any, error) {
	vd, err := dataset(at, g, "values")
	if err != nil {
		return nil, err
	}
	md, err := dataset(at, g, "mask")
	if err != nil {
		return nil, err
	}
	v, err := f.readArray(vd)
	if err != nil {
		return nil, err
	}
	m, err := f.readArray(md)
	if err != nil {
		return nil, err
	}
	mask, ok := m.([]bool)
	if !ok || length(v) != len(mask) {
		return nil, errs.At(errs.Corrupt, "", at, "a mask of %d %T for %d values", length(m), m, length(v))
	}
	switch v := v.(type) {
	case []string:
		na, err := textAttr(g, "na-value")
		return &NullableString{Values: v, Mask: mask, NA: na}, err
	case []bool:
		return &NullableBool{Values: v, Mask: mask}, nil
	case []float32, []float64:
		return nil, errs.At(errs.Unsupported, "", at, "a column of encoding %q that holds %T", typ, v)
	}
	return &NullableInt{Values: v, Mask: mask}, nil
}

// readArray reads a 1-D dataset of numbers, booleans or strings.
func (f *File) readArray(ds *hdf5.Dataset) (any, error) {
	if d := ds.Dims(); len(d) != 1 || ds.Null() {
		return nil, errs.At(errs.Corrupt, "", ds.Path(), "shape %v, where a list belongs", d)
	}
	if c := ds.Type().Class; c == hdf5.ClassString || c == hdf5.ClassVLenString {
		if err := f.believable(ds); err != nil {
			return nil, err
		}
		return ds.ReadStrings(f.o.MaxElement)
	}
	b, t, err := f.readNumbers(ds)
	if err != nil {
		return nil, err
	}
	if ds.Type().IsBool() {
		return bools(b), nil
	}
	return numbers(t, b), nil
}

// readNumbers reads a whole dataset of numbers, in the machine's byte order.
func (f *File) readNumbers(ds *hdf5.Dataset) ([]byte, num, error) {
	t := numOf(ds.Type())
	if t == notNum {
		return nil, t, errs.At(errs.Unsupported, "", ds.Path(), "holds no numbers but %s", ds.Type().Class)
	}
	b, err := f.readBytes(ds)
	if err != nil {
		return nil, t, err
	}
	toHost(b, t.Size(), ds.Type().BigEndian)
	return b, t, nil
}

// readBytes reads a whole dataset as it is in the file.
func (f *File) readBytes(ds *hdf5.Dataset) ([]byte, error) {
	if err := f.believable(ds); err != nil {
		return nil, err
	}
	d := ds.Dims()
	rows := int64(1)
	if len(d) > 0 {
		rows = d[0]
	}
	b := alloc(nil, int(ds.Len()*int64(ds.Type().Size)))
	if len(b) == 0 {
		return b, nil
	}
	return b, ds.ReadRows(context.Background(), hdf5.NewDecoder(), b, 0, rows)
}

// believable compares what a dataset that is read whole claims with the limit
// and with the bytes that are stored for it.
func (f *File) believable(ds *hdf5.Dataset) error {
	n, size := ds.Len(), int64(ds.Type().Size)
	if size > 0 && n > f.o.MaxElement/size {
		return errs.At(errs.Limit, "", ds.Path(), "%d elements of %d bytes are more than the limit of %d bytes", n, size, f.o.MaxElement)
	}
	return stored(ds)
}

// stored refuses a dataset that claims far more than can lie behind the bytes
// stored for it: deflate makes at most 1,032 bytes of one, zstd some 30,000.
func stored(ds *hdf5.Dataset) error {
	n, size, have := ds.Len(), int64(max(ds.Type().Size, 1)), ds.StoredBytes()
	if n > 1<<60/size || n*size > 1<<24+min(have, 1<<44)<<16 {
		return errs.At(errs.Corrupt, "", ds.Path(), "claims %d elements of %d bytes, but %d bytes are stored", n, size, have)
	}
	return nil
}

func bools(b []byte) []bool {
	out := make([]bool, len(b))
	for i, x := range b {
		out[i] = x != 0
	}
	return out
}

// numbers looks at bytes as a slice of their type. float16 becomes float32.
func numbers(t num, b []byte) any {
	switch t {
	case i8:
		return view[int8](b)
	case i16:
		return view[int16](b)
	case i32:
		return view[int32](b)
	case i64:
		return view[int64](b)
	case u8:
		return view[uint8](b)
	case u16:
		return view[uint16](b)
	case u32:
		return view[uint32](b)
	case u64:
		return view[uint64](b)
	case f16:
		return halves(b)
	case f32:
		return view[float32](b)
	default:
		return view[float64](b)
	}
}

// without gives names less those in drop.
func without(names []string, drop ...string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(s string) bool { return slices.Contains(drop, s) })
}
