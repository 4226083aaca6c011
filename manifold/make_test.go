package manifold

import (
	"math"
	"runtime"
	"slices"
	"sort"
	"sync"
	"testing"

	"github.com/gpusc/gpusc/graph"
)

// nearest returns the k nearest other rows of x (n x d) to each query row, by brute force;
// where x is the queries themselves, each leaves itself out. Ties go round, so that equal
// rows make no hubs.
func nearest(queries []float32, nq int, x []float32, n, d, k int, same bool) (idx []int32, dist []float32) {
	idx, dist = make([]int32, nq*k), make([]float32, nq*k)
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Go(func() {
			best := make([]float32, 0, k+1)
			at := make([]int32, 0, k+1)
			for i := w; i < nq; i += workers {
				best, at = best[:0], at[:0]
				q := queries[i*d : i*d+d]
				for step := range n {
					j := (i + step) % n
					if same && step == 0 {
						continue
					}
					s := float32(0)
					for a, v := range x[j*d : j*d+d] {
						u := q[a] - v
						s += u * u
					}
					if len(best) == k && s >= best[k-1] {
						continue
					}
					p := sort.Search(len(best), func(p int) bool { return best[p] > s })
					best, at = slices.Insert(best, p, s), slices.Insert(at, p, int32(j))
					if len(best) > k {
						best, at = best[:k], at[:k]
					}
				}
				copy(idx[i*k:], at)
				for a, s := range best {
					dist[i*k+a] = float32(math.Sqrt(float64(s)))
				}
			}
		})
	}
	wg.Wait()
	return idx, dist
}

// fuzzy makes UMAP's connectivities from neighbours: smooth kernels, then a + b - ab.
func fuzzy(idx []int32, dist []float32, n, k int) *graph.CSR {
	type edge struct {
		j int32
		w float64
	}
	out := make([][]edge, n)
	for i := range n {
		dd := dist[i*k : i*k+k]
		rho := float64(0)
		for _, v := range dd {
			if v > 0 {
				rho = float64(v)
				break
			}
		}
		lo, hi, s := 0.0, math.Inf(1), 1.0
		for range 64 {
			sum := 0.0
			for _, v := range dd {
				sum += math.Exp(-max(0, float64(v)-rho) / s)
			}
			if sum > math.Log2(float64(k+1)) {
				hi = s
				s = (lo + hi) / 2
			} else if lo = s; math.IsInf(hi, 1) {
				s *= 2
			} else {
				s = (lo + hi) / 2
			}
		}
		for a, v := range dd {
			w := math.Exp(-max(0, float64(v)-rho) / max(s, 1e-3))
			out[i] = append(out[i], edge{idx[i*k+a], w})
		}
	}
	return union(n, func(add func(i, j int32, w float64)) {
		for i, es := range out {
			for _, e := range es {
				add(int32(i), e.j, e.w)
			}
		}
	})
}

// union makes a symmetric graph of directed edges.
func union(n int, each func(add func(i, j int32, w float64))) *graph.CSR {
	ws := make([]map[int32]float64, n)
	for i := range ws {
		ws[i] = map[int32]float64{}
	}
	each(func(i, j int32, w float64) {
		v := ws[i][j]
		ws[i][j] = v + w - v*w
		ws[j][i] = v + w - v*w
	})
	g := &graph.CSR{N: n, Indptr: make([]int64, n+1)}
	for i, m := range ws {
		row := make([]int32, 0, len(m))
		for j := range m {
			row = append(row, j)
		}
		slices.Sort(row)
		for _, j := range row {
			g.Indices = append(g.Indices, j)
			g.Weights = append(g.Weights, float32(m[j]))
		}
		g.Indptr[i+1] = int64(len(g.Indices))
	}
	return g
}

// normal gives normal deviates from a counter.
func normal(seed, a, b uint64) float64 {
	u := (float64(hash(seed, a, 2*b)>>11) + 0.5) / (1 << 53)
	v := float64(hash(seed, a, 2*b+1)>>11) / (1 << 53)
	return math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*v)
}

