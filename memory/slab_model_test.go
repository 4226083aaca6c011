package memory

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gpusc/gpusc/internal/errs"
)

// The model: memory as granules of 256 bytes, each of which knows the block that
// lies there and the last work of each queue that may still use it.

const (
	simQueues = 4 // 1 to 4; 0 is the host
	simCap    = 1 << 20
	simBase   = 0x7f0000000000
)

type granule struct {
	extent bool
	block  *Block
	pend   [simQueues + 1]int // work of each queue that uses it
}

// sim is a device whose queues run their work at random times.
type sim struct {
	s        *Slab
	pick     func(n int) int // a number under n
	mem      []granule
	top      int // granules given out by grow
	live     []*simBlock
	work     [simQueues + 1][]simWork
	done     [simQueues + 1]int // how much of it has run
	given    int
	released int
	bad      error // what an event found
	used     int64
	refused  int
	waits    int
	sum      uint64 // of all addresses
}

type simBlock struct {
	b    *Block
	q    int
	used bool // work that uses it was queued
}

// simWork is one piece of work of a queue; it waits for another one of queue q, if not 0.
type simWork struct{ q, seq int }

type simEvent struct {
	m        *sim
	q, seq   int
	released bool
}

func (e *simEvent) Done() bool {
	if e.released {
		e.m.bad = errors.New("an event was asked after its release")
	}
	return e.m.done[e.q] >= e.seq
}

func (e *simEvent) Release() {
	if e.released {
		e.m.bad = errors.New("an event was released twice")
	}
	e.released = true
	e.m.released++
}

func newSim(pick func(int) int, fault bug) *sim {
	m := &sim{pick: pick, mem: make([]granule, 2*simCap/256)}
	m.s = NewSlab(SlabOptions{Cap: simCap, Extent: 128 << 10 << pick(4), Grow: m.grow})
	m.s.bug = fault
	return m
}

func (m *sim) grow(n int64) (uint64, error) {
	if n > 100<<10 && m.pick(2) == 0 {
		return 0, errs.New(errs.Budget, "no %d bytes in one", n)
	}
	base := m.top + m.pick(2) // some extents lie side by side
	for i := range int(n / 256) {
		m.mem[base+i].extent = true
	}
	m.top = base + int(n/256)
	return simBase + uint64(base)*256, nil
}

// cells returns the granules of a block.
func (m *sim) cells(b *Block) []granule {
	i := (b.Addr - simBase) / 256
	return m.mem[i : i+uint64(roundSlab(b.Bytes)/256)]
}

// queue adds work to q and returns its number.
func (m *sim) queue(q int, w simWork) int {
	m.work[q] = append(m.work[q], w)
	return len(m.work[q])
}

// runTo runs q up to piece seq, and what that waits for.
func (m *sim) runTo(q, seq int) {
	for m.done[q] < seq {
		if w := m.work[q][m.done[q]]; w.q != 0 {
			m.runTo(w.q, w.seq)
		}
		m.done[q]++
	}
}

// runSome lets a queue run a little, up to where it must wait.
func (m *sim) runSome() {
	q := 1 + m.pick(simQueues)
	for n := m.pick(12); n > 0 && m.done[q] < len(m.work[q]); n-- {
		if w := m.work[q][m.done[q]]; m.done[w.q] < w.seq {
			return
		}
		m.done[q]++
	}
}

// step does one random thing. full, 0 to 100, is how much to prefer Alloc.
func (m *sim) step(full int) error {
	if m.pick(4) == 0 {
		m.runSome()
	}
	if len(m.live) == 0 || m.pick(100) < full {
		return errors.Join(m.alloc(), m.bad)
	}
	i := m.pick(len(m.live))
	x := m.live[i]
	m.live[i] = m.live[len(m.live)-1]
	m.live = m.live[:len(m.live)-1]
	return errors.Join(m.free(x), m.bad)
}

