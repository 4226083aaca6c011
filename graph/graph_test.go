package graph

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/gpusc/gpusc/internal/errs"
)

func pair() *CSR {
	return &CSR{N: 3, Indptr: []int64{0, 1, 2, 2}, Indices: []int32{1, 0}, Weights: []float32{0.5, 0.5}}
}

func TestCheck(t *testing.T) {
	if err := errors.Join(pair().Check(), pair().Symmetric(), (&CSR{Indptr: []int64{0}}).Check()); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(g *CSR){
		"cannot be":      func(g *CSR) { g.N = 4 },
		"1 weights":      func(g *CSR) { g.Weights = g.Weights[:1] },
		"end before":     func(g *CSR) { g.Indptr = []int64{0, 2, 1, 2} },
		"neighbour 3":    func(g *CSR) { g.Indices[0] = 3 },
		"neighbour -1":   func(g *CSR) { g.Indices[0] = -1 },
		"weight NaN":     func(g *CSR) { g.Weights[1] = float32(math.NaN()) },
		"weight -1":      func(g *CSR) { g.Weights[1] = -1 },
		"weight +Inf":    func(g *CSR) { g.Weights[1] = float32(math.Inf(1)) },
		"0 row ends":     func(g *CSR) { g.Indptr = nil },
		"not symmetric":  func(g *CSR) { g.Indices[0] = 2 },
		"in one directi": func(g *CSR) { g.Weights[0] = 0.6 },
	} {
		g := pair()
		spoil(g)
		err := g.Check()
		if err == nil {
			err = g.Symmetric()
		}
		if !errors.Is(err, errs.Data) || !strings.Contains(err.Error(), name) {
			t.Errorf("want an error with %q, got %v", name, err)
		}
	}
}
