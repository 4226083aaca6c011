package memory

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"

	"github.com/gpusc/gpusc/internal/errs"
)

// Slab shares out the memory of one device. It knows only numbers: addresses,
// queues, events; what they stand for is the caller's affair. It gets memory in
// large pieces ("extents") and cuts blocks out of them, because to ask a device
// for memory is slow and makes every queue stop.
//
// A queue runs its work later than it was told to, so a block can be given back
// while work that uses it still waits to run. Such a block is pending: FreeOn
// keeps with it the queue and an event behind the last use. It may be used
//   - by later work of the same queue at once;
//   - by another queue after that queue has been made to wait for the event;
//   - by the host and anyone else once the event has been reached.
//
// Free runs that lie side by side are merged when both are free for all or both
// are pending on the same queue; the later event then stands for both. That is
// why events of one queue must be given in the order they were recorded in.
//
// Alloc takes the first of these that is large enough:
//  1. the best fit among what is free for all and what is pending on the
//     caller's own queue (the own one if both fit alike: it is of no use to others);
//  2. the same after asking the events, which may set runs free and merge them;
//  3. the best fit among what is pending on other queues, with an event to wait for;
//  4. the smallest row of neighbours that are free in whatever way;
//  5. a new extent.
//
// The host can wait for no event here, so 3 and 4 are not for queue 0. All but 4
// take O(log runs) steps, and O(queues) for the few queues; 4 looks at every
// run, but else the device would be asked, or the request fail. The same calls
// with the same answers of events give the same addresses.
//
// A Slab is safe for concurrent use. It calls Grow and the events under its
// lock: they must not call it.
type Slab struct {
	mu      sync.Mutex
	o       SlabOptions
	extents []*extent
	all     tree     // runs that are free for all
	queues  []*queue // those with events not known to be reached, oldest first
	seq     uint64   // of the last mark
	stats   SlabStats
	closed  bool
	bug     bug
}

// SlabOptions say where a slab gets its memory. The zero value has no limit and
// never grows: it has what Add gives it.
type SlabOptions struct {
	// Cap is the most bytes of all extents together; 0 for no limit.
	Cap int64
	// Extent is the least that is asked of Grow, if Cap has room for it; 0 for 64 MiB.
	Extent int64
	// Grow gets n more bytes from the device, aligned to 256. When the device is
	// out of memory it must say so with an errs.Budget error: then less is tried.
	// Any other error is passed on. nil: the slab never grows.
	Grow func(n int64) (base uint64, err error)
	// Debug keeps the stack of the caller with each block, for Leaks.
	Debug bool
}

// Queue names a stream of a device; 0 is the host.
type Queue uint64

// Event is a point in a queue's work. The slab that is given one owns it and
// calls Release exactly once, and nothing after that.
type Event interface {
	// Done tells, without waiting, whether the point has been reached.
	Done() bool
	// Release ends the event. It may come before the event has been reached.
	Release()
}

// Extent is a run of device memory that a slab was given.
type Extent struct {
	Base  uint64
	Bytes int64
}

// Block is a run of bytes of a slab. Its fields are for reading.
type Block struct {
	Addr  uint64 // a multiple of 256
	Bytes int64  // as asked for; the slab rounds up to 256
	What  string // what it is for
	// After are the events that the queue named to Alloc must be made to wait
	// for before it uses the block, at most one of each other queue. They are
	// the slab's, and valid until the block is given back.
	After []Event

	slab   *Slab
	seg    *seg    // nil once given back
	pieces []piece // what it was cut from, if any of that was pending
	stack  []uintptr
}

// piece is a part of a block that was free in one way.
type piece struct {
	n    int64
	mark *mark // nil: it was free for all
}

const (
	slabAlign  = 256
	slabExtent = 64 << 20
	slabMost   = 1 << 60 // sums of two still fit an int64
)

// bug is a fault that tests plant to see that they would find it.
type bug uint8

