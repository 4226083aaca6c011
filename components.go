package gpusc

import (
	"context"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/decomp"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
	"github.com/gpusc/gpusc/pass"
	"github.com/gpusc/gpusc/pp"
)

// pickStep makes the step that takes the selected genes out of each piece, cut
// into tiles of a fixed number of cells.
func (j *job) pickStep() (pass.Step, error) {
	p := len(j.selected)
	to := make([]int32, j.nvars)
	for g := range to {
		to[g] = -1
	}
	for i, g := range j.selected {
		to[g] = int32(i)
	}
	rows := decomp.TileRows(p)
	j.tilesIn = chunk.NewCache(chunk.CacheOptions{
		Ledger: j.e.ledger, Tmp: j.e.o.Tmp, MemoryLimit: j.mem.tiles,
		Spans: int((j.nKept() + int64(rows) - 1) / int64(rows)), Cols: int64(p),
	})
	var err error
	j.rechunk, err = chunk.NewRechunk(chunk.RechunkOptions{Ledger: j.e.ledger, Rows: rows}, j.tilesIn.Put)
	if err != nil {
		return nil, err
	}
	j.tileSums = pp.NewGeneSums(p, 1, true, false)
	j.tileCells = make([]int64, p)
	return &pp.Pick{
		Map: to, Cols: p, Cells: j.tileCells,
		Moments: &pp.AddMoments{Log1p: j.do.normalize, LnBase: j.logBaseOf(), Out: j.tileSums},
		Put:     j.rechunk.Put,
	}, nil
}

// covariance adds up the centred products of the selected genes.
func (j *job) covariance(ctx context.Context) (err error) {
	if j.nKept() < 2 {
		return errs.At(errs.Data, j.path, "", "PCA wants at least 2 cells, and %d stay", j.nKept())
	}
	// The cache of all genes has done its work: PCA may have the memory.
	j.e.trim()
	if j.cache != nil {
		j.resident.Drop(j.cache)
		if err := j.cache.Close(); err != nil {
			return err
		}
		j.cache = nil
	}
	n := j.nKept()
	m := pp.MomentsOf(n, j.tileSums.Float(j.tileSums.Sum, 0), j.tileSums.Float(j.tileSums.SumSq, 0))
	j.values = decomp.Values{Scale: j.scales(), Log1p: j.do.normalize, LnBase: j.logBaseOf(), Mean: m.Mean}
	if j.p.Scale || j.p.MaxValue > 0 {
		j.values.Std, j.values.Max = pp.ScaleStd(m.Var), j.p.MaxValue
	}
	devices, err := j.gramDevices()
	if err != nil {
		return err
	}
	defer func() {
		for _, d := range devices {
			for _, s := range d.Streams {
				err = errs.Also(err, s.Close())
			}
		}
	}()
	p := int64(len(j.selected))
	if j.products, err = j.e.ledger.Reserve(memory.Host, "covariance", 8*p*p); err != nil {
		return err
	}
	g := decomp.Gram{
		Devices: devices, Source: j.tiles, Values: j.values, Plan: decomp.PlanGram(j.tileCells, n), Threads: j.e.o.Threads,
	}
	if j.e.o.Progress != nil {
		g.Done = func(rows int64) { j.e.o.Progress(pass.Progress{Pass: "covariance", Cells: rows, Of: n}) }
	}
	j.gram, err = g.Accumulate(ctx)
	return err
}

// gramStreams is how many streams a device with memory of its own gets for the
// covariance: while one multiplies dense genes, the other's sparse ones fill the
// multiprocessors that are left over.
const gramStreams = 2

// gramDevices opens the streams that the covariance is computed on. On failure
// those that were opened are closed.
func (j *job) gramDevices() (out []decomp.GramDevice, err error) {
	for _, b := range j.e.backends {
		n := gramStreams
		if b.Info().Unified {
			n = j.e.o.Threads
		}
		d := decomp.GramDevice{Backend: b}
		for range n {
			s, e := b.Stream()
			if e != nil {
				err = e
				break
			}
			d.Streams = append(d.Streams, s)
		}
		out = append(out, d)
		if err == nil {
			continue
		}
		for _, d := range out {
			for _, s := range d.Streams {
				_ = s.Close()
			}
		}
		return nil, err
	}
	return out, nil
}

// eigenDevice is where products with the covariance run: a device with memory of
// its own, nil for the host.
func (j *job) eigenDevice() device.Backend {
	if b := j.e.backends[0]; !b.Info().Unified {
		return b
	}
	return nil
}

// scales are the factors of normalisation of the cells that stay; nil: none.
func (j *job) scales() []float64 {
	if !j.do.normalize {
		return nil
	}
	s := make([]float64, len(j.totals))
	for i, t := range j.totals {
		s[i] = 1
		if t > 0 {
			s[i] = j.target / t
		}
	}
	return s
}

// eigenvectors turns the products into principal components.
func (j *job) eigenvectors(ctx context.Context) (err error) {
	m := j.gram
	j.gram = nil
	defer j.products.Release()
	j.pca, err = decomp.PCA(m, decomp.PCAOptions{
		Components: j.p.NComps, Device: j.eigenDevice(), Eigen: decomp.Options{Seed: j.e.o.Seed, Threads: j.e.o.Threads, Stop: ctx.Err},
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// projectStep makes the step that writes obsm/X_pca.
func (j *job) projectStep() (pass.Step, error) {
	k := len(j.pca.Variance)
	w, err := j.out.Dense("obsm/X_pca", int64(k), "float32")
	if err != nil {
		return nil, err
	}
	j.closers = append(j.closers, w)
	if err := j.keepScores(k); err != nil {
		return nil, err
	}
	v := j.values
	weights, offset, stride := j.pca.Weights(&v)
	return &pp.Project{
		Log1p: v.Log1p, LnBase: v.LnBase, Scaled: v.Max > 0, Mean: v.Mean, Std: v.Std, NoCentre: v.NoCentre, Max: v.Max,
		K: k, Stride: stride, W: weights, Offset: offset,
		Put: func(_ context.Context, rows []float32) error {
			if j.graph != nil {
				j.graph.scores = append(j.graph.scores, rows...)
			}
			return w.Put(rows)
		},
	}, nil
}
