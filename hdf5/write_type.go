package hdf5

import (
	"github.com/gpusc/gpusc/internal/errs"
)

// encodeType gives the body of a datatype message, or says that the type
// cannot be written.
func encodeType(t *Datatype) ([]byte, error) {
	if t == nil {
		return nil, errs.New(errs.Usage, "a type is missing")
	}
	b := t.encode()
	if len(b) < 8 || len(b) > maxMessage {
		return nil, errs.New(errs.Unsupported, "cannot write a %v of %d bytes", t.Class, t.Size)
	}
	return b, nil
}

// unlimited is the largest size of an axis that may grow without end.
const unlimited = ^uint64(0)

// encodeSpace gives the body of a dataspace message: dims nil for a scalar,
// grows for a first axis without a largest size.
func encodeSpace(dims []int64, grows bool) []byte {
	if dims == nil {
		return []byte{2, 0, 0, 0}
	}
	b := []byte{2, byte(len(dims)), 0, 1}
	for _, d := range dims {
		b = le.AppendUint64(b, uint64(d))
	}
	if !grows {
		return b
	}
	b[2] = 1
	b = le.AppendUint64(b, unlimited)
	for _, d := range dims[1:] {
		b = le.AppendUint64(b, uint64(d))
	}
	return b
}

// nullSpace is the dataspace message of a dataset without elements.
func nullSpace() []byte { return []byte{2, 0, 0, 2} }
