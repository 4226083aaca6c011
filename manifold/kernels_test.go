package manifold

import (
	"fmt"
	"testing"
)

// levels are those that this processor has.
func levels() []level {
	var ls []level
	for l := portable; l <= best(); l++ {
		ls = append(ls, l)
	}
	return ls
}

// TestFire: the vector kernels list the same edges as the Go loop, for every length.
func TestFire(t *testing.T) {
	for n := range 70 {
		e := &edges{ptr: []int64{0, int64(n)}, most: n}
		for i := range n + vectorTail {
			h := hash(1, uint64(n), uint64(i))
			e.idx = append(e.idx, uint32(i+7))
			e.rate = append(e.rate, uint32(h>>32)>>(h%20))
			e.phase = append(e.phase, uint32(h))
		}
		for epoch := range uint32(50) {
			want := make([]uint32, n+2*lanes)
			k := portable.fire(e, 0, epoch, want)
			for _, l := range levels() {
				got := make([]uint32, n+2*lanes)
				if m := l.fire(e, 0, epoch, got); m != k || fmt.Sprint(got[:m]) != fmt.Sprint(want[:k]) {
					t.Fatalf("%v, %d edges, epoch %d: %v, want %v", l, n, epoch, got[:m], want[:k])
				}
			}
		}
	}
}

// TestFireRate: an edge of rate r / 2^32 fires r / 2^32 times the epochs, give or take one.
func TestFireRate(t *testing.T) {
	for _, r := range []uint32{1 << 24, 1 << 31, 3 << 30, 1<<32 - 1, 123456789} {
		e := &edges{ptr: []int64{0, 1}, idx: make([]uint32, 17), rate: make([]uint32, 17), phase: make([]uint32, 17)}
		e.rate[0], e.phase[0] = r, 987654321
		fired := 0
		for epoch := range uint32(1000) {
			fired += best().fire(e, 0, epoch, make([]uint32, 40))
		}
		if want := float64(r) / (1 << 32) * 1000; float64(fired) < want-1 || float64(fired) > want+1 {
			t.Errorf("rate %d fired %d times of %g", r, fired, want)
		}
	}
}

// testTile is positions of n cells and a pool, near and far, some at one point.
func testTile(n, dims, negatives int) *tile {
	s := stride(dims)
	t := &tile{ys: make([]float32, 2*n*s), tabs: forceTable(0.583, 1.334, 2), groups: lanePatterns(negatives, 2)}
	for i := range t.ys {
		if i%s < dims {
			h := hash(3, uint64(i), uint64(negatives))
			scale := []float64{1e-6, 1, 1, 10, 1e3, 1e6, 0}[h%7]
			t.ys[i] = float32(scale * signed(h))
		}
	}
	t.moveArgs = moveArgs{
		y: &t.ys[0], tab: &t.tabs[0], patterns: &t.groups[0], bytes: len(t.groups) * patternBytes,
		window: uint32(n / 2), first: uint32(n + n/4), alpha: 0.7, limit: groupLimit,
	}
	return t
}

// TestMove: one cell's move has the same bits at every level, for any number of
// negatives and forces.
func TestMove(t *testing.T) {
	const n = 300
	for _, dims := range []int{2, 3} {
		for _, negatives := range []int{1, 2, 3, 5, 7, 15, 16, 20, 40} {
			tl := testTile(n, dims, negatives)
			for i := range 200 {
				pulls := 1 + i%23
				targets := make([]uint32, pulls+2*lanes)
				for k := range pulls {
					targets[k] = uint32(hash(5, uint64(i), uint64(k)) % n)
				}
				var want [4]float32
				self, ctr := uint32(n+n/4+i%9), uint32(hash(6, uint64(i), 0))
				portable.move(tl, dims, uint32(i), self, ctr, targets, pulls*(negatives+1), want[:])
				for _, l := range levels() {
					var got [4]float32
					l.move(tl, dims, uint32(i), self, ctr, targets, pulls*(negatives+1), got[:])
					if got != want {
						t.Fatalf("%v, %d dimensions, %d negatives, cell %d: %v, want %v", l, dims, negatives, i, got, want)
					}
				}
			}
		}
	}
}
