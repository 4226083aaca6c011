package memory

import (
	"container/list"
	"slices"
)

// An extent is a list of segments by address that covers it without gaps. Two
// neighbours never both are free in the same way: they would be one. The first
// segment stays the first, as merging keeps the one with the lower address.
type extent struct {
	Extent
	first *seg
}

// seg is a live block or a free run.
type seg struct {
	addr       uint64
	n          int64  // a multiple of 256, above 0
	prev, next *seg   // neighbours in the extent
	live       *Block // nil: free
	mark       *mark  // of a free run: what it is pending on, nil for nothing
	slot       int    // in mark.runs
	node
}

// mark is an event that was given with a block. It is released when no run is
// pending on it and no block was cut from such a run.
type mark struct {
	q    *queue
	ev   Event
	seq  uint64 // in the order of FreeOn
	done bool
	runs []*seg // pending on it
	refs int    // pieces of live blocks
	el   *list.Element
}

// queue is what is pending on one queue.
type queue struct {
	id    Queue
	runs  tree
	marks list.List // of *mark by seq; those found to be reached are taken out
}

func (m *mark) reached() bool {
	m.done = m.done || m.ev.Done()
	return m.done
}

func (s *Slab) queue(id Queue) *queue {
	for _, q := range s.queues {
		if q.id == id {
			return q
		}
	}
	return nil
}

func (s *Slab) newMark(id Queue, ev Event) *mark {
	q := s.queue(id)
	if q == nil {
		q = &queue{id: id}
		s.queues = append(s.queues, q)
	}
	s.seq++
	m := &mark{q: q, ev: ev, seq: s.seq}
	m.el = q.marks.PushBack(m)
	return m
}

// drop releases a mark that nothing needs any more.
func (s *Slab) drop(m *mark) {
	if m == nil || m.ev == nil || m.refs > 0 || len(m.runs) > 0 {
		return
	}
	m.unqueue()
	if s.bug != bugNoRelease {
		m.ev.Release()
	}
	m.ev = nil
}

// unqueue ends the asking for m.
func (m *mark) unqueue() {
	if m.el != nil {
		m.q.marks.Remove(m.el)
		m.el = nil
	}
}

// settle asks the events, of each queue the oldest first up to one that has not
// been reached, and sets free for all what was pending on them.
func (s *Slab) settle() {
	for _, q := range s.queues {
		for el := q.marks.Front(); el != nil; el = q.marks.Front() {
			m := el.Value.(*mark)
			if s.bug != bugNoAsk && !m.reached() {
				break
			}
			m.done = true
			m.unqueue()
			for len(m.runs) > 0 {
				x := m.runs[0]
				s.unlist(x)
				s.put(x, nil)
			}
			s.drop(m)
		}
	}
	s.queues = slices.DeleteFunc(s.queues, func(q *queue) bool { return q.marks.Len() == 0 })
}

// find returns the first of the free segments that make up size bytes for
// queue id, nil for none. The order is told at Slab.
func (s *Slab) find(size int64, id Queue) *seg {
	if x := s.findFree(size, id); x != nil {
		return x
	}
	s.settle()
	if x := s.findFree(size, id); x != nil || id == 0 {
		return x
	}
	var best *seg
	for _, q := range s.queues {
		if x := q.runs.ceil(size); x != nil && (best == nil || x.n < best.n) {
			best = x
		}
	}
	if best != nil || s.stats.Free < size {
		return best
	}
	var least int64
	s.rows(func(first *seg, n int64) {
		if n >= size && (best == nil || n < least) {
			best, least = first, n
		}
	})
	return best
}

// findFree returns the best fit that needs no waiting.
func (s *Slab) findFree(size int64, id Queue) *seg {
	x := s.all.ceil(size)
	if id == 0 {
		return x
	}
	if q := s.queue(id); q != nil {
		if y := q.runs.ceil(size); y != nil && (x == nil || y.n <= x.n) {
			return y
		}
	}
	return x
}

// rows calls f with every longest row of free neighbours, by extent and address.
func (s *Slab) rows(f func(first *seg, n int64)) {
	for _, e := range s.extents {
		var first *seg
		var n int64
		for x := e.first; x != nil; x = x.next {
			if x.live != nil {
				continue
			}
			if first == nil {
				first = x
			}
			n += x.n
			if x.next == nil || x.next.live != nil {
				f(first, n)
				first, n = nil, 0
			}
		}
	}
}

