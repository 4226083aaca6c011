// Package kernels is the catalogue: every operation that a backend runs, as a
// struct of buffers and scalars. What an operation means is written at its
// struct, exactly enough that two backends give the same bits; how it is done
// stands in the twins, in a file of the same stem (rowstats.go here,
// cpu/rowstats.go there).
//
// # Numbers
//
// Sums over cells are exact and free of order. A term is rounded once, to a
// fixed-point number with 64 bits before and 64 bits after the point (type
// Fixed), and then only integers are added. So any chunk size, any number of
// threads or devices and any order give the same bits.
//
// Sums within a row are float64, added from the first stored value to the last.
// No operation here may be contracted to a fused multiply-add. Square roots and
// divisions are rounded correctly. A minimum, a maximum or a limit is meant as
// the comparison that it is written with, so a value that is not a number stays
// one.
//
// A term that is not a number or larger than MaxTerm in size is not added up:
// the stream fails with an errs.Data error, at the latest at Sync, and what the
// accumulators then hold is undefined.
//
// Two operations may add to the same accumulators only one after the other: on
// one stream, or ordered by events.
//
// # Buffers
//
// Arrays are little-endian, without padding. The comment of each field gives
// element type and length. A nil Buffer means what the comment says; a Buffer
// of no elements may be nil too. A Buffer may be longer than is needed. A size
// that does not do is an error of the stream that names operation and field.
package kernels
