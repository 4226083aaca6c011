package cluster

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gpusc/gpusc/graph"
)

// edge is an undirected edge; from a vertex to itself it is stored once.
type edge struct {
	a, b int32
	w    float32
}

// build makes a graph of edges; of repeated ones the largest weight counts.
func build(n int, edges []edge) *graph.CSR {
	both := make([]edge, 0, 2*len(edges))
	for _, e := range edges {
		both = append(both, e)
		if e.a != e.b {
			both = append(both, edge{e.b, e.a, e.w})
		}
	}
	slices.SortFunc(both, func(x, y edge) int {
		return cmp.Or(cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b), cmp.Compare(y.w, x.w))
	})
	g := &graph.CSR{N: n, Indptr: make([]int64, n+1)}
	for i, e := range both {
		if i > 0 && both[i-1].a == e.a && both[i-1].b == e.b {
			continue
		}
		g.Indices = append(g.Indices, e.b)
		g.Weights = append(g.Weights, e.w)
		g.Indptr[e.a+1]++
	}
	for i := range n {
		g.Indptr[i+1] += g.Indptr[i]
	}
	return g
}

// rng draws the same numbers every time.
func rng(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 77)) }

// mixture makes a graph like those of cells: n points in three dimensions around
// centres in the unit cube, each with edges to its k nearest, with weights falling
// with the distance as UMAP's do. It returns the centre of every point too.
func mixture(n, centres int, spread float64, k int, seed uint64) (*graph.CSR, []int32) {
	r := rng(seed)
	at := make([][3]float64, centres)
	for i := range at {
		at[i] = [3]float64{r.Float64(), r.Float64(), r.Float64()}
	}
	x := make([][3]float64, n)
	truth := make([]int32, n)
	for i := range x {
		c := r.IntN(centres)
		truth[i] = int32(c)
		for d := range 3 {
			x[i][d] = at[c][d] + spread*r.NormFloat64()
		}
	}
	return nearest(x, k, spread/math.Cbrt(float64(n)/float64(centres))*1.5), truth
}

// nearest joins each point with its k nearest, found through a grid of that width.
func nearest(x [][3]float64, k int, width float64) *graph.CSR {
	type place [3]int32
	grid := map[place][]int32{}
	cell := func(p [3]float64) (c place) {
		for d := range 3 {
			c[d] = int32(math.Floor(p[d] / width))
		}
		return c
	}
	for i, p := range x {
		grid[cell(p)] = append(grid[cell(p)], int32(i))
	}
	type near struct {
		d float64
		j int32
	}
	var edges []edge
	var found []near
	for i, p := range x {
		c := cell(p)
		for ring := int32(1); ; ring++ {
			found = found[:0]
			for a := -ring; a <= ring; a++ {
				for b := -ring; b <= ring; b++ {
					for e := -ring; e <= ring; e++ {
						for _, j := range grid[place{c[0] + a, c[1] + b, c[2] + e}] {
							if q := x[j]; int(j) != i {
								found = append(found, near{math.Sqrt((p[0]-q[0])*(p[0]-q[0]) + (p[1]-q[1])*(p[1]-q[1]) + (p[2]-q[2])*(p[2]-q[2])), j})
							}
						}
					}
				}
			}
			if len(found) >= k+k/2 || int(ring) > 12 && len(found) >= min(k, 3) || ring > 40 {
				break
			}
		}
		slices.SortFunc(found, func(a, b near) int { return cmp.Or(cmp.Compare(a.d, b.d), cmp.Compare(a.j, b.j)) })
		found = found[:min(k, len(found))]
		for _, f := range found {
			w := math.Exp(-3 * (f.d - found[0].d) / (found[len(found)-1].d + 1e-12))
			edges = append(edges, edge{int32(i), f.j, float32(w)})
		}
	}
	return build(len(x), edges)
}

// planted makes a graph of communities whose sizes and degrees fall off by power
// laws, as Lancichinetti, Fortunato and Radicchi have it: the part mix of every
// vertex's edges leaves its community.
func planted(n int, mixing float64, seed uint64) (*graph.CSR, []int32) {
	r := rng(seed)
	truth := make([]int32, n)
	var members [][]int32
	for at := 0; at < n; {
		size := int(20 * math.Pow(1-r.Float64()*0.98, -0.7))
		if n-at-size < 20 {
			size = n - at
		}
		var m []int32
		for i := at; i < at+size; i++ {
			truth[i] = int32(len(members))
			m = append(m, int32(i))
		}
		members = append(members, m)
		at += size
	}
	var edges []edge
	for i := range n {
		degree := int(5 * math.Pow(1-r.Float64()*0.98, -0.6))
		for range degree {
			j := r.Int32N(int32(n))
			if m := members[truth[i]]; r.Float64() > mixing {
				j = m[r.IntN(len(m))]
			}
			if int(j) != i {
				edges = append(edges, edge{int32(i), j, 1})
			}
		}
	}
	return build(n, edges), truth
}

