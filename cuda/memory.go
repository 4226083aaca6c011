//go:build cuda

package cuda

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// block is a run of bytes in use, the common part of buffer and host.
type block struct {
	b     *backend
	size  int64
	kind  string // "buffer", "staging memory"
	what  string
	res   *memory.Reservation
	freed atomic.Bool
}

// buffer implements device.Buffer.
type buffer struct {
	block
	at  ptr
	mem *memory.Block
}

// host implements device.Host: page-locked memory.
type host struct {
	block
	p unsafe.Pointer
}

// Size implements device.Buffer.
func (k *buffer) Size() int64 { return k.size }

// Bytes implements device.Host.
func (h *host) Bytes() []byte { return unsafe.Slice((*byte)(h.p), h.size) }

// end notes that the block is freed; false when it was before.
func (k *block) end(self any) bool {
	k.b.mu.Lock()
	defer k.b.mu.Unlock()
	if k.freed.Swap(true) {
		k.b.twice = append(k.b.twice, fmt.Sprintf("%s %q", k.kind, k.what))
		return false
	}
	delete(k.b.live, self)
	return true
}

// Free implements device.Buffer.
func (k *buffer) Free() {
	if !k.end(k) {
		return
	}
	if err := k.b.pool.free(k.mem); err != nil {
		k.b.trouble(err)
	}
	k.res.Release()
}

// Free implements device.Host.
func (h *host) Free() {
	if !h.end(h) {
		return
	}
	if err := h.b.ctx.end(func() error { return hostFree(h.p) }); err != nil {
		h.b.trouble(tell(h.b.name, "freeing "+h.what, err))
		h.b.mu.Lock()
		h.b.stuck = append(h.b.stuck, h.p) // Close tries once more
		h.b.mu.Unlock()
	}
	h.res.Release()
}

// Alloc implements device.Backend.
func (b *backend) Alloc(n int64, what string) (device.Buffer, error) {
	k, err := b.alloc(n, what)
	if err != nil {
		return nil, err
	}
	return k, nil
}

// HostAlloc implements device.Backend.
func (b *backend) HostAlloc(n int64, what string) (device.Host, error) {
	h, err := b.hostAlloc(n, what)
	if err != nil {
		return nil, err
	}
	return h, nil
}

// Share implements device.Backend: kernels read device memory only.
func (b *backend) Share(device.Host) (device.Buffer, bool) { return nil, false }

// reserve begins a block.
func (b *backend) reserve(k *block, m memory.Kind, n, most int64, kind, what string) error {
	b.mu.Lock()
	closed := b.closed
	b.mu.Unlock()
	if closed {
		return errs.New(errs.Usage, "%s is closed", b.name)
	}
	if n < 0 {
		return errs.New(errs.Limit, "cannot allocate %d bytes for %s", n, what)
	}
	if n > most {
		return errs.New(errs.Budget, "%s needs %s, there are %s", what, memory.Bytes(n), memory.Bytes(most))
	}
	res, err := b.ledger.Reserve(m, what, n)
	if err != nil {
		return err
	}
	k.b, k.size, k.kind, k.what, k.res = b, n, kind, what, res
	return nil
}

func (b *backend) hold(self any) {
	b.mu.Lock()
	b.live[self] = struct{}{}
	b.mu.Unlock()
}

func (b *backend) alloc(n int64, what string) (*buffer, error) { return b.allocFor(n, what, nil) }

// allocFor makes a buffer whose first use is on a stream, or on any (nil).
func (b *backend) allocFor(n int64, what string, s *stream) (*buffer, error) {
	k := &buffer{}
	if err := b.reserve(&k.block, memory.Device, n, b.total, "buffer", what); err != nil {
		return nil, err
	}
	mem, err := b.pool.alloc(n, what, s)
	if err != nil {
		k.res.Release()
		return nil, errs.InFile(err, b.name)
	}
	k.mem, k.at = mem, ptr(mem.Addr)
	b.hold(k)
	return k, nil
}

func (b *backend) hostAlloc(n int64, what string) (*host, error) {
	h := &host{}
	if err := b.reserve(&h.block, memory.Pinned, n, 1<<46, "staging memory", what); err != nil {
		return nil, err
	}
	err := b.ctx.do(func() (err error) {
		h.p, err = hostAlloc(max(n, 1))
		return err
	})
	if err != nil {
		h.res.Release()
		e := tell(b.name, fmt.Sprintf("%s needs %s of page-locked memory", what, memory.Bytes(n)), err)
		if errors.Is(e, errs.Budget) {
			e = e.Do("give less --memory, or raise the limit of locked memory (ulimit -l)")
		}
		return nil, e
	}
	b.hold(h)
	return h, nil
}

// scratch is memory that a stream's kernels use among themselves. It grows, and is
// given to each operation anew, content undefined.
type scratch struct{ k *buffer }

// free gives it back; the stream may still use it.
func (w *scratch) free(s *stream) {
	if w.k == nil || !w.k.end(w.k) {
		return
	}
	if err := s.b.pool.freeOn(w.k.mem, s); err != nil {
		s.b.trouble(err)
	}
	w.k.res.Release()
	w.k = nil
}

// scratch returns n bytes on the device for the kernels of one operation.
func (s *stream) scratch(n int64) (ptr, error) {
	if s.own.k == nil || s.own.k.size < n {
		s.own.free(s)
		k, err := s.b.allocFor(n+n/4, "scratch memory of a stream", s)
		if err != nil {
			return 0, err
		}
		s.own.k = k
	}
	return s.own.k.at, nil
}
