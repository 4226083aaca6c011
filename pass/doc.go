// Package pass runs one sweep over a source: every piece is read once, brought
// to a device, and handed to each step in turn. It owns the goroutines of a
// sweep, the order in which results leave it, its progress and its end.
//
// # One piece, from source to result
//
// A sweep has a few workers. Each owns one stream of one backend and one set of
// buffers, and loops: claim the next piece (in row order), Source.Read into the
// worker's staging memory, upload, then call Chunk of each step. Steps queue
// operations on the worker's stream and wait (Item.Sync) only where the host
// needs an answer. When no piece is left each step's End merges what its
// workers have gathered.
//
// # Devices with memory of their own
//
// There a sweep has more workers than may decode (Workers, Sweep.Decoders), so
// that decoding, copies and kernels overlap: a token is held while a piece is
// read, and given back before anything waits. Pieces of a packed source go up as
// they are packed and are unpacked there (packed.go), unless a step wants to see
// the values on the host (HostReader). Resident keeps them on the device for the
// next sweep; piece i then belongs to the same device each time.
//
// # Determinism
//
// Which worker gets which piece is left to chance. So a step may only keep sums
// that are free of order (kernels.Fixed, integers), or values stored by row. A
// step that needs the rows in order declares itself a step with a turn: its
// Chunk then runs for piece i only after piece i-1.
//
// # Planning
//
// Arrange puts the steps of a pipeline into the fewest sweeps: a step that needs
// another's reduction goes to a later sweep, anything else joins the earliest.
package pass
