package device

import "time"

// Busy is how much a backend has done since it was opened. Times are added up
// over its streams, so that they can be longer than the clock's.
type Busy struct {
	Up, Down  int64         // bytes copied to and from the device
	Copying   time.Duration // when copies ran
	Computing time.Duration // when kernels ran
	Launches  int64
}

// Meter is implemented by backends that can tell what they did.
type Meter interface{ Busy() Busy }

// Sub returns what was done between o and b.
func (b Busy) Sub(o Busy) Busy {
	return Busy{b.Up - o.Up, b.Down - o.Down, b.Copying - o.Copying, b.Computing - o.Computing, b.Launches - o.Launches}
}

// BusyOf adds up what the backends did so far, leaving out those that cannot tell.
func BusyOf(bs []Backend) Busy {
	var sum Busy
	for _, b := range bs {
		if m, ok := b.(Meter); ok {
			n := m.Busy()
			sum.Up += n.Up
			sum.Down += n.Down
			sum.Copying += n.Copying
			sum.Computing += n.Computing
			sum.Launches += n.Launches
		}
	}
	return sum
}
