package cpu

import (
	"github.com/gpusc/gpusc/chunk/pack"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/kernels"
)

func unpack(w *work, op *kernels.Unpack) error {
	var c check
	packed := slice[byte](&c, op.Packed, op.Bytes, "Packed")
	m := c.room(op.X, "X")
	if c.err != nil {
		return c.err
	}
	h, err := pack.ReadHeader(packed)
	if err != nil {
		return err
	}
	if h.Rows != m.rows || h.Cols != m.cols || h.Kind != uint8(m.kind) || h.NNZ > op.X.NNZ {
		return errs.New(errs.Usage, "X is %d x %d of kind %d with room for %d values, the packed chunk %d x %d of kind %d with %d",
			m.rows, m.cols, m.kind, op.X.NNZ, h.Rows, h.Cols, h.Kind, h.NNZ)
	}
	// Decode writes into the slices it is given, as they are long enough.
	out := pack.Matrix{Indptr: m.ptr, Indices: m.idx, Counts: m.u32, F32: m.f32, F64: m.f64}
	return pack.Decode(packed, &out, &w.unpack)
}
