package kernels

import "github.com/gpusc/gpusc/device"

// ValueKind is the type of a CSR's values; the numbers are those of chunk.Kind.
type ValueKind uint8

// The kinds of values.
const (
	Counts  ValueKind = iota // uint32
	Float32                  // float32
	Float64                  // float64
)

// Bytes returns the size of one value.
func (k ValueKind) Bytes() int64 {
	if k == Float64 {
		return 8
	}
	return 4
}

// CSR is a canonical chunk (see chunk.Chunk) in a backend's memory.
type CSR struct {
	Rows, Cols int
	NNZ        int64
	Kind       ValueKind
	Indptr     device.Buffer // int64[Rows+1], first is 0
	Indices    device.Buffer // uint32[NNZ], rising strictly within a row
	Values     device.Buffer // uint32|float32|float64 [NNZ] by Kind
}

// Transform turns a stored value x of row r into the value that statistics are
// taken of: v = x * Scale[r], then
//
//	with Expm1: v = expm1(v * LnBase)   (LnBase 0: no product)
//	with Log1p: v = log1p(v) / LnBase   (LnBase 0: no division)
//
// Each product, division and function (Log1p and Expm1 of this package) is
// rounded to float64. At most one of the two is set.
type Transform struct {
	Scale  device.Buffer // float64[Rows]; nil: 1 for each row
	Log1p  bool
	Expm1  bool
	LnBase float64 // natural logarithm of the base
}
