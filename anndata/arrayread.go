package anndata

import (
	"context"

	"github.com/gpusc/gpusc/hdf5"
	"github.com/gpusc/gpusc/internal/errs"
)

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
