package pass

import (
	"context"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/kernels"
)

// slot is one worker with the buffers that its pieces pass through.
type slot struct {
	w     Worker
	shard int // which pieces it takes; see claims
	in    feed
	works []Work
	item  Item
}

// feed is the way on which pieces come to a worker's device.
type feed interface {
	// bring fetches piece i and queues what makes it on the device.
	bring(ctx context.Context, i int) (*chunk.Chunk, kernels.CSR, error)
	// done is called when all that was queued for piece i has run.
	done(i int)
	// free gives all buffers back. The stream has ended.
	free()
}

// SlotBytes is what one worker reserves for pieces of that size, steps apart:
// as staging memory and, where the backend has memory of its own, once more
// there. Values that are no counts take as much again, or three times. A piece
// that comes packed takes less.
func SlotBytes(maxRows int, maxNNZ int64) int64 {
	return int64(maxRows+1)*8 + maxNNZ*(4+4)
}

// open makes a worker. With an error it may be half made: close it all the same.
func (r *run) open(id int) (s *slot, err error) {
	defer func() { r.caught(recover(), &err) }() // a step's Worker: what is there so far is handed back
	b := r.Backends[id%len(r.Backends)]
	st, err := b.Stream()
	if err != nil {
		return nil, err
	}
	s = &slot{shard: id % len(r.claims)}
	s.w = Worker{ID: id, Backend: b, Stream: st, MaxRows: r.maxRows, MaxNNZ: r.maxNNZ, Cols: r.cols}
	if src := r.unpacks(b); src != nil {
		s.in, err = r.newPacked(&s.w, src)
	} else {
		s.in, err = r.newStaged(&s.w)
	}
	if err != nil {
		return s, err
	}
	for _, step := range r.Steps {
		wk, err := step.Worker(&s.w)
		if wk != nil {
			s.works = append(s.works, wk)
		}
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

// bring makes piece i the item at hand.
func (s *slot) bring(ctx context.Context, i int) (*Item, error) {
	host, x, err := s.in.bring(ctx, i)
	if err != nil {
		return nil, err
	}
	s.item = Item{Worker: &s.w, Index: i, Host: host, X: x, Row0: host.Row0}
	return &s.item, nil
}

// close frees everything; the stream is drained first.
func (s *slot) close() error {
	err := s.w.Stream.Close()
	for _, wk := range s.works {
		wk.Close()
	}
	if s.in != nil {
		s.in.free()
	}
	return err
}