func (m *sim) alloc() error {
	q := m.pick(simQueues + 1)
	n := int64(m.pick(8 << 10))
	switch m.pick(16) {
	case 0:
		n = int64(m.pick(100 << 10))
	case 1:
		n = 0
	}
	b, err := m.s.Alloc(n, "trace", Queue(q))
	if err != nil {
		m.refused++
		if !errors.Is(err, errs.Budget) {
			return err
		}
		return m.mayRefuse(n, q)
	}
	m.sum = m.sum*31 + b.Addr
	m.waits += len(b.After)
	if err := m.check(b, n, q); err != nil {
		return err
	}
	m.used += int64(len(m.cells(b))) * 256
	x := &simBlock{b: b, q: q, used: m.pick(10) > 0}
	m.live = append(m.live, x)
	if x.used && q != 0 {
		for _, ev := range b.After {
			e := ev.(*simEvent)
			m.queue(q, simWork{e.q, e.seq})
		}
		m.queue(q, simWork{})
	}
	return nil
}

// check holds a new block against the model.
func (m *sim) check(b *Block, n int64, q int) error {
	size := uint64(roundSlab(n))
	if b.Addr%256 != 0 || b.Bytes != n || b.Addr < simBase || b.Addr+size > simBase+uint64(len(m.mem))*256 {
		return fmt.Errorf("%d bytes at %#x for %d", b.Bytes, b.Addr, n)
	}
	ok := m.done // what q may build on
	if q != 0 {
		ok[q] = len(m.work[q])
	}
	for _, ev := range b.After {
		e := ev.(*simEvent)
		if e.released || e.q == q || q == 0 {
			return fmt.Errorf("queue %d is to wait for an event of queue %d, released %v", q, e.q, e.released)
		}
		ok[e.q] = max(ok[e.q], e.seq)
	}
	g := m.cells(b)
	for i := range g {
		if g[i].block != nil || !g[i].extent {
			return fmt.Errorf("%#x is in use or not ours", b.Addr+uint64(i)*256)
		}
		g[i].block = b
		for r, seq := range g[i].pend {
			if seq > ok[r] {
				return fmt.Errorf("%#x for queue %d may still be used by queue %d", b.Addr+uint64(i)*256, q, r)
			}
		}
	}
	return nil
}

// mayRefuse checks that no row of free granules would have done. What the host
// may have is held back by later events of the same queue, so it is not checked.
func (m *sim) mayRefuse(n int64, q int) error {
	if q == 0 {
		return nil
	}
	for _, e := range m.s.Extents() {
		first, row := (e.Base-simBase)/256, int64(0)
		for i := range uint64(e.Bytes / 256) {
			if row++; m.mem[first+i].block != nil {
				row = 0
			}
			if row >= roundSlab(n)/256 {
				return fmt.Errorf("%d bytes were refused, but are free", n)
			}
		}
	}
	return nil
}

// free gives x back in a random allowed way.
func (m *sim) free(x *simBlock) error {
	g := m.cells(x.b)
	m.used -= int64(len(g)) * 256
	for i := range g {
		if g[i].block != x.b {
			return fmt.Errorf("%#x was taken by another", x.b.Addr)
		}
		g[i].block = nil
	}
	if !x.used || m.pick(10) == 0 {
		if x.used {
			m.runTo(x.q, len(m.work[x.q]))
		}
		return m.s.Free(x.b)
	}
	q := x.q
	if q == 0 || m.pick(8) == 0 {
		q = 1 + m.pick(simQueues)
		if x.q != 0 && x.q != q {
			m.queue(q, simWork{x.q, len(m.work[x.q])})
		}
	}
	ev := &simEvent{m: m, q: q, seq: m.queue(q, simWork{})}
	m.given++
	for i := range g {
		g[i].pend = [simQueues + 1]int{}
		g[i].pend[q] = ev.seq
	}
	return m.s.FreeOn(x.b, Queue(q), ev)
}

// finish gives all back and checks that nothing is left.
func (m *sim) finish() error {
	for _, x := range m.live {
		if err := m.free(x); err != nil {
			return err
		}
	}
	m.live = nil
	for q := range m.work {
		m.runTo(q, len(m.work[q]))
	}
	m.s.settle()
	st := m.s.Stats()
	if st.Used != 0 || st.Free != st.Reserved || st.FreeBlocks != st.Extents || st.Blocks != 0 {
		return fmt.Errorf("at the end %+v", st)
	}
	if l := m.s.Close(); len(l) != 0 || m.released != m.given {
		return fmt.Errorf("leaks %v, %d of %d events released", l, m.released, m.given)
	}
	return m.bad
}

