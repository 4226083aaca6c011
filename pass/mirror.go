package pass

import (
	"unsafe"

	"github.com/gpusc/gpusc/device"
)

// Mirror is an array that host and device both see: one piece of memory where
// the backend shares it, else a staging array and its copy on the device.
type Mirror struct {
	Dev    device.Buffer
	host   device.Host
	shared bool
}

// NewMirror reserves n bytes (at least one, so that empty arrays have an address).
func NewMirror(b device.Backend, n int64, what string) (*Mirror, error) {
	h, err := b.HostAlloc(max(n, 1), what)
	if err != nil {
		return nil, err
	}
	m := &Mirror{host: h}
	if m.Dev, m.shared = b.Share(h); m.shared {
		return m, nil
	}
	if m.Dev, err = b.Alloc(max(n, 1), what); err != nil {
		h.Free()
		return nil, err
	}
	return m, nil
}

// Up queues the copy of the first n bytes to the device; nothing where shared.
func (m *Mirror) Up(s device.Stream, n int64) error {
	if m.shared || n == 0 {
		return nil
	}
	return s.Upload(m.Dev, 0, m.host, 0, n)
}

// Down queues the copy of the first n bytes to the host; nothing where shared.
// The host may look after a Sync of the stream, in both cases.
func (m *Mirror) Down(s device.Stream, n int64) error {
	if m.shared || n == 0 {
		return nil
	}
	return s.Download(m.host, 0, m.Dev, 0, n)
}

// Bytes returns the host side.
func (m *Mirror) Bytes() []byte { return m.host.Bytes() }

// Free gives both sides back. A nil mirror is left alone.
func (m *Mirror) Free() {
	if m == nil {
		return
	}
	m.Dev.Free()
	m.host.Free()
}

// View returns the host side of m as a slice of n elements of type T.
func View[T any](m *Mirror, n int) []T {
	var z T
	b := m.host.Bytes()
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&b[:n*int(unsafe.Sizeof(z))][0])), n)
}
