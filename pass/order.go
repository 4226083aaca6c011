package pass

import (
	"context"
	"sync"
	"sync/atomic"
)

// turnstile lets pieces through one at a time in the order of their numbers.
type turnstile struct {
	mu   sync.Mutex
	cond *sync.Cond
	next int
	dead bool
}

func newTurnstile() *turnstile {
	t := &turnstile{}
	t.cond = sync.NewCond(&t.mu)
	return t
}

// enter waits for piece i's turn; false when the sweep has ended before it.
func (t *turnstile) enter(ctx context.Context, i int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.next != i && !t.dead && ctx.Err() == nil {
		t.cond.Wait()
	}
	return t.next == i && !t.dead && ctx.Err() == nil
}

// leave lets the next piece in.
func (t *turnstile) leave() {
	t.mu.Lock()
	t.next++
	t.mu.Unlock()
	t.cond.Broadcast()
}

// kill wakes all who wait, in vain.
func (t *turnstile) kill() {
	t.mu.Lock()
	t.dead = true
	t.mu.Unlock()
	t.cond.Broadcast()
}

// claims deal pieces out to workers, in rising order. Each entry counts for one
// shard: of n shards, shard k has the pieces k, k+n, k+2n and so on.
type claims []atomic.Int64

// take returns the next piece of a shard. It may be one too high: none is left.
func (c claims) take(shard int) int {
	return shard + int(c[shard].Add(1)-1)*len(c)
}

// shards is over how many backends the pieces are dealt out: all, where pieces
// stay on their device from sweep to sweep, so that each device finds its own
// again; else one, and any worker takes any piece.
//
// Steps with a turn cannot wait for ever: of the pieces that are not done, take
// the lowest. All before it have had their turn, so once it is claimed it waits
// for nobody. And it is claimed: its shard has a worker (a shard is a backend
// that has one), which takes the shard's pieces in rising order, and of those
// all before are done. A worker that waits for its turn holds nothing that
// another needs to decode: see run.hostWork.
func (s *Sweep) shards() int {
	if s.Resident == nil {
		return 1
	}
	for _, b := range s.Backends {
		if s.unpacks(b) == nil {
			return 1
		}
	}
	return min(len(s.Backends), s.Workers)
}
