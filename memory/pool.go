package memory

import (
	"math"
	"unsafe"

	"github.com/gpusc/gpusc/internal/errs"
)

// Pool is a fixed number of slices of one length, reserved in a ledger as a
// whole before the first is made, for buffers that go from worker to worker.
// Safe for concurrent use.
type Pool[T any] struct {
	name string
	size int
	all  int
	free chan []T
	res  *Reservation
}

// NewPool reserves count slices of size elements under name, or fails with an
// errs.Budget error. The slices are made when first asked for.
func NewPool[T any](l *Ledger, kind Kind, name string, count, size int) (*Pool[T], error) {
	var zero T
	each := int64(unsafe.Sizeof(zero))
	if count < 0 || size < 0 {
		return nil, errs.New(errs.Limit, "cannot reserve %d x %d elements for %s", count, size, name)
	}
	if n := int64(count) * max(each, 1); n > 0 && int64(size) > math.MaxInt64/n {
		return nil, tooLarge(name)
	}
	res, err := l.Reserve(kind, name, int64(count)*int64(size)*each)
	if err != nil {
		return nil, err
	}
	p := &Pool[T]{name: name, size: size, all: count, free: make(chan []T, count), res: res}
	for range count {
		p.free <- nil
	}
	return p, nil
}

// Get returns a slice of the pool's length, content undefined. It never waits:
// when all are in use it fails with an errs.Limit error, as the pool was sized
// for its users when it was made.
func (p *Pool[T]) Get() ([]T, error) {
	select {
	case x := <-p.free:
		if x == nil {
			x = make([]T, p.size)
		}
		return x, nil
	default:
		return nil, errs.New(errs.Limit, "all %d buffers of %s are in use", p.all, p.name)
	}
}

// Put gives back a slice that came from Get. What did not is left alone.
func (p *Pool[T]) Put(x []T) {
	if cap(x) < p.size {
		return
	}
	select {
	case p.free <- x[:p.size]:
	default:
	}
}

// Close gives the memory back to the ledger. Slices still out must not be used
// any more; their number is returned.
func (p *Pool[T]) Close() (out int) {
	out = p.all
	for {
		select {
		case <-p.free:
			out--
		default:
			p.res.Release()
			return out
		}
	}
}