const (
	noBug        bug = iota
	bugNoWait        // Alloc tells of no events
	bugNoAsk         // every event counts as reached
	bugNoMerge       // neighbours stay apart
	bugMergeLive     // merges without a look whether the neighbour is free
	bugOverlap       // what is left of a split starts 256 too early
	bugOldMark       // of two events the earlier is kept
	bugNoRelease     // events are forgotten
	bugForget        // Free takes the caller's word for what was pending before
)

// NewSlab returns a slab with no extents yet.
func NewSlab(o SlabOptions) *Slab {
	if o.Extent <= 0 {
		o.Extent = slabExtent
	}
	o.Extent = roundSlab(min(o.Extent, slabMost))
	return &Slab{o: o, stats: SlabStats{Cap: max(o.Cap, 0)}}
}

// roundSlab gives the next multiple of 256, at least one.
func roundSlab(n int64) int64 { return max(n+slabAlign-1, slabAlign) &^ (slabAlign - 1) }

// Add gives the slab the n bytes at base, a multiple of 256. A rest of n under
// 256 is not used. It fails with errs.Usage for an extent that overlaps another
// or is not one, and errs.Budget for one that is over the cap.
func (s *Slab) Add(base uint64, n int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.add(base, n)
	return err
}

func (s *Slab) add(base uint64, n int64) (*seg, error) {
	switch {
	case s.closed:
		return nil, errClosed()
	case n < slabAlign || n > slabMost || base%slabAlign != 0 || base > math.MaxUint64-uint64(n):
		return nil, errs.New(errs.Usage, "%d bytes at %#x are no extent", n, base)
	case n > s.room():
		return nil, errs.New(errs.Budget, "an extent of %s is over the cap of %s", Bytes(n), Bytes(s.o.Cap))
	}
	for _, e := range s.extents {
		if base < e.Base+uint64(e.Bytes) && e.Base < base+uint64(n) {
			return nil, errs.New(errs.Usage, "the extent at %#x overlaps the one at %#x", base, e.Base)
		}
	}
	x := newSeg(base, n&^(slabAlign-1))
	s.extents = append(s.extents, &extent{Extent{base, n}, x})
	s.stats.Reserved += n
	s.stats.Free += x.n
	s.list(x)
	return x, nil
}

// room returns how many bytes of extents may still be added.
func (s *Slab) room() int64 {
	if s.o.Cap > 0 {
		return max(s.o.Cap-s.stats.Reserved, 0)
	}
	return slabMost - s.stats.Reserved
}

// Alloc returns a block of n bytes (of 0 bytes too: each has an address of its
// own), content undefined, aligned to 256. queue is the one that will use it
// first, and which must then wait for Block.After; 0 is the host, which gets
// only what is free for all. what says what it is for. It never waits: when
// nothing fits it fails with an errs.Budget error that tells what is in use.
func (s *Slab) Alloc(n int64, what string, queue Queue) (*Block, error) {
	if n < 0 {
		return nil, errs.New(errs.Limit, "cannot reserve %d bytes for %s", n, what)
	}
	if n > slabMost {
		return nil, tooLarge(what)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed()
	}
	size := roundSlab(n)
	x := s.find(size, queue)
	if x == nil {
		var err error
		if x, err = s.grow(size, what, queue); err != nil {
			return nil, err
		}
	}
	b := &Block{Bytes: n, What: what, slab: s}
	if s.o.Debug {
		b.stack = make([]uintptr, 16)
		b.stack = b.stack[:runtime.Callers(2, b.stack)]
	}
	s.take(b, x, size, queue)
	return b, nil
}