// cliques makes count cliques of size in a ring, neighbours joined by one edge.
func cliques(count, size int) *graph.CSR {
	var edges []edge
	for c := range count {
		for a := range size {
			for b := range a {
				edges = append(edges, edge{int32(c*size + a), int32(c*size + b), 1})
			}
		}
		edges = append(edges, edge{int32(c * size), int32((c+1)%count*size + 1), 1})
	}
	return build(count*size, edges)
}

// shuffled renames the vertices of g at random; to[i] is the new name of i.
func shuffled(g *graph.CSR, seed uint64) (out *graph.CSR, to []int32) {
	to = make([]int32, g.N)
	for i := range to {
		to[i] = int32(i)
	}
	shuffle(to, seed)
	var edges []edge
	for i := range g.N {
		idx, w := g.Row(i)
		for t, j := range idx {
			if int(j) >= i {
				edges = append(edges, edge{to[i], to[j], w[t]})
			}
		}
	}
	return build(g.N, edges), to
}

// disconnected counts the labels whose cells are not connected by positive weights.
func disconnected(g *graph.CSR, labels []int32) int {
	seen := make([]bool, g.N)
	pieces := map[int32]int{}
	for s := range g.N {
		if seen[s] {
			continue
		}
		pieces[labels[s]]++
		seen[s] = true
		for stack := []int32{int32(s)}; len(stack) > 0; {
			v := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			idx, w := g.Row(int(v))
			for t, j := range idx {
				if !seen[j] && w[t] > 0 && labels[j] == labels[s] {
					seen[j] = true
					stack = append(stack, j)
				}
			}
		}
	}
	bad := 0
	for _, n := range pieces {
		if n > 1 {
			bad++
		}
	}
	return bad
}

// adjustedRand compares two partitions: 1 for the same, about 0 for unrelated ones.
func adjustedRand(a, b []int32) float64 {
	pairs := func(n float64) float64 { return n * (n - 1) / 2 }
	both, left, right := map[[2]int32]float64{}, map[int32]float64{}, map[int32]float64{}
	for i := range a {
		both[[2]int32{a[i], b[i]}]++
		left[a[i]]++
		right[b[i]]++
	}
	var sb, sl, sr float64
	for _, n := range both {
		sb += pairs(n)
	}
	for _, n := range left {
		sl += pairs(n)
	}
	for _, n := range right {
		sr += pairs(n)
	}
	expect := sl * sr / pairs(float64(len(a)))
	return (sb - expect) / ((sl+sr)/2 - expect)
}

// sound runs Leiden and holds what every result must be: labels in order, connected
// communities, qualities as Modularity gives them.
func sound(t testing.TB, g *graph.CSR, o Options) *Result {
	t.Helper()
	r, err := Leiden(t.Context(), g, o)
	if err != nil {
		t.Fatal(err)
	}
	checkResult(t, g, o, r)
	return r
}

func checkResult(t testing.TB, g *graph.CSR, o Options, r *Result) {
	t.Helper()
	if len(r.Labels) != g.N {
		t.Fatalf("%d labels for %d cells", len(r.Labels), g.N)
	}
	if again := slices.Clone(r.Labels); rank(again) != r.Clusters || !slices.Equal(again, r.Labels) {
		t.Errorf("labels are not by size and smallest member, or not of %d clusters", r.Clusters)
	}
	if bad := disconnected(g, r.Labels); bad > 0 && !o.Louvain {
		t.Errorf("%d of %d communities are disconnected", bad, r.Clusters)
	}
	if q := Modularity(g, r.Labels, 1); q != r.Modularity {
		t.Errorf("modularity %v, recomputed %v", r.Modularity, q)
	}
	if o.Objective != CPM {
		if q := Modularity(g, r.Labels, cmp.Or(o.Resolution, 1)); q != r.Quality {
			t.Errorf("quality %v, recomputed %v", r.Quality, q)
		}
	}
}
