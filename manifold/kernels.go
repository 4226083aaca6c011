package manifold

import "unsafe"

// level is an instruction set that the layout's kernels are written in.
type level uint8

const (
	portable level = iota
	avx2
	avx512
)

func (l level) String() string { return [...]string{"portable", "avx2", "avx512"}[l] }

// patternBytes is the size of a lanePattern; the assembly steps by it.
const patternBytes = int(unsafe.Sizeof(lanePattern{}))

// fire lists into out the targets of cell i that are due in an epoch. out must hold all
// its edges and 16 more.
func (l level) fire(e *edges, i int, epoch uint32, out []uint32) int {
	lo, hi := e.ptr[i], e.ptr[i+1]
	if lo == hi {
		return 0
	}
	if l == portable {
		return fire(e.idx[lo:hi], e.rate[lo:hi], e.phase[lo:hi], epoch, out)
	}
	return fireVector(l, &e.idx[lo], &e.rate[lo], &e.phase[lo], int(hi-lo), epoch, &out[0])
}

// move moves cell i by n forces; see move2.
func (l level) move(t *tile, dims int, i, self, ctr uint32, targets []uint32, n int, out []float32) {
	switch {
	case l != portable:
		moveVector(l, dims, &t.moveArgs, i, self, ctr, &targets[0], n, &out[0])
	case dims == 2:
		move2(t, i, self, ctr, targets, n, out)
	default:
		move3(t, i, self, ctr, targets, n, out)
	}
}
