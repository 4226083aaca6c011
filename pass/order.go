package pass

import (
	"context"
	"sync"
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
