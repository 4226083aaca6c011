package cpu

import (
	"math"
	"math/bits"
	"unsafe"

	"github.com/gpusc/gpusc/chunk/pack"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/kernels"
	"github.com/gpusc/gpusc/memory"
)

// work is a stream's private memory, kept from launch to launch.
type work struct {
	ledger   *memory.Ledger
	kind     memory.Kind
	direct   bool   // never use acc
	acc      []byte // all zero between launches
	res      *memory.Reservation
	order    []int32
	start    []int
	row      []float64
	expected []expectation
	terms    termTable
	value    valueTable
	top      topScratch
	unpack   pack.Scratch
}

// zeros returns n zero elements of private memory, which the caller must leave
// zero, or nil when the budget has no room for them: a kernel must do without.
func zeros[T any](w *work, n int) []T {
	size := int64(n) * int64(unsafe.Sizeof(*new(T)))
	if size == 0 || w.direct {
		return nil
	}
	if size > int64(len(w.acc)) {
		w.release()
		res, err := w.ledger.Reserve(w.kind, "private sums of a cpu stream", size)
		if err != nil {
			return nil
		}
		w.acc, w.res = aligned(size), res
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&w.acc[0])), n)
}

// release gives the private memory back.
func (w *work) release() {
	w.res.Release()
	w.acc, w.res = nil, nil
}

// flushRows is how many rows may be added to private sums before they are
// carried over; it bounds what their narrow fields can reach.
const flushRows = 1 << 16

// bucket is rows of one group, at most flushRows of them.
type bucket struct {
	group int
	rows  []int32
	dense bool // holds enough values to be worth private sums
}

// buckets calls f for the rows of each group in turn. Rows of group -1 are left
// out. Sums do not depend on the order, so rows may be taken group by group,
// and only one group's private sums are ever needed.
func (w *work) buckets(m *matrix, group []int32, groups int, f func(bucket) error) error {
	w.sortRows(m.rows, group, groups)
	for g := range groups {
		rows := w.order[w.start[g]:w.start[g+1]]
		for len(rows) > 0 {
			n := min(len(rows), flushRows)
			var nnz int64
			for _, r := range rows[:n] {
				nnz += m.ptr[r+1] - m.ptr[r]
			}
			if err := f(bucket{g, rows[:n], nnz > int64(m.cols)/4}); err != nil {
				return err
			}
			rows = rows[n:]
		}
	}
	return nil
}

// sortRows lists the rows of each group: group g has order[start[g]:start[g+1]].
func (w *work) sortRows(rows int, group []int32, groups int) {
	w.order = grow(w.order, rows)
	w.start = grow(w.start, groups+1)
	clear(w.start)
	if group == nil {
		for r := range w.order {
			w.order[r] = int32(r)
		}
		for g := range groups {
			w.start[g+1] = rows
		}
		return
	}
	for _, g := range group {
		if g >= 0 {
			w.start[g+1]++
		}
	}
	for g := range groups {
		w.start[g+1] += w.start[g]
	}
	for r, g := range group {
		if g >= 0 {
			w.order[w.start[g]] = int32(r)
			w.start[g]++
		}
	}
	copy(w.start[1:], w.start[:groups])
	w.start[0] = 0
}

// grow returns s with length n, content undefined.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}

// lanes holds v and v*v, or sums of them, as fixed-point numbers in which no
// carry has to be looked after: {low 32 bits of v, the rest of v, low 32 bits
// of v*v, the rest}, that is v = lanes[1]/2^32 + lanes[0]/2^64.
type lanes [4]uint64

// laneLimit bounds the terms that go into lanes, so that flushRows of them fit.
const laneLimit = 1 << 16

// split returns the lanes of v and q = v*v; ok is false where they do not fit.
func split(v, q float64) (l lanes, ok bool) {
	if !(v >= 0 && v < laneLimit && q < laneLimit) {
		return l, false
	}
	a, b := v*(1<<32), q*(1<<32)
	l[1], l[3] = uint64(int64(a)), uint64(int64(b))
	l[0] = uint64(int64((a - float64(int64(l[1]))) * (1 << 32)))
	l[2] = uint64(int64((b - float64(int64(l[3]))) * (1 << 32)))
	return l, true
}

// fixed puts two lanes together.
func fixed(low, rest uint64) kernels.Fixed {
	lo, carry := bits.Add64(low, rest<<32, 0)
	return kernels.Fixed{Lo: lo, Hi: int64(rest>>32 + carry)}
}

// addable tells whether v may be added up; not a number may not.
func addable(v float64) bool { return math.Abs(v) <= kernels.MaxTerm }

func errTerm(v float64) error {
	return errs.New(errs.Data, "a term of %g cannot be added up", v).
		Do("look for infinite, missing or very large values")
}
