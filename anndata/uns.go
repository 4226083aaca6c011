package anndata

import (
	"maps"
	"slices"
	"strings"

	"github.com/gpusc/gpusc/hdf5"
	"github.com/gpusc/gpusc/internal/errs"
)

// Array is a dense array of any shape for uns, obsm or varm: Data is a slice of
// numbers or []bool in row-major order.
type Array struct {
	Shape []int64
	Data  any
}

// SetUns writes a tree at uns/KEY. Dicts are merged with what is there, other
// values replace it.
//
// A value is a map[string]any (a dict), string, bool, int, int64, float64,
// float32, nil (None), a slice of strings, booleans or numbers, *Categorical or
// another column type, an Array, or a *Frame.
func (w *Writer) SetUns(key string, value any) error {
	return errs.InFile(w.tree("uns/"+key, value), w.path)
}

// Set writes a value of the kinds of SetUns at any path, for example an Array
// at "varm/PCs".
func (w *Writer) Set(path string, value any) error { return errs.InFile(w.tree(path, value), w.path) }

func (w *Writer) tree(path string, value any) error {
	switch v := value.(type) {
	case map[string]any:
		if _, err := w.group(path); err != nil {
			return err
		}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if k == "" || k == "." || strings.ContainsAny(k, "/\x00") {
				return errs.At(errs.Usage, "", path, "%q cannot be a key", k)
			}
			if err := w.tree(path+"/"+k, v[k]); err != nil {
				return err
			}
		}
		return nil
	case *Frame:
		return w.SetFrame(path, v)
	case nil:
		if !w.o.Nulls {
			return w.Delete(path)
		}
	}
	g, name, err := w.place(path)
	if err != nil {
		return err
	}
	return w.leaf(g, name, value)
}

// leaf writes one value.
func (w *Writer) leaf(g *hdf5.GroupWriter, name string, value any) error {
	scalar := func(v any, typ string) error {
		d, err := g.Scalar(name, v)
		if err != nil {
			return err
		}
		return encode(d, typ, "0.2.0")
	}
	switch v := value.(type) {
	case nil:
		d, err := g.Null(name)
		if err != nil {
			return err
		}
		return encode(d, "null", "0.1.0")
	case string:
		return scalar(v, "string")
	case bool:
		return scalar(v, "numeric-scalar")
	case int:
		return scalar(int64(v), "numeric-scalar")
	case int32:
		return scalar(int64(v), "numeric-scalar")
	case int64:
		return scalar(v, "numeric-scalar")
	case float64:
		return scalar(v, "numeric-scalar")
	case float32:
		return scalar(float64(v), "numeric-scalar")
	case Array:
		return w.ndarray(g, name, v)
	}
	return w.data(g, name, value)
}

func (w *Writer) ndarray(g *hdf5.GroupWriter, name string, a Array) error {
	n := int64(1)
	for _, d := range a.Shape {
		n *= d
	}
	if n != int64(length(a.Data)) || len(a.Shape) == 0 {
		return errs.New(errs.Usage, "%q: %d values for shape %v", name, length(a.Data), a.Shape)
	}
	if b, ok := a.Data.([]bool); ok {
		return w.array(g, name, hdf5.Bool(), boolBytes(b), a.Shape...)
	}
	raw, t, ok := rawNumbers(a.Data)
	if !ok {
		return errs.New(errs.Usage, "%q: an array of %T cannot be written", name, a.Data)
	}
	return w.array(g, name, t.datatype(), raw, a.Shape...)
}
