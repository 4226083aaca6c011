package decomp

import (
	"sync"
	"sync/atomic"
)

// parallel calls f for ranges that make up [0, n), at most threads at a time,
// with bounds that are multiples of grain. f must write only what belongs to its
// range, so that the split does not show in the result.
func parallel(threads, n, grain int, f func(lo, hi int)) {
	pieces := min(threads, (n+grain-1)/grain)
	if pieces <= 1 {
		if n > 0 {
			f(0, n)
		}
		return
	}
	var wg sync.WaitGroup
	units := (n + grain - 1) / grain
	for i := range pieces {
		lo, hi := units*i/pieces*grain, min(units*(i+1)/pieces*grain, n)
		if i == pieces-1 {
			f(lo, hi)
			break
		}
		wg.Go(func() { f(lo, hi) })
	}
	wg.Wait()
}

// shared calls f for each of n pieces, at most threads at a time, whichever
// thread is free. Pieces must not share what they write.
func shared(threads, n int, f func(i int)) {
	if threads = min(threads, n); threads <= 1 {
		for i := range n {
			f(i)
		}
		return
	}
	var next atomic.Int64
	work := func() {
		for i := int(next.Add(1) - 1); i < n; i = int(next.Add(1) - 1) {
			f(i)
		}
	}
	var wg sync.WaitGroup
	for range threads - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
}
