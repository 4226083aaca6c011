package neighbors

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

var ctx = context.Background()

// normal returns n x d numbers.
func normal(seed uint64, n, d int) []float32 {
	rng := rand.New(rand.NewPCG(seed, 1))
	x := make([]float32, n*d)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// clustered returns n x d numbers around c centres in 6 dimensions, and noise, which
// is about what the scores of a PCA look like.
func clustered(seed uint64, n, d, c int) []float32 {
	rng := rand.New(rand.NewPCG(seed, 2))
	cen := make([]float64, c*d)
	for i := range cen {
		cen[i] = 6 * rng.NormFloat64() / float64(1+i%d)
	}
	x := make([]float32, n*d)
	for i := range n {
		g := rng.IntN(c)
		for k := range d {
			x[i*d+k] = float32(cen[g*d+k] + 3*rng.NormFloat64()/math.Sqrt(float64(1+k)))
		}
	}
	return x
}

// brute finds neighbours the plain way, in float64, and ranks them as Find does.
func brute(x []float32, n, d, k int, dist func(a, b []float32) float64) (idx []int32, vals []float64) {
	type cand struct {
		v    float64
		ring int
		j    int32
	}
	for i := range n {
		var all []cand
		for j := range n {
			if j != i {
				all = append(all, cand{dist(x[i*d:][:d], x[j*d:][:d]), (j - i + n) % n, int32(j)})
			}
		}
		slices.SortFunc(all, func(a, b cand) int { return cmp.Or(cmp.Compare(a.v, b.v), cmp.Compare(a.ring, b.ring)) })
		for _, c := range all[:k] {
			idx, vals = append(idx, c.j), append(vals, c.v)
		}
	}
	return idx, vals
}

func euclid64(a, b []float32) float64 {
	t := 0.0
	for k, v := range a {
		e := float64(v) - float64(b[k])
		t += e * e
	}
	return math.Sqrt(t)
}

func dot64(a, b []float32) float64 {
	t := 0.0
	for k, v := range a {
		t += float64(v) * float64(b[k])
	}
	return t
}

func cosine64(a, b []float32) float64 {
	p, q := dot64(a, a), dot64(b, b)
	switch {
	case p == 0 && q == 0:
		return 0
	case p == 0 || q == 0:
		return 1
	}
	return 1 - dot64(a, b)/math.Sqrt(p*q)
}

func correlation64(a, b []float32) float64 {
	centre := func(x []float32) []float32 {
		m := 0.0
		for _, v := range x {
			m += float64(v)
		}
		out := slices.Clone(x)
		for i := range out {
			out[i] = float32(float64(x[i]) - m/float64(len(x)))
		}
		return out
	}
	return cosine64(centre(a), centre(b))
}

// mustFind is Find at a level.
func mustFind(t testing.TB, x []float32, n, d int, o Options, l level) *KNN {
	t.Helper()
	k, err := find(ctx, x, n, d, o, l)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// sameUpTo compares found neighbours with true ones; a pair may be swapped for one
// whose distance differs by rounding only.
func sameUpTo(t testing.TB, k *KNN, idx []int32, vals []float64, tol float64) {
	t.Helper()
	swapped := 0
	for q, v := range vals {
		if math.Abs(float64(k.Distances[q])-v) > tol*math.Max(1, math.Abs(v)) {
			t.Fatalf("cell %d, neighbour %d: %d at %.9g, want %d at %.9g", q/(k.K-1), q%(k.K-1), k.Indices[q], k.Distances[q], idx[q], v)
		}
		if k.Indices[q] != idx[q] {
			swapped++
		}
	}
	if limit := 2 + len(vals)/500; swapped > limit {
		t.Fatalf("%d of %d neighbours are others, at most %d may be by rounding", swapped, len(vals), limit)
	}
}

// equal tells whether two results have the same bits.
func equal(a, b *KNN) bool {
	return a.N == b.N && a.K == b.K && a.Method == b.Method && a.Recall == b.Recall &&
		slices.Equal(a.Indices, b.Indices) && slices.Equal(a.Distances, b.Distances) && slices.Equal(a.Order, b.Order)
}

// recall returns which part of the true neighbours was found.
func recall(truth, k *KNN) float64 {
	m, hit := k.K-1, 0
	for i := range k.N {
		for _, j := range k.Indices[i*m:][:m] {
			if slices.Contains(truth.Indices[i*m:][:m], j) {
				hit++
			}
		}
	}
	return float64(hit) / float64(k.N*m)
}
