//go:build cuda

package cuda

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// Page-locked memory is slow to get (the driver locks some 4 GB a second), and every
// sweep of a run wants the same again. So what is freed is kept, still reserved in
// the ledger, until Trim.

// pages is a run of page-locked memory as the driver gave it.
type pages struct {
	p    unsafe.Pointer
	size int64 // in bytes
	res  *memory.Reservation
}

// staging is what is kept, smallest first.
type staging struct{ kept []pages }

// pageClass rounds sizes up, so that what is freed fits what is asked for next.
func pageClass(n int64) int64 {
	if n <= 4<<10 {
		return 4 << 10
	}
	step := int64(4 << 10)
	for step*16 < n {
		step *= 2
	}
	return (n + step - 1) / step * step
}

// take returns kept memory of that size, or not much more.
func (k *staging) take(size int64) (pages, bool) {
	i, _ := slices.BinarySearchFunc(k.kept, size, func(p pages, n int64) int {
		if p.size < n {
			return -1
		}
		return 1
	})
	if i == len(k.kept) || k.kept[i].size > size+size/4 {
		return pages{}, false
	}
	p := k.kept[i]
	k.kept = slices.Delete(k.kept, i, i+1)
	return p, true
}

// put keeps memory.
func (k *staging) put(p pages) {
	i, _ := slices.BinarySearchFunc(k.kept, p.size, func(q pages, n int64) int {
		if q.size < n {
			return -1
		}
		return 1
	})
	k.kept = slices.Insert(k.kept, i, p)
}

// Trim implements device.Trimmer: memory that is kept for reuse is given back.
func (b *backend) Trim() {
	b.mu.Lock()
	kept := b.staging.kept
	b.staging.kept = nil
	b.mu.Unlock()
	for _, p := range kept {
		b.giveBack(p)
	}
}

// giveBack frees memory for good.
func (b *backend) giveBack(p pages) {
	if err := b.ctx.end(func() error { return hostFree(p.p) }); err != nil {
		b.trouble(tell(b.name, "freeing page-locked memory", err))
		b.mu.Lock()
		b.stuck = append(b.stuck, p.p) // Close tries once more
		b.mu.Unlock()
	}
	p.res.Release()
}

// HostAlloc implements device.Backend.
func (b *backend) HostAlloc(n int64, what string) (device.Host, error) {
	h, err := b.hostAlloc(n, what)
	if err != nil {
		return nil, err
	}
	return h, nil
}

func (b *backend) hostAlloc(n int64, what string) (*host, error) {
	h := &host{}
	if err := b.begin(&h.block, n, 1<<46, "staging memory", what); err != nil {
		return nil, err
	}
	p, err := b.pages(pageClass(n), what)
	if errors.Is(err, errs.Budget) {
		b.Trim()
		p, err = b.pages(pageClass(n), what)
	}
	if err != nil {
		return nil, err
	}
	h.pages = p
	b.hold(h)
	return h, nil
}

// pages returns page-locked memory that was kept or is new.
func (b *backend) pages(size int64, what string) (pages, error) {
	b.mu.Lock()
	p, ok := b.staging.take(size)
	b.mu.Unlock()
	if ok {
		return p, nil
	}
	res, err := b.ledger.Reserve(memory.Pinned, what, size)
	if err != nil {
		return p, err
	}
	p = pages{size: size, res: res}
	err = b.ctx.do(func() (err error) {
		p.p, err = hostAlloc(size)
		return err
	})
	if err != nil {
		res.Release()
		e := tell(b.name, fmt.Sprintf("%s needs %s of page-locked memory", what, memory.Bytes(size)), err)
		if errors.Is(e, errs.Budget) {
			e = e.Do("give less --memory, or raise the limit of locked memory (ulimit -l)")
		}
		return p, e
	}
	return p, nil
}

// Free implements device.Host.
func (h *host) Free() {
	if !h.end(h) {
		return
	}
	h.b.mu.Lock()
	h.b.staging.put(h.pages)
	h.b.mu.Unlock()
}
