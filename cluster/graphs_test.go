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
	type half struct {
		to int32
		w  float32
	}
	rows := make([][]half, n)
	for _, e := range edges {
		rows[e.a] = append(rows[e.a], half{e.b, e.w})
		if e.a != e.b {
			rows[e.b] = append(rows[e.b], half{e.a, e.w})
		}
	}
	g := &graph.CSR{N: n, Indptr: make([]int64, 1, n+1)}
	for _, row := range rows {
		slices.SortFunc(row, func(x, y half) int { return cmp.Or(int(x.to-y.to), cmp.Compare(y.w, x.w)) })
		for i, h := range row {
			if i == 0 || row[i-1].to != h.to {
				g.Indices = append(g.Indices, h.to)
				g.Weights = append(g.Weights, h.w)
			}
		}
		g.Indptr = append(g.Indptr, int64(len(g.Indices)))
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
	return nearest(x, k), truth
}

// nearest joins each point with its k nearest, found through a grid of 32^3 boxes.
func nearest(x [][3]float64, k int) *graph.CSR {
	const side, low, width = 32, -0.5, 2.0 / 32
	box := func(v float64) int { return min(max(int((v-low)/width), 0), side-1) }
	boxes := make([][]int32, side*side*side)
	for i, p := range x {
		b := (box(p[0])*side+box(p[1]))*side + box(p[2])
		boxes[b] = append(boxes[b], int32(i))
	}
	type near struct {
		d float64
		j int32
	}
	var edges []edge
	best := make([]near, 0, k+1)
	for i, p := range x {
		best = best[:0]
		visit := func(j int32) {
			q := x[j]
			d := (p[0]-q[0])*(p[0]-q[0]) + (p[1]-q[1])*(p[1]-q[1]) + (p[2]-q[2])*(p[2]-q[2])
			if len(best) == k && d >= best[k-1].d || int(j) == i {
				return
			}
			at := len(best)
			for best = append(best, near{}); at > 0 && best[at-1].d > d; at-- {
				best[at] = best[at-1]
			}
			best[at] = near{d, j}
			best = best[:min(k, len(best))]
		}
		c := [3]int{box(p[0]), box(p[1]), box(p[2])}
		for ring := range side {
			if len(best) == k && best[k-1].d <= width*width*float64((ring-1)*(ring-1)) && ring > 1 {
				break
			}
			for a := max(c[0]-ring, 0); a <= min(c[0]+ring, side-1); a++ {
				for b := max(c[1]-ring, 0); b <= min(c[1]+ring, side-1); b++ {
					step := 1
					if max(a-c[0], c[0]-a, b-c[1], c[1]-b) < ring {
						step = 2 * ring // the inside was visited before
					}
					for e := c[2] - ring; e <= c[2]+ring; e += max(step, 1) {
						if e >= 0 && e < side {
							for _, j := range boxes[(a*side+b)*side+e] {
								visit(j)
							}
						}
					}
				}
			}
		}
		scale := math.Sqrt(best[len(best)-1].d) + 1e-12
		for _, f := range best {
			w := math.Exp(-3 * (math.Sqrt(f.d) - math.Sqrt(best[0].d)) / scale)
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

// breadth lists the vertices so that neighbours come close together.
func breadth(g *graph.CSR) []int32 {
	seen := make([]bool, g.N)
	order := make([]int32, 0, g.N)
	for s := range g.N {
		if seen[s] {
			continue
		}
		seen[s] = true
		order = append(order, int32(s))
		for at := len(order) - 1; at < len(order); at++ {
			idx, _ := g.Row(int(order[at]))
			for _, j := range idx {
				if !seen[j] {
					seen[j] = true
					order = append(order, j)
				}
			}
		}
	}
	return order
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
