package gpusc

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/gpusc/gpusc/anndata"
	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/internal/synth"
	"github.com/gpusc/gpusc/memory"
	"github.com/gpusc/gpusc/pass"
	"github.com/gpusc/gpusc/pp"
)

// SynthOptions says what Synth makes. The zero value of a field means its default.
type SynthOptions struct {
	Cells       int64
	Genes       int     // 28000
	Clusters    int     // 12
	Batches     int     // 3
	Counts      float64 // median counts of a cell; 5600
	Compression string  // "gzip" (or ""), "zstd", "lzf", "none"
	Level       int
}

// Synth writes made-up counts with known clusters and batches (obs/cluster,
// obs/batch), streamed, of any size. Cell i depends only on the seed and i.
func (e *Engine) Synth(ctx context.Context, out string, o SynthOptions) (rep *Report, err error) {
	start := time.Now()
	if err := e.checkOut("", out); err != nil {
		return nil, err
	}
	src, err := synth.New(synth.Options{
		Cells: o.Cells, Genes: o.Genes, Clusters: o.Clusters, Batches: o.Batches, Counts: o.Counts, Seed: e.o.Seed, SpanRows: 64,
	})
	if err != nil {
		return nil, err
	}
	if o.Compression == "" {
		o.Compression = "gzip"
	}
	if err := oneOf("--compression", o.Compression, "none", "gzip", "zstd", "lzf"); err != nil {
		return nil, err
	}
	if err := checkLevel(o.Compression, o.Level); err != nil {
		return nil, err
	}
	w, err := anndata.Create(out, anndata.WriterOptions{
		Compression: o.Compression, Level: o.Level, Threads: e.o.Threads, Ledger: e.ledger, Overwrite: e.o.Overwrite, Context: ctx,
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Abort())
		}
	}()
	_, cols := src.Shape()
	x, err := w.CSR("X", cols, "float32", synthNNZ(o, cols))
	if err != nil {
		return nil, err
	}
	nnz := int64(0)
	sw := pass.Sweep{
		// Twice the threads: while one waits to write, another draws.
		Name: "synth", Source: src, Backends: e.backends, Workers: 2 * e.o.Threads, Progress: e.o.Progress,
		Steps: []pass.Step{&pp.WriteSparse{Put: func(_ context.Context, c *chunk.Chunk, v []float32) error {
			nnz += c.NNZ()
			return x.Put(c, v)
		}}},
	}
	if err := sw.Run(ctx); err != nil {
		return nil, err
	}
	if err := x.Close(); err != nil {
		return nil, err
	}
	if err := writeTruth(w, src); err != nil {
		return nil, err
	}
	if err := w.Commit(); err != nil {
		return nil, err
	}
	rep = &Report{
		Version: e.o.Version, Device: e.backends[0].Info().Name, Threads: e.o.Threads, Budget: e.budget,
		Output:  OutputReport{Path: out, Obs: o.Cells, Vars: cols},
		Seconds: time.Since(start).Seconds(), Peak: e.ledger.Peak(), PeakRSS: memory.PeakRSS(),
		Input: InputReport{Obs: o.Cells, Vars: cols, NNZ: nnz},
	}
	if st, err := os.Stat(out); err == nil {
		rep.Output.Bytes = st.Size()
	}
	return rep, nil
}

// synthNNZ bounds the values of made-up counts, so that SciPy's 32-bit indices can
// be used where they do. Where the number of cells times genes is no bound, there
// are so many cells that their mean is known: 1.11 times the median counts, of
// which a gene takes one at least. 0 is no bound.
func synthNNZ(o SynthOptions, genes int64) int64 {
	counts := o.Counts
	if counts == 0 {
		counts = 5600
	}
	all := float64(o.Cells) * float64(genes)
	if all > math.MaxInt32 {
		all = float64(o.Cells) * min(float64(genes), 1.5*counts)
	}
	if all > math.MaxInt32 {
		return 0
	}
	return int64(all)
}

// writeTruth writes what is known of cells and genes.
func writeTruth(w *anndata.Writer, src *synth.Source) error {
	rows, _ := src.Shape()
	names := make([]string, rows)
	cluster, batch := make([]int32, rows), make([]int32, rows)
	for i := range names {
		t := src.Truth(int64(i))
		names[i] = fmt.Sprintf("cell%08d", i+1)
		cluster[i], batch[i] = t.Cluster, t.Batch
	}
	obs := anndata.NewFrame(names)
	obs.Set("cluster", category("c", cluster))
	obs.Set("batch", category("b", batch))
	if err := w.SetObs(obs); err != nil {
		return err
	}
	v := anndata.NewFrame(src.Genes())
	v.Set("marker_of", category("c", src.MarkerOf()))
	return w.SetVar(v)
}

// category makes a categorical column with the categories prefix0, prefix1, ...
func category(prefix string, codes []int32) *anndata.Categorical {
	n := int32(0)
	for _, c := range codes {
		n = max(n, c+1)
	}
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s%02d", prefix, i)
	}
	return &anndata.Categorical{Codes: codes, Categories: names}
}
