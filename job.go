package gpusc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gpusc/gpusc/anndata"
	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/decomp"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
	"github.com/gpusc/gpusc/pass"
	"github.com/gpusc/gpusc/pp"
)

// actions are the steps that a job does. Run does them all, a single step one.
type actions struct {
	name                            string // of the command, for uns/gpusc
	qc, filter, normalize, hvg, pca bool
	neighbors, umap, leiden         bool
	write                           string // what OUT holds as X: "", "counts", "lognorm", "scaled", "asis"
	lognorm                         bool   // the input is normalised and logarithmised already
}

// job is one pipeline on one input, with all that has been found out so far.
// Its methods run on one goroutine; only the steps of a sweep run on several.
type job struct {
	e    *Engine
	p    Pipeline
	do   actions
	path string
	in   *anndata.File
	m    *anndata.Matrix
	why  string // why m is the matrix that is read
	out  *anndata.Writer
	mem  *budget

	nobs, nvars int64
	genes       []string // of the matrix that is read
	groupOf     []uint32
	groupNames  []string
	topN        []int
	batchOf     []int32 // of each cell of the input; nil: no batches
	batchNames  []string
	logBase     float64 // natural logarithm of the base of log1p; 0: natural

	// Found by the first sweep, over the cells of the input.
	cells     *pp.QCObs
	keep      []bool  // nil: all cells stay
	kept      []int64 // rows that stay; nil: all
	geneSums  *pp.GeneSums
	qcVar     *pp.QCVar // of the cells that stay
	check     *pp.Check
	cacheIn   *chunk.Cache
	cache     *chunk.Cached
	perCell   *memory.Reservation
	products  *memory.Reservation
	source    chunk.Source
	inputDone bool

	// Found later, over the cells that stay.
	geneKeep  []bool    // nil: all genes stay
	geneMap   []int32   // new number of each gene, -1: dropped; nil: all stay
	totals    []float64 // what normalisation divides by
	rawTotals []float64 // of the genes that stay, before any is left out
	high      []bool    // genes that do not count for the totals
	target    float64
	batch     []int32
	moments   *pp.GeneSums // of the values that the flavour wants
	clipped   *pp.GeneSums
	v3        *v3State
	logs      *pp.GeneSums // moments of the log-normalised values of all genes
	hvg       *pp.HVGResult
	selected  []int32 // genes of PCA, by their number in the input
	tileSums  *pp.GeneSums
	rechunk   *chunk.Rechunk
	tilesIn   *chunk.Cache
	tiles     *chunk.Cached
	tileStats []float64 // mean, then deviation, of the selected genes
	gram      *decomp.Moments
	values    decomp.Values
	tileCells []int64
	pca       *decomp.Result
	graph     *cellGraph          // nil: no neighbours are wanted
	scores    *memory.Reservation // of the graph
	resident  *pass.Resident      // packed pieces on the devices; nil: none stay
	report    *Report
	watch     stopwatch
	inPlace   bool
	addTo     bool                         // the results are to be added to the input
	counts    bool                         // whole numbers were given to a flavour that wants logarithms
	closers   []interface{ Close() error } // elements of the output that a sweep fills
	nodes     []node
}

// node is a step of the job: as the planner sees it, and how to do it.
type node struct {
	pass.Node
	// step makes the step of a sweep; nil for calculations.
	step func() (pass.Step, error)
	// calc is done on results, or sweeps by itself.
	calc  func(ctx context.Context) error
	scale bool // the step works on normalised values
}

// nKept is the number of cells that stay.
func (j *job) nKept() int64 {
	if j.kept != nil {
		return int64(len(j.kept))
	}
	return j.nobs
}

// nGenes is the number of genes that stay.
func (j *job) nGenes() int64 {
	if j.geneKeep == nil {
		return j.nvars
	}
	n := int64(0)
	for _, k := range j.geneKeep {
		if k {
			n++
		}
	}
	return n
}

// execute runs the planned sweeps and calculations.
func (j *job) execute(ctx context.Context) error {
	plan, err := j.arrange()
	if err != nil {
		return err
	}
	for _, pl := range plan {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		start := time.Now()
		rep := StepReport{Name: pl.On.String()}
		for _, i := range pl.Nodes {
			rep.Steps = append(rep.Steps, j.nodes[i].Name)
		}
		before := device.BusyOf(j.e.backends)
		if err := j.do1(ctx, pl, &rep); err != nil {
			if j.counts && errors.Is(err, errs.Data) {
				return errs.At(errs.Data, j.path, j.m.Path, "holds counts, and flavour %s wants log-normalised values", j.p.HVG.Flavor).
					Because(err).Do("use gpusc normalize first, or --hvg-flavor seurat_v3")
			}
			return errs.InFile(err, j.path)
		}
		rep.busy(device.BusyOf(j.e.backends).Sub(before))
		j.watch.add(rep, start)
	}
	return nil
}

