//go:build cuda

package cuda

import (
	"sync/atomic"
	"time"

	"gorgonia.org/cu"

	"github.com/gpusc/gpusc/device"
)

// phase is what a stream does.
type phase uint8

const (
	idle phase = iota
	copying
	computing
)

// meter adds up what the streams of a backend have done.
type meter struct {
	up, down, launches atomic.Int64
	busy               [3]atomic.Int64 // nanoseconds of each phase
}

// Busy implements device.Meter. Times are those between the first and the last of a
// run of copies or of kernels of one stream, as the device's clock has them, up to
// the last Sync.
func (b *backend) Busy() device.Busy {
	m := &b.meter
	return device.Busy{
		Up: m.up.Load(), Down: m.down.Load(), Launches: m.launches.Load(),
		Copying: time.Duration(m.busy[copying].Load()), Computing: time.Duration(m.busy[computing].Load()),
	}
}

// mostMarks bounds the phases that a stream keeps in mind.
const mostMarks = 512

// mark is the point in a stream's queue where a phase begins.
type mark struct {
	ev *cu.Event
	p  phase
}

// enter notes that the stream goes on to another phase. The caller has the context.
func (s *stream) enter(p phase) error {
	if s.phase == p {
		return nil
	}
	if len(s.marks) >= mostMarks { // a long queue without a Sync: wait for its older half
		if err := s.marks[mostMarks/2].ev.Synchronize(); err != nil {
			return err
		}
		s.measure(mostMarks / 2)
	}
	ev, err := s.clock()
	if err != nil {
		return err
	}
	if err := ev.Record(s.cu); err != nil {
		s.clocks = append(s.clocks, ev)
		return err
	}
	s.marks = append(s.marks, mark{ev, p})
	s.phase = p
	return nil
}

// clock returns an event that keeps the time.
func (s *stream) clock() (*cu.Event, error) {
	if n := len(s.clocks); n > 0 {
		ev := s.clocks[n-1]
		s.clocks = s.clocks[:n-1]
		return ev, nil
	}
	ev, err := cu.MakeEvent(cu.BlockingSyncEvent) // enter waits for one
	if err != nil {
		return nil, err
	}
	return &ev, nil
}

// measure adds up the first n phases, of which the device has reached the end. The
// caller has the context.
func (s *stream) measure(n int) {
	for i, m := range s.marks[:n] {
		if i+1 < len(s.marks) && m.p != idle {
			if ms, err := m.ev.Elapsed(*s.marks[i+1].ev); err == nil { // a time that is not known is left out
				s.b.meter.busy[m.p].Add(int64(ms * 1e6))
			}
		}
		s.clocks = append(s.clocks, m.ev)
	}
	s.marks = append(s.marks[:0], s.marks[n:]...)
}

// stopClocks ends the events.
func (s *stream) stopClocks() error {
	var first error
	for _, m := range s.marks {
		s.clocks = append(s.clocks, m.ev)
	}
	for _, ev := range s.clocks {
		if err := cu.DestroyEvent(ev); err != nil && first == nil {
			first = err
		}
	}
	s.marks, s.clocks = nil, nil
	return first
}
