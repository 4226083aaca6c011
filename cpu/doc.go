// Package cpu runs the catalogue (package kernels) on the processor. It is a
// backend like any other, and the executable specification of the others: what
// an operation gives here is what it means.
//
// # How it is built
//
// Buffers are slices of ordinary memory, 64-byte aligned and reserved in the
// ledger. A stream is a goroutine with a queue, so work really is asynchronous:
// a caller that forgets to wait goes wrong here too, and Options.Delay and
// Options.Poison make that happen at once; with Options.Apart so does a caller
// that forgets a copy. One launch runs on one thread; parallel work is several
// streams with a chunk each.
//
// Each operation has a file of the stem that Op.Kernel gives. ops.go lists
// them. An operation first checks its buffers (view.go), so that a wrong size is
// an error that names the field; a panic that still happens inside ends the
// stream with an error and goes no further.
//
// # Speed
//
// Sums per gene do not go to the caller's 16-byte accumulators one value at a
// time. They are gathered in a small private array with one word (genestats) or
// one half cache line (moments) per gene, and carried over once per launch; see
// accumulate.go. Functions of a small count, such as its logarithm, are worked
// out once per row. The loop of moments has a twin in assembly for amd64 with
// AVX2; both give the same bits.
package cpu
