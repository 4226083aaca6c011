package cluster

import (
	"context"
	"slices"
)

// refining is the working memory of refiner, for up to n vertices.
type refining struct {
	size  []float64 // of a part, kept at the vertex that it is named after
	cut   []float64 // weight between a part and the rest of its community
	alone []bool    // this vertex is still a part by itself
	big   []int32   // the communities, largest first
	sets  groups
	work  []*worker
}

// worker is what each worker of a parallel loop has for itself.
type worker struct {
	acc     []float64 // n zeros, used and left as zeros
	touched []int32
	chance  []float64
}

func newRefining(n int, work []*worker) *refining {
	return &refining{
		size: make([]float64, n), cut: make([]float64, n), alone: make([]bool, n), big: make([]int32, 0, n),
		sets: newGroups(n), work: work,
	}
}

// refiner splits communities into well-connected parts.
type refiner[W number] struct {
	*refining
	g            *net[W]
	comm         []int32 // the communities
	part         []int32 // what it makes: the vertex that a vertex's part is named after
	price, theta float64
	key          uint64
}

// refine splits each of the count communities of comm into parts: every vertex is
// first a part by itself; each in turn, if it still is and is well connected to the
// rest of its community, joins one of the well-connected parts of its community that
// gain, at random with weights exp(gain / theta), or stays alone with gain 0 (Traag
// 2019, RefinePartition). Parts never cross communities, so communities run in
// parallel.
func refine[W number](ctx context.Context, g *net[W], comm []int32, count int, part []int32,
	price, theta float64, key uint64, s *refining,
) error {
	r := &refiner[W]{refining: s, g: g, comm: comm, part: part, price: price, theta: theta, key: key}
	r.sets.fill(comm, count)
	// The largest first, so that the last one does not leave the others waiting.
	r.big = r.big[:0]
	for c := range count {
		r.big = append(r.big, int32(c))
	}
	slices.SortFunc(r.big, func(a, b int32) int {
		if d := len(r.sets.of(b)) - len(r.sets.of(a)); d != 0 {
			return d
		}
		return int(a - b)
	})
	tile := 1 + count/4096
	return tiles(ctx, len(s.work), count, tile, func(w, lo, hi int) {
		for _, c := range r.big[lo:hi] {
			r.split(ctx, c, s.work[w])
		}
	})
}

// split makes the parts of community c.
func (r *refiner[W]) split(ctx context.Context, c int32, w *worker) {
	members := r.sets.of(c)
	whole := 0.0
	for _, v := range members {
		whole += r.g.size[v]
	}
	for _, v := range members {
		r.part[v], r.alone[v], r.size[v] = v, true, r.g.size[v]
		r.cut[v] = r.inside(v, c)
	}
	if len(members) == 1 {
		return
	}
	shuffle(members, hash(hash(r.key, forMembers), uint64(c)))
	for i, v := range members {
		if i%4096 == 0 && ctx.Err() != nil {
			return
		}
		if r.alone[v] && r.well(v, whole) {
			r.join(v, c, whole, w)
		}
	}
}

// inside is the weight between v and the rest of its community c.
func (r *refiner[W]) inside(v, c int32) float64 {
	idx, w := r.g.row(v)
	s := 0.0
	for t, j := range idx {
		if r.comm[j] == c {
			s += float64(w[t])
		}
	}
	return s
}

// well tells whether the part named after p is well connected to the rest of its
// community, which has size whole together.
func (r *refiner[W]) well(p int32, whole float64) bool {
	return r.cut[p] >= float64(float64(r.price*r.size[p])*(whole-r.size[p]))
}

// join lets v, alone, choose a part of its community c.
func (r *refiner[W]) join(v, c int32, whole float64, s *worker) {
	idx, w := r.g.row(v)
	s.touched = s.touched[:0]
	for t, j := range idx {
		if r.comm[j] != c {
			continue
		}
		p := r.part[j]
		a := s.acc[p]
		if a == 0 {
			s.touched = append(s.touched, p)
		}
		s.acc[p] = a + float64(w[t])
	}
	if p := r.choose(v, whole, s); p != v {
		r.alone[v], r.alone[p] = false, false
		r.size[p] += r.size[v]
		r.cut[p] += r.cut[v] - 2*s.acc[p]
		r.part[v] = p
	}
	for _, p := range s.touched {
		s.acc[p] = 0
	}
}

// choose draws one of the touched parts, or v to stay alone.
func (r *refiner[W]) choose(v int32, whole float64, s *worker) int32 {
	cost := r.price * r.size[v]
	s.chance = s.chance[:0]
	top := 0.0
	for _, p := range s.touched {
		gain := -1.0
		if r.well(p, whole) {
			gain = s.acc[p] - float64(cost*r.size[p])
		}
		s.chance = append(s.chance, gain)
		top = max(top, gain)
	}
	sum := exp(-top / r.theta)
	for i, gain := range s.chance {
		x := 0.0
		if gain >= 0 {
			x = exp((gain - top) / r.theta)
		}
		s.chance[i] = x
		sum += x
	}
	u := float64(hash(hash(r.key, forParts), uint64(v))>>11) / (1 << 53) * sum
	for i, x := range s.chance {
		if u < x {
			return s.touched[i]
		}
		u -= x
	}
	return v
}
