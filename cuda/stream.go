//go:build cuda

package cuda

import (
	"fmt"
	"runtime"
	"unsafe"

	"gorgonia.org/cu"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
)

// stream implements device.Stream: a stream of the driver.
type stream struct {
	b      *backend
	id     int
	cu     cu.Stream
	word   *buffer  // the Status word on the device
	status ptr      // its address
	host   *host    // where it is brought to
	seq    uint64   // number of the last launch
	op     string   // the operation being queued
	names  []string // operations of the launches since the last Sync, the last one being seq
	slots  []uint64
	own    scratch
	phase  phase       // of the end of the queue
	marks  []mark      // since the last Sync
	clocks []*cu.Event // to use again
	err    error       // the first failure
	closed bool
}

// event implements device.Event.
type event struct{ raw *cu.Event }

func (b *backend) newStream(id int) (s *stream, err error) {
	s = &stream{b: b, id: id}
	if s.word, err = b.alloc(64, "state of a stream"); err != nil {
		return nil, err
	}
	s.status = s.word.at
	if s.host, err = b.hostAlloc(64, "state of a stream"); err != nil {
		s.word.Free()
		return nil, err
	}
	err = b.ctx.do(func() (err error) {
		s.cu, err = cu.MakeStream(cu.NonBlocking)
		return err
	})
	if err != nil {
		s.word.Free()
		s.host.Free()
		return nil, tell(b.name, "no stream could be made", err)
	}
	if err := s.reset(); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// reset writes "no failure" into the status word.
func (s *stream) reset() error {
	return s.driver("a copy", func() error {
		return cu.MemsetD8Async(cu.DevicePtr(s.status), 0xFF, statusBytes, s.cu)
	})
}

// driver runs calls with the device's context and keeps their failure.
func (s *stream) driver(doing string, f func() error) error {
	if err := s.b.ctx.do(f); err != nil {
		return s.fail(tell(s.b.name, doing, err))
	}
	return nil
}

// fail keeps the first failure and returns it.
func (s *stream) fail(err error) error {
	if s.err == nil {
		s.err = err
	}
	return s.err
}

// usable returns the stream's failure, if any.
func (s *stream) usable() error {
	if s.closed {
		return errs.New(errs.Usage, "stream %d of %s is closed", s.id, s.b.name)
	}
	return s.err
}

// within checks that bytes off to off+n are in a piece of memory.
func (s *stream) within(k *block, ok bool, x any, off, n int64) error {
	switch {
	case !ok || k == nil || k.b != s.b:
		return errs.New(errs.Usage, "memory of another backend (%T)", x)
	case k.freed.Load():
		return errs.New(errs.Usage, "%s %q is used after it was freed", k.kind, k.what)
	case off < 0 || n < 0 || off > k.size || n > k.size-off:
		return errs.New(errs.Usage, "bytes [%d, %d+%d) are not within the %d of %s %q", off, off, n, k.size, k.kind, k.what)
	}
	return nil
}

// buffer returns the address of bytes off to off+n of a buffer.
func (s *stream) buffer(x device.Buffer, off, n int64) (ptr, error) {
	k, ok := x.(*buffer)
	if !ok || k == nil {
		return 0, s.within(nil, false, x, off, n)
	}
	return k.at + ptr(off), s.within(&k.block, true, x, off, n)
}

// hostBytes returns the address of bytes off to off+n of staging memory.
func (s *stream) hostBytes(x device.Host, off, n int64) (unsafe.Pointer, error) {
	k, ok := x.(*host)
	if !ok || k == nil {
		return nil, s.within(nil, false, x, off, n)
	}
	return unsafe.Add(k.pages.p, off), s.within(&k.block, true, x, off, n)
}

// Upload implements device.Stream.
func (s *stream) Upload(dst device.Buffer, off int64, src device.Host, srcOff, n int64) error {
	if err := s.usable(); err != nil {
		return err
	}
	d, err := s.buffer(dst, off, n)
	if err != nil {
		return s.fail(err)
	}
	h, err := s.hostBytes(src, srcOff, n)
	if err != nil {
		return s.fail(err)
	}
	if n == 0 {
		return nil
	}
	s.b.meter.up.Add(n)
	return s.driver("a copy to the device", func() error {
		if err := s.enter(copying); err != nil {
			return err
		}
		return cu.MemcpyHtoDAsync(cu.DevicePtr(d), h, n, s.cu)
	})
}

// Download implements device.Stream.
func (s *stream) Download(dst device.Host, dstOff int64, src device.Buffer, off, n int64) error {
	if err := s.usable(); err != nil {
		return err
	}
	d, err := s.buffer(src, off, n)
	if err != nil {
		return s.fail(err)
	}
	h, err := s.hostBytes(dst, dstOff, n)
	if err != nil {
		return s.fail(err)
	}
	if n == 0 {
		return nil
	}
	s.b.meter.down.Add(n)
	return s.driver("a copy from the device", func() error {
		if err := s.enter(copying); err != nil {
			return err
		}
		return cu.MemcpyDtoHAsync(h, cu.DevicePtr(d), n, s.cu)
	})
}

// Clear implements device.Stream.
func (s *stream) Clear(b device.Buffer, off, n int64) error {
	if err := s.usable(); err != nil {
		return err
	}
	d, err := s.buffer(b, off, n)
	if err != nil {
		return s.fail(err)
	}
	return s.set(d, 0, n)
}

// set fills n bytes from an address on.
func (s *stream) set(at ptr, value byte, n int64) error {
	if n == 0 {
		return nil
	}
	return s.driver("filling memory", func() error { return cu.MemsetD8Async(cu.DevicePtr(at), value, n, s.cu) })
}

// Launch implements device.Stream.
func (s *stream) Launch(op device.Op) error {
	if err := s.usable(); err != nil {
		return err
	}
	if op == nil {
		return s.fail(errs.New(errs.Usage, "no operation given"))
	}
	s.op = op.Kernel()
	run := operationOf(s.op)
	if run == nil {
		return s.fail(errs.New(errs.Unsupported, "%s has no operation %q", s.b.name, s.op))
	}
	if err := run(s, op); err != nil {
		return s.fail(fmt.Errorf("%s: %w", s.op, err))
	}
	return nil
}

// Record implements device.Stream.
func (s *stream) Record() (device.Event, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	e := &event{}
	err := s.driver("an event", func() (err error) {
		if e.raw, err = s.b.event(); err != nil {
			return err
		}
		return e.raw.Record(s.cu)
	})
	if e.raw != nil {
		// The driver's event can be used again when nobody can wait for it any more:
		// a wait that was queued holds the point, not the event.
		runtime.AddCleanup(e, s.b.recycle, e.raw)
	}
	if err != nil {
		return nil, err
	}
	return e, nil
}

// Wait implements device.Stream.
func (s *stream) Wait(ev device.Event) error {
	if err := s.usable(); err != nil {
		return err
	}
	e, ok := ev.(*event)
	if !ok || e == nil {
		return s.fail(errs.New(errs.Usage, "an event of another backend (%T)", ev))
	}
	err := s.driver("waiting for an event", func() error {
		if err := s.enter(idle); err != nil { // the wait is not work
			return err
		}
		return s.cu.Wait(*e.raw, 0)
	})
	runtime.KeepAlive(e)
	return err
}

// Sync implements device.Stream.
func (s *stream) Sync() error {
	if err := s.usable(); err != nil {
		return err
	}
	return s.sync()
}

// sync waits for all that was queued and looks at the status word.
func (s *stream) sync() error {
	err := s.driver("work", func() error {
		if err := s.enter(idle); err != nil {
			return err
		}
		if len(s.names) > 0 {
			if err := cu.MemcpyDtoHAsync(s.host.pages.p, cu.DevicePtr(s.status), statusBytes, s.cu); err != nil {
				return err
			}
		}
		if err := s.cu.Synchronize(); err != nil {
			return err
		}
		s.measure(len(s.marks))
		return nil
	})
	if err != nil || len(s.names) == 0 { // no launch: the word is as it was
		return err
	}
	w := (*status)(s.host.pages.p)
	first := s.seq - uint64(len(s.names)) + 1
	if w.seq <= s.seq {
		name := "an operation"
		if w.seq >= first {
			name = s.names[w.seq-first]
		}
		return s.fail(fmt.Errorf("%s: %w", name, w.err()))
	}
	s.names = s.names[:0]
	return nil
}

// Close implements device.Stream.
func (s *stream) Close() error {
	if s.closed {
		return s.err
	}
	if s.err == nil {
		_ = s.sync() // kept in s.err
	} else {
		// What was queued before the failure still runs, and may use what the caller frees next.
		_ = s.b.ctx.do(func() error { return s.cu.Synchronize() })
	}
	s.closed = true
	s.b.forget(s)
	err := s.b.ctx.sure(func() error {
		err := s.stopClocks()
		if e := s.cu.Destroy(); err == nil {
			err = e
		}
		return err
	})
	if err != nil {
		_ = s.fail(tell(s.b.name, "closing a stream", err))
	}
	if s.own.k != nil {
		s.own.k.Free()
	}
	s.word.Free()
	s.host.Free()
	return s.err
}
