package neighbors

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/gpusc/gpusc/graph"
	"github.com/gpusc/gpusc/internal/errs"
)

func mustConnect(t testing.TB, k *KNN, how string, threads int) *graph.CSR {
	t.Helper()
	g, err := Connectivities(ctx, k, how, threads)
	if err == nil {
		err = errors.Join(g.Check(), g.Symmetric())
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestExpNeg(t *testing.T) {
	for x := 0.0; x < 720; x += 0.0137 {
		want := math.Exp(-x)
		if x > 700 {
			want = 0
		}
		if got := expNeg(x); math.Abs(got-want) > 4e-16*want {
			t.Fatalf("exp(-%g) = %g, want %g", x, got, want)
		}
	}
	if expNeg(0) != 1 || expNeg(math.Inf(1)) != 0 || expNeg(math.NaN()) != 0 {
		t.Fatal("the ends are wrong")
	}
}

// TestConnectThreads: the same bits for any number of threads.
func TestConnectThreads(t *testing.T) {
	const n, d = 3000, 10
	k := mustFind(t, clustered(1, n, d, 4), n, d, Options{}, best())
	for _, how := range []string{"umap", "gauss", "jaccard"} {
		want := mustConnect(t, k, how, 1)
		for _, threads := range []int{0, 2, 3, 7} {
			g := mustConnect(t, k, how, threads)
			if !slices.Equal(g.Indptr, want.Indptr) || !slices.Equal(g.Indices, want.Indices) || !slices.Equal(g.Weights, want.Weights) {
				t.Errorf("%s with %d threads differs", how, threads)
			}
		}
	}
}

// TestUmapSmall: three cells on a line, by hand. Each has one neighbour with K 2, at
// rho, so every weight is 1.
func TestUmapSmall(t *testing.T) {
	k := mustFind(t, []float32{0, 1, 5}, 3, 1, Options{K: 2}, best())
	g := mustConnect(t, k, "", 0)
	if !slices.Equal(g.Indices, []int32{1, 0, 2, 1}) || !slices.Equal(g.Weights, []float32{1, 1, 1, 1}) {
		t.Errorf("got %+v", g)
	}
}

// TestGaussDegenerate: scanpy's NaN for cells with only equal neighbours is 1 here.
func TestGaussDegenerate(t *testing.T) {
	k := mustFind(t, make([]float32, 12), 6, 2, Options{K: 3}, best())
	for _, v := range mustConnect(t, k, "gauss", 0).Weights {
		if v != 1 {
			t.Fatalf("weight %g", v)
		}
	}
	if w := gaussian(4, 0, 0); w != 0 {
		t.Errorf("cells apart with no width: %g", w)
	}
}

func TestConnectRefuses(t *testing.T) {
	good := func() *KNN {
		return &KNN{N: 3, K: 3, Indices: []int32{1, 2, 2, 0, 1, 0}, Distances: []float32{1, 2, 1, 1, 1, 2}}
	}
	if _, err := Connectivities(ctx, good(), "", 1); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(k *KNN){
		"self": func(k *KNN) { k.Indices[0] = 0 }, "absent": func(k *KNN) { k.Indices[3] = 3 },
		"-1": func(k *KNN) { k.Indices[5] = -1 }, "twice": func(k *KNN) { k.Indices[0] = 2 },
		"NaN":      func(k *KNN) { k.Distances[2] = float32(math.NaN()) },
		"negative": func(k *KNN) { k.Distances[2] = -1 }, "Inf": func(k *KNN) { k.Distances[2] = inf32 },
	} {
		k := good()
		spoil(k)
		if _, err := Connectivities(ctx, k, "", 2); !errors.Is(err, errs.Data) {
			t.Errorf("%s: %v", name, err)
		}
	}
	k := good()
	k.Distances = k.Distances[1:]
	if _, err := Connectivities(ctx, k, "", 1); !errors.Is(err, errs.Usage) {
		t.Errorf("a distance is missing: %v", err)
	}
	if _, err := Connectivities(ctx, good(), "cosine", 1); !errors.Is(err, errs.Usage) {
		t.Errorf("an unknown kind: %v", err)
	}
}

// umapScript gives umap-learn's fuzzy simplicial set, scanpy's gauss and jaccard, of
// given neighbours, as CSR with sorted rows and without zeros; and what
// scanpy.pp.neighbors makes of the data.
const umapScript = `
import sys, anndata, numpy as np, scanpy as sc
from scipy import sparse
from scanpy.neighbors import _connectivity as c

def save(name, g, zeros=False):
    g = sparse.csr_matrix(g)
    if not zeros:
        g.eliminate_zeros()
    g.sort_indices()
    g.indptr.astype(np.int64).tofile(name + ".indptr")
    g.indices.astype(np.int32).tofile(name + ".indices")
    g.data.astype(np.float32).tofile(name + ".data")

for arg in sys.argv[1:]:
    d, n, k, asked = arg.split(":")
    n, k = int(n), int(k)
    idx = np.fromfile(d + "/idx", np.int32).reshape(n, k - 1)
    dist = np.fromfile(d + "/dist", np.float32).reshape(n, k - 1)
    own = np.arange(n, dtype=np.int32)[:, None]
    i1, d1 = np.hstack([own, idx]), np.hstack([np.zeros((n, 1), np.float32), dist])
    dm = sparse.csr_matrix((dist.ravel(), idx.ravel(), np.arange(0, n * (k - 1) + 1, k - 1)), shape=(n, n))
    save(d + "/umap", c.umap(i1, d1, n_obs=n, n_neighbors=k))
    save(d + "/gauss", c.gauss(dm, k, knn=True))
    save(d + "/jaccard", c.jaccard(i1, n_obs=n, n_neighbors=k))
    a = anndata.AnnData(np.fromfile(d + "/x", np.float32).reshape(n, -1))
    sc.pp.neighbors(a, n_neighbors=int(asked), use_rep="X")
    save(d + "/distances", a.obsp["distances"], zeros=True)
    save(d + "/connectivities", a.obsp["connectivities"])
`

// TestConnectLikeScanpy: the same non-zeros and, within 1e-5, the same weights as
// umap-learn and scanpy on the same neighbours.
func TestConnectLikeScanpy(t *testing.T) {
	twins := clustered(5, 700, 8, 6)
	for i := range 40 { // equal cells: fewer than K, so that scanpy's gauss is finite
		copy(twins[(300+i%4)*8:][:8], twins[:8])
	}
	far := clustered(6, 600, 5, 3)
	for i := range 10 {
		far[i*5] += 1e4 * float32(1+i)
	}
	type given struct {
		x       []float32
		n, d, k int
	}
	cases := map[string]given{
		"clusters": {clustered(4, 800, 20, 8), 800, 20, 15},
		"twins":    {twins, 700, 8, 15},
		"far":      {far, 600, 5, 30},
		"few":      {normal(8, 12, 3), 12, 3, 5},
		"pairs":    {normal(9, 400, 3), 400, 3, 2},
		"4 cells":  {normal(2, 4, 3), 4, 3, 15},
		"10 cells": {normal(3, 10, 3), 10, 3, 15},
	}
	found, dirs, args := map[string]*KNN{}, map[string]func(string) string{}, []string{}
	for name, c := range cases {
		k, at := mustFind(t, c.x, c.n, c.d, Options{K: c.k}, best()), files(t)
		found[name], dirs[name] = k, at
		write(t, at("idx"), k.Indices)
		write(t, at("dist"), k.Distances)
		write(t, at("x"), c.x)
		args = append(args, fmt.Sprintf("%s:%d:%d:%d", at(""), c.n, k.K, c.k))
	}
	idx, vals := brute(far, 600, 5, 29, euclid64)
	sameUpTo(t, found["far"], idx, vals, 1e-6)
	python(t, umapScript, args...)
	for name, k := range found {
		graphs := map[string]*graph.CSR{"distances": k.DistanceGraph()}
		for _, how := range []string{"umap", "gauss", "jaccard"} {
			graphs[how] = mustConnect(t, k, how, 0)
		}
		graphs["connectivities"] = graphs["umap"]
		for what, g := range graphs {
			if (name == "twins" || name == "far") && (what == "distances" || what == "connectivities") {
				continue // scanpy takes others of equal cells, and of far ones has fewer digits
			}
			at := dirs[name]
			if !slices.Equal(g.Indptr, read[int64](t, at(what+".indptr"))) || !slices.Equal(g.Indices, read[int32](t, at(what+".indices"))) {
				t.Errorf("%s, %s: other non-zeros", name, what)
				continue
			}
			tol := 1e-5
			if what == "connectivities" {
				tol = 3e-5 // of distances that differ by rounding
			}
			close32(t, name+", "+what, g.Weights, read[float32](t, at(what+".data")), tol)
		}
	}
}
