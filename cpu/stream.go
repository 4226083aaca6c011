package cpu

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
)

// queueLength is how much work a stream takes before its caller has to wait.
// Events can only be waited for after they have been queued, so streams that
// are full cannot block each other in a ring.
const queueLength = 256

// stream implements device.Stream: a goroutine that runs what it is given.
type stream struct {
	b      *backend
	id     int
	queue  chan task
	ended  chan struct{}
	err    atomic.Pointer[error] // the first failure
	closed bool                  // used by the caller's goroutine only
	w      work
	rng    *rand.Rand // nil: no pauses
}

// task is one piece of queued work.
type task struct {
	run    func() error
	name   string // of an operation, for its errors
	thread bool   // needs one of the backend's threads
	what   sort   // for the meter
	bytes  int64  // of a copy
	always bool   // runs after a failure as well: others wait for it
}

// event implements device.Event.
type event struct {
	done chan struct{}
	err  error // set before done is closed
}

func newStream(b *backend, id int) *stream {
	s := &stream{b: b, id: id, queue: make(chan task, queueLength), ended: make(chan struct{})}
	s.w.ledger, s.w.kind, s.w.direct = b.ledger, b.kind(), b.direct
	if b.opt.Delay != 0 {
		s.rng = rand.New(rand.NewPCG(b.opt.Delay, uint64(id)))
	}
	go s.loop()
	return s
}

func (s *stream) loop() {
	defer close(s.ended)
	for t := range s.queue {
		if s.failure() != nil && !t.always {
			continue
		}
		s.pause()
		if err := s.do(t); err != nil {
			s.fail(err)
		}
	}
	s.w.release()
}

// do runs t; a panic becomes an error.
func (s *stream) do(t task) (err error) {
	if t.thread {
		s.b.turns <- struct{}{}
		defer func() { <-s.b.turns }()
	}
	defer func() {
		if p := recover(); p != nil {
			err = errs.New(errs.Data, "the buffers do not fit together: %v", p)
		}
		if err != nil && t.name != "" {
			err = fmt.Errorf("%s: %w", t.name, err)
		}
	}()
	if t.what == other {
		return t.run()
	}
	start := time.Now()
	err = t.run()
	s.b.done.add(t, time.Since(start))
	return err
}

// pause waits for a random time, for Options.Delay.
func (s *stream) pause() {
	if s.rng != nil && s.rng.IntN(3) == 0 {
		time.Sleep(time.Duration(s.rng.IntN(300)) * time.Microsecond)
	}
}

func (s *stream) failure() error {
	if e := s.err.Load(); e != nil {
		return *e
	}
	return nil
}

// fail keeps the first failure and returns it.
func (s *stream) fail(err error) error {
	s.err.CompareAndSwap(nil, &err)
	return s.failure()
}

// push queues t unless the stream has failed or ended.
func (s *stream) push(t task) error {
	if s.closed {
		return errs.New(errs.Usage, "stream %d is closed", s.id)
	}
	if err := s.failure(); err != nil && !t.always {
		return err
	}
	s.queue <- t
	return nil
}

// bytesOf returns b[off:off+n] of a buffer or staging memory of this backend.
func (s *stream) bytesOf(x any, off, n int64) ([]byte, error) {
	var k *block
	switch x := x.(type) {
	case *buffer:
		k = &x.block
	case *host:
		k = &x.block
	}
	switch {
	case k == nil || k.b != s.b:
		return nil, errs.New(errs.Usage, "memory of another backend (%T)", x)
	case k.freed.Load():
		return nil, errs.New(errs.Usage, "%s %q is used after it was freed", k.kind, k.what)
	case off < 0 || n < 0 || off > k.size || n > k.size-off:
		return nil, errs.New(errs.Usage, "bytes [%d, %d+%d) are not within the %d of %s %q", off, off, n, k.size, k.kind, k.what)
	}
	return k.data[off : off+n], nil
}

func (s *stream) copy(dst any, dstOff int64, src any, srcOff, n int64, what sort) error {
	d, err := s.bytesOf(dst, dstOff, n)
	if err != nil {
		return s.fail(err)
	}
	from, err := s.bytesOf(src, srcOff, n)
	if err != nil {
		return s.fail(err)
	}
	return s.push(task{thread: true, what: what, bytes: n, run: func() error {
		copy(d, from)
		return nil
	}})
}

// Upload implements device.Stream.
func (s *stream) Upload(dst device.Buffer, off int64, src device.Host, srcOff, n int64) error {
	return s.copy(dst, off, src, srcOff, n, copyUp)
}

// Download implements device.Stream.
func (s *stream) Download(dst device.Host, dstOff int64, src device.Buffer, off, n int64) error {
	return s.copy(dst, dstOff, src, off, n, copyDown)
}

// Clear implements device.Stream.
func (s *stream) Clear(b device.Buffer, off, n int64) error {
	d, err := s.bytesOf(b, off, n)
	if err != nil {
		return s.fail(err)
	}
	return s.push(task{thread: true, run: func() error {
		clear(d)
		return nil
	}})
}

// Launch implements device.Stream.
func (s *stream) Launch(op device.Op) error {
	if op == nil {
		return s.fail(errs.New(errs.Usage, "no operation given"))
	}
	name := op.Kernel()
	run := kernelOf(name)
	if run == nil {
		return s.fail(errs.New(errs.Unsupported, "the cpu backend has no operation %q", name))
	}
	return s.push(task{thread: true, what: compute, name: name, run: func() error { return run(&s.w, op) }})
}

// Record implements device.Stream.
func (s *stream) Record() (device.Event, error) {
	if err := s.failure(); err != nil {
		return nil, err
	}
	ev := &event{done: make(chan struct{})}
	err := s.push(task{always: true, run: func() error {
		ev.err = s.failure()
		close(ev.done)
		return nil
	}})
	return ev, err
}

// Wait implements device.Stream. A failure of the other stream before the event
// becomes this stream's failure.
func (s *stream) Wait(ev device.Event) error {
	e, ok := ev.(*event)
	if !ok || e == nil {
		return s.fail(errs.New(errs.Usage, "an event of another backend (%T)", ev))
	}
	return s.push(task{run: func() error {
		<-e.done
		return e.err
	}})
}

// Sync implements device.Stream.
func (s *stream) Sync() error {
	done := make(chan struct{})
	err := s.push(task{always: true, run: func() error {
		close(done)
		return nil
	}})
	if err != nil {
		return err
	}
	<-done
	return s.failure()
}

// Close implements device.Stream. A second call returns what the first did.
func (s *stream) Close() error {
	if !s.closed {
		s.closed = true
		close(s.queue)
		<-s.ended
		s.b.mu.Lock()
		delete(s.b.streams, s)
		s.b.mu.Unlock()
	}
	return s.failure()
}
