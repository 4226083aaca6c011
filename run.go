package gpusc

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gpusc/gpusc/anndata"
	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
	"github.com/gpusc/gpusc/pp"
)

// Run does the whole pipeline on the file in and writes out: QC columns in obs
// and var, X as p.X says, var/highly_variable, obsm/X_pca, varm/PCs, uns/pca.
// Everything else that in holds is carried over. out appears whole or not at all.
func (e *Engine) Run(ctx context.Context, in, out string, p Pipeline) (*Report, error) {
	do, err := runActions(&p)
	if err != nil {
		return nil, err
	}
	return e.job(ctx, in, out, p, do)
}

// runActions says what Run does, up to the stage that is asked for.
func runActions(p *Pipeline) (actions, error) {
	if err := p.complete(); err != nil {
		return actions{}, err
	}
	if n := &p.Neighbors; n.UseRep != "X_pca" || n.NPCs > 0 || p.Leiden.RestrictTo != nil {
		return actions{}, errs.New(errs.Usage, "run finds neighbours in the scores of its own PCA, and clusters all cells").
			Do("use the single steps neighbors and leiden")
	}
	n := p.Until.number()
	do := actions{
		name: "run", qc: true, filter: n >= 1, normalize: n >= 2, hvg: n >= 3, pca: n >= 4,
		neighbors: n >= 5, umap: n >= 6, leiden: n >= 7, write: p.X,
	}
	if p.X == "none" {
		do.write = ""
	}
	if !do.normalize && (p.X == "lognorm" || p.X == "scaled") {
		do.write = "counts"
	}
	return do, nil
}

// Plan says what Run would do: the passes, the bytes they read, the memory.
func (e *Engine) Plan(ctx context.Context, in string, p Pipeline) (*Plan, error) {
	do, err := runActions(&p)
	if err != nil {
		return nil, err
	}
	j, err := e.open(ctx, in, p, do, false)
	if err != nil {
		return nil, err
	}
	plan, err := j.describe(ctx)
	return plan, errs.Also(err, j.close())
}

// QC computes the QC metrics. With out "" they are added to in.
// Source: scanpy.pp.calculate_qc_metrics.
func (e *Engine) QC(ctx context.Context, in, out string, p Pipeline) (*Report, error) {
	return e.single(ctx, in, out, p, actions{name: "qc", qc: true})
}

// Filter keeps cells and genes within the limits and writes out.
// Source: scanpy.pp.filter_cells, scanpy.pp.filter_genes.
func (e *Engine) Filter(ctx context.Context, in, out string, p Pipeline) (*Report, error) {
	return e.single(ctx, in, out, p, actions{name: "filter", filter: true, write: "asis"})
}

// Normalize scales cells to the same total, takes log1p, and writes out.
// Source: scanpy.pp.normalize_total, scanpy.pp.log1p.
func (e *Engine) Normalize(ctx context.Context, in, out string, p Pipeline) (*Report, error) {
	return e.single(ctx, in, out, p, actions{name: "normalize", normalize: true, write: "lognorm"})
}

// HVG chooses highly variable genes of the matrix as it is: log-normalised for
// seurat and cell_ranger, counts for the other flavours. With out "" the result
// is added to in. Source: scanpy.pp.highly_variable_genes.
func (e *Engine) HVG(ctx context.Context, in, out string, p Pipeline) (*Report, error) {
	return e.single(ctx, in, out, p, actions{name: "hvg", hvg: true, lognorm: true})
}

// Scale writes the matrix centred and scaled to unit variance, dense.
// Source: scanpy.pp.scale.
func (e *Engine) Scale(ctx context.Context, in, out string, p Pipeline) (*Report, error) {
	return e.single(ctx, in, out, p, actions{name: "scale", write: "scaled", lognorm: true})
}

// PCA computes principal components of the matrix as it is, over the genes of
// var/highly_variable where that exists. With out "" the result is added to in.
// Source: scanpy.pp.pca.
func (e *Engine) PCA(ctx context.Context, in, out string, p Pipeline) (*Report, error) {
	return e.single(ctx, in, out, p, actions{name: "pca", pca: true, lognorm: true})
}

func (e *Engine) single(ctx context.Context, in, out string, p Pipeline, do actions) (*Report, error) {
	if err := p.complete(); err != nil {
		return nil, err
	}
	if out != "" && do.write == "" {
		do.write = "copy"
	}
	if out == "" && do.write != "" {
		return nil, errs.New(errs.Usage, "a step that changes X needs an output file")
	}
	return e.job(ctx, in, out, p, do)
}

