package manifold

import (
	"context"
	"math"

	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

const (
	bisections     = 64
	leastSigma     = 1e-3 // of the mean distance
	transformAlpha = 0.25 // of the learning rate, as umap-learn's transform
)

// Transform places nq new cells in a layout, as umap-learn's UMAP.transform: each starts at
// the weighted mean of its neighbours among the reference cells and moves for some epochs,
// pulled by them and repelled by random reference cells, which stay where they are.
//
// idx and dist are nq x k: the neighbours' numbers in ref and the distances to them, rising;
// -1 stands for no neighbour. Weights are exp(-d/sigma), sigma by bisection so that they sum
// to log2(k). Of the options Epochs, NegativeSampleRate, LearningRate, Seed, Threads and
// Ledger count. The result is nq x ref.Components.
//
// Errors: errs.Usage for sizes that do not fit, errs.Data for neighbours that are not in
// ref, distances that are not finite, or a cell without any neighbour.
func Transform(ctx context.Context, ref *Layout, idx []int32, dist []float32, nq, k int, o UMAPOptions) ([]float32, error) {
	return transform(ctx, ref, idx, dist, nq, k, o, best())
}

func transform(ctx context.Context, ref *Layout, idx []int32, dist []float32, nq, k int, o UMAPOptions, lv level) ([]float32, error) {
	if ref == nil || ref.N < 1 || len(ref.Positions) != ref.N*ref.Components {
		return nil, errs.New(errs.Usage, "new cells need a layout with cells to be placed in")
	}
	if nq < 0 || k < 1 || nq > mostCells || k > mostCells || len(idx) != nq*k || len(dist) != nq*k {
		return nil, errs.New(errs.Usage, "%d neighbours and %d distances, not %d cells x %d", len(idx), len(dist), nq, k)
	}
	o.Components, o.A, o.B = ref.Components, ref.A, ref.B
	o.Init, o.Positions, o.PCA, o.PCADim, o.Order = "random", nil, nil, 0, nil
	if o.Epochs == 0 {
		if o.Epochs = 30; nq <= 10_000 {
			o.Epochs = 100
		}
	}
	o, err := o.withDefaults(max(nq, ref.N))
	if err != nil || nq == 0 {
		return nil, err
	}
	c := newCrew(ctx, o.Threads)
	if o.Ledger != nil {
		need := fieldBytes(int64(nq), int64(ref.N), int64(len(idx)), o.Components, c.threads) + 4*int64(len(idx)) + resultBytes(int64(nq), o.Components)
		r, err := o.Ledger.Reserve(memory.Host, "UMAP transform", need)
		if err != nil {
			return nil, err
		}
		defer r.Release()
	}
	w, err := memberships(c, idx, dist, nq, k, ref.N)
	if err != nil {
		return nil, err
	}
	return settle(c, ref, &table{idx: idx, w: w, k: k, nq: nq, place: shuffled(ref.N, o.Seed)}, o, lv)
}

// table gives the rows of new cells: neighbours in the reference, whose positions are in
// shuffled order after those of the new cells.
type table struct {
	idx   []int32
	w     []float32
	k, nq int
	place []int32
}

func (t *table) cell(int) int { return -1 } // none of the neighbours

func (t *table) row(i int) ([]int32, []float32) {
	return t.idx[i*t.k : (i+1)*t.k], t.w[i*t.k : (i+1)*t.k]
}

func (t *table) position(j int32) uint32 { return uint32(t.nq) + uint32(t.place[j]) }

// settle starts the new cells at their neighbours' means and moves them.
func settle(c crew, ref *Layout, t *table, o UMAPOptions, lv level) ([]float32, error) {
	top, err := heaviest(c, t.w)
	if err != nil {
		return nil, err
	}
	fallback := 30
	if t.nq <= 10_000 {
		fallback = 100
	}
	e, err := makeEdges(c, t, t.nq, top, o.Epochs, fallback, o.Seed)
	if err != nil {
		return nil, err
	}
	f := newField(c, lv, o, t.nq, ref.N, e, 1)
	f.cell, f.seed = func(i int) int { return i }, o.Seed
	d, s := f.dims, f.stride
	for j, at := range t.place {
		copy(f.y[(t.nq+int(at))*s:], ref.Positions[j*d:j*d+d])
	}
	noise := stream(o.Seed, forNoise)
	err = c.each(t.nq, 1024, func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			var mean [3]float64
			sum := 0.0
			idx, w := t.row(i)
			for a, j := range idx {
				if j < 0 {
					continue
				}
				sum += float64(w[a])
				for q := range d {
					mean[q] += float64(float64(w[a]) * float64(ref.Positions[int(j)*d+q]))
				}
			}
			for q := range d {
				f.y[i*s+q] = float32(mean[q]/sum + float64(jitter*signed(hash(noise, uint64(i), uint64(q)))))
			}
		}
	})
	if err != nil {
		return nil, err
	}
	for ep := range o.Epochs {
		alpha := float32(o.LearningRate * transformAlpha * (1 - float64(ep)/float64(o.Epochs)))
		if err := f.epoch(c, ep, alpha); err != nil {
			return nil, err
		}
	}
	y := make([]float32, t.nq*d)
	for i := range t.nq {
		copy(y[i*d:i*d+d], f.y[i*s:])
	}
	return y, nil
}

