package cluster

import (
	"math"

	"github.com/gpusc/gpusc/graph"
)

// Modularity returns that of labels, one per cell, on the undirected graph g:
//
//	sum over communities of  w(inside) / 2m - resolution (k(community) / 2m)^2
//
// with the weight inside counted in both directions, as igraph's modularity and
// leidenalg's RBConfiguration divided by 2m. Labels are any numbers. It is 0 for a
// graph without weights and NaN where labels are not one per cell. A resolution of 0
// counts as it stands.
func Modularity(g *graph.CSR, labels []int32, resolution float64) float64 {
	if g == nil || len(labels) != g.N {
		return math.NaN()
	}
	labels, count := dense(labels)
	return addUp(g, labels, count).modularity(resolution)
}

// rate fills in the qualities of labels.
func (r *Result) rate(g *graph.CSR, o Options) {
	s := addUp(g, r.Labels, r.Clusters)
	r.Modularity = s.modularity(1)
	if o.Objective == CPM {
		r.Quality = s.potts(o.Resolution)
	} else {
		r.Quality = s.modularity(o.Resolution)
	}
}

// sums are what a partition's quality is made of.
type sums struct {
	in, total float64   // weight inside communities and everywhere, both directions
	strength  []float64 // of every community
	cells     []float64
}

// addUp makes the sums of labels, which are below count.
func addUp(g *graph.CSR, labels []int32, count int) sums {
	s := sums{strength: make([]float64, count), cells: make([]float64, count)}
	for i, c := range labels {
		idx, w := g.Row(i)
		k, own := 0.0, 0.0
		for t, j := range idx {
			x := float64(w[t])
			k += x
			if labels[j] == c {
				own += x
			}
		}
		s.strength[c] += k
		s.cells[c]++
		s.in += own
		s.total += k
	}
	return s
}

func (s sums) modularity(resolution float64) float64 {
	if s.total == 0 {
		return 0
	}
	q := s.in / s.total
	for _, k := range s.strength {
		k /= s.total
		q -= float64(float64(resolution*k) * k)
	}
	return q
}

// potts is the constant Potts model as igraph has it: the sum over communities of
// weight inside - resolution cells^2, divided by 2m.
func (s sums) potts(resolution float64) float64 {
	if s.total == 0 {
		return 0
	}
	q := s.in
	for _, n := range s.cells {
		q -= float64(float64(resolution*n) * n)
	}
	return q / s.total
}

// dense gives labels that are below a small count: the same where they are.
func dense(labels []int32) ([]int32, int) {
	top := int32(-1)
	for _, c := range labels {
		if c < 0 || int(c) >= 2*len(labels) {
			top = -2
			break
		}
		top = max(top, c)
	}
	if top > -2 {
		return labels, int(top) + 1
	}
	seen := map[int32]int32{}
	out := make([]int32, len(labels))
	for i, c := range labels {
		at, ok := seen[c]
		if !ok {
			at = int32(len(seen))
			seen[c] = at
		}
		out[i] = at
	}
	return out, len(seen)
}