// inspect checks that the slab's own lists agree with each other.
func (m *sim) inspect() error {
	s, free, used := m.s, 0, int64(0)
	for _, e := range s.extents {
		at := e.Base
		for x := e.first; x != nil; x = x.next {
			if x.addr != at || x.n < 256 || x.n%256 != 0 || x.next != nil && x.next.prev != x {
				return fmt.Errorf("segment %#x+%d where %#x should be", x.addr, x.n, at)
			}
			at += uint64(x.n)
			if x.live != nil {
				used += x.n
				continue
			}
			free++
			t := &s.all
			if x.mark != nil {
				t = &x.mark.q.runs
				if x.mark.runs[x.slot] != x || x.mark.ev == nil {
					return fmt.Errorf("run %#x is not with its event", x.addr)
				}
			}
			y := t.root
			for y != nil && y != x {
				y = *y.side(x)
			}
			if y == nil || s.alike(x.next, x) {
				return fmt.Errorf("run %#x is not in its tree or should be merged", x.addr)
			}
		}
		if at != e.Base+uint64(e.Bytes) {
			return fmt.Errorf("the extent at %#x ends at %#x", e.Base, at)
		}
	}
	if free != s.stats.FreeBlocks || used != m.used || used != s.stats.Used {
		return fmt.Errorf("%d runs, %d bytes used; model %d; %+v", free, used, m.used, s.stats)
	}
	return nil
}

// trace runs n random steps and returns a sum of the addresses.
func trace(n int, seed uint64, fault bug, log func(string, ...any)) (sum uint64, err error) {
	defer func() {
		if fault != noBug {
			if r := recover(); r != nil {
				err = fmt.Errorf("panic: %v", r)
			}
		}
	}()
	rng := rand.New(rand.NewPCG(seed, 1))
	m := newSim(rng.IntN, fault)
	frag, looks := 0.0, 0
	for i := range n {
		err := m.step(30 + 30*(i/5000%2))
		if err == nil && i%1000 == 999 {
			frag, looks = frag+m.s.Stats().Fragmentation, looks+1
			err = m.inspect()
		}
		if err != nil {
			return 0, fmt.Errorf("step %d: %w", i, err)
		}
	}
	st := m.s.Stats()
	log("%d allocs, %d refused, %d waits, %d extents, peak %s of %s, mean fragmentation %.2f",
		st.Allocs, m.refused, st.Waits, st.Extents, Bytes(st.Peak), Bytes(st.Reserved), frag/float64(max(looks, 1)))
	if st.Waits != int64(m.waits) || st.Allocs == 0 {
		return 0, fmt.Errorf("%d waits, not %d", st.Waits, m.waits)
	}
	return m.sum, m.finish()
}

func TestSlabTrace(t *testing.T) {
	n := 250_000
	if testing.Short() {
		n = 25_000
	}
	start := time.Now()
	for seed := range uint64(4) {
		if _, err := trace(n, seed, noBug, t.Logf); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	t.Logf("%d steps in %v", 4*n, time.Since(start).Round(time.Millisecond))
}

func TestSlabSameTraceSameAddresses(t *testing.T) {
	a, err := trace(20_000, 7, noBug, t.Logf)
	b, err2 := trace(20_000, 7, noBug, t.Logf)
	c, err3 := trace(20_000, 8, noBug, t.Logf)
	if err := errors.Join(err, err2, err3); err != nil || a != b || a == c {
		t.Fatal(a, b, c, err)
	}
}

func TestSlabFindsPlantedBugs(t *testing.T) {
	for fault, name := range map[bug]string{
		bugNoWait: "no waits", bugNoAsk: "events not asked", bugNoMerge: "no merging",
		bugMergeLive: "merges live", bugOverlap: "overlap", bugOldMark: "older event kept",
		bugNoRelease: "events not released", bugForget: "what was pending is forgotten",
	} {
		_, err := trace(20_000, 1, fault, func(string, ...any) {})
		if err == nil {
			t.Errorf("%s: not found", name)
		}
		t.Logf("%s: %v", name, err)
	}
}

func TestSlabProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newSim(func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "pick") }, noBug)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if err := errors.Join(m.step(60), m.inspect()); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.finish(); err != nil {
			t.Fatal(err)
		}
	})
}
