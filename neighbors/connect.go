package neighbors

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"

	"github.com/gpusc/gpusc/graph"
	"github.com/gpusc/gpusc/internal/errs"
)

// rowsAtOnce is the tile of loops over cells.
const rowsAtOnce = 1024

// Connectivities weighs the edges between neighbours, like the second half of
// scanpy.pp.neighbors, whose obsp["connectivities"] the graph is. It is symmetric,
// with an edge where either cell is among the other's neighbours. how is:
//
//   - "umap" (or ""): umap-learn's fuzzy simplicial set (McInnes et al. 2018). A
//     cell's nearest other at a distance above 0 has weight 1, further ones
//     exp(-(d-rho)/sigma), sigma such that a cell's weights add up to log2(K); the
//     two directions a and b of an edge become a + b - ab.
//   - "gauss": the kernel of Haghverdi et al. 2016, sqrt(2st/(s^2+t^2))
//     exp(-d^2/(s^2+t^2)), with s and t the widths of the two cells: the root of the
//     median squared distance to their neighbours. Where both widths are 0, which
//     scanpy makes NaN, it is 1 at distance 0 and else 0.
//   - "jaccard": PhenoGraph's (Levine et al. 2015): the size of the intersection of
//     the two cells' neighbours over that of their union, halved where only one of
//     them is the other's neighbour.
//
// Weights that are 0 are not stored. threads may be 0, for all processors, and does
// not change a bit. Errors: errs.Usage for an unknown how, errs.Data for neighbours
// and distances that cannot be, and ctx's own.
func Connectivities(ctx context.Context, k *KNN, how string, threads int) (*graph.CSR, error) {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	e, err := newEdges(ctx, k, threads)
	if err != nil {
		return nil, err
	}
	switch how {
	case "", "umap":
		return e.umap(ctx)
	case "gauss":
		return e.gauss(ctx)
	case "jaccard":
		return e.jaccard(ctx)
	}
	return nil, errs.New(errs.Usage, "there are no connectivities %q", how).Do("take umap, gauss or jaccard")
}

// edges are the neighbours of cells, m for each, each cell's by rising neighbour.
type edges struct {
	n, m, threads int
	j             []int32
	d             []float32
}

// newEdges sorts and checks neighbours.
func newEdges(ctx context.Context, k *KNN, threads int) (*edges, error) {
	m := k.K - 1
	if k.N < 0 || m < 0 || len(k.Indices) != k.N*m || len(k.Distances) != k.N*m {
		return nil, errs.New(errs.Usage, "%d neighbours and %d distances are not those of %d cells with %d each",
			len(k.Indices), len(k.Distances), k.N, m)
	}
	e := &edges{n: k.N, m: m, threads: threads, j: make([]int32, k.N*m), d: make([]float32, k.N*m)}
	bad := make([]error, (k.N+rowsAtOnce-1)/rowsAtOnce)
	err := parallel(ctx, threads, k.N, rowsAtOnce, func(_, lo, hi int) error {
		for i := hi - 1; i >= lo; i-- {
			j, d := e.row(i)
			sortRow(j, d, k.Indices[i*m:][:m], k.Distances[i*m:][:m])
			if err := checkRow(i, k.N, j, d); err != nil {
				bad[lo/rowsAtOnce] = err
			}
		}
		return nil
	})
	for _, b := range bad {
		if err == nil {
			err = b
		}
	}
	return e, err
}

func (e *edges) row(i int) ([]int32, []float32) {
	return e.j[i*e.m:][:e.m], e.d[i*e.m:][:e.m]
}

// checkRow refuses neighbours of cell i that cannot be.
func checkRow(i, n int, j []int32, d []float32) error {
	for q, c := range j {
		switch {
		case c < 0 || int(c) >= n || int(c) == i || q > 0 && c == j[q-1]:
			return errs.At(errs.Data, "", fmt.Sprintf("cell %d", i), "of %d cells it cannot have %d for a neighbour, or not twice", n, c)
		case !(d[q] >= 0 && d[q] <= math.MaxFloat32):
			return errs.At(errs.Data, "", fmt.Sprintf("cell %d", i), "cell %d is at distance %g", c, d[q])
		}
	}
	return nil
}

