package chunk

import (
	"context"
	"io"
	"sync"

	"github.com/gpusc/gpusc/chunk/pack"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// arena hands out memory for packed pieces, from large slabs outside of the
// garbage collected heap: what is never freed before the end must not double
// the heap that the collector aims at.
type arena struct {
	mu     sync.Mutex
	ledger *memory.Ledger
	limit  int64
	used   int64
	res    *memory.Reservation
	slabs  [][]byte
	rest   []byte // of the last slab
}

// slabSize is how much address space is taken at a time. Only what is written
// becomes memory, so the ledger counts the pieces.
const slabSize = 64 << 20

// alloc returns n bytes, or nil where limit, ledger or machine have them not.
func (a *arena) alloc(n int64) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n > a.limit-a.used {
		return nil
	}
	if a.res == nil {
		res, err := a.ledger.Reserve(memory.Host, "packed cache", 0)
		if err != nil {
			return nil
		}
		a.res = res
	}
	if a.res.Resize(a.used+n) != nil {
		return nil
	}
	if int64(len(a.rest)) < n {
		slab, err := newSlab(max(n, slabSize))
		if err != nil {
			_ = a.res.Resize(a.used) // smaller never fails
			return nil
		}
		a.slabs = append(a.slabs, slab)
		a.rest = slab
	}
	b := a.rest[:n:n]
	a.rest = a.rest[n:]
	a.used += n
	return b
}

func (a *arena) free() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.slabs {
		freeSlab(s)
	}
	a.slabs, a.rest, a.used = nil, nil, 0
	a.res.Release()
	a.res = nil
}

// scratchFile is what a cache needs of a file.
type scratchFile interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
}

// scratch is the scratch file, made when the first piece goes there.
type scratch struct {
	mu     sync.Mutex
	ledger *memory.Ledger
	dir    string
	open   func(dir string) (scratchFile, error)
	f      scratchFile
	end    int64
	res    *memory.Reservation
}

// scratchAlign is what pieces start at multiples of: a page.
const scratchAlign = 4096

// write puts b at a place of its own; several calls write at the same time.
func (s *scratch) write(b []byte) (off int64, err error) {
	f, off, err := s.claim(int64(len(b)))
	if err != nil {
		return 0, err
	}
	if _, err := f.WriteAt(b, off); err != nil {
		return 0, s.fail(err, "cannot write %s after %s", memory.Bytes(int64(len(b))), memory.Bytes(off))
	}
	return off, nil
}

func (s *scratch) claim(n int64) (scratchFile, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.f == nil {
		f, err := s.open(s.dir)
		if err != nil {
			return nil, 0, s.fail(err, "cannot make a scratch file")
		}
		if s.res, err = s.ledger.Reserve(memory.Scratch, "scratch file", 0); err != nil {
			_ = f.Close()
			return nil, 0, err
		}
		s.f = f
	}
	off := s.end
	end := off + (n+scratchAlign-1)&^(scratchAlign-1)
	if err := s.res.Resize(end); err != nil {
		return nil, 0, err
	}
	s.end = end
	return s.f, off, nil
}

func (s *scratch) read(b []byte, off int64) error {
	if _, err := s.f.ReadAt(b, off); err != nil {
		return s.fail(err, "cannot read %s at %d of the scratch file", memory.Bytes(int64(len(b))), off)
	}
	return nil
}

func (s *scratch) fail(err error, format string, a ...any) error {
	e := errs.New(errs.Resource, format, a...).Because(err)
	e.File = s.dir
	return e.Do("free space in that folder, or give --tmp one on another disk, or a larger --memory")
}

func (s *scratch) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.f == nil {
		return nil
	}
	err := s.f.Close()
	s.f = nil
	s.res.Release()
	if err != nil {
		return s.fail(err, "cannot close the scratch file")
	}
	return nil
}

// buffers are those through which pieces go to the scratch file and back. A
// buffer is made when none is free and the ledger has the memory; where it has
// not, the caller waits for one that is in use.
type buffers struct {
	mu     sync.Mutex
	ledger *memory.Ledger
	idle   []*buffer
	out    int
	wake   chan struct{} // closed when a buffer comes back; nil: no one waits
	pool   sync.Pool     // of *pack.Scratch
}

type buffer struct {
	data []byte
	res  *memory.Reservation
}

// get returns a buffer of at least n bytes, or the ledger's error when none is
// in use that could be waited for.
func (p *buffers) get(ctx context.Context, n int64) (*buffer, error) {
	for {
		b, wait, err := p.try(n)
		if b != nil || wait == nil {
			return b, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (p *buffers) try(n int64) (*buffer, <-chan struct{}, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := &buffer{}
	if k := len(p.idle); k > 0 {
		b, p.idle = p.idle[k-1], p.idle[:k-1]
	} else {
		res, err := p.ledger.Reserve(memory.Host, "scratch buffer", 0)
		if err != nil {
			return nil, nil, err
		}
		b.res = res
	}
	if int64(cap(b.data)) < n {
		b.data = nil // given up before the larger one is reserved
		err := b.res.Resize(n)
		if err != nil && len(p.idle) > 0 {
			p.drop()
			err = b.res.Resize(n)
		}
		if err != nil {
			b.res.Release()
			if p.out == 0 {
				return nil, nil, err
			}
			if p.wake == nil {
				p.wake = make(chan struct{})
			}
			return nil, p.wake, nil
		}
		b.data = make([]byte, n)
	}
	p.out++
	return b, nil, nil
}

func (p *buffers) put(b *buffer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out--
	p.idle = append(p.idle, b)
	if p.wake != nil {
		close(p.wake)
		p.wake = nil
	}
}

func (p *buffers) free() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop()
}

// drop gives the idle buffers up.
func (p *buffers) drop() {
	for _, b := range p.idle {
		b.res.Release()
	}
	p.idle = nil
}

func (p *buffers) scratch() *pack.Scratch {
	if s, ok := p.pool.Get().(*pack.Scratch); ok {
		return s
	}
	return new(pack.Scratch)
}

func (p *buffers) putScratch(s *pack.Scratch) { p.pool.Put(s) }
