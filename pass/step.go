package pass

import (
	"context"
	"time"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/kernels"
)

// Step is one thing done to every piece of a sweep. Its methods are called in
// this order: Worker once for each worker, then from many goroutines Work.Chunk,
// then End once if all went well. Each Work is closed in any case.
type Step interface {
	// Name is what plan, progress and errors call the step.
	Name() string
	// Worker makes the state of one worker: its buffers, reserved through the
	// worker's backend.
	Worker(w *Worker) (Work, error)
	// End merges the workers' states, given in worker order.
	End(ctx context.Context, works []Work) error
}

// Work is a step's state in one worker.
type Work interface {
	// Chunk handles one piece.
	Chunk(ctx context.Context, it *Item) error
	// Close frees the state's buffers. The stream is idle.
	Close()
}

// HostReader is implemented by steps that may look at the values of a piece in
// Item.Host. Where no step of a sweep does, a packed piece can go to the device as
// it is: Item.Host then tells Row0, Rows, Cols and Kind only.
type HostReader interface{ NeedsHost() bool }

// InTurn is implemented by works that must see the pieces in row order.
type InTurn interface {
	// Turn runs for piece i after it has run for all before i, and after Chunk.
	Turn(ctx context.Context, it *Item) error
}

// Worker is what a step may use of the worker that it runs in.
type Worker struct {
	ID      int
	Backend device.Backend
	Stream  device.Stream
	MaxRows int   // no piece has more rows
	MaxNNZ  int64 // or more stored values
	Cols    int

	did Stats // this worker's part, Busy apart
}

// Item is one piece on its way through the steps. Steps hand answers about the
// rows to later steps of the same sweep through its fields.
type Item struct {
	Worker *Worker
	Index  int          // number of the piece
	Host   *chunk.Chunk // the piece in staging memory; its values only where a step is a HostReader that needs them
	X      kernels.CSR  // the piece on the device

	// Row0 is the number of the first row in the per-cell results.
	Row0 int64
	// Keep tells which rows stay, nil for all; set by a cell filter.
	Keep []bool
	// Scale is float64[Rows] on the device: the factor of normalisation; nil: none.
	Scale     device.Buffer
	ScaleHost []float64
}

// Sync waits until all that was queued for the piece has run.
func (it *Item) Sync() error {
	start := time.Now()
	err := it.Worker.Stream.Sync()
	it.Worker.did.Waiting += time.Since(start)
	return err
}

// Launch queues an operation on the piece's stream.
func (it *Item) Launch(op device.Op) error { return it.Worker.Stream.Launch(op) }
