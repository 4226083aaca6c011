package ops

import (
	"context"
	"sync"
	"time"

	"github.com/gpusc/gpusc/device"
)

// Ceiling is how fast a device moves bytes where there is nothing else to do.
type Ceiling struct {
	Name  string  `json:"name"`
	What  string  `json:"what"` // how it was measured and what is counted
	Bytes int64   `json:"bytes"`
	Rate  float64 `json:"bytes_per_second"`
	// Memory marks the one that shares are of.
	Memory bool `json:"memory,omitempty"`
}

// memoryCeiling is the rate that shares are of.
func memoryCeiling(all []Ceiling) float64 {
	for _, c := range all {
		if c.Memory {
			return max(c.Rate, 1)
		}
	}
	return 1
}

const (
	linkBytes   = 256 << 20 // of a copy between host and device
	clearBytes  = 1 << 30   // of one Clear
	sharedBytes = 128 << 20 // of a thread's copy, where host and device share memory
	smallDevice = 16 << 30  // devices below it get a sixteenth of the sizes
)

// ceilings measures what the device can move.
func (m *meter) ceilings(ctx context.Context) ([]Ceiling, error) {
	info := m.dev.Info()
	div := int64(1)
	if info.Memory < smallDevice {
		div = 16
	}
	if info.Unified {
		n := sharedBytes / div
		return []Ceiling{{
			Name: "copy", Memory: true, Bytes: 2 * n * int64(len(m.streams)),
			What: "one thread for each stream copies its own run of memory; bytes read and written",
			Rate: m.hostCopy(n),
		}}, nil
	}
	up, err := m.link(ctx, linkBytes/div, true)
	if err != nil {
		return nil, err
	}
	down, err := m.link(ctx, linkBytes/div, false)
	if err != nil {
		return nil, err
	}
	fill, err := m.fillZero(ctx, clearBytes/div)
	if err != nil {
		return nil, err
	}
	return []Ceiling{
		{Name: "upload", Bytes: linkBytes / div, Rate: up, What: "page-locked memory of the host to the device"},
		{Name: "download", Bytes: linkBytes / div, Rate: down, What: "the device to page-locked memory of the host"},
		{
			Name: "clear", Bytes: clearBytes / div, Rate: fill, Memory: true,
			What: "the driver fills device memory with zeros; bytes written, nothing is read",
		},
	}, nil
}

// hostCopy copies on as many threads as there are streams, n bytes each, and
// returns bytes read and written a second.
func (m *meter) hostCopy(n int64) float64 {
	from, to := make([][]byte, len(m.streams)), make([][]byte, len(m.streams))
	for i := range from {
		from[i], to[i] = make([]byte, n), make([]byte, n)
		from[i][0] = 1
	}
	var rates []float64
	for range 5 {
		var wait sync.WaitGroup
		start := time.Now()
		for i := range from {
			wait.Go(func() { copy(to[i], from[i]) })
		}
		wait.Wait()
		rates = append(rates, float64(2*n*int64(len(from)))/time.Since(start).Seconds())
	}
	return median(rates[1:]) // the first also maps the pages
}

// link copies between host and device on one stream.
func (m *meter) link(ctx context.Context, n int64, up bool) (float64, error) {
	h, err := m.dev.HostAlloc(n, "benchmark")
	if err != nil {
		return 0, err
	}
	defer h.Free()
	a := &arena{dev: m.dev, s: m.streams[0]}
	defer a.free()
	b := a.zero(n)
	if a.err != nil {
		return 0, a.err
	}
	return m.rate(ctx, n, func(s device.Stream) error {
		if up {
			return s.Upload(b, 0, h, 0, n)
		}
		return s.Download(h, 0, b, 0, n)
	})
}

// fillZero fills device memory.
func (m *meter) fillZero(ctx context.Context, n int64) (float64, error) {
	a := &arena{dev: m.dev, s: m.streams[0]}
	defer a.free()
	b := a.alloc(n)
	if a.err != nil {
		return 0, a.err
	}
	return m.rate(ctx, n, func(s device.Stream) error { return s.Clear(b, 0, n) })
}

// rate is n bytes over the time of what f queues on the first stream.
func (m *meter) rate(ctx context.Context, n int64, f func(device.Stream) error) (float64, error) {
	one := &meter{o: m.o, dev: m.dev, streams: m.streams[:1]}
	t, err := one.time(ctx, func(int) error { return f(m.streams[0]) })
	return float64(n) / max(t.many, 1e-12), err
}
