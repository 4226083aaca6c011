// Package memory keeps the one account of large memory in a run.
//
// A run is given a budget (--memory). Whoever wants a large buffer first
// reserves its bytes in the Ledger and allocates only then; when the budget
// does not allow it, the reservation fails at once with an error that says what
// is needed. Nothing is ever allocated and counted afterwards. At the end of a
// run the ledger tells its peak, and Leaks must be empty.
//
// The memory of a graphics card is shared out by a Slab, which knows only
// addresses and the order of queues.
//
// What is not reserved: a few tens of MiB of the runtime, code, small results
// and words. That is the difference allowed between the ledger's peak and the
// resident memory of the process.
package memory
