package cpu

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/cpuid/v2"
	sysmem "github.com/pbnjay/memory"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// Options says how the backend is opened. The zero value is useful: no limit of
// memory and one thread per processor.
type Options struct {
	// Ledger is the account that buffers, staging memory and the private
	// arrays of streams (up to 32 bytes per gene each) are reserved in.
	// nil: an account of its own, without a limit.
	Ledger *memory.Ledger
	// Threads is how many streams run at the same time; 0: runtime.GOMAXPROCS.
	Threads int
	// Delay, when not 0, is the seed of random pauses before queued work, so
	// that a test of code that forgot to wait fails. For tests.
	Delay uint64
	// Poison fills memory with 0xFF when it is handed out and when it is
	// freed, so that use before writing and use after freeing show. For tests.
	Poison bool
	// Apart makes the backend behave like a device with memory of its own:
	// Share refuses, kernels read only what was uploaded, and buffers are
	// reserved as device memory. For tests.
	Apart bool
}

// backend implements device.Backend.
type backend struct {
	opt     Options
	ledger  *memory.Ledger
	pool    pool
	turns   chan struct{} // one token per thread
	machine int64         // bytes of memory of the machine, 0: not known
	done    meter

	mu      sync.Mutex
	live    map[*block]struct{}
	streams map[*stream]struct{}
	twice   []string // what was freed twice
	opened  int      // streams so far
	direct  bool     // for tests: streams do without private sums
	closed  bool
}

// Open returns a backend. Close it at the end.
func Open(opt Options) (device.Backend, error) {
	if opt.Threads < 0 {
		return nil, errs.New(errs.Usage, "cannot run %d threads", opt.Threads).Do("give 1 or more, or 0 for all")
	}
	if opt.Threads == 0 {
		opt.Threads = runtime.GOMAXPROCS(0)
	}
	if opt.Ledger == nil {
		opt.Ledger = memory.New(0)
	}
	return &backend{
		opt:     opt,
		ledger:  opt.Ledger,
		turns:   make(chan struct{}, opt.Threads),
		machine: int64(sysmem.TotalMemory()),
		live:    map[*block]struct{}{},
		streams: map[*stream]struct{}{},
	}, nil
}

// Info implements device.Backend.
func (b *backend) Info() device.Info {
	return device.Info{
		Name:        "cpu",
		Model:       cpuid.CPU.BrandName,
		Memory:      b.machine,
		Compute:     instructionSet(),
		Unified:     !b.opt.Apart,
		Parallelism: b.opt.Threads,
	}
}

// instructionSet names the best vector instructions that the machine has.
func instructionSet() string {
	switch {
	case cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512VL, cpuid.AVX512BW, cpuid.AVX512DQ):
		return "avx512"
	case cpuid.CPU.Supports(cpuid.AVX2):
		return "avx2"
	}
	return runtime.GOARCH
}

// Supports implements device.Backend.
func (b *backend) Supports(kernel string) bool { return kernelOf(kernel) != nil }

// Stream implements device.Backend.
func (b *backend) Stream() (device.Stream, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, errClosed()
	}
	b.opened++
	s := newStream(b, b.opened)
	b.streams[s] = struct{}{}
	return s, nil
}

func errClosed() error { return errs.New(errs.Usage, "the cpu backend is closed") }

// Close implements device.Backend. It ends streams that were left open, too.
func (b *backend) Close() error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	var left []string
	for k := range b.live {
		left = append(left, fmt.Sprintf("%s %q %d bytes not freed", k.kind, k.what, k.size))
	}
	open := make([]*stream, 0, len(b.streams))
	for s := range b.streams {
		open = append(open, s)
		left = append(left, fmt.Sprintf("stream %d not closed", s.id))
	}
	for _, what := range b.twice {
		left = append(left, fmt.Sprintf("%s freed twice", what))
	}
	b.mu.Unlock()
	for _, s := range open {
		_ = s.Close()
	}
	if len(left) == 0 {
		return nil
	}
	slices.Sort(left)
	return errs.New(errs.Usage, "the cpu backend was closed with %s", strings.Join(left, "; "))
}
