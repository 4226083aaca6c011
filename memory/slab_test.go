package memory

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gpusc/gpusc/internal/errs"
)

// flag is an event that is reached when a test says so.
type flag struct {
	name           string
	reached        bool
	asked, dropped int
}

func (f *flag) Done() bool { f.asked++; return f.reached }
func (f *flag) Release()   { f.dropped++ }

// oneExtent returns a slab of n granules of 256 bytes from address 0x1000.
func oneExtent(t testing.TB, n int64) *Slab {
	s := NewSlab(SlabOptions{})
	if err := s.Add(0x1000, n*256); err != nil {
		t.Fatal(err)
	}
	return s
}

// get allocates n granules and checks at which one of the extent they start.
func get(t testing.TB, s *Slab, n int64, q Queue, at int, after ...Event) *Block {
	t.Helper()
	b, err := s.Alloc(n*256, fmt.Sprintf("b%d", at), q)
	if err != nil {
		t.Fatal(err)
	}
	if got := int(b.Addr-0x1000) / 256; got != at || !slices.Equal(b.After, after) {
		t.Errorf("block at %d after %v, not at %d after %v", got, b.After, at, after)
	}
	return b
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestSlabBestFit(t *testing.T) {
	s := oneExtent(t, 16)
	a, _, c, _, e := get(t, s, 4, 0, 0), get(t, s, 1, 0, 4), get(t, s, 2, 0, 5), get(t, s, 1, 0, 7), get(t, s, 3, 0, 8)
	must(t, s.Free(a))
	must(t, s.Free(c))
	must(t, s.Free(e)) // joins the rest
	get(t, s, 2, 0, 5) // of 4, 2 and 8 free
	get(t, s, 3, 0, 0)
	get(t, s, 1, 0, 3)
	get(t, s, 8, 0, 8)
	if st := s.Stats(); st.Free != 0 || st.Fragmentation != 0 || st.Used != st.Peak || st.FreeBlocks != 0 {
		t.Errorf("%+v", st)
	}
}

// TestSlabOrder follows the numbered list at Slab.
func TestSlabOrder(t *testing.T) {
	s := oneExtent(t, 12)
	one, two := &flag{name: "one"}, &flag{name: "two"}
	a, b, c := get(t, s, 2, 1, 0), get(t, s, 2, 2, 2), get(t, s, 6, 0, 4)
	must(t, s.FreeOn(a, 1, one))
	must(t, s.FreeOn(b, 2, two))
	get(t, s, 1, 2, 2) // its own before what is free for all, of the same size
	get(t, s, 2, 0, 10)
	if one.asked+two.asked != 0 {
		t.Error("events were asked without need")
	}
	d := get(t, s, 1, 1, 0)      // own
	get(t, s, 1, 3, 1, one)      // another queue's: the lower address of two alike
	x := get(t, s, 1, 3, 3, two) // the last that is left
	if x.After[0].(*flag).dropped != 0 {
		t.Error("an event to wait for was released")
	}
	must(t, s.Free(c))
	get(t, s, 6, 0, 4)
	one.reached = true
	must(t, s.Free(d))
	get(t, s, 1, 0, 0)
	if l := s.Close(); len(l) != 6 || one.dropped != 1 || two.dropped != 1 {
		t.Errorf("released %d and %d times, live %v", one.dropped, two.dropped, l)
	}
}

func TestSlabRowOfNeighbours(t *testing.T) {
	s := oneExtent(t, 8)
	var ev [4]*flag
	var b [4]*Block
	for i := range b {
		b[i] = get(t, s, 2, 1, 2*i)
	}
	for i, q := range []Queue{1, 2, 1, 3} {
		ev[i] = &flag{name: fmt.Sprint(i)}
		must(t, s.FreeOn(b[i], q, ev[i]))
	}
	if st := s.Stats(); st.FreeBlocks != 4 || st.LargestFree != 8*256 {
		t.Errorf("%+v", st)
	}
	all := get(t, s, 7, 3, 0, ev[2], ev[1]) // of queue 1 the later event stands for both
	if _, err := s.Alloc(512, "host", 0); !errors.Is(err, errs.Budget) || !strings.Contains(err.Error(), "256 B free once queued work is done") {
		t.Error(err)
	}
	must(t, s.Free(all)) // never used: all as before
	if st := s.Stats(); st.FreeBlocks != 4 || st.Waits != 2 {
		t.Errorf("%+v", st)
	}
	for _, e := range ev {
		e.reached = true
	}
	get(t, s, 8, 0, 0)
	for _, e := range ev {
		if e.dropped != 1 {
			t.Errorf("event %s released %d times", e.name, e.dropped)
		}
	}
}

func TestSlabLaterEventStandsForEarlier(t *testing.T) {
	s := oneExtent(t, 8)
	one, two := &flag{name: "one"}, &flag{name: "two"}
	a, b := get(t, s, 4, 1, 0), get(t, s, 4, 1, 4)
	must(t, s.FreeOn(a, 1, one))
	must(t, s.FreeOn(b, 1, two))
	if one.dropped != 1 || two.dropped != 0 {
		t.Errorf("released %d and %d times", one.dropped, two.dropped)
	}
	c := get(t, s, 8, 2, 0, two)
	must(t, s.FreeOn(c, 2, &flag{}))
	if two.dropped != 1 {
		t.Errorf("released %d times", two.dropped)
	}
}

// TestSlabTreeIsFlat frees every other block: sizes that rise with the address
// would make a list of a tree that is not balanced.
func TestSlabTreeIsFlat(t *testing.T) {
	const n = 2000
	s := oneExtent(t, n*n)
	var odd []*Block
	for i := range int64(n) {
		b, err := s.Alloc(i*256, "x", 0)
		must(t, err)
		if i%2 == 1 {
			odd = append(odd, b)
		}
	}
	for _, b := range odd {
		must(t, s.Free(b))
	}
	var depth func(x *seg) int
	depth = func(x *seg) int {
		if x == nil {
			return 0
		}
		return 1 + max(depth(x.left), depth(x.right))
	}
	if d := depth(s.all.root); d < 10 || d > 40 {
		t.Errorf("depth %d of %d runs", d, s.Stats().FreeBlocks)
	}
}

func TestSlabZeroBytes(t *testing.T) {
	s := oneExtent(t, 2)
	a, b := get(t, s, 0, 0, 0), get(t, s, 0, 0, 1)
	if a.Bytes != 0 || s.Stats().Used != 512 {
		t.Errorf("%+v, %+v", a, s.Stats())
	}
	must(t, s.Free(a))
	must(t, s.Free(b))
}

func TestSlabMisuse(t *testing.T) {
	s, other := oneExtent(t, 8), oneExtent(t, 8)
	a, b := get(t, s, 1, 0, 0), get(t, s, 1, 0, 1)
	must(t, s.Free(a))
	ev := []*flag{{}, {}, {}, {}}
	clone := *b
	for name, c := range map[string]struct {
		err  error
		kind error
		text string
	}{
		"twice":             {s.Free(a), errs.Usage, "the block of b0 was given back before"},
		"twice with event":  {s.FreeOn(a, 1, ev[0]), errs.Usage, "given back before"},
		"of another":        {other.Free(b), errs.Usage, "the block of b1 is of another slab"},
		"another and event": {other.FreeOn(b, 1, ev[1]), errs.Usage, "of another slab"},
		"a copy":            {s.Free(&clone), errs.Usage, "of another slab"},
		"made up":           {s.Free(&Block{What: "x"}), errs.Usage, "of another slab"},
		"nil":               {s.Free(nil), errs.Usage, "no block"},
		"host's event":      {s.FreeOn(b, 0, ev[2]), errs.Usage, "the host has no events"},
		"no event":          {s.FreeOn(b, 1, nil), errs.Usage, "no event"},
		"negative":          {second(s.Alloc(-1, "x", 0)), errs.Limit, "cannot reserve -1 bytes for x"},
		"huge":              {second(s.Alloc(math.MaxInt64, "x", 0)), errs.Limit, "x is larger than memory can be"},
		"overlap":           {s.Add(0x1100, 256), errs.Usage, "the extent at 0x1100 overlaps the one at 0x1000"},
		"empty extent":      {s.Add(0x10000, 255), errs.Usage, "no extent"},
		"crooked extent":    {s.Add(0x10001, 256), errs.Usage, "no extent"},
		"negative extent":   {s.Add(0x10000, -256), errs.Usage, "no extent"},
		"extent over end":   {s.Add(math.MaxUint64-255, 512), errs.Usage, "no extent"},
		"over cap":          {NewSlab(SlabOptions{Cap: 1024}).Add(0x1000, 2048), errs.Budget, "over the cap of 1.0 KiB"},
	} {
		if !errors.Is(c.err, c.kind) || !strings.Contains(c.err.Error(), c.text) {
			t.Errorf("%s: %v", name, c.err)
		}
	}
	must(t, s.FreeOn(b, 1, ev[3]))
	if l := s.Close(); len(l) != 0 || !errors.Is(s.Add(0, 256), errs.Usage) || !errors.Is(second(s.Alloc(1, "x", 0)), errs.Usage) {
		t.Error("leaks", l, "or a closed slab that works")
	}
	for i, e := range ev {
		if e.dropped != 1 {
			t.Errorf("event %d was released %d times", i, e.dropped)
		}
	}
}

func second(_ *Block, err error) error { return err }

func TestSlabOutOfMemory(t *testing.T) {
	s := NewSlab(SlabOptions{Cap: 6 << 30, Grow: func(int64) (uint64, error) {
		return 0, errs.New(errs.Budget, "cuMemAlloc says there is no more")
	}})
	must(t, s.Add(1<<32, 2<<30))
	must(t, s.Add(1<<33, 1<<30))
	var gram *Block
	for _, x := range []struct {
		what string
		n    int64
	}{{"tiles", 1 << 30}, {"gram", 200 << 20}, {"scratch", 3 << 20}, {"gram", 300 << 20}, {"tiles", 1 << 30}, {"means", 5 << 20}} {
		b, err := s.Alloc(x.n, x.what, 1)
		must(t, err)
		if gram == nil && x.what == "gram" {
			gram = b
		}
	}
	must(t, s.Free(gram))
	const inUse = " of device memory, but 2.3 GiB of the pool's 6.0 GiB are in use (largest free run 516 MiB, 2 extents; " +
		"most: tiles 2.0 GiB, gram 300 MiB, means 5.0 MiB)"
	for n, want := range map[int64]string{
		4 << 30: "panel of loadings needs 4.0 GiB" + inUse + "; give --device-memory 7168MiB or more, or a device with more memory",
		1 << 30: "panel of loadings needs 1.0 GiB" + inUse + ": cuMemAlloc says there is no more; give a device with more memory",
	} {
		err := second(s.Alloc(n, "panel of loadings", 1))
		if err == nil || err.Error() != want || !errors.Is(err, errs.Budget) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestSlabGrow(t *testing.T) {
	var asked []int64
	room, gone := int64(100<<10), error(nil)
	next := uint64(0x100000)
	s := NewSlab(SlabOptions{Cap: 1<<20 + 100, Extent: 64<<10 - 1, Grow: func(n int64) (uint64, error) {
		asked = append(asked, n)
		if gone != nil || n > room {
			return 0, errors.Join(gone, errs.New(errs.Budget, "only %d", room))
		}
		room -= n
		next += 1 << 24
		return next, nil
	}})
	for _, n := range []int64{1, 1000, 70 << 10, 10 << 10, 30 << 10} {
		_, _ = s.Alloc(n, "x", 0)
	}
	want := []int64{64 << 10, 70 << 10}
	if !slices.Equal(asked, want) {
		t.Errorf("asked for %d", asked)
	}
	asked = nil
	_, err := s.Alloc(60<<10, "y", 0) // 64 KiB are refused, and 60 too
	if !errors.Is(err, errs.Budget) || !slices.Equal(asked, []int64{64 << 10, 60 << 10}) {
		t.Errorf("asked for %d, %v", asked, err)
	}
	asked = nil
	_, err = s.Alloc(24<<10, "y", 0) // and the half of 64
	if err != nil || !slices.Equal(asked, []int64{64 << 10, 32 << 10}) {
		t.Errorf("asked for %d, %v", asked, err)
	}
	asked, room = nil, 2<<20
	if _, err = s.Alloc(1<<20, "y", 0); !errors.Is(err, errs.Budget) || asked != nil {
		t.Errorf("over the cap: asked for %d, %v", asked, err)
	}
	want = []int64{64 << 10, 32 << 10}
	for i, e := range s.Extents() {
		if e.Bytes != want[i] {
			t.Errorf("extents %v", s.Extents())
		}
	}
}

func TestSlabGrowFailsOtherwise(t *testing.T) {
	lost := errs.New(errs.Resource, "the device fell off the bus")
	calls := 0
	s := NewSlab(SlabOptions{Grow: func(int64) (uint64, error) { calls++; return 0, lost }})
	_, err := s.Alloc(1, "x", 1)
	if !errors.Is(err, errs.Resource) || errors.Is(err, errs.Budget) || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestSlabLeaks(t *testing.T) {
	s := NewSlab(SlabOptions{Debug: true})
	must(t, s.Add(0, 1<<20))
	for i, what := range []string{"b", "a", "large"} {
		if _, err := s.Alloc(int64(100+i/2), what, 0); err != nil {
			t.Fatal(err)
		}
	}
	l := s.Leaks()
	for i, want := range []string{"large 101\n", "a 100\n", "b 100\n"} {
		if !strings.HasPrefix(l[i], want) || !strings.Contains(l[i], "TestSlabLeaks") {
			t.Errorf("%q", l[i])
		}
	}
}

// manual is an event for several goroutines.
type manual struct{ dropped atomic.Int32 }

func (m *manual) Done() bool { return m.dropped.Load() == 0 }
func (m *manual) Release()   { m.dropped.Add(1) }

func TestSlabConcurrent(t *testing.T) {
	s := oneExtent(t, 64)
	var g sync.WaitGroup
	var events [4][1000]manual
	for q := range events {
		g.Go(func() {
			for i := range events[q] {
				b, err := s.Alloc(int64(i%7)*256, "x", Queue(q+1))
				if err != nil {
					events[q][i].Release()
					continue
				}
				if err := s.FreeOn(b, Queue(q+1), &events[q][i]); err != nil {
					t.Error(err)
				}
			}
		})
	}
	g.Wait()
	if l := s.Close(); len(l) != 0 {
		t.Error(l)
	}
	for q := range events {
		for i := range events[q] {
			if n := events[q][i].dropped.Load(); n != 1 {
				t.Fatalf("event %d of queue %d was released %d times", i, q, n)
			}
		}
	}
}
