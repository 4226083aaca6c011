package anndata

import (
	"github.com/gpusc/gpusc/hdf5"
	"github.com/gpusc/gpusc/internal/errs"
)

// readCategorical reads the present form of a categorical column.
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
