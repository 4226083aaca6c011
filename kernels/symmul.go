package kernels

import "github.com/gpusc/gpusc/device"

// SymWidth is the number of vectors of a SymMul.
const SymWidth = 8

// SymMul multiplies a symmetric matrix by a block of vectors, Y = A X. A is the
// same on both sides of the diagonal, to the bit; whether an operation reads
// element (r, g) or (g, r) is its own affair. All is float64.
//
// Rows are cut into S = min(16, max(1, N/128)) stripes, the i-th from row
//
//	floor(N * (1 - sqrt(1 - i/S))), down to a multiple of 8
//
// on (each step rounded to float64), which gives them about equal parts of a
// triangle. Element (g, c) of Y is a sum of one term for each stripe up to that
// of g, added from the first on. The term of a stripe before is
//
//	the sum of A[r,g] * X[r,c], r over the stripe
//
// and that of g's own is, with p = g down to a multiple of 8, the sum over the
// stripe's rows before p, plus the sum over r from p to N-1. Each sum over r
// takes one fused multiply-add for each r, rising, from zero.
type SymMul struct {
	N int
	A device.Buffer // float64[N*N]
	X device.Buffer // float64[N*SymWidth], row by row
	Y device.Buffer // out: float64[N*SymWidth]
}

// Kernel implements device.Op.
func (*SymMul) Kernel() string { return "symmul" }
