//go:build cuda

package cuda

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"gorgonia.org/cu"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// Options says how a device is opened.
type Options struct {
	// Ledger is the account that device memory (memory.Device) and staging memory
	// (memory.Pinned) are reserved in; nil: an account of its own, without a limit.
	Ledger *memory.Ledger
	// Memory caps the device memory in use; 0: what is free.
	Memory int64
	// Debug keeps where each buffer was made, for the list of leaks, and fills memory
	// when it is handed out and given back.
	Debug bool
	// Apart asks the driver for each buffer, and fills none, so that compute-sanitizer
	// can tell them apart. Slow.
	Apart bool
}

// backend implements device.Backend for one device.
type backend struct {
	opt    Options
	name   string // "cuda:0"
	info   device.Info
	ctx    context
	ledger *memory.Ledger
	total  int64 // bytes of the device
	pool   pool

	meter meter

	mu        sync.Mutex
	modules   map[string]cu.Module
	functions map[string]*function
	live      map[any]struct{} // *buffer and *host in use
	streams   map[*stream]struct{}
	twice     []string // what was freed twice
	broken    error    // the first failure of a Free
	events    []*cu.Event
	idle      []*cu.Event // events to use again
	staging   staging
	stuck     []unsafe.Pointer // staging memory that the driver did not take back
	opened    int
	closed    bool
}

// Open returns the backend of device number n. Close it at the end.
//
// Errors: errs.Resource where there is no such device or it cannot be used.
func Open(n int, opt Options) (device.Backend, error) {
	count, err := Count()
	if err != nil {
		return nil, err
	}
	if n < 0 || n >= count {
		return nil, errs.New(errs.Resource, "there is no device cuda:%d: the driver shows %d, counted from 0", n, count).Do("gpusc devices lists them")
	}
	b := &backend{
		opt: opt, name: fmt.Sprintf("cuda:%d", n), ledger: opt.Ledger,
		modules: map[string]cu.Module{}, functions: map[string]*function{},
		live: map[any]struct{}{}, streams: map[*stream]struct{}{},
	}
	if b.ledger == nil {
		b.ledger = memory.New(0)
	}
	if b.ctx.dev, err = cu.GetDevice(n); err != nil {
		return nil, tell(b.name, "cannot be found", fromCu(err))
	}
	if b.info, err = describe(b.name, b.ctx.dev); err != nil {
		return nil, err
	}
	b.total = b.info.Memory
	// The driver's own choice is to spin while a stream is waited for, and each worker
	// waits for each piece: that would take the cores from the workers that decode. To be
	// woken costs some 30 us more a piece, which several pieces in work hide, and under
	// 1% of a solver's run. Refused where the context is in use already: no matter.
	_ = b.ctx.dev.SetPrimaryCtxFlags(cu.SchedBlockingSync)
	if b.ctx.ctx, err = b.ctx.dev.RetainPrimaryCtx(); err != nil {
		return nil, tell(b.name, "cannot be used", fromCu(err))
	}
	if err := b.openPool(); err != nil {
		_ = b.ctx.dev.ReleasePrimaryCtx()
		return nil, err
	}
	return b, nil
}

// Info implements device.Backend.
func (b *backend) Info() device.Info { return b.info }

// Supports implements device.Backend.
func (b *backend) Supports(kernel string) bool { return operationOf(kernel) != nil }

// Stream implements device.Backend.
func (b *backend) Stream() (device.Stream, error) {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil, errs.New(errs.Usage, "%s is closed", b.name)
	}
	b.opened++
	id := b.opened
	b.mu.Unlock()
	s, err := b.newStream(id)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.streams[s] = struct{}{}
	b.mu.Unlock()
	return s, nil
}

// forget takes a stream off the list.
func (b *backend) forget(s *stream) {
	b.mu.Lock()
	delete(b.streams, s)
	b.mu.Unlock()
}

// trouble keeps the first failure of a Free, for Close to tell.
func (b *backend) trouble(err error) {
	b.mu.Lock()
	if b.broken == nil {
		b.broken = err
	}
	b.mu.Unlock()
}

// event returns an event of the driver. The caller has the context.
func (b *backend) event() (*cu.Event, error) {
	b.mu.Lock()
	if n := len(b.idle); n > 0 {
		e := b.idle[n-1]
		b.idle = b.idle[:n-1]
		b.mu.Unlock()
		return e, nil
	}
	b.mu.Unlock()
	e, err := cu.MakeEvent(cu.DisableTiming)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.events = append(b.events, &e)
	b.mu.Unlock()
	return &e, nil
}

// recycle takes an event back that nobody can wait for any more.
func (b *backend) recycle(e *cu.Event) {
	b.mu.Lock()
	b.idle = append(b.idle, e)
	b.mu.Unlock()
}

// Close implements device.Backend. It ends streams that were left open, too.
func (b *backend) Close() error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	open := make([]*stream, 0, len(b.streams))
	var left []string
	for s := range b.streams {
		open = append(open, s)
		left = append(left, fmt.Sprintf("stream %d not closed", s.id))
	}
	b.mu.Unlock()
	slices.SortFunc(open, func(x, y *stream) int { return x.id - y.id })
	for _, s := range open {
		_ = s.Close() // its failure was the caller's to see
	}
	left = append(left, b.leftOvers()...)
	b.Trim()
	err := b.release()
	if len(left) > 0 {
		slices.Sort(left)
		err = errs.New(errs.Usage, "%s was closed with %s", b.name, strings.Join(left, "; "))
	}
	if err == nil {
		err = b.broken
	}
	return err
}

// leftOvers lists what was not freed or freed twice.
func (b *backend) leftOvers() (left []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for k := range b.live {
		switch k := k.(type) {
		case *buffer:
			left = append(left, fmt.Sprintf("buffer %q %d bytes not freed", k.what, k.size))
		case *host:
			left = append(left, fmt.Sprintf("staging memory %q %d bytes not freed", k.what, k.size))
		}
	}
	for _, what := range b.twice {
		left = append(left, what+" freed twice")
	}
	return left
}

// release gives everything back to the driver. A failure does not keep it from
// going on; what the driver does not take is offered once more.
func (b *backend) release() error {
	var first error
	note := func(err error) {
		if err != nil && first == nil {
			first = fromCu(err)
		}
	}
	twice := func(f func() error) {
		if err := f(); err != nil {
			note(err)
			_ = f()
		}
	}
	note(b.ctx.sure(func() error {
		for _, p := range b.stuck {
			twice(func() error { return hostFree(p) })
		}
		for _, e := range b.events {
			raw := *e
			twice(func() error { e := raw; return cu.DestroyEvent(&e) })
		}
		for _, m := range b.modules {
			twice(m.Unload)
		}
		for _, e := range b.pool.close() {
			twice(func() error { return cu.MemFree(cu.DevicePtr(e.Base)) })
		}
		return nil
	}))
	twice(b.ctx.dev.ReleasePrimaryCtx)
	if first != nil {
		return tell(b.name, "closing", first)
	}
	return nil
}
