//go:build cuda

package cuda

import (
	"errors"

	"gorgonia.org/cu"

	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// Sizes of the pool.
const (
	// freeShare of the memory that is free when a device is opened may be used, if
	// no limit is given: the rest is for the driver, its kernels and others.
	freeShare = 0.9
	// leastExtent is what is asked of the driver at once, at least: asking takes a
	// millisecond and stops every stream. A large device is asked for 1/extentShare of it.
	leastExtent = 64 << 20
	extentShare = 256
)

// pool is the device memory of a backend: one slab, which grows up to a limit and
// is given back when the backend is closed.
type pool struct {
	b     *backend
	slab  *memory.Slab
	apart *apart // instead of the slab, for Options.Apart
	debug bool   // memory is filled when it is handed out and given back, so that wrong use shows
}

// openPool asks how much memory is free and makes the pool.
func (b *backend) openPool() error {
	var free, total int64
	err := b.ctx.do(func() (err error) {
		free, total, err = cu.MemInfo()
		return err
	})
	if err != nil {
		return tell(b.name, "cannot be asked for its free memory", err)
	}
	limit := int64(float64(free) * freeShare)
	if m := b.opt.Memory; m > 0 {
		limit = min(m, limit)
	}
	b.info.Room = limit
	b.pool = pool{b: b, debug: b.opt.Debug && !b.opt.Apart}
	if b.opt.Apart {
		b.pool.apart = &apart{room: limit, held: map[uint64]int64{}}
	}
	b.pool.slab = memory.NewSlab(memory.SlabOptions{
		Cap: limit, Extent: min(max(leastExtent, total/extentShare), max(total/32, 1<<20)), Grow: b.pool.grow, Debug: b.opt.Debug,
	})
	return nil
}

// grow gets an extent from the driver.
func (p *pool) grow(n int64) (uint64, error) {
	var at cu.DevicePtr
	err := p.b.ctx.do(func() (err error) {
		at, err = cu.MemAlloc(n)
		return err
	})
	if err != nil {
		return 0, tell(p.b.name, "no more device memory", err)
	}
	return uint64(at), nil
}

// alloc returns a block for the first use by a stream, or by any (nil).
func (p *pool) alloc(n int64, what string, s *stream) (*memory.Block, error) {
	if p.apart != nil {
		return p.apart.alloc(p.b, n, what)
	}
	q := memory.Queue(0)
	if s != nil {
		q = memory.Queue(s.id)
	}
	k, err := p.slab.Alloc(n, what, q)
	if errors.Is(err, errs.Budget) && p.slab.Stats().FreeBlocks > 0 {
		// Some of what is free may wait for work that is queued.
		if e := p.b.ctx.do(cu.Synchronize); e != nil {
			return nil, tell(p.b.name, "work", e)
		}
		k, err = p.slab.Alloc(n, what, q)
	}
	if err != nil {
		return nil, err
	}
	for _, ev := range k.After {
		e := ev.(*poolEvent)
		if p.b.opt.bug == bugAfter {
			continue
		}
		if err := s.driver("waiting for memory", func() error { return s.cu.Wait(*e.raw, 0) }); err != nil {
			_ = p.slab.Free(k)
			return nil, err
		}
	}
	if err := p.fill(k, 0xFF, s); err != nil {
		_ = p.slab.Free(k)
		return nil, err
	}
	return k, nil
}

// free gives a block back that nothing uses any more.
func (p *pool) free(k *memory.Block) error {
	if p.apart != nil {
		return p.apart.free(p.b, k)
	}
	if err := p.fill(k, 0xDD, nil); err != nil {
		return errors.Join(err, p.slab.Free(k))
	}
	return p.slab.Free(k)
}

// freeOn gives a block back that work queued on s still uses.
func (p *pool) freeOn(k *memory.Block, s *stream) error {
	if p.apart != nil {
		return p.apart.free(p.b, k)
	}
	if p.b.opt.bug == bugFreeOn {
		return p.free(k)
	}
	e := &poolEvent{b: p.b}
	err := s.driver("an event", func() (err error) {
		if p.debug {
			if err := cu.MemsetD8Async(cu.DevicePtr(k.Addr), 0xDD, k.Bytes, s.cu); err != nil {
				return err
			}
		}
		if e.raw, err = p.b.event(); err != nil {
			return err
		}
		return e.raw.Record(s.cu)
	})
	if err != nil {
		// The stream is broken: nobody will use the block before the backend is closed.
		_ = p.b.ctx.do(func() error { return s.cu.Synchronize() })
		return errors.Join(err, p.slab.Free(k))
	}
	return p.slab.FreeOn(k, memory.Queue(s.id), e)
}

// fill overwrites a block, for Options.Debug. What a stream was given may still be in use
// by its earlier work, so it is filled in that stream's turn: the default stream, which
// fills the others, has no order with ours.
func (p *pool) fill(k *memory.Block, v byte, s *stream) error {
	if !p.debug || k.Bytes == 0 {
		return nil
	}
	if s != nil {
		return s.set(ptr(k.Addr), v, k.Bytes)
	}
	err := p.b.ctx.do(func() error {
		if err := cu.MemsetD8(cu.DevicePtr(k.Addr), v, k.Bytes); err != nil {
			return err
		}
		return cu.Synchronize()
	})
	if err != nil {
		return tell(p.b.name, "filling memory", err)
	}
	return nil
}

// close ends the pool and returns what is the driver's. All streams are closed.
func (p *pool) close() []memory.Extent {
	extents := p.slab.Extents()
	p.slab.Close()
	if p.apart != nil {
		extents = append(extents, p.apart.extents()...)
	}
	return extents
}

// poolEvent is where the last use of a block ends.
type poolEvent struct {
	b   *backend
	raw *cu.Event
}

// Done implements memory.Event. A device that has failed runs nothing any more.
func (e *poolEvent) Done() bool {
	if e.b.opt.bug == bugDone {
		return true
	}
	err := e.b.ctx.do(func() error { return e.raw.Query() })
	return code(err) != notReady
}

// Release implements memory.Event.
func (e *poolEvent) Release() { e.b.recycle(e.raw) }
