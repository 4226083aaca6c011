package cluster

import (
	"context"

	"github.com/gpusc/gpusc/memory"
)

// upper holds the graph of a level above the first. Two of them take turns: while
// one is made the other is read.
type upper struct {
	net[float64]
	room int64 // edges that fit
}

// edgeBytes is what an edge of an upper level takes.
const edgeBytes = 4 + 8

func newUpper(n int) *upper {
	u := &upper{}
	u.beg, u.end, u.size = make([]int64, n), make([]int64, n), make([]float64, n)
	return u
}

// grow makes room for e edges; what was there is lost.
func (u *upper) grow(e int64, held *memory.Reservation) error {
	if e <= u.room {
		return nil
	}
	u.idx, u.w = nil, nil
	if held != nil {
		if err := held.Resize(held.Bytes() + (e-u.room)*edgeBytes); err != nil {
			return err
		}
	}
	u.idx, u.w, u.room = make([]int32, e), make([]float64, e), e
	return nil
}

// aggregateTile parts are made by one worker at a time.
const aggregateTile = 256

// aggregate makes in to the graph whose vertices are the count parts of g. Rows lie
// where they would if no two edges fell together, so that every worker knows its
// place beforehand; the gaps stay. Neighbours of a row come in the order in which
// its members, rising, meet them.
func aggregate[W number](ctx context.Context, g *net[W], part []int32, count int, to *upper, s *refining) error {
	s.sets.fill(part, count)
	at := int64(0)
	for c := range count {
		to.beg[c] = at
		for _, v := range s.sets.of(int32(c)) {
			at += g.end[v] - g.beg[v]
		}
	}
	to.n = count
	return tiles(ctx, len(s.work), count, aggregateTile, func(w, lo, hi int) {
		for c := lo; c < hi; c++ {
			sumRow(g, part, int32(c), s.sets.of(int32(c)), &to.net, s.work[w].acc)
		}
	})
}

// sumRow makes row c of to from its members in g.
func sumRow[W number](g *net[W], part []int32, c int32, members []int32, to *net[float64], acc []float64) {
	out := to.idx[to.beg[c]:]
	n := 0
	size := 0.0
	for _, v := range members {
		size += g.size[v]
		idx, w := g.row(v)
		for t, j := range idx {
			p := part[j]
			if p == c {
				continue
			}
			a := acc[p]
			if a == 0 {
				out[n] = p
				n++
			}
			acc[p] = a + float64(w[t])
		}
	}
	sums := to.w[to.beg[c]:]
	for i, p := range out[:n] {
		sums[i] = acc[p]
		acc[p] = 0
	}
	to.size[c] = size
	to.end[c] = to.beg[c] + int64(n)
}

// connected makes part the connected components of the communities of comm, named
// after one of their vertices. stack has room for g.n.
func connected[W number](g *net[W], comm, part, stack []int32) {
	for v := range part {
		part[v] = -1
	}
	for v := range int32(g.n) {
		if part[v] >= 0 {
			continue
		}
		part[v] = v
		stack = append(stack[:0], v)
		for len(stack) > 0 {
			u := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			idx, _ := g.row(u)
			for _, j := range idx {
				if part[j] < 0 && comm[j] == comm[v] {
					part[j] = v
					stack = append(stack, j)
				}
			}
		}
	}
}