// job runs one pipeline from file to file.
func (e *Engine) job(ctx context.Context, in, out string, p Pipeline, do actions) (rep *Report, err error) {
	start := time.Now()
	if err := e.checkOut(in, out); err != nil {
		return nil, err
	}
	before, err := stamp(in)
	if err != nil {
		return nil, err
	}
	j, err := e.open(ctx, in, p, do, out == "")
	if err != nil {
		return nil, err
	}
	defer func() {
		if j.out != nil && err != nil {
			err = errs.Also(err, j.out.Abort())
		}
		err = errs.Also(err, j.close())
	}()
	if err := j.divide(ctx, false); err != nil {
		return nil, err
	}
	if err := j.openOut(ctx, out); err != nil {
		return nil, err
	}
	if err := j.execute(ctx); err != nil {
		return nil, err
	}
	if err := j.graphSteps(ctx); err != nil {
		return nil, err
	}
	write := time.Now()
	if err := j.writeResults(ctx); err != nil {
		return nil, err
	}
	if out != "" {
		if after, err := stamp(in); err != nil || after != before {
			return nil, errs.At(errs.Data, in, "", "the file changed while it was read").Do("run again when nothing writes to it")
		}
	}
	if err := j.out.Commit(); err != nil {
		return nil, err
	}
	j.watch.add(StepReport{Name: "write results"}, write)
	return j.finish(out, start), nil
}

// checkOut refuses an output that cannot be before anything is read.
func (e *Engine) checkOut(in, out string) error {
	if out == "" {
		return nil
	}
	if st, err := os.Stat(out); err == nil {
		if st.IsDir() {
			return errs.At(errs.Usage, out, "", "is a folder").Do("name a file")
		}
		if ist, err := os.Stat(in); err == nil && os.SameFile(st, ist) {
			return errs.At(errs.Usage, out, "", "is the input itself").Do("name another file")
		}
		if !st.Mode().IsRegular() {
			return errs.At(errs.Usage, out, "", "is no regular file").Do("name another file")
		}
		if !e.o.Overwrite {
			return errs.At(errs.Usage, out, "", "exists already").Do("name another file, or give --force")
		}
	}
	if st, err := os.Stat(filepath.Dir(out)); err != nil || !st.IsDir() {
		return errs.At(errs.Resource, out, "", "its folder does not exist").Do("make it first")
	}
	return nil
}

// fileStamp changes when a file does.
type fileStamp struct {
	size int64
	mod  time.Time
}

func stamp(path string) (fileStamp, error) {
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fileStamp{}, errs.At(errs.Data, path, "", "there is no such file").Do("is the name right?")
	case err != nil:
		return fileStamp{}, errs.At(errs.Resource, path, "", "cannot be read").Because(err)
	case st.IsDir():
		return fileStamp{}, errs.At(errs.Unsupported, path, "", "is a folder").Do("name an .h5ad file")
	case !st.Mode().IsRegular():
		return fileStamp{}, errs.At(errs.Unsupported, path, "", "is no regular file").Do("name an .h5ad file; a pipe cannot be read at any place")
	}
	return fileStamp{st.Size(), st.ModTime()}, nil
}

// open opens the input and learns what the steps need to know beforehand.
func (e *Engine) open(ctx context.Context, in string, p Pipeline, do actions, addTo bool) (j *job, err error) {
	if _, err := stamp(in); err != nil {
		return nil, err
	}
	j = &job{e: e, p: p, do: do, path: in, addTo: addTo, report: &Report{}}
	j.watch.start = time.Now()
	j.in, err = anndata.Open(ctx, in, anndata.Options{Ledger: e.ledger, Threads: e.o.Threads, Tmp: e.o.Tmp})
	if err != nil {
		return nil, err
	}
	for _, f := range []func(context.Context) error{j.chooseMatrix, j.nameGenes, j.fits, j.readBatches} {
		if err := f(ctx); err != nil {
			return nil, errs.Also(errs.InFile(err, in), j.close())
		}
	}
	return j, nil
}

// chooseMatrix finds the matrix that the steps work on.
func (j *job) chooseMatrix(ctx context.Context) (err error) {
	switch {
	case j.p.Layer != "":
		j.m, err = j.in.Matrix("layers/" + j.p.Layer)
		j.why = "as asked"
	case j.do.lognorm && !j.countsWanted() && j.p.Raw != "yes":
		j.m, err = j.in.Matrix("X")
		j.why = "X as it is"
	default:
		j.m, j.why, err = j.in.Counts(ctx, j.p.Raw)
	}
	if err != nil {
		return err
	}
	if j.do.normalize && j.m.Path == "X" && j.in.Normalised() {
		j.warn("uns/log1p says that X holds logarithms already; they are normalised as if they were counts")
	}
	if j.m.Path != "X" && j.p.Raw == "auto" && j.p.Layer == "" {
		j.e.log.Warn("counts are taken from " + j.m.Path + ": " + j.why)
	}
	if j.counts = j.looksLikeCounts(ctx); j.counts {
		j.warn("%s holds whole numbers, and %s wants log-normalised values: normalize first", j.m.Path, j.p.HVG.Flavor)
	}
	j.nobs, j.nvars = j.m.Rows, j.m.Cols
	if j.nobs == 0 || j.nvars == 0 {
		return errs.At(errs.Data, j.path, j.m.Path, "%d cells x %d genes: there is nothing to do", j.nobs, j.nvars)
	}
	return nil
}

