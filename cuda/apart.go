//go:build cuda

package cuda

import (
	"sync"

	"gorgonia.org/cu"

	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// apart is memory without a slab, for Options.Apart: the driver knows of each buffer. A
// tool like compute-sanitizer sees one slab as one allocation, of which every byte has
// been written by someone, and so neither what a kernel reads beyond a buffer's end nor
// what it reads before anything was written there.
type apart struct {
	mu   sync.Mutex
	room int64            // bytes that are left
	held map[uint64]int64 // bytes by address
}

// alloc asks the driver for n bytes.
func (a *apart) alloc(b *backend, n int64, what string) (*memory.Block, error) {
	size := max(n, 1)
	a.mu.Lock()
	defer a.mu.Unlock()
	if size > a.room {
		return nil, errs.New(errs.Budget, "%s needs %s of device memory, %s are left", what, memory.Bytes(n), memory.Bytes(a.room))
	}
	var at cu.DevicePtr
	err := b.ctx.do(func() (err error) {
		at, err = cu.MemAlloc(size)
		return err
	})
	if err != nil {
		return nil, tell(b.name, "no more device memory", err)
	}
	a.room -= size
	a.held[uint64(at)] = size
	return &memory.Block{Addr: uint64(at), Bytes: n, What: what}, nil
}

// free gives a block back when all streams have run: it waits for them.
func (a *apart) free(b *backend, k *memory.Block) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	err := b.ctx.do(func() error {
		if err := cu.Synchronize(); err != nil {
			return err
		}
		return cu.MemFree(cu.DevicePtr(k.Addr))
	})
	if err != nil {
		return tell(b.name, "freeing memory", err) // close tries once more
	}
	a.room += a.held[k.Addr]
	delete(a.held, k.Addr)
	return nil
}

// extents lists what is still held.
func (a *apart) extents() []memory.Extent {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []memory.Extent
	for at, n := range a.held {
		out = append(out, memory.Extent{Base: at, Bytes: n})
	}
	return out
}
