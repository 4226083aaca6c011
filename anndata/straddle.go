package anndata

import (
	"context"
	"errors"
	"sync"

	"github.com/gpusc/gpusc/memory"
)

// straddle lends the decoded bytes of HDF5 chunks that lie in more than one span,
// so that such a chunk is decoded once though several goroutines need it. The
// first span to come decodes; the others wait for it. When the last of the spans
// that overlap the chunk has taken its part, the bytes go.
//
// It is a help, never a need: beyond cap bytes, or when the ledger has none to
// give, the oldest loan ends early or none is made, and a span decodes the
// chunk for itself. A span read a second time starts over.
type straddle struct {
	cap    int64
	ledger *memory.Ledger
	asks   func(span int64) bool // whether a span needs anything at all

	mu      sync.Mutex
	used    int64
	clock   int64
	loans   map[int64]*loan
	decoded int64 // chunks decoded on behalf of the cache or past it; tests look
}

// loan is one chunk's bytes on their way through the spans first..first+len(waits)-1.
type loan struct {
	ready chan struct{}
	data  []byte
	err   error
	res   *memory.Reservation
	born  int64
	first int64
	waits []bool // spans that have not had it
	left  int
	busy  int // readers at work on data
	gone  bool
}

func newStraddle(l *memory.Ledger, limit int64, asks func(int64) bool) *straddle {
	return &straddle{cap: limit, ledger: l, asks: asks, loans: map[int64]*loan{}}
}

// use calls fn with the decoded bytes of chunk key, which the spans first..last
// overlap, on behalf of span. own is scratch of n bytes for when the chunk is
// not shared.
func (s *straddle) use(ctx context.Context, key, span, first, last int64, own []byte,
	decode func(dst []byte) error, fn func(data []byte) error,
) error {
	if first == last {
		s.count()
		if err := decode(own); err != nil {
			return err
		}
		return fn(own)
	}
	s.mu.Lock()
	l := s.loans[key]
	if l != nil && l.waits[span-l.first] {
		l.busy++
		s.mu.Unlock()
		return s.borrow(ctx, key, span, l, own, decode, fn)
	}
	if l == nil {
		l = s.open(key, span, first, last, int64(len(own)))
	} else {
		l = nil // this span has had its part: it reads again
	}
	s.mu.Unlock()
	s.count()
	if l == nil {
		if err := decode(own); err != nil {
			return err
		}
		return fn(own)
	}
	l.data = alloc(nil, len(own))
	l.err = decode(l.data)
	close(l.ready)
	err := l.err
	if err == nil {
		err = fn(l.data)
	}
	s.settle(key, span, l)
	return err
}

func (s *straddle) count() { s.mu.Lock(); s.decoded++; s.mu.Unlock() }

// borrow waits for another span's decoding and uses it; when that one failed or
// was called off, this span decodes for itself.
func (s *straddle) borrow(ctx context.Context, key, span int64, l *loan, own []byte,
	decode func([]byte) error, fn func([]byte) error,
) error {
	var err error
	select {
	case <-l.ready:
		if l.err == nil {
			err = fn(l.data)
		} else {
			err = errAlone
		}
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.settle(key, span, l)
	if errors.Is(err, errAlone) {
		s.count()
		if err = decode(own); err == nil {
			err = fn(own)
		}
	}
	return err
}

var errAlone = errors.New("decode alone")

// open makes a loan, ending older ones that nobody is reading to make room; nil
// when there is no room. The caller holds mu.
func (s *straddle) open(key, span, first, last, n int64) *loan {
	for s.used+n > s.cap {
		if !s.evict() {
			return nil
		}
	}
	res, err := s.ledger.Reserve(memory.Host, "shared HDF5 chunks", n)
	if err != nil {
		return nil
	}
	s.clock++
	l := &loan{
		ready: make(chan struct{}), res: res, born: s.clock, first: first,
		waits: make([]bool, last-first+1), busy: 1,
	}
	for i := range l.waits {
		if s.asks(first + int64(i)) {
			l.waits[i] = true
			l.left++
		}
	}
	s.used += n
	s.loans[key] = l
	return l
}

// evict ends the oldest loan that nobody is at. The caller holds mu.
func (s *straddle) evict() bool {
	var old *loan
	var oldKey int64
	for k, l := range s.loans {
		if l.busy == 0 && (old == nil || l.born < old.born) {
			old, oldKey = l, k
		}
	}
	if old == nil {
		return false
	}
	s.end(oldKey, old)
	return true
}

// settle notes that span is done with the loan.
func (s *straddle) settle(key, span int64, l *loan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l.busy--
	if l.waits[span-l.first] {
		l.waits[span-l.first] = false
		l.left--
	}
	if l.busy == 0 && (l.left == 0 || l.err != nil) {
		s.end(key, l)
	}
}

// end takes the loan off the books. The caller holds mu.
func (s *straddle) end(key int64, l *loan) {
	if l.gone {
		return
	}
	l.gone = true
	delete(s.loans, key)
	s.used -= l.res.Bytes()
	l.res.Release()
}

// close ends all loans.
func (s *straddle) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, l := range s.loans {
		s.end(k, l)
	}
}
