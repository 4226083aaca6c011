package anndata

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/hdf5"
)

// TestIndexWidths holds indices and offsets to one width: SciPy's in-place
// operations, which scanpy's QC uses, refuse a matrix that mixes two.
func TestIndexWidths(t *testing.T) {
	for maxNNZ, want := range map[int64]int{0: 8, 2: 4, math.MaxInt32: 4, math.MaxInt32 + 1: 8} {
		path := filepath.Join(t.TempDir(), "x.h5ad")
		w, err := Create(path, WriterOptions{})
		must(t, err)
		must(t, w.SetObs(NewFrame([]string{"c"})))
		must(t, w.SetVar(NewFrame([]string{"g1", "g2"})))
		c, err := w.CSR("X", 2, "float32", maxNNZ)
		must(t, err)
		must(t, c.Put(&chunk.Chunk{Rows: 1, Cols: 2, Indptr: []int64{0, 2}, Indices: []uint32{0, 1}, Counts: []uint32{3, 4}}, nil))
		must(t, c.Close())
		must(t, w.Commit())
		f, err := hdf5.Open(path)
		must(t, err)
		for _, name := range []string{"X/indices", "X/indptr"} {
			d, err := f.Root().Dataset(name)
			must(t, err)
			if got := d.Type().Size; got != want {
				t.Errorf("at most %d values: %s has %d bytes, want %d", maxNNZ, name, got, want)
			}
		}
		must(t, f.Close())
	}
}
