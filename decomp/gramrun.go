package decomp

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/kernels"
)

// gramRun is one run of Gram.Accumulate.
//
// Tiles go through in order. On each device, each stream fills its part of a
// tile, waits for the others of its device to have filled theirs, and multiplies
// its part. Two tiles (sets) are in work, so a stream that is done fills the next
// one meanwhile. A further stream, the gate, copies chunks to the device and tells
// when a chunk has been used up. Every device gets and fills every tile; the
// elements of the accumulator are shared out over the streams of all devices, so
// that no sum is ever split.
type gramRun struct {
	*Gram
	rows    int64
	genes   int
	parts   int // streams of all devices
	ahead   int // chunks that are queued beyond the one that is waited for, below sets
	packed  packedSource
	devices []*gramDevice
	slots   []*slot
}

// packedSource is a source whose chunks can be had as they are packed;
// chunk.Cached is one. What Packed returns has been verified.
type packedSource interface {
	chunk.Source
	PackedSize(i int) int64
	Packed(i int, buf []byte) ([]byte, error)
}

// unpacks returns the source, where chunks can go to every device packed, to be
// unpacked there: a little over one byte a value is copied, not eight. It is nil
// where the source has no packed chunks or host memory need not be copied.
func (g *Gram) unpacks() packedSource {
	src, ok := g.Source.(packedSource)
	for _, d := range g.Devices {
		ok = ok && !d.Backend.Info().Unified && d.Backend.Supports((*kernels.Unpack)(nil).Kernel())
	}
	if !ok {
		return nil
	}
	return src
}

// open allocates what is needed from the start.
func (r *gramRun) open() error {
	r.packed = r.unpacks()
	rows := 1
	for _, s := range r.Source.Spans() {
		rows = max(rows, int(s.Rows))
	}
	rows = (rows + kernels.GramBlock - 1) / kernels.GramBlock * kernels.GramBlock
	nnz := firstNNZ(rows, r.genes)
	for _, g := range r.Devices {
		if !g.Backend.Info().Unified {
			r.ahead = 1
		}
		d := &gramDevice{GramDevice: g, run: r, first: r.parts}
		r.devices = append(r.devices, d)
		r.parts += len(g.Streams)
	}
	for _, d := range r.devices {
		if err := d.open(rows, nnz); err != nil {
			return err
		}
	}
	threads := r.Threads
	if threads <= 0 {
		threads = r.parts
	}
	for range min(numReaders(threads), max(len(r.Source.Spans()), 1)) + 1 + r.ahead {
		s, err := r.newSlot(rows, nnz)
		r.slots = append(r.slots, s)
		if err != nil {
			return err
		}
	}
	return nil
}

// free waits for the devices and gives everything back.
func (r *gramRun) free() {
	for _, d := range r.devices {
		d.free()
	}
	for _, s := range r.slots {
		s.release()
	}
}

// tiles sends every tile through.
func (r *gramRun) tiles(ctx context.Context) error {
	// The constants and the cleared sums must be there before the first fill.
	for _, d := range r.devices {
		if err := d.gate.Sync(); err != nil {
			return err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	next := make(chan int)
	group.Go(func() error { return r.claim(ctx, next) })
	for range len(r.slots) - 1 - r.ahead {
		group.Go(func() error { return r.read(ctx, next) })
	}
	group.Go(func() error { return r.feed(ctx) })
	if err := group.Wait(); err != nil {
		return err
	}
	for _, d := range r.devices {
		for _, s := range d.Streams {
			if err := s.Sync(); err != nil {
				return err
			}
		}
	}
	return nil
}

// claim hands out tiles in order, each when its slot is free. Readers must not
// wait for slots by themselves: a later tile could take a slot before an earlier.
func (r *gramRun) claim(ctx context.Context, next chan<- int) error {
	defer close(next)
	for t := range r.Source.Spans() {
		select {
		case <-r.slots[t%len(r.slots)].free:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case next <- t:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// read fills the slots of tiles that have been claimed.
func (r *gramRun) read(ctx context.Context, next <-chan int) error {
	for t := range next {
		s := r.slots[t%len(r.slots)]
		var err error
		if r.packed != nil {
			err = s.fetch(r, t)
		} else {
			err = s.read(ctx, r, t)
		}
		if err != nil {
			return err
		}
		s.ready <- struct{}{}
	}
	return nil
}

// fed is a chunk whose tile has been queued.
type fed struct {
	slot   *slot
	filled [][]device.Event // of each device; nil: an empty chunk
	rows   int64
}

// feed queues the work of each tile and frees its slot when it has been filled.
// Where chunks are copied, the next one is queued first, so that it is copied
// while this one's tile is filled.
func (r *gramRun) feed(ctx context.Context) error {
	var queue []fed
	done := int64(0)
	finish := func(most int) error {
		for ; len(queue) > most; queue = queue[1:] {
			f := queue[0]
			for i, events := range f.filled {
				if err := r.devices[i].sync(events); err != nil {
					return err
				}
			}
			f.slot.free <- struct{}{}
			if done += f.rows; r.Done != nil {
				r.Done(done)
			}
		}
		return nil
	}
	for t, span := range r.Source.Spans() {
		f := fed{slot: r.slots[t%len(r.slots)], rows: span.Rows}
		select {
		case <-f.slot.ready:
		case <-ctx.Done():
			return ctx.Err()
		}
		if span.Rows > 0 {
			for i, d := range r.devices {
				events, err := d.tile(f.slot.on[i], t%sets)
				if err != nil {
					return err
				}
				f.filled = append(f.filled, events)
			}
		}
		queue = append(queue, f)
		if err := finish(r.ahead); err != nil {
			return err
		}
	}
	return finish(0)
}
