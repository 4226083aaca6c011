package graph

import (
	"slices"
	"testing"
)

func TestOrder(t *testing.T) {
	// 0 - 3 (0.5), 0 - 2 (0.9), 2 - 4 (0.1); 1 by itself.
	g := &CSR{
		N: 5, Indptr: []int64{0, 2, 2, 4, 5, 6},
		Indices: []int32{2, 3, 0, 4, 0, 2}, Weights: []float32{0.9, 0.5, 0.9, 0.1, 0.5, 0.1},
	}
	if err := g.Check(); err != nil {
		t.Fatal(err)
	}
	if err := g.Symmetric(); err != nil {
		t.Fatal(err)
	}
	if got := g.Order(); !slices.Equal(got, []int32{0, 2, 4, 3, 1}) {
		t.Errorf("got %v", got)
	}
	if got := (&CSR{Indptr: []int64{0}}).Order(); len(got) != 0 {
		t.Errorf("of no cells: %v", got)
	}
}

// TestOrderOfHub: a star of 200,000 cells does not take a time that grows with its square.
func TestOrderOfHub(t *testing.T) {
	const n = 200_000
	g := &CSR{N: n, Indptr: make([]int64, n+1)}
	for j := range int32(n - 1) {
		g.Indices, g.Weights = append(g.Indices, j+1), append(g.Weights, 1)
	}
	for i := range n {
		if i > 0 {
			g.Indices, g.Weights = append(g.Indices, 0), append(g.Weights, 1)
		}
		g.Indptr[i+1] = int64(len(g.Indices))
	}
	order := g.Order()
	for i, c := range order {
		if int(c) != i {
			t.Fatalf("place %d has cell %d", i, c)
		}
	}
	if len(order) != n {
		t.Errorf("%d of %d cells", len(order), n)
	}
}