// grow adds an extent for size bytes. Where the device has no room for a whole
// extent it asks for half, and so on, down to size.
func (s *Slab) grow(size int64, what string, q Queue) (*seg, error) {
	room := s.room() &^ (slabAlign - 1)
	if s.o.Grow == nil || size > room {
		return nil, s.full(size, what, q, nil)
	}
	for ask := min(max(size, s.o.Extent), room); ; ask = max(size, roundSlab(ask/2)) {
		base, err := s.o.Grow(ask)
		switch {
		case err == nil:
			s.stats.Grows++
			return s.add(base, ask)
		case !errors.Is(err, errs.Budget):
			return nil, fmt.Errorf("memory for %s: %w", what, err)
		case ask == size:
			return nil, s.full(size, what, q, err)
		}
	}
}

// Free gives b back for use by anyone at once: the host knows that nothing uses
// it any more. A block may also be given back so if nothing was queued that
// uses it, whether or not its After was waited for: what was pending before is
// then pending again. It fails with errs.Usage for a block that was given back
// before or is of another slab.
func (s *Slab) Free(b *Block) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := s.giveUp(b)
	if err != nil {
		return err
	}
	if s.bug == bugForget {
		s.letGo(b)
	}
	for i, p := range b.pieces {
		part := x
		if i < len(b.pieces)-1 {
			x = part.split(p.n)
			x.live = b
		}
		m := p.mark
		if m != nil && m.reached() {
			m = nil
		}
		s.put(part, m)
	}
	if b.pieces == nil {
		s.put(x, nil)
	}
	s.letGo(b)
	return nil
}

// FreeOn gives b back to be used at once by work queued later on q, by others
// after ev has been reached. q is the queue named to Alloc, or one that was made
// to wait for that one's use; ev must be behind all use of the block, and given
// after the events recorded earlier on q. ev is the slab's from now on, even if
// the call fails: with errs.Usage, for a block that was given back before or is
// of another slab, or for queue 0.
func (s *Slab) FreeOn(b *Block, q Queue, ev Event) error {
	if ev == nil {
		return errs.New(errs.Usage, "a block was given back with no event")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if q == 0 {
		ev.Release()
		return errs.New(errs.Usage, "the host has no events to give a block back with")
	}
	x, err := s.giveUp(b)
	if err != nil {
		ev.Release()
		return err
	}
	s.put(x, s.newMark(q, ev))
	s.letGo(b)
	return nil
}

// giveUp checks that b is live and counts it as free. The caller puts the
// segment back.
func (s *Slab) giveUp(b *Block) (*seg, error) {
	switch {
	case s.closed:
		return nil, errClosed()
	case b == nil:
		return nil, errs.New(errs.Usage, "no block to give back")
	case b.slab != s || b.seg != nil && b.seg.live != b:
		return nil, errs.New(errs.Usage, "the block of %s is of another slab", b.What)
	case b.seg == nil:
		return nil, errs.New(errs.Usage, "the block of %s was given back before", b.What)
	}
	x := b.seg
	b.seg = nil
	s.stats.Frees++
	s.stats.Blocks--
	s.stats.Used -= x.n
	s.stats.Free += x.n
	return x, nil
}

// letGo ends b's hold on the events it was cut from.
func (s *Slab) letGo(b *Block) {
	for _, p := range b.pieces {
		if p.mark != nil {
			p.mark.refs--
			s.drop(p.mark)
		}
	}
	b.pieces, b.After = nil, nil
}

// Close releases every event, ends the slab, and returns Leaks. No queue may
// have work left that uses it. The extents are still there to be given back.
func (s *Slab) Close() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.leaks()
	for _, e := range s.extents {
		for x := e.first; x != nil; x = x.next {
			if x.live != nil {
				s.letGo(x.live)
			}
		}
	}
	for _, q := range s.queues {
		for el := q.marks.Front(); el != nil; el = q.marks.Front() {
			m := el.Value.(*mark)
			m.runs = nil
			s.drop(m)
		}
	}
	s.closed = true
	return out
}

func errClosed() error { return errs.New(errs.Usage, "the pool of device memory is closed") }