// groupsOf makes n cells of d scores in groups joined by trajectories: groups 0 and 1 are
// the ends of one line, and so on.
func groupsOf(n, d, groups int, seed uint64) (x []float32, label []int) {
	x, label = make([]float32, n*d), make([]int, n)
	for i := range n {
		g := int(hash(seed, uint64(i), 1) % uint64(groups))
		label[i] = g
		t := 0.0
		if g%2 == 1 && hash(seed, uint64(i), 2)%4 == 0 {
			t = float64(hash(seed, uint64(i), 3)>>11) / (1 << 53)
		}
		for j := range d {
			here, there := 6*normal(seed+1, uint64(g), uint64(j)), 6*normal(seed+1, uint64(g-1), uint64(j))
			x[i*d+j] = float32(here + t*(there-here) + normal(seed+2, uint64(i), uint64(j)))
		}
	}
	return x, label
}

// generated is groupsOf with its graph of 14 neighbours.
func generated(tb testing.TB, n, d, groups int) (*graph.CSR, []float32, []int) {
	tb.Helper()
	x, label := groupsOf(n, d, groups, 11)
	idx, dist := nearest(x, n, x, n, d, 14, true)
	return fuzzy(idx, dist, n, 14), x, label
}

// quality of a layout y (n x c) of scores x (n x d), on a sample of cells.
type quality struct {
	trust  float64 // trustworthiness for 15 neighbours (Venna and Kaski 2001)
	kept   float64 // share of the 15 nearest in x that are among the 15 nearest in y
	kept50 float64 // that are among the 50 nearest in y
	spread float64 // distance from the median: the widest over the 99th percentile
}

func judge(x []float32, d int, y []float32, c, n int) quality {
	const k = 15
	sample := make([]int, min(n, 1500))
	for a := range sample {
		sample[a] = a * n / len(sample)
	}
	qs := make([]quality, len(sample))
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Go(func() {
			for a := w; a < len(sample); a += workers {
				qs[a] = judgeCell(x, d, y, c, n, sample[a], k)
			}
		})
	}
	wg.Wait()
	var q quality
	for _, v := range qs {
		q.trust += v.trust
		q.kept += v.kept
		q.kept50 += v.kept50
	}
	s := float64(len(sample))
	q.trust = 1 - 2*q.trust/(s*k*float64(2*n-3*k-1))
	q.kept, q.kept50 = q.kept/s/k, q.kept50/s/k
	q.spread = spreadOf(y, c, n)
	return q
}

// byDistance orders the other rows of z by distance to row i.
func byDistance(z []float32, d, n, i int) []int32 {
	keys := make([]uint64, 0, n)
	for j := range n {
		s := float32(0)
		for a := range d {
			u := z[i*d+a] - z[j*d+a]
			s += u * u
		}
		if j != i {
			keys = append(keys, uint64(math.Float32bits(s))<<32|uint64(j))
		}
	}
	slices.Sort(keys)
	o := make([]int32, len(keys))
	for a, k := range keys {
		o[a] = int32(uint32(k))
	}
	return o
}

func judgeCell(x []float32, d int, y []float32, c, n, i, k int) (q quality) {
	inX, inY := byDistance(x, d, n, i), byDistance(y, c, n, i)
	rank := make([]int, n)
	for r, j := range inX {
		rank[j] = r + 1
	}
	for r, j := range inY[:min(50, len(inY))] {
		if r < k && rank[j] > k {
			q.trust += float64(rank[j] - k)
		}
		if rank[j] <= k {
			if r < k {
				q.kept++
			}
			q.kept50++
		}
	}
	return q
}

func spreadOf(y []float32, c, n int) float64 {
	far := make([]float64, n)
	for q := range c {
		v := make([]float64, n)
		for i := range n {
			v[i] = float64(y[i*c+q])
		}
		s := slices.Clone(v)
		slices.Sort(s)
		for i := range n {
			u := v[i] - s[n/2]
			far[i] += u * u
		}
	}
	slices.Sort(far)
	return math.Sqrt(far[n-1] / far[max(0, (n*99+99)/100-1)])
}

// bitsOf hashes a layout.
func bitsOf(y []float32) uint64 {
	h := uint64(len(y))
	for _, v := range y {
		h = mix64(h ^ uint64(math.Float32bits(v)))
	}
	return h
}
