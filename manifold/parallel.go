package manifold

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// crew is the threads of one call and the context that may end it.
type crew struct {
	ctx     context.Context
	threads int
}

func newCrew(ctx context.Context, threads int) crew {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return crew{ctx: ctx, threads: threads}
}

// each runs f over tiles of 0..n-1. Which worker takes which tile is open, so f writes
// only what belongs to its tile, or to its worker where that leaves no trace. When the
// context ends, the rest is left out and its error returned.
func (c crew) each(n, tile int, f func(worker, lo, hi int)) error {
	var next atomic.Int64
	work := func(w int) {
		for c.ctx.Err() == nil {
			lo := int(next.Add(int64(tile))) - tile
			if lo >= n {
				return
			}
			f(w, lo, min(lo+tile, n))
		}
	}
	threads := min(c.threads, (n+tile-1)/tile)
	if threads <= 1 {
		work(0)
		return c.ctx.Err()
	}
	var wg sync.WaitGroup
	for w := 1; w < threads; w++ {
		wg.Go(func() { work(w) })
	}
	work(0)
	wg.Wait()
	return c.ctx.Err()
}

// The purposes of random numbers: each seeds a stream of its own.
const (
	forPhase = iota + 1
	forNegatives
	forWindow
	forShuffle
	forVectors
	forNoise
	forPlace
)

// stream mixes the caller's seed with a purpose.
func stream(seed uint64, purpose uint64) uint64 { return mix64(seed ^ purpose*0xd6e8feb86659fd93) }

// mix64 is the finaliser of SplitMix64 (Steele, Lea and Flood 2014).
func mix64(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// hash gives 64 random bits for a stream and two numbers.
func hash(s, a, b uint64) uint64 {
	return mix64(mix64(mix64(s+0x9e3779b97f4a7c15)+a*0xd1342543de82ef95+1) + b*0x9e3779b97f4a7c15)
}

// signed gives a number in [-1, 1) from a hash.
func signed(h uint64) float64 { return float64(int64(h)>>11) / (1 << 52) }
