package cpu

import (
	"fmt"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// align is the alignment of every block: a cache line, and a ZMM register.
const align = 64

// block is a run of bytes in use, the common part of buffer and host.
type block struct {
	b     *backend
	data  []byte // exactly the size asked for
	whole []byte // what goes back to the pool; nil when shared
	size  int64
	kind  string // "buffer", "staging memory", "shared buffer"
	what  string
	res   *memory.Reservation
	freed atomic.Bool
}

// buffer implements device.Buffer, host implements device.Host.
type (
	buffer struct{ block }
	host   struct{ block }
)

// Size implements device.Buffer.
func (b *buffer) Size() int64 { return b.size }

// Bytes implements device.Host.
func (h *host) Bytes() []byte { return h.data }

// Free implements device.Buffer and device.Host. A second call does no harm,
// but Close tells of it.
func (k *block) Free() {
	if k.freed.Swap(true) {
		k.b.mu.Lock()
		k.b.twice = append(k.b.twice, fmt.Sprintf("%s %q", k.kind, k.what))
		k.b.mu.Unlock()
		return
	}
	k.b.mu.Lock()
	delete(k.b.live, k)
	k.b.mu.Unlock()
	if k.whole == nil {
		return
	}
	if k.b.opt.Poison {
		poison(k.whole)
	}
	k.b.pool.put(k.whole)
	k.res.Release()
}

// kind is the kind of memory that buffers are reserved as.
func (b *backend) kind() memory.Kind {
	if b.opt.Apart {
		return memory.Device
	}
	return memory.Host
}

// Alloc implements device.Backend.
func (b *backend) Alloc(n int64, what string) (device.Buffer, error) {
	k := &buffer{}
	if err := b.fill(&k.block, b.kind(), n, "buffer", what); err != nil {
		return nil, err
	}
	return k, nil
}

// HostAlloc implements device.Backend.
func (b *backend) HostAlloc(n int64, what string) (device.Host, error) {
	k := &host{}
	if err := b.fill(&k.block, memory.Pinned, n, "staging memory", what); err != nil {
		return nil, err
	}
	return k, nil
}

// Share implements device.Backend.
func (b *backend) Share(h device.Host) (device.Buffer, bool) {
	p, ok := h.(*host)
	if !ok || b.opt.Apart || p.b != b || p.freed.Load() {
		return nil, false
	}
	k := &buffer{block{b: b, data: p.data, size: p.size, kind: "shared buffer", what: p.what}}
	b.mu.Lock()
	b.live[&k.block] = struct{}{}
	b.mu.Unlock()
	return k, true
}

// fill reserves and allocates a block.
func (b *backend) fill(k *block, m memory.Kind, n int64, kind, what string) error {
	b.mu.Lock()
	closed := b.closed
	b.mu.Unlock()
	if closed {
		return errClosed()
	}
	if n < 0 {
		return errs.New(errs.Limit, "cannot allocate %d bytes for %s", n, what)
	}
	// Without a budget, nothing else stands before the runtime, which would
	// end the process.
	if n > 1<<46 || b.machine > 0 && n > b.machine {
		return errs.New(errs.Budget, "%s needs %s, the machine has %s", what, memory.Bytes(n), memory.Bytes(b.machine))
	}
	size := sizeClass(n)
	res, err := b.ledger.Reserve(m, what, size)
	if err != nil {
		return err
	}
	whole := b.pool.get(size)
	if b.opt.Poison {
		poison(whole)
	}
	k.b, k.data, k.whole, k.size = b, whole[:n:n], whole, n
	k.kind, k.what, k.res = kind, what, res
	b.mu.Lock()
	b.live[k] = struct{}{}
	b.mu.Unlock()
	return nil
}

func poison(p []byte) {
	for i := range p {
		p[i] = 0xFF
	}
}

// sizeClass rounds n up so that blocks of nearly the same size can be reused:
// to whole cache lines, and from 64 KiB on to whole pages.
func sizeClass(n int64) int64 {
	const line, page = int64(align), 4 << 10
	if n < 64<<10 {
		return (n + line - 1) &^ (line - 1)
	}
	return (n + page - 1) &^ (page - 1)
}

// pool keeps freed blocks for reuse, by size. It is held by the garbage
// collector's leave only (sync.Pool): what is in it is not reserved any more,
// so the collector may take it whenever memory is short.
type pool struct {
	mu    sync.Mutex
	sizes map[int64]*sync.Pool
}

// maxSizes bounds the number of sizes that a pool remembers.
const maxSizes = 256

func (p *pool) of(size int64) *sync.Pool {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.sizes[size]
	if s == nil {
		if p.sizes == nil || len(p.sizes) >= maxSizes {
			p.sizes = map[int64]*sync.Pool{}
		}
		s = &sync.Pool{}
		p.sizes[size] = s
	}
	return s
}

func (p *pool) get(size int64) []byte {
	if size == 0 {
		return []byte{}
	}
	if w, ok := p.of(size).Get().(*[]byte); ok {
		return *w
	}
	return aligned(size)
}

func (p *pool) put(whole []byte) {
	if len(whole) > 0 {
		p.of(int64(len(whole))).Put(&whole)
	}
}

// aligned returns n > 0 fresh bytes that start at a multiple of align.
func aligned(n int64) []byte {
	if n >= 64<<10 { // the runtime gives whole pages
		p := make([]byte, n)
		if uintptr(unsafe.Pointer(&p[0]))%align == 0 {
			return p
		}
	}
	p := make([]byte, n+align-1)
	off := int64(-uintptr(unsafe.Pointer(&p[0])) % align)
	return p[off : off+n : off+n]
}