// do1 runs one planned sweep, or the calculations of one place in the plan.
func (j *job) do1(ctx context.Context, pl pass.Planned, rep *StepReport) error {
	var steps []pass.Step
	var last pass.Step
	scale := false
	for _, i := range pl.Nodes {
		n := j.nodes[i]
		scale = scale || n.scale
		if n.calc != nil {
			if n.On == pass.Tiles {
				rep.Cells = j.nKept()
				rep.Read, rep.Decoded = j.bytesOf(n.On)
			}
			if err := n.calc(ctx); err != nil {
				return err
			}
			continue
		}
		s, err := n.step()
		if err != nil {
			return err
		}
		switch s.(type) {
		case *pp.Pack:
			last = s
		default:
			steps = append(steps, s)
		}
	}
	if last != nil {
		steps = append(steps, last)
	}
	if len(steps) == 0 {
		return nil
	}
	if scale {
		steps = j.withScale(steps, pl.On)
	}
	src, err := j.sourceOf(ctx, pl.On)
	if err != nil {
		return err
	}
	rows, _ := src.Shape()
	rep.Cells = rows
	rep.Read, rep.Decoded = j.bytesOf(pl.On)
	sw := pass.Sweep{
		Name: rep.Name, Source: src, Backends: j.e.backends, Workers: j.mem.workers, Decoders: j.e.o.Threads,
		Steps: steps, Progress: j.e.o.Progress,
	}
	if pl.On == pass.Cache {
		sw.Resident = j.resident // one sweep over the tiles is all there is
	}
	if err := sw.Run(ctx); err != nil {
		return err
	}
	rep.Reading = sw.Stats.Reading.Seconds()
	for _, c := range j.closers {
		if err := c.Close(); err != nil {
			return err
		}
	}
	j.closers = nil
	if pl.On == pass.Input {
		if err := j.afterInput(); err != nil {
			return err
		}
	}
	return j.sealTiles()
}

// withScale puts the factors of normalisation in front of the steps, where no
// step of the sweep makes them itself.
func (j *job) withScale(steps []pass.Step, on pass.Data) []pass.Step {
	for i, s := range steps {
		if t, ok := s.(*pp.Totals); ok && t.Target > 0 {
			// The totals must come before their users.
			return append([]pass.Step{steps[i]}, append(append([]pass.Step{}, steps[:i]...), steps[i+1:]...)...)
		}
	}
	use := &pp.UseScale{Total: j.totals, Target: j.target}
	if on == pass.Input && !j.inputDone {
		// The totals are those that QC takes in the same sweep, just before.
		use = &pp.UseScale{Total: j.cells.Total, Target: j.target}
		for i, s := range steps {
			if _, ok := s.(*pp.RowQC); ok {
				return append(append(append([]pass.Step{}, steps[:i+1]...), use), steps[i+1:]...)
			}
		}
	}
	return append([]pass.Step{use}, steps...)
}

// sourceOf is what a sweep over that data reads.
func (j *job) sourceOf(ctx context.Context, on pass.Data) (chunk.Source, error) {
	switch on {
	case pass.Input:
		if j.source == nil {
			s, err := j.m.Source(ctx, anndata.SourceOptions{SpanNNZ: j.mem.spanNNZ, SpanRows: j.e.o.ChunkRows})
			if err != nil {
				return nil, err
			}
			j.source = s
		}
		return j.source, nil
	case pass.Cache:
		return j.cache, nil
	case pass.Tiles:
		return j.tiles, nil
	}
	return nil, fmt.Errorf("no data called %v", on)
}

// bytesOf tells how much a sweep over that data reads and decodes.
func (j *job) bytesOf(on pass.Data) (read, decoded int64) {
	switch on {
	case pass.Input:
		return j.m.StoredBytes(), j.m.DecodedBytes()
	case pass.Cache:
		mem, scratch := j.cache.Bytes()
		return mem + scratch, j.cache.NNZ() * 8
	case pass.Tiles:
		mem, scratch := j.tiles.Bytes()
		return mem + scratch, j.tiles.NNZ() * 8
	}
	return 0, 0
}

// afterInput turns what the first sweep found about the cells of the input into
// what later sweeps need about the cells that stay.
func (j *job) afterInput() error {
	j.inputDone = true
	if j.keep != nil {
		j.kept = []int64{}
		for i, k := range j.keep {
			if k {
				j.kept = append(j.kept, int64(i))
			}
		}
		if len(j.kept) == 0 {
			return errs.At(errs.Data, j.path, j.m.Path, "no cell is within the limits").Do("lower --min-genes or the other limits")
		}
	}
	j.batch = pick(j.batchOf, j.kept)
	if j.cells != nil && j.totals == nil {
		j.totals = make([]float64, j.nKept())
		for i := range j.totals {
			r := int64(i)
			if j.kept != nil {
				r = j.kept[i]
			}
			j.totals[i] = j.cells.Total[r]
		}
	}
	if j.cacheIn == nil {
		return nil
	}
	c, err := j.cacheIn.Seal()
	if err != nil {
		return err
	}
	j.cache, j.cacheIn = c, nil
	return nil
}

// sealTiles ends the tiles when this sweep has made them.
func (j *job) sealTiles() (err error) {
	if j.rechunk == nil {
		return nil
	}
	if err := j.rechunk.Close(); err != nil {
		return err
	}
	j.rechunk = nil
	j.tiles, err = j.tilesIn.Seal()
	j.tilesIn = nil
	return err
}

// pick returns v at the rows; all of v when rows is nil.
func pick[T any](v []T, rows []int64) []T {
	if rows == nil || v == nil {
		return v
	}
	out := make([]T, len(rows))
	for i, r := range rows {
		out[i] = v[r]
	}
	return out
}