// take cuts size bytes for b out of x and the free segments behind it.
func (s *Slab) take(b *Block, x *seg, size int64, id Queue) {
	var after []*mark // the latest of each other queue
	pending := false
	for left, y := size, x; left > 0; y = x.next {
		s.unlist(y)
		if m := y.mark; m != nil {
			m.refs++
			pending = true
			if m.q.id != id {
				after = latest(after, m)
			}
		}
		if y.n > left {
			rest := y.split(left)
			rest.mark = y.mark
			if s.bug == bugOverlap {
				rest.addr, rest.n = rest.addr-slabAlign, rest.n+slabAlign
			}
			s.list(rest)
		}
		left -= y.n
		b.pieces = append(b.pieces, piece{y.n, y.mark})
		y.mark = nil
		if y != x {
			x.join(y)
		}
	}
	if !pending {
		b.pieces = nil
	}
	if s.bug != bugNoWait {
		for _, m := range after {
			b.After = append(b.After, m.ev)
		}
	}
	x.live = b
	b.seg, b.Addr = x, x.addr
	st := &s.stats
	st.Allocs++
	st.Blocks++
	st.Waits += int64(len(after))
	st.Used += size
	st.Free -= size
	st.Peak = max(st.Peak, st.Used)
}

// latest adds m to marks, of which one of each queue is kept.
func latest(marks []*mark, m *mark) []*mark {
	for i, o := range marks {
		if o.q == m.q {
			if m.seq > o.seq {
				marks[i] = m
			}
			return marks
		}
	}
	return append(marks, m)
}

// put makes the segment x, which is in no tree, a free run pending on m, and
// merges it with its neighbours.
func (s *Slab) put(x *seg, m *mark) {
	x.live, x.mark = nil, m
	drops := [3]*mark{m}
	if p := x.prev; s.alike(p, x) {
		drops[1] = p.mark
		s.unlist(p)
		s.merge(p, x)
		x = p
	}
	if y := x.next; s.alike(y, x) {
		drops[2] = y.mark
		s.unlist(y)
		s.merge(x, y)
	}
	s.list(x)
	for _, m := range drops {
		s.drop(m) // if the later event now stands for it
	}
}

// alike tells whether y, which may be nil, can be one run with the free run x.
func (s *Slab) alike(y, x *seg) bool {
	if y == nil || s.bug == bugNoMerge || y.live != nil && s.bug != bugMergeLive {
		return false
	}
	if y.mark == nil || x.mark == nil {
		return y.mark == x.mark
	}
	return y.mark.q == x.mark.q
}

// merge makes x and the next segment y one, pending on the later of their marks.
func (s *Slab) merge(x, y *seg) {
	if x.mark != nil && (y.mark.seq > x.mark.seq) != (s.bug == bugOldMark) {
		x.mark = y.mark
	}
	x.join(y)
}

// list puts the free run x into its tree.
func (s *Slab) list(x *seg) {
	s.stats.FreeBlocks++
	if x.mark == nil {
		s.all.insert(x)
		return
	}
	x.mark.q.runs.insert(x)
	x.slot = len(x.mark.runs)
	x.mark.runs = append(x.mark.runs, x)
}

// unlist takes it out again. Its mark is not dropped.
func (s *Slab) unlist(x *seg) {
	s.stats.FreeBlocks--
	if x.mark == nil {
		s.all.remove(x)
		return
	}
	x.mark.q.runs.remove(x)
	r := x.mark.runs
	last := r[len(r)-1]
	r[x.slot], last.slot = last, x.slot
	r[len(r)-1] = nil
	x.mark.runs = r[:len(r)-1]
}

// split cuts x to n bytes and returns the rest, which follows it.
func (x *seg) split(n int64) *seg {
	r := newSeg(x.addr+uint64(n), x.n-n)
	r.prev, r.next = x, x.next
	if r.next != nil {
		r.next.prev = r
	}
	x.n, x.next = n, r
	return r
}

// join adds the next segment y to x.
func (x *seg) join(y *seg) {
	x.n += y.n
	x.next = y.next
	if x.next != nil {
		x.next.prev = x
	}
}
