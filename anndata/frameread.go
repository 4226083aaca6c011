package anndata

import (
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
