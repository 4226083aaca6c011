package test

import (
	"testing"

	"github.com/gpusc/gpusc/internal/testdata"
)

// TestGraph runs graph.py: neighbours, layouts and clusters of PBMC 3k beside
// scanpy's, each going on from the other's file.
func TestGraph(t *testing.T) {
	script(t, "graph.py", testdata.Path(t, "counts/pbmc3k_counts_2700x13714.h5ad"))
}
