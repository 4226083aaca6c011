//go:build cuda

package cuda

import "gorgonia.org/cu"

// bug is a fault that tests plant to see that they would find it.
type bug uint8

const (
	noBug      bug = iota
	bugUpload      // an upload goes to another stream
	bugRecord      // an event is recorded on another stream
	bugWait        // Wait does nothing
	bugSync        // Sync does not wait
	bugStatus      // nobody looks at the status word
	bugFreeOn      // memory that a stream still uses is given to anyone
	bugAfter       // a stream does not wait for memory that another one still uses
	bugDone        // every event of the pool counts as reached
	bugScratch     // scratch memory is given back when the work is queued
	bugRecycle     // an event is used again while somebody may wait for it
	bugs           // how many there are
)

// on is the driver's stream, or the default one where that bug is planted.
func (s *stream) on(x bug) cu.Stream {
	if s.b.opt.bug == x {
		return cu.NoStream
	}
	return s.cu
}
