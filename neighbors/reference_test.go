package neighbors

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gpusc/gpusc/internal/testdata"
)

// npz reads one array of numbers of an .npz file.
func npz[T int32 | float32](t testing.TB, path, name string) []T {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	f, err := z.Open(name + ".npy")
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	head := int(binary.LittleEndian.Uint16(b[8:]))
	var one T
	typ := map[string]string{"int32": "<i4", "float32": "<f4"}[fmt.Sprintf("%T", one)]
	if h := string(b[10 : 10+head]); !strings.Contains(h, typ) || !strings.Contains(h, "'fortran_order': False") {
		t.Fatalf("%s is %s", name, h)
	}
	x := make([]T, (len(b)-10-head)/4)
	if err := binary.Read(bytes.NewReader(b[10+head:]), binary.LittleEndian, x); err != nil {
		t.Fatal(err)
	}
	return x
}

// TestReference: neighbours and connectivities of real cells as scanpy has them.
func TestReference(t *testing.T) {
	for _, c := range []struct {
		name string
		n    int
	}{{"pbmc3k", 2700}, {"brain10k", 9889}} {
		t.Run(c.name, func(t *testing.T) {
			const have, d, k = 50, 30, 15
			full := npz[float32](t, testdata.Path(t, "reference/scanpy/"+c.name+"/pca.npz"), "X_pca")
			ref := testdata.Path(t, "reference/scanpy/"+c.name+"/knn_pca30_k15.npz")
			x := make([]float32, 0, c.n*d)
			for i := range c.n {
				x = append(x, full[i*have:][:d]...)
			}
			got := mustFind(t, x, c.n, d, Options{}, best())
			refIdx, refDist := npz[int32](t, ref, "indices"), npz[float32](t, ref, "distances")
			var idx []int32
			var vals []float64
			for i := range c.n {
				idx = append(idx, refIdx[i*k+1:i*k+k]...)
				for _, v := range refDist[i*k+1 : i*k+k] {
					vals = append(vals, float64(v))
				}
			}
			sameUpTo(t, got, idx, vals, 2e-6)
			approx := mustFind(t, x, c.n, d, Options{Method: "approx"}, best())
			if r := recall(got, approx); r < 0.94 || math.Abs(r-approx.Recall) > 0.01 {
				t.Errorf("recall %.4f, estimated %.4f", r, approx.Recall)
			}
			g := mustConnect(t, &KNN{N: c.n, K: k, Indices: idx, Distances: to32(vals)}, "umap", 0)
			indptr := npz[int32](t, ref, "conn_indptr")
			for i, v := range g.Indptr {
				if v != int64(indptr[i]) {
					t.Fatalf("row %d ends at %d, want %d", i, v, indptr[i])
				}
			}
			if !slices.Equal(g.Indices, npz[int32](t, ref, "conn_indices")) {
				t.Fatal("other non-zeros")
			}
			// umap-learn was given distances in float64 there; its search for sigma
			// stops at 1e-5, so it can stop a step earlier or later.
			close32(t, "connectivities", g.Weights, npz[float32](t, ref, "conn_data"), 2e-5)
		})
	}
}

func to32(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}

const sklearnScript = `
import sys, numpy as np
from sklearn.neighbors import NearestNeighbors
d, n, dim, k = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
x = np.fromfile(d + "/x", np.float32).reshape(n, dim).astype(np.float64)
for m in ("euclidean", "cosine"):
    dist, idx = NearestNeighbors(n_neighbors=k, algorithm="brute", metric=m).fit(x).kneighbors()
    idx.astype(np.int32).tofile(d + "/idx." + m)
    dist.tofile(d + "/dist." + m)
x -= x.mean(axis=1, keepdims=True)
dist, idx = NearestNeighbors(n_neighbors=k, algorithm="brute", metric="cosine").fit(x).kneighbors()
idx.astype(np.int32).tofile(d + "/idx.correlation")
dist.tofile(d + "/dist.correlation")
`

// TestLikeSklearn: scikit-learn's brute force, element by element.
func TestLikeSklearn(t *testing.T) {
	const n, d, k = 2500, 24, 15
	x := clustered(21, n, d, 9)
	at := files(t)
	write(t, at("x"), x)
	python(t, sklearnScript, at(""), fmt.Sprint(n), fmt.Sprint(d), fmt.Sprint(k-1))
	for _, m := range []string{"euclidean", "cosine", "correlation"} {
		got := mustFind(t, x, n, d, Options{Metric: m}, best())
		sameUpTo(t, got, read[int32](t, at("idx."+m)), read[float64](t, at("dist."+m)), 1e-6)
	}
}
