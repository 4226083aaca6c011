package pass

import (
	"runtime"
	"time"

	"github.com/gpusc/gpusc/device"
)

// Stats tells where the time of a sweep went. Times are added up over workers,
// or over streams, so that they can be longer than the sweep.
type Stats struct {
	Reading time.Duration // reading and decoding pieces, or fetching packed ones
	Waiting time.Duration // for the device, in Item.Sync
	// Packed counts the pieces that went to their device packed, Resident those
	// that were there already.
	Packed, Resident int64
	// Busy is what the backends did meanwhile, as far as they can tell.
	Busy device.Busy
}

// add adds what one worker did.
func (s *Stats) add(o Stats) {
	s.Reading += o.Reading
	s.Waiting += o.Waiting
	s.Packed += o.Packed
	s.Resident += o.Resident
}

// Workers is how many workers a sweep wants on these backends, when threads of
// them may decode at the same time. A device with memory of its own takes two
// more: while one piece is decoded, another is copied and a third computed on.
// threads 0 is as many as the backends run at once, or where all of them have
// memory of their own as many as decode by default.
func Workers(backends []device.Backend, threads int) int {
	n := threads
	for _, b := range backends {
		switch i := b.Info(); {
		case !i.Unified:
			n += 2
		case threads <= 0:
			n += max(i.Parallelism, 1)
		}
	}
	if threads <= 0 && apart(backends) == len(backends) {
		n += runtime.GOMAXPROCS(0)
	}
	return max(n, 1)
}

// apart counts the backends that have memory of their own.
func apart(backends []device.Backend) (n int) {
	for _, b := range backends {
		if !b.Info().Unified {
			n++
		}
	}
	return n
}