// nameGenes learns the genes' names and groups.
func (j *job) nameGenes(context.Context) error {
	v, err := j.in.VarOf(j.m)
	if err != nil {
		return err
	}
	if int64(v.Len()) != j.nvars {
		return errs.At(errs.Corrupt, j.path, "var", "%d genes are named, and %s has %d", v.Len(), j.m.Path, j.nvars)
	}
	j.genes = v.Index
	if j.do.qc || len(j.p.MaxPct) > 0 {
		j.groupOf = make([]uint32, j.nvars)
		for q, g := range j.p.GeneGroups {
			if q >= 32 {
				return errs.New(errs.Usage, "%d gene groups are more than 32", len(j.p.GeneGroups))
			}
			set := map[string]bool{}
			for _, n := range g.Genes {
				set[n] = true
			}
			j.groupNames = append(j.groupNames, g.Name)
			for i, name := range j.genes {
				if g.match(set, name) {
					j.groupOf[i] |= 1 << q
				}
			}
		}
	}
	return j.percentTop()
}

// percentTop fills in the default, as far as there are genes.
func (j *job) percentTop() (err error) {
	if !j.do.qc {
		return nil
	}
	top := j.p.PercentTop
	if top == nil {
		top = slices.DeleteFunc(pp.DefaultPercentTop(), func(n int) bool { return int64(n) > j.nvars })
	}
	j.topN, err = pp.CheckPercentTop(top, int(j.nvars))
	return err
}

// readBatches reads the column of batches.
func (j *job) readBatches(context.Context) error {
	if j.do.normalize {
		j.logBase = lnBase(j.p.LogBase)
	} else if j.do.lognorm {
		j.logBase = j.in.LogBase()
	}
	key := j.p.BatchKey
	if key == "" || !j.do.hvg {
		return nil
	}
	if j.p.HVG.Flavor == "none" || len(j.p.Genes) > 0 {
		j.warn("--batch-key has no effect: no genes are chosen")
		return nil
	}
	obs, err := j.in.Obs()
	if err != nil {
		return err
	}
	c := obs.Column(key)
	if c == nil {
		return errs.At(errs.Data, j.path, "obs", "there is no column %q for --batch-key", key).Do("choose one of %s", strings.Join(obs.Names(), ", "))
	}
	return j.numberBatches(c)
}

const maxBatches = 10000

// close frees what the job holds. It can be called again.
func (j *job) close() error {
	var err error
	if j.rechunk != nil {
		j.rechunk.Discard()
	}
	for _, c := range []*chunk.Cache{j.cacheIn, j.tilesIn} {
		if c != nil {
			err = errs.Also(err, c.Close())
		}
	}
	j.resident.Close()
	if j.cache != nil {
		err = errs.Also(err, j.cache.Close())
	}
	if j.tiles != nil {
		err = errs.Also(err, j.tiles.Close())
	}
	if j.source != nil {
		err = errs.Also(err, j.source.Close())
	}
	j.perCell.Release()
	j.products.Release()
	j.scores.Release()
	if j.graph != nil {
		j.graph.held.Release()
	}
	return errs.Also(err, j.in.Close())
}

// finish completes the report.
func (j *job) finish(out string, start time.Time) *Report {
	r := j.report
	r.Input = j.inputReport()
	if out == "" {
		out = j.path
	}
	r.Output = OutputReport{Path: out, Obs: j.nKept(), Vars: j.nGenes(), Bytes: sizeOf(out)}
	j.e.complete(r, &j.watch, start)
	return r
}

// sizeOf is the size of a file, 0 where it cannot be told.
func sizeOf(path string) int64 {
	st, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return st.Size()
}

// complete fills in what a report says of the engine and of the steps.
func (e *Engine) complete(r *Report, w *stopwatch, start time.Time) {
	var on []string
	for _, b := range e.backends {
		on = append(on, b.Info().Name)
	}
	r.Version, r.Device, r.Threads, r.Budget = e.o.Version, strings.Join(on, ","), e.o.Threads, e.budget
	r.Steps = w.steps
	for _, s := range r.Steps {
		if s.Name == "input file" {
			r.Passes++
			r.Read += s.Read
		}
	}
	r.Peak, r.PeakRSS, r.Scratch = e.ledger.Peak(), memory.PeakRSS(), e.ledger.PeakOf(memory.Scratch)
	r.Seconds = time.Since(start).Seconds()
}
