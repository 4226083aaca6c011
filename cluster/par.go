package cluster

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
)

// tiles runs f over [0, n) in tiles, on up to threads workers. Which worker takes
// which tile is free, so f may write only what its tile owns. When ctx ends the
// remaining tiles are left out and its error comes back.
func tiles(ctx context.Context, threads, n, tile int, f func(worker, lo, hi int)) error {
	threads = min(threads, (n+tile-1)/tile)
	var next atomic.Int64
	work := func(worker int) {
		for ctx.Err() == nil {
			lo := int(next.Add(int64(tile))) - tile
			if lo >= n {
				return
			}
			f(worker, lo, min(lo+tile, n))
		}
	}
	var wg sync.WaitGroup
	for w := 1; w < threads; w++ {
		wg.Go(func() { work(w) })
	}
	work(0)
	wg.Wait()
	return ctx.Err()
}

// The purposes of random numbers, so that no two streams are the same.
const (
	forTiles = iota + 1
	forVisits
	forMembers
	forParts
)

// mix is the finisher of splitmix64 (Steele, Lea and Flood 2014, with Stafford's
// constants): every bit of x decides about half the bits of the result.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// hash draws 64 random bits by their name rather than by their turn, so that it does
// not matter who draws first.
func hash(key, at uint64) uint64 {
	return mix(mix(key+0x9e3779b97f4a7c15) ^ (at+1)*0xd1342543de82ef95)
}

// below makes a number in [0, n) of 64 random bits, n below 2^31.
func below(h uint64, n int) int { return int((h >> 33) * uint64(n) >> 31) }

// shuffle puts s into the random order that key names (Fisher and Yates).
func shuffle(s []int32, key uint64) {
	for i := len(s) - 1; i > 0; i-- {
		j := below(hash(key, uint64(i)), i+1)
		s[i], s[j] = s[j], s[i]
	}
}

// expTerms are 1/12!, 1/11!, ... 1/1!.
var expTerms = [...]float64{
	1. / 479001600, 1. / 39916800, 1. / 3628800, 1. / 362880, 1. / 40320, 1. / 5040,
	1. / 720, 1. / 120, 1. / 24, 1. / 6, 1. / 2, 1,
}

// exp returns e^x for x <= 0, to 1e-15 of it, and 0 below -45, where it would no
// longer change a sum with a 1 in it. math.Exp has other bits where the processor has
// no fused multiply-add; here every product is rounded.
func exp(x float64) float64 {
	if x < -45 {
		return 0
	}
	const ln2hi, ln2lo = 6.93147180369123816490e-01, 1.90821492927058770002e-10
	k := math.Floor(float64(x*(1/math.Ln2)) + 0.5)
	r := (x - float64(k*ln2hi)) - float64(k*ln2lo)
	p := 0.0
	for _, t := range expTerms {
		p = float64(p*r) + t
	}
	return (1 + float64(p*r)) * math.Float64frombits(uint64(1023+int64(k))<<52)
}
