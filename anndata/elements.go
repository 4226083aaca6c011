package anndata

import (
	"github.com/gpusc/gpusc/hdf5"
	"github.com/gpusc/gpusc/internal/errs"
)

// Element is one thing in a file, as `info` lists it.
type Element struct {
	Path        string   `json:"path"`
	Encoding    string   `json:"encoding"` // "" where the file has none
	Version     string   `json:"version"`
	Shape       []int64  `json:"shape"`
	DType       string   `json:"dtype"`        // NumPy's name for numbers, else the HDF5 class
	Chunks      []int64  `json:"chunks"`       // nil: in one piece
	Filters     []string `json:"filters"`      // names in the order they are applied
	StoredBytes int64    `json:"stored_bytes"` // with all that belongs to it
}

// maxElements bounds the list of a file made to be endless.
const maxElements = 1 << 20

// Elements lists every element, sorted by path, dicts after their content is
// counted. A sparse matrix, a categorical and their like are one element, whose
// type, chunks and filters are those of its values.
func (f *File) Elements() ([]Element, error) {
	var out []Element
	err := f.walk(&out, "", f.h.Root(), 0)
	return out, errs.InFile(err, f.path)
}

func (f *File) walk(out *[]Element, path string, g *hdf5.Group, depth int) error {
	if depth > 32 || len(*out) > maxElements {
		return errs.At(errs.Limit, "", path, "more than %d elements or 32 levels", maxElements)
	}
	names, err := sortedNames(g)
	if err != nil {
		return err
	}
	for _, n := range names {
		p := n
		if path != "" {
			p = path + "/" + n
		}
		o, err := g.Lookup(n)
		if err != nil {
			return err
		}
		e := Element{Path: p}
		if e.Encoding, e.Version, err = encoding(o); err != nil {
			return err
		}
		switch o := o.(type) {
		case *hdf5.Dataset:
			e.dataset(o)
			*out = append(*out, e)
		case *hdf5.Group:
			if err := f.walkGroup(out, e, o, depth); err != nil {
				return err
			}
		}
	}
	return nil
}

// walkGroup lists a group: as one element when its parts are of no interest.
func (f *File) walkGroup(out *[]Element, e Element, g *hdf5.Group, depth int) error {
	main := ""
	switch e.Encoding {
	case "csr_matrix", "csc_matrix":
		main = "data"
	case "categorical":
		main = "codes"
	case "nullable-integer", "nullable-boolean", "nullable-string-array":
		main = "values"
	case "":
		if _, ok, err := g.Attr("h5sparse_format"); err != nil {
			return err
		} else if ok {
			main = "data"
			if e.Encoding, err = textAttr(g, "h5sparse_format"); err != nil {
				return err
			}
		}
	}
	if main == "" {
		at := len(*out)
		*out = append(*out, e)
		if err := f.walk(out, e.Path, g, depth+1); err != nil {
			return err
		}
		for _, x := range (*out)[at+1:] {
			if childOf(x.Path, e.Path) {
				(*out)[at].StoredBytes += x.StoredBytes
			}
		}
		return nil
	}
	if err := e.group(g, main); err != nil {
		return err
	}
	*out = append(*out, e)
	return nil
}

func childOf(path, parent string) bool {
	for i := len(parent) + 1; i < len(path); i++ {
		if path[i] == '/' {
			return false
		}
	}
	return true
}

// dataset fills in what a dataset says.
func (e *Element) dataset(ds *hdf5.Dataset) {
	lay := ds.Layout()
	e.Shape, e.DType, e.Chunks = ds.Dims(), typeName(ds.Type()), lay.Chunk
	for _, x := range lay.Filters {
		e.Filters = append(e.Filters, x.Short())
	}
	e.StoredBytes = ds.StoredBytes()
}

// group fills in an element of several datasets; main is the one it is
// described by.
func (e *Element) group(g *hdf5.Group, main string) error {
	names, err := sortedNames(g)
	if err != nil {
		return err
	}
	total := int64(0)
	for _, n := range names {
		o, err := g.Lookup(n)
		if err != nil {
			return err
		}
		ds, ok := o.(*hdf5.Dataset)
		if !ok {
			continue
		}
		if n == main {
			e.dataset(ds)
		}
		total += ds.StoredBytes()
	}
	e.StoredBytes = total
	for _, name := range []string{"shape", "h5sparse_shape"} {
		if a, ok, err := g.Attr(name); err != nil {
			return err
		} else if ok {
			e.Shape, err = a.Ints()
			return err
		}
	}
	return nil
}

// typeName is NumPy's name of a number, "bool", "string", else the HDF5 class.
func typeName(t *hdf5.Datatype) string {
	switch {
	case t.IsBool():
		return "bool"
	case t.Class == hdf5.ClassVLenString || t.Class == hdf5.ClassString:
		return "string"
	}
	if n := numOf(t); n != notNum {
		return n.String()
	}
	return t.Class.String()
}
