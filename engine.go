package gpusc

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gpusc/gpusc/cpu"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
	"github.com/gpusc/gpusc/pass"
)

// Options says where and with how much work is done. The zero value uses all
// cores, a share of the machine's memory and the best device there is.
type Options struct {
	Device       string // "auto" (or ""): a GPU where one answers; "cpu"; "cuda": all GPUs; "cuda:0,1"; see Devices
	Memory       int64  // bytes of host memory for everything large; 0: DefaultBudget of package memory
	DeviceMemory int64  // cap of each device; 0: none
	Threads      int    // 0: GOMAXPROCS
	Tmp          string // folder of scratch files; "": os.TempDir
	Seed         uint64
	Overwrite    bool  // an existing output is replaced
	ChunkRows    int64 // cells read at a time; 0: by memory. Results do not depend on it.
	Version      string
	Log          *slog.Logger        // nil: silent
	Progress     func(pass.Progress) // nil: none; called from workers, one at a time

	// backends opens other backends than Device names: for tests.
	backends func(*memory.Ledger) ([]device.Backend, error)
}

// Engine runs pipelines with one budget on one set of devices. Its methods may
// be called one after the other; each run uses all that the engine has.
type Engine struct {
	o        Options
	ledger   *memory.Ledger
	backends []device.Backend
	log      *slog.Logger
	budget   int64
}

// Open makes an engine. Nothing large is allocated yet.
func Open(_ context.Context, o Options) (*Engine, error) {
	e := &Engine{o: o, log: o.Log, budget: o.Memory}
	if e.log == nil {
		e.log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if e.o.Threads <= 0 {
		e.o.Threads = runtime.GOMAXPROCS(0)
	}
	if e.o.Tmp == "" {
		e.o.Tmp = os.TempDir()
	}
	if st, err := os.Stat(e.o.Tmp); err != nil || !st.IsDir() {
		return nil, errs.At(errs.Resource, e.o.Tmp, "", "is no folder for scratch files").Do("name one with --tmp")
	}
	if e.budget == 0 {
		e.budget, _ = memory.DefaultBudget()
	}
	if e.budget < minBudget {
		return nil, errs.New(errs.Budget, "a memory budget of %s is too small", memory.Bytes(e.budget)).
			Do("give --memory %s or more", memory.Arg(minBudget))
	}
	e.ledger = memory.New(e.budget)
	// The collector is told the promise too: garbage must not outgrow the budget.
	// Large buffers are made once, so collecting often costs little and keeps what
	// the process holds close to what it uses. Both settings are the process's.
	debug.SetMemoryLimit(e.budget + goOverhead)
	debug.SetGCPercent(30)
	if err := e.openBackends(); err != nil {
		return nil, err
	}
	if o.DeviceMemory > 0 && !e.apart() {
		e.log.Warn("--device-memory has no effect: the processor is the only device in use")
	}
	return e, nil
}

// apart tells whether a device has memory of its own.
func (e *Engine) apart() bool {
	return slices.ContainsFunc(e.backends, func(b device.Backend) bool { return !b.Info().Unified })
}

// mayLeaveGPUs tells whether the processor may take over: nobody asked for a GPU.
func (e *Engine) mayLeaveGPUs() bool {
	c, err := parseDevice(e.o.Device)
	return err == nil && c.any && e.o.backends == nil
}

// leaveGPUs goes on with the processor.
func (e *Engine) leaveGPUs(why string) error {
	e.log.Warn("no GPU is used: " + why)
	for _, b := range e.backends {
		if err := b.Close(); err != nil {
			e.log.Warn(err.Error())
		}
	}
	return e.openCPU()
}

// openCPU makes the processor the only device.
func (e *Engine) openCPU() error {
	b, err := cpu.Open(cpu.Options{Ledger: e.ledger, Threads: e.o.Threads})
	if err != nil {
		return err
	}
	e.backends = []device.Backend{b}
	return nil
}

// trim makes the devices give back what they keep for the next sweep.
func (e *Engine) trim() {
	for _, b := range e.backends {
		if t, ok := b.(device.Trimmer); ok {
			t.Trim()
		}
	}
}

// openBackends opens the devices that are asked for, or the processor.
func (e *Engine) openBackends() (err error) {
	if e.o.backends != nil {
		e.backends, err = e.o.backends(e.ledger)
		return err
	}
	gpus, why, err := openGPUs(e.o, e.ledger)
	if err != nil {
		return err
	}
	if len(gpus) > 0 {
		e.backends = gpus
		return nil
	}
	if why != "" {
		e.log.Warn("no GPU is used: " + why)
	}
	return e.openCPU()
}

const (
	minBudget = 64 << 20
	// goOverhead is what the process may use beside the ledger: code, runtime,
	// words, small results.
	goOverhead = 64 << 20
)

// Close frees the engine. Memory that was not given back is an error that lists it.
func (e *Engine) Close() error {
	var err error
	for _, b := range e.backends {
		err = errs.Also(err, b.Close())
	}
	if l := e.ledger.Leaks(); len(l) > 0 {
		err = errs.Also(err, fmt.Errorf("memory was not given back: %v", l))
	}
	return err
}

// Ledger is the engine's account of memory.
func (e *Engine) Ledger() *memory.Ledger { return e.ledger }

// stopwatch notes the time that the parts of a run take.
type stopwatch struct {
	start time.Time
	steps []StepReport
}

func (w *stopwatch) add(s StepReport, since time.Time) {
	s.Seconds = time.Since(since).Seconds()
	w.steps = append(w.steps, s)
}

// sizeOf is the size of a file, 0 where it cannot be told.
func sizeOf(path string) int64 {
	st, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return st.Size()
}

// complete fills in what a report says of the engine and of the steps.
func (e *Engine) complete(r *Report, w *stopwatch, start time.Time) {
	var on []string
	for _, b := range e.backends {
		on = append(on, b.Info().Name)
	}
	r.Version, r.Device, r.Threads, r.Budget = e.o.Version, strings.Join(on, ","), e.o.Threads, e.budget
	r.Steps = w.steps
	for _, s := range r.Steps {
		if s.Name == "input file" {
			r.Passes++
			r.Read += s.Read
		}
	}
	r.Peak, r.PeakRSS, r.Scratch = e.ledger.Peak(), memory.PeakRSS(), e.ledger.PeakOf(memory.Scratch)
	r.Seconds = time.Since(start).Seconds()
}
