// Package gramkern holds the arithmetic of the Gram matrix and the projection:
// plain functions on slices, with vector instructions where the processor has
// them and a portable twin that gives the same bits.
//
// The columns of a tile are split in two. Dense columns (genes that many cells
// express) lie as float32 in groups of Group columns, row after row: element
// (row r, column c) of a tile with T rows is at ((c/Group)*T + r)*Group + c%Group.
// Sparse columns are lists of entries. See kernels.GramFill for the meaning.
//
// # Bits
//
// Every output element has one accumulator. Products enter it in row order, each
// by one fused multiply-add in float32, from zero; after at most SumRows rows of
// a dense product, or after a block of a sparse one, it is added to the float64
// total. No step depends on the width of a register or on who computes which
// element, so all levels and any number of parts agree to the last bit.
package gramkern

// Level is a set of instructions.
type Level uint8

// The levels.
const (
	Portable Level = iota
	AVX2
	AVX512
)

func (l Level) String() string { return [...]string{"portable", "avx2", "avx512"}[l] }

// Group is the number of dense columns that lie side by side.
const Group = 48

// SumRows is the number of rows of a dense product that are summed in float32
// before the sum goes to the float64 total. A constant of the numbers, not of
// the machine.
const SumRows = 64
