package cluster

import "context"

// least is the part of the sums behind a gain that the gain must exceed: far above
// their rounding, far below what anyone could see.
const least = 1e-10

// visitTile vertices that lie together are visited together, in random order; the
// tiles come in random order too. Random enough for quality, near enough for caches.
const visitTile = 1024

// moving is the working memory of mover, for up to n vertices.
type moving struct {
	size    []float64 // of a community
	members []int32   // of a community
	queue   []int32   // ring of the vertices to visit
	queued  []bool
	empty   []int32   // communities without members
	acc     []float64 // weight from the visited vertex to a community; else 0
	touched []int32   // the communities whose acc is not 0
}

func newMoving(n int, acc []float64) *moving {
	return &moving{
		size: make([]float64, n), members: make([]int32, n), queue: make([]int32, n),
		queued: make([]bool, n), empty: make([]int32, 0, n), acc: acc, touched: make([]int32, n),
	}
}

// mover moves vertices of g between communities until no move gains.
type mover[W number] struct {
	*moving
	g     *net[W]
	comm  []int32 // of every vertex, in [0, n)
	price float64
}

// move improves comm: vertices wait in a queue; one that moves puts those of its
// neighbours that are now in other communities back (Traag 2019, MoveNodesFast).
// Serial: the next choice depends on the last.
func move[W number](ctx context.Context, g *net[W], comm []int32, price float64, key uint64, s *moving) error {
	m := &mover[W]{moving: s, g: g, comm: comm, price: price}
	m.count()
	m.order(key)
	queue := m.queue[:g.n]
	head, waiting := 0, g.n
	for visits := 0; waiting > 0; visits++ {
		if visits%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		v := queue[head]
		if head++; head == g.n {
			head = 0
		}
		waiting--
		m.queued[v] = false
		to := m.best(v)
		if to == comm[v] {
			continue
		}
		m.shift(v, to)
		idx, _ := g.row(v)
		for _, j := range idx {
			if comm[j] != to && !m.queued[j] {
				m.queued[j] = true
				t := head + waiting
				if t >= g.n {
					t -= g.n
				}
				queue[t] = j
				waiting++
			}
		}
	}
	return nil
}

// count adds the communities up.
func (m *mover[W]) count() {
	n := m.g.n
	clear(m.size[:n])
	clear(m.members[:n])
	for v, c := range m.comm {
		m.size[c] += m.g.size[v]
		m.members[c]++
	}
	m.empty = m.empty[:0]
	for c := n - 1; c >= 0; c-- {
		if m.members[c] == 0 {
			m.empty = append(m.empty, int32(c))
		}
	}
}

// order fills the queue with all vertices.
func (m *mover[W]) order(key uint64) {
	n := m.g.n
	first := m.touched[:(n+visitTile-1)/visitTile]
	for i := range first {
		first[i] = int32(i)
	}
	shuffle(first, hash(key, forTiles))
	at := 0
	for _, t := range first {
		lo := int(t) * visitTile
		part := m.queue[at : at+min(visitTile, n-lo)]
		for i := range part {
			part[i] = int32(lo + i)
		}
		shuffle(part, hash(hash(key, forVisits), uint64(t)))
		at += len(part)
	}
	for v := range m.queued[:n] {
		m.queued[v] = true
	}
}

// best returns the community that v gains most in: its own unless another gains
// more, an empty one when being alone is better. Ties go to the smaller number.
func (m *mover[W]) best(v int32) int32 {
	comm, acc, size, touched := m.comm, m.acc, m.size, m.touched
	idx, w := m.g.row(v)
	nt := 0
	for t, j := range idx {
		c := comm[j]
		a := acc[c]
		if a == 0 {
			touched[nt] = c
			nt++
		}
		acc[c] = a + float64(w[t])
	}
	own, kv := comm[v], m.g.size[v]
	cost := m.price * kv
	bound := acc[own]
	acc[own] = 0
	stay := 0.0
	single := m.members[own] == 1
	if !single {
		stay = bound - float64(cost*(size[own]-kv))
	}
	to, gain, link := int32(-1), 0.0, 0.0
	for _, c := range touched[:nt] {
		a := acc[c]
		acc[c] = 0
		if d := a - float64(cost*size[c]); a > 0 && (d > gain || d == gain && to >= 0 && c < to) {
			to, gain, link = c, d, a
		}
	}
	pull := 0.0
	if to >= 0 {
		pull = size[to]
	}
	noise := least * (bound + link + float64(cost*(size[own]+pull)))
	switch {
	case single && to < 0, gain-stay <= noise && (single || bound > 0):
		return own
	case to < 0:
		return m.empty[len(m.empty)-1]
	}
	return to
}

// shift moves v to community to.
func (m *mover[W]) shift(v, to int32) {
	own, kv := m.comm[v], m.g.size[v]
	if m.members[to] == 0 {
		m.empty = m.empty[:len(m.empty)-1]
	}
	m.size[own] -= kv
	if m.members[own]--; m.members[own] == 0 {
		m.empty = append(m.empty, own)
		m.size[own] = 0
	}
	m.size[to] += kv
	m.members[to]++
	m.comm[v] = to
}
