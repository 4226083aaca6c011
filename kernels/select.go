package kernels

import "github.com/gpusc/gpusc/device"

// Select takes rows and genes out of a chunk. Row i of Out is row RowsOf[i] of
// X; gene c becomes Map[c] and is left out where that is negative. Map must
// rise over the genes that stay, so that Out is canonical too.
//
// Out's buffers are given by the caller: Out.Indptr int64[Out.Rows+1], Indices
// and Values with room for Out.NNZ values (X.NNZ is always enough). How many
// there are is Out.Indptr[Out.Rows] afterwards. Out.Kind must equal X.Kind.
type Select struct {
	X      CSR
	RowsOf device.Buffer // int32[Out.Rows], rising; nil: all rows
	Map    device.Buffer // int32[X.Cols]; nil: all genes as they are
	Out    CSR
}

// Kernel implements device.Op.
func (*Select) Kernel() string { return "select" }

// Values writes the transformed values, rounded to float32, in the order of X.
type Values struct {
	X   CSR
	T   Transform
	Out device.Buffer // out: float32[NNZ]
}

// Kernel implements device.Op.
func (*Values) Kernel() string { return "values" }

// Dense writes the rows of X as a dense row-major matrix of float32, scaled:
//
//	z = (v - Mean[c]) / Std[c], v the transformed value, 0 where nothing is stored
//	z = min(z, Max), and with Centre also max(z, -Max), when Max > 0
//
// Without Centre nothing is subtracted. Each step is rounded to float64, and the
// end to float32.
// Reference: scanpy.pp.scale.
type Dense struct {
	X      CSR
	T      Transform
	Mean   device.Buffer // float64[Cols]; nil: 0
	Std    device.Buffer // float64[Cols], none 0; nil: 1
	Centre bool
	Max    float64       // 0: no clipping
	Out    device.Buffer // out: float32[Rows*Cols]
}

// Kernel implements device.Op.
func (*Dense) Kernel() string { return "dense" }

// Unpack expands a packed chunk (package chunk/pack) into X. The buffers of X
// are given by the caller with the sizes that the packed header tells: Rows,
// Cols and Kind must be the same, NNZ at least as large. The checksum is the
// caller's to verify; a packed chunk that contradicts itself ends the stream
// with an errs.Corrupt error.
type Unpack struct {
	Packed device.Buffer // bytes
	Bytes  int64         // how many of them
	X      CSR           // out
}

// Kernel implements device.Op.
func (*Unpack) Kernel() string { return "unpack" }
