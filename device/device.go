package device

// Info describes a place that runs kernels.
type Info struct {
	Name        string `json:"name"`                 // "cpu", "cuda:0"
	Model       string `json:"model"`                // what the maker calls it
	Memory      int64  `json:"memory_bytes"`         // bytes of device memory; for cpu the machine's memory
	Room        int64  `json:"room_bytes,omitempty"` // bytes that buffers may take of it in all; 0: not known
	Compute     string `json:"compute"`              // compute capability or the instruction set in use, for example "avx512"
	Unified     bool   `json:"unified"`              // kernels read host memory where it lies: Share never copies
	Parallelism int    `json:"parallelism"`          // streams that can make progress at the same time
}

// Buffer is a run of bytes in a backend's memory. Only the backend that made it
// can look inside. A buffer must be freed once, and only when no work queued on
// any stream still uses it. A second Free does nothing, but the backend's Close
// tells of it.
type Buffer interface {
	Size() int64
	Free()
}

// Host is a run of host bytes that copies can read and write without a stop on
// the way: page-locked with CUDA, plain memory with cpu. 64-byte aligned.
type Host interface {
	Bytes() []byte
	Free()
}

// Op is one operation of the catalogue: a pointer to a struct of package
// kernels that holds its buffers and scalars. Launch must not be given the same
// struct again before the first launch has run.
type Op interface {
	// Kernel names the operation; the same stem names its file in every twin.
	Kernel() string
}

// Event is a point in a stream's queue.
type Event interface{}

// Stream is a queue of copies and launches that run one after the other, in the
// order they were given, while the caller goes on. Different streams have no
// order but what events give them. A stream is used by one goroutine at a time.
//
// Errors are sticky: after the first, nothing more runs and every later call
// returns it. Events of a stream that failed are reached all the same, so nobody
// waits for ever; a stream that waits for one may fail with the same error.
type Stream interface {
	// Upload copies src to dst[off:]. src must stay as it is until the copy has run.
	Upload(dst Buffer, off int64, src Host, srcOff, n int64) error
	// Download copies src[off:off+n] to dst[dstOff:].
	Download(dst Host, dstOff int64, src Buffer, off, n int64) error
	// Clear sets n bytes of b from off to zero.
	Clear(b Buffer, off, n int64) error
	// Launch queues an operation.
	Launch(op Op) error
	// Record marks the present end of the queue.
	Record() (Event, error)
	// Wait lets nothing queued later run before ev has been reached.
	Wait(ev Event) error
	// Sync returns when all that was queued has run, with the first error.
	Sync() error
	// Close syncs and ends the stream.
	Close() error
}

// Backend is a place that runs kernels. Its methods may be called from several
// goroutines. Everything it allocates is reserved in the ledger it was opened with.
type Backend interface {
	Info() Info
	// Alloc returns a buffer of n bytes, content undefined, or an errs.Budget
	// error that names what it was for.
	Alloc(n int64, what string) (Buffer, error)
	// HostAlloc returns staging memory for copies, reserved as pinned memory.
	HostAlloc(n int64, what string) (Host, error)
	// Share returns a buffer that is h itself, when kernels can read host
	// memory where it lies; ok is false otherwise, and the caller uploads.
	// Freeing the buffer leaves h alone; h must outlive it.
	Share(h Host) (b Buffer, ok bool)
	// Stream opens a new stream.
	Stream() (Stream, error)
	// Supports tells whether the operation named by Op.Kernel is in this backend.
	Supports(kernel string) bool
	// Close frees the backend. All streams must be closed and buffers freed:
	// what is left is an error that lists it.
	Close() error
}

// Trimmer is implemented by backends that keep freed staging memory to use it again.
// It counts as reserved until Trim gives it back; a backend trims by itself before it
// refuses a request of its own.
type Trimmer interface{ Trim() }
