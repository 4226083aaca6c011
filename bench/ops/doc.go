// Package ops measures the operations of package kernels one by one, on any
// backend: how long a launch takes, how many bytes it cannot do without, and which
// share of what the device can move that is.
//
// # Data
//
// Counts as package internal/synth draws them: a few genes in nearly every cell,
// most in few, as the operations find them in real files. Operations on selected
// genes (dense, gramfill, grammultiply, project) get up to 2,000 genes that tell
// clusters apart, and grammultiply one tile of the size that package decomp uses.
//
// # Time
//
// Of each operation the first launch is not counted (it loads the kernel). Then,
// several times over: one launch and Sync, which is the time a caller waits who
// waits after every launch; and a row of launches and one Sync, which shared out is
// the time of the kernel alone where the queue keeps the device busy. Medians are
// told. On a device that shares the host's memory as many streams run side by side
// as it has threads, elsewhere one.
//
// # Bytes
//
// The bytes of an operation are the least that any way of doing it must move: each
// array it needs read once, each result written once, sums read and written once.
// What a kernel reads twice counts against it. The share is of the memory ceiling
// measured in the same run, see Ceiling. Data smaller than a cache may be moved
// faster than the ceiling; take more rows then.
package ops