// weigh makes the directed weights of all edges, f for each cell, and joins the two
// directions.
func (e *edges) weigh(ctx context.Context, f func(i int, w []float32), join func(a, b float32) float32) (*graph.CSR, error) {
	w := make([]float32, len(e.j))
	err := parallel(ctx, e.threads, e.n, rowsAtOnce, func(_, lo, hi int) error {
		for i := lo; i < hi; i++ {
			f(i, w[i*e.m:][:e.m])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return e.union(ctx, w, join)
}

func (e *edges) umap(ctx context.Context) (*graph.CSR, error) {
	target := math.Log2(float64(e.m + 1))
	return e.weigh(ctx, func(i int, w []float32) {
		_, d := e.row(i)
		rho, sigma := smooth(d, target)
		for q, v := range d {
			w[q] = 1
			if v > rho {
				w[q] = float32(expNeg(float64(v-rho) / float64(sigma)))
			}
		}
	}, func(a, b float32) float32 { return float32(a+b) - float32(a*b) })
}

// smooth returns rho, the smallest distance above 0, and sigma, for which the sum of
// exp(-max(0, d-rho)/sigma) is target: umap-learn's smooth_knn_dist with its 64 steps,
// its tolerance and its floor, in its precision. Of distances that are all 0 it
// returns 0, 0: their weights are 1 for any sigma.
func smooth(d []float32, target float64) (rho, sigma float32) {
	const tolerance, floor = 1e-5, 1e-3
	rho = inf32
	mean := 0.0
	for _, v := range d {
		mean += float64(v)
		if v > 0 {
			rho = min(rho, v)
		}
	}
	if rho == inf32 {
		return 0, 0
	}
	mean /= float64(len(d) + 1) // the cell itself counts, at distance 0
	lo, hi, mid := 0.0, math.Inf(1), 1.0
	for range 64 {
		sum := 0.0
		for _, v := range d {
			if v > rho {
				sum += expNeg(float64(v-rho) / mid)
			} else {
				sum++
			}
		}
		if math.Abs(sum-target) < tolerance {
			break
		}
		if sum > target {
			hi = mid
			mid = (lo + hi) / 2
			continue
		}
		lo = mid
		if math.IsInf(hi, 1) {
			mid *= 2
		} else {
			mid = (lo + hi) / 2
		}
	}
	return rho, max(float32(mid), float32(floor*mean))
}

// expNeg returns exp(-x) for x >= 0, within 2e-16 of 1 relative, 0 for x > 700. Each
// operation is rounded by itself, so that it has the same bits everywhere; math.Exp
// takes other ways on some processors.
func expNeg(x float64) float64 {
	const (
		hi = 6.93147180369123816490e-01 // ln 2 in two parts
		lo = 1.90821492927058770002e-10
	)
	if !(x <= 700) {
		return 0
	}
	k := math.Floor(float64(x*math.Log2E) + 0.5)
	r := float64(float64(k*hi)-x) + float64(k*lo) // -x + k ln 2, within ln(2)/2
	// Taylor's series to r^13: the rest is below 2e-17.
	p := 1.0 / 6227020800
	p = float64(p*r) + 1.0/479001600
	p = float64(p*r) + 1.0/39916800
	p = float64(p*r) + 1.0/3628800
	p = float64(p*r) + 1.0/362880
	p = float64(p*r) + 1.0/40320
	p = float64(p*r) + 1.0/5040
	p = float64(p*r) + 1.0/720
	p = float64(p*r) + 1.0/120
	p = float64(p*r) + 1.0/24
	p = float64(p*r) + 1.0/6
	p = float64(p*r) + 1.0/2
	p = float64(p*r) + 1
	p = float64(p*r) + 1
	return p * math.Float64frombits(uint64(1023-int64(k))<<52)
}

func (e *edges) gauss(ctx context.Context) (*graph.CSR, error) {
	width := make([]float64, e.n) // squared
	err := parallel(ctx, e.threads, e.n, rowsAtOnce, func(_, lo, hi int) error {
		s := make([]float64, e.m)
		for i := lo; i < hi; i++ {
			_, d := e.row(i)
			for q, v := range d {
				s[q] = float64(float64(v) * float64(v))
			}
			slices.Sort(s)
			if e.m > 0 {
				width[i] = (s[(e.m-1)/2] + s[e.m/2]) / 2
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return e.weigh(ctx, func(i int, w []float32) {
		j, d := e.row(i)
		for q, v := range d {
			w[q] = gaussian(float64(float64(v)*float64(v)), width[i], width[j[q]])
		}
	}, func(a, _ float32) float32 { return a })
}

// gaussian is the kernel for a squared distance and two squared widths.
func gaussian(d, s, t float64) float32 {
	sum := s + t
	if sum == 0 {
		if d == 0 {
			return 1
		}
		return 0
	}
	return float32(math.Sqrt(2*math.Sqrt(s)*math.Sqrt(t)/sum) * expNeg(d/sum))
}

func (e *edges) jaccard(ctx context.Context) (*graph.CSR, error) {
	return e.weigh(ctx, func(i int, w []float32) {
		mine, _ := e.row(i)
		for q, j := range mine {
			others, _ := e.row(int(j))
			s := shared(mine, others)
			w[q] = float32(float64(s) / float64(2*e.m-s))
		}
	}, func(a, b float32) float32 { return (a + b) / 2 })
}

// shared counts what two rising lists have in common.
func shared(a, b []int32) int {
	n, i, j := 0, 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			n++
			i++
			j++
		}
	}
	return n
}
