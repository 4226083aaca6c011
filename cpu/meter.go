package cpu

import (
	"sync/atomic"
	"time"

	"github.com/gpusc/gpusc/device"
)

// sort says what a task is for the meter.
type sort uint8

const (
	other sort = iota
	copyUp
	copyDown
	compute
)

// meter adds up what the streams have done.
type meter struct {
	up, down, copying, computing, launches atomic.Int64
}

// add counts a task that has run for d.
func (m *meter) add(t task, d time.Duration) {
	switch t.what {
	case copyUp:
		m.up.Add(t.bytes)
		m.copying.Add(int64(d))
	case copyDown:
		m.down.Add(t.bytes)
		m.copying.Add(int64(d))
	case compute:
		m.launches.Add(1)
		m.computing.Add(int64(d))
	}
}

// Busy implements device.Meter.
func (b *backend) Busy() device.Busy {
	m := &b.done
	return device.Busy{
		Up: m.up.Load(), Down: m.down.Load(), Launches: m.launches.Load(),
		Copying: time.Duration(m.copying.Load()), Computing: time.Duration(m.computing.Load()),
	}
}
