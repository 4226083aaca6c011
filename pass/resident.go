package pass

import (
	"errors"
	"sync"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/chunk/pack"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
)

// Resident keeps packed pieces in the memory of devices from one sweep to the
// next, as far as they fit: what lies there need not be copied again. What a
// sweep finds does not depend on it. Whoever makes one must Drop a source
// before it is closed, and Close it before the backends; no sweep that uses it
// may be under way. Safe for concurrent use otherwise.
type Resident struct {
	// Cap is how many bytes may be kept on each backend; 0: as many as the
	// backend has. Set it before the first sweep.
	Cap int64

	mu     sync.Mutex
	pieces map[place]*resident
	used   map[device.Backend]int64
	full   map[device.Backend]bool // the backend had no more
}

// place is where a piece lies. It holds on to the source, so that none that
// comes later can be taken for it.
type place struct {
	b   device.Backend
	src chunk.Source
	i   int
}

// resident is one piece on a device.
type resident struct {
	head pack.Header
	buf  device.Buffer
}

// find returns the piece, nil where it is not kept. A nil Resident keeps nothing.
func (r *Resident) find(at place) *resident {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pieces[at]
}

// room makes room for n bytes, which are the caller's until keep takes them:
// nil where cap or device have no more.
func (r *Resident) room(b device.Backend, n int64) (device.Buffer, error) {
	if r == nil {
		return nil, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.full[b] || r.Cap > 0 && n > r.Cap-r.used[b] {
		return nil, nil
	}
	if r.pieces == nil {
		r.pieces, r.used, r.full = map[place]*resident{}, map[device.Backend]int64{}, map[device.Backend]bool{}
	}
	buf, err := b.Alloc(n, "packed pieces kept on the device")
	if errors.Is(err, errs.Budget) {
		r.full[b] = true
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r.used[b] += n
	return buf, nil
}

// keep takes a piece whose bytes are in the buffer that room has given.
func (r *Resident) keep(at place, p *resident) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pieces[at] != nil { // another sweep was first
		r.free(at.b, p.buf)
		return
	}
	r.pieces[at] = p
}

// forget gives back the room of a piece that did not come.
func (r *Resident) forget(b device.Backend, buf device.Buffer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free(b, buf)
}

// free gives a buffer back. The caller holds mu.
func (r *Resident) free(b device.Backend, buf device.Buffer) {
	r.used[b] -= buf.Size()
	delete(r.full, b)
	buf.Free()
}

// Bytes returns how much is kept on a backend.
func (r *Resident) Bytes(b device.Backend) int64 {
	if r == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.used[b]
}

// Drop frees the pieces of a source.
func (r *Resident) Drop(src chunk.Source) { r.drop(func(s chunk.Source) bool { return s == src }) }

// Close frees all pieces. The Resident can be used again.
func (r *Resident) Close() { r.drop(func(chunk.Source) bool { return true }) }

func (r *Resident) drop(which func(chunk.Source) bool) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for at, p := range r.pieces {
		if which(at.src) {
			delete(r.pieces, at)
			r.free(at.b, p.buf)
		}
	}
}