// memberships turns distances to weights, row by row; missing neighbours weigh nothing.
func memberships(c crew, idx []int32, dist []float32, nq, k, n int) ([]float32, error) {
	w := make([]float32, len(idx))
	const tile = 1024
	bad := make([]error, (nq+tile-1)/tile)
	err := c.each(nq, tile, func(_, lo, hi int) {
		for i := lo; i < hi && bad[lo/tile] == nil; i++ {
			bad[lo/tile] = membership(idx[i*k:i*k+k], dist[i*k:i*k+k], w[i*k:i*k+k], i, n)
		}
	})
	if err != nil {
		return nil, err
	}
	for _, b := range bad {
		if b != nil {
			return nil, b
		}
	}
	return w, nil
}

// membership fills the weights of cell i.
func membership(idx []int32, dist, w []float32, i, n int) error {
	there, mean := 0, 0.0
	for a, j := range idx {
		if j < -1 || int(j) >= n {
			return errs.New(errs.Data, "new cell %d has neighbour %d, of %d", i, j, n)
		}
		if j < 0 {
			continue
		}
		if !(dist[a] >= 0 && dist[a] <= math.MaxFloat32) {
			return errs.New(errs.Data, "new cell %d is at distance %g from cell %d", i, dist[a], j)
		}
		there++
		mean += float64(dist[a])
	}
	if there == 0 {
		return errs.New(errs.Data, "new cell %d has no neighbour", i)
	}
	mean /= float64(there)
	// From the nearest distance on, so that the nearest weighs 1 and no row is all zeros.
	nearest := math.Inf(1)
	for a, j := range idx {
		if j >= 0 {
			nearest = min(nearest, float64(dist[a]))
		}
	}
	sum := func(sigma float64) float64 {
		s := 0.0
		for a, j := range idx {
			if j >= 0 {
				s += exp(-(float64(dist[a]) - nearest) / sigma)
			}
		}
		return s
	}
	sigma := bisect(sum, math.Log2(float64(there)), max(mean, math.SmallestNonzeroFloat32))
	for a, j := range idx {
		if j >= 0 {
			w[a] = float32(exp(-(float64(dist[a]) - nearest) / sigma))
		}
	}
	return nil
}

// bisect finds where the rising sum meets target, within a floor of a part of mean.
func bisect(sum func(float64) float64, target, mean float64) float64 {
	lo, hi, s := 0.0, math.Inf(1), mean
	for range bisections {
		if v := sum(s); math.Abs(v-target) < 1e-5 {
			break
		} else if v > target {
			hi = s
		} else {
			lo = s
		}
		if math.IsInf(hi, 1) {
			s *= 2
		} else {
			s = (lo + hi) / 2
		}
	}
	return min(max(s, leastSigma*mean), math.MaxFloat32)
}
