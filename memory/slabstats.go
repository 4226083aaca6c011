package memory

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/gpusc/gpusc/internal/errs"
)

// SlabStats are the figures of a slab.
type SlabStats struct {
	Cap         int64 // most bytes of extents, 0 for no limit
	Reserved    int64 // bytes of all extents
	Used        int64 // bytes of live blocks, each rounded up to 256
	Peak        int64 // most that Used has been
	Free        int64 // bytes not in use, pending ones included
	LargestFree int64 // bytes of the longest row of them

	Blocks     int // live
	FreeBlocks int // free runs: a row of two that are pending on different queues is two
	Extents    int

	Allocs, Frees int64
	Grows         int64 // extents that Grow gave
	Waits         int64 // events handed out to be waited for

	Fragmentation float64 // 1 - LargestFree/Free, 0 if nothing is free
}

// Stats returns the figures. It looks at every block.
func (s *Slab) Stats() SlabStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.figures()
}

func (s *Slab) figures() SlabStats {
	st := s.stats
	st.Extents = len(s.extents)
	s.rows(func(_ *seg, n int64) { st.LargestFree = max(st.LargestFree, n) })
	if st.Free > 0 {
		st.Fragmentation = 1 - float64(st.LargestFree)/float64(st.Free)
	}
	return st
}

// Extents returns what the slab was given, in that order, for the owner to give
// back to the device once nothing uses it any more.
func (s *Slab) Extents() []Extent {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Extent, len(s.extents))
	for i, e := range s.extents {
		out[i] = e.Extent
	}
	return out
}

// Leaks lists the live blocks, largest first, as "what bytes", with Debug
// followed by the calls that led to Alloc, a line each.
func (s *Slab) Leaks() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leaks()
}

func (s *Slab) leaks() []string {
	bs := s.live()
	slices.SortStableFunc(bs, func(a, b *Block) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.What, b.What))
	})
	out := make([]string, len(bs))
	for i, b := range bs {
		out[i] = fmt.Sprintf("%s %d", b.What, b.Bytes) + calls(b.stack)
	}
	return out
}

// live lists the live blocks by extent and address.
func (s *Slab) live() []*Block {
	var bs []*Block
	for _, e := range s.extents {
		for x := e.first; x != nil; x = x.next {
			if x.live != nil {
				bs = append(bs, x.live)
			}
		}
	}
	return bs
}

func calls(stack []uintptr) string {
	if len(stack) == 0 {
		return ""
	}
	var b strings.Builder
	for fs := runtime.CallersFrames(stack); ; {
		f, more := fs.Next()
		fmt.Fprintf(&b, "\n\t%s %s:%d", f.Function, f.File, f.Line)
		if !more {
			return b.String()
		}
	}
}

// full is the error of a request for which there is no room. why is what the
// device said, nil if it was not asked.
func (s *Slab) full(size int64, what string, q Queue, why error) error {
	st := s.figures()
	of := Bytes(st.Reserved)
	if st.Cap > 0 {
		of = Bytes(st.Cap)
	}
	extents := "1 extent"
	if st.Extents != 1 {
		extents = fmt.Sprintf("%d extents", st.Extents)
	}
	msg := fmt.Sprintf("%s needs %s of device memory, but %s of the pool's %s are in use (largest free run %s, %s",
		what, Bytes(size), Bytes(st.Used), of, Bytes(st.LargestFree), extents)
	if n := s.pending(); q == 0 && n > 0 {
		msg += fmt.Sprintf(", %s free once queued work is done", Bytes(n))
	}
	if u := s.users(3); u != "" {
		msg += "; most: " + u
	}
	e := errs.New(errs.Budget, "%s)", msg)
	if why != nil {
		e = e.Because(why)
	}
	if why == nil && st.Cap > 0 {
		return e.Do("give --device-memory %s or more, or a device with more memory", Arg(roundUp(st.Reserved+size)))
	}
	return e.Do("give a device with more memory")
}

// pending returns the bytes of free runs that are not free for all.
func (s *Slab) pending() (n int64) {
	for _, q := range s.queues {
		for el := q.marks.Front(); el != nil; el = el.Next() {
			for _, x := range el.Value.(*mark).runs {
				n += x.n
			}
		}
	}
	return n
}

// users names the largest users, at most k, each with the sum of its blocks.
func (s *Slab) users(k int) string {
	sums := map[string]int64{}
	var names []string
	for _, b := range s.live() {
		if _, ok := sums[b.What]; !ok {
			names = append(names, b.What)
		}
		sums[b.What] += b.seg.n
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(sums[b], sums[a]), cmp.Compare(a, b))
	})
	names = names[:min(k, len(names))]
	for i, n := range names {
		names[i] = fmt.Sprintf("%s %s", n, Bytes(sums[n]))
	}
	return strings.Join(names, ", ")
}
