package anndata

import (
	"math"

	"github.com/gpusc/gpusc/hdf5"
)

// StoredBytes is what the matrix takes in the file.
func (m *Matrix) StoredBytes() int64 {
	n := int64(0)
	for _, d := range m.datasets() {
		n += d.StoredBytes()
	}
	return n
}

// DecodedBytes is what its lists take decompressed, as they are in the file.
func (m *Matrix) DecodedBytes() int64 {
	n := int64(0)
	for _, d := range m.datasets() {
		n += d.Len() * int64(d.Type().Size)
	}
	return n
}

// datasets are the lists that the matrix is made of.
func (m *Matrix) datasets() []*hdf5.Dataset {
	if d, ok := m.obj.(*hdf5.Dataset); ok {
		return []*hdf5.Dataset{d}
	}
	var out []*hdf5.Dataset
	for _, name := range []string{"data", "indices", "indptr"} {
		if d, err := m.obj.(*hdf5.Group).Dataset(name); err == nil {
			out = append(out, d)
		}
	}
	return out
}

// LogBase is the natural logarithm of the base that the file says log1p was
// taken to (uns/log1p/base); 0 for the natural one or where it says nothing.
func (f *File) LogBase() float64 {
	o, ok, err := f.lookup("uns/log1p/base")
	if err != nil || !ok {
		return 0
	}
	d, isData := o.(*hdf5.Dataset)
	if !isData || d.Null() {
		return 0
	}
	v, err := d.ReadFloat64s(64)
	if err != nil || len(v) != 1 || !(v[0] > 0) || v[0] == 1 {
		return 0
	}
	return math.Log(v[0])
}

// Normalised tells whether the file says that X was logarithmised (uns/log1p).
func (f *File) Normalised() bool {
	_, ok, err := f.lookup("uns/log1p")
	return err == nil && ok
}
