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
//
// NNZ is how many values the arrays have room for. The number that there are is
// Indptr[Rows], which may be less, so that an operation can follow another that
// decides how many values stay (Select) without the caller looking in between.
// What lies behind is not read.
type CSR struct {
	Rows, Cols int
	NNZ        int64 // at least Indptr[Rows]
	Kind       ValueKind
	Indptr     device.Buffer // int64[Rows+1], first is 0
	Indices    device.Buffer // uint32[NNZ], rising strictly within a row
	Values     device.Buffer // uint32|float32|float64 [NNZ] by Kind
}

// Transform turns a stored value x of row r into the value that statistics are
// taken of: v = x * Scale[r], then, with Log1p, v = log1p(v) / LnBase. The
// product, the logarithm (function Log1p of this package) and the division are
// each rounded to float64. With Expm1 instead, for values that are logarithms
// already, v = expm1(v * LnBase) by function Expm1. Not both.
type Transform struct {
	Scale  device.Buffer // float64[Rows]; nil: 1 for each row
	Log1p  bool
	Expm1  bool
	LnBase float64 // natural logarithm of the base; 0: natural, no division or product
}
