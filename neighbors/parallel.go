package neighbors

import (
	"context"
	"sync"
	"sync/atomic"
)

// parallel runs f on tiles of 0..n-1 with the given number of goroutines until all
// are done, ctx ends or f fails, and returns the first error. Which worker takes
// which tile is free: f writes only what its tile owns.
func parallel(ctx context.Context, threads, n, tile int, f func(worker, lo, hi int) error) error {
	var (
		next  atomic.Int64
		group sync.WaitGroup
		once  sync.Once
		first error
		ended atomic.Bool
	)
	work := func(w int) {
		for !ended.Load() {
			lo := int(next.Add(int64(tile))) - tile
			if lo >= n {
				return
			}
			err := ctx.Err()
			if err == nil {
				err = f(w, lo, min(lo+tile, n))
			}
			if err != nil {
				once.Do(func() { first = err })
				ended.Store(true)
			}
		}
	}
	for w := range max(1, min(threads, (n+tile-1)/tile)) {
		group.Go(func() { work(w) })
	}
	group.Wait()
	return first
}

// mix is the finaliser of splitmix64 (Steele et al. 2014).
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// hash is the i-th random number of a purpose.
func hash(seed, purpose, i uint64) uint64 {
	return mix(mix(mix(seed+0x9e3779b97f4a7c15)+purpose*0xd1342543de82ef95+1) + i*0x9e3779b97f4a7c15)
}

// sample returns m different rows of n, rising: one from each of m equal stretches.
func sample(n, m int, seed, purpose uint64) []int32 {
	m = min(n, m)
	out := make([]int32, m)
	for i := range out {
		lo, hi := i*n/m, (i+1)*n/m
		out[i] = int32(lo + int(hash(seed, purpose, uint64(i))%uint64(hi-lo)))
	}
	return out
}
