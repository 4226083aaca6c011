package gpusc

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/gpusc/gpusc/anndata"
	"github.com/gpusc/gpusc/graph"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/internal/words"
)

// Neighbors finds the nearest neighbours of each cell in obsm/X_pca, or what
// p.Neighbors names, and weighs them: obsp/distances, obsp/connectivities,
// uns/neighbors. With out "" the results are added to in.
// Source: scanpy.pp.neighbors.
func (e *Engine) Neighbors(ctx context.Context, in, out string, p Pipeline) (*Report, error) {
	return e.graphStep(ctx, in, out, p, actions{name: "neighbors", neighbors: true})
}

// UMAP lays cells out from obsp/connectivities, which Neighbors or scanpy has made:
// obsm/X_umap, uns/umap. With out "" the results are added to in.
// Source: scanpy.tl.umap.
func (e *Engine) UMAP(ctx context.Context, in, out string, p Pipeline) (*Report, error) {
	return e.graphStep(ctx, in, out, p, actions{name: "umap", umap: true})
}

// Leiden clusters cells from obsp/connectivities, which Neighbors or scanpy has made:
// a column of obs for each resolution, its colours and figures in uns. With out ""
// the results are added to in. Source: scanpy.tl.leiden with flavor="igraph".
func (e *Engine) Leiden(ctx context.Context, in, out string, p Pipeline) (*Report, error) {
	return e.graphStep(ctx, in, out, p, actions{name: "leiden", leiden: true})
}

// graphJob is one step on the graph of a file.
type graphJob struct {
	cellGraph
	do     actions
	in     *anndata.File
	closes []func()
	watch  stopwatch
}

// graphStep runs one step on the graph of a file. X is never read.
func (e *Engine) graphStep(ctx context.Context, in, out string, p Pipeline, do actions) (rep *Report, err error) {
	start := time.Now()
	if err := p.complete(); err != nil {
		return nil, err
	}
	if err := e.checkOut(in, out); err != nil {
		return nil, err
	}
	before, err := stamp(in)
	if err != nil {
		return nil, err
	}
	e.trim()
	f, err := anndata.Open(ctx, in, anndata.Options{Ledger: e.ledger, Threads: e.o.Threads, Tmp: e.o.Tmp})
	if err != nil {
		return nil, err
	}
	g := &graphJob{do: do, in: f, cellGraph: cellGraph{e: e, p: &p, path: in, report: &Report{}}}
	g.cellGraph.watch = &g.watch
	defer func() {
		if g.out != nil && err != nil {
			err = errs.Also(err, g.out.Abort())
		}
		err = errs.Also(err, g.close())
	}()
	if err := g.read(ctx); err != nil {
		return nil, errs.InFile(err, in)
	}
	o := anndata.WriterOptions{
		Compression: p.Compression, Level: p.Level, Threads: e.o.Threads, Ledger: e.ledger, Overwrite: e.o.Overwrite, Context: ctx,
	}
	if out == "" {
		g.out, err = anndata.Edit(ctx, in, o)
	} else {
		g.out, err = anndata.Create(out, o)
	}
	if err != nil {
		return nil, err
	}
	if err := g.run(ctx, do.neighbors, do.umap, do.leiden); err != nil {
		return nil, err
	}
	write := time.Now()
	if err := g.finish(ctx, out == ""); err != nil {
		return nil, err
	}
	if out != "" {
		if after, err := stamp(in); err != nil || after != before {
			return nil, errs.At(errs.Data, in, "", "the file changed while it was read").Do("run again when nothing writes to it")
		}
	}
	if err := g.out.Commit(); err != nil {
		return nil, err
	}
	g.watch.add(StepReport{Name: "write results"}, write)
	return g.tell(out, start), nil
}

func (g *graphJob) close() error {
	g.held.Release()
	for _, f := range g.closes {
		f()
	}
	return g.in.Close()
}

// tell completes the report.
func (g *graphJob) tell(out string, start time.Time) *Report {
	r := g.report
	if out == "" {
		out = g.path
	}
	r.Input = InputReport{Path: g.path, Obs: g.in.NObs(), Vars: g.in.NVars(), Bytes: sizeOf(g.path)}
	r.Output = OutputReport{Path: out, Obs: g.in.NObs(), Vars: g.in.NVars(), Bytes: sizeOf(out)}
	g.e.complete(r, &g.watch, start)
	return r
}

// read reads what the step starts from.
func (g *graphJob) read(ctx context.Context) error {
	if g.in.NObs() > math.MaxInt32 {
		return errs.At(errs.Limit, g.path, "obs", "%d cells are more than a graph can have", g.in.NObs())
	}
	g.n = int(g.in.NObs())
	if g.n == 0 {
		return errs.At(errs.Data, g.path, "obs", "there are no cells")
	}
	if g.do.neighbors {
		return g.readScores(ctx, g.p.Neighbors.UseRep, int64(g.p.Neighbors.NPCs), true)
	}
	if err := g.readGraph(ctx); err != nil {
		return err
	}
	if g.do.leiden {
		if g.p.Leiden.RestrictTo != nil {
			return g.restrict(g.in)
		}
		return nil
	}
	// UMAP starts from the scores that the graph was made of, where they are there.
	rep, err := g.in.Text("uns/neighbors/params/use_rep")
	if err != nil {
		return err
	}
	if rep == "" || rep == "X" {
		rep = "X_pca"
	}
	cols, err := g.in.Int("uns/neighbors/params/n_pcs")
	if err != nil || cols < 0 {
		cols = 0
	}
	return g.readScores(ctx, rep, cols, g.p.UMAP.Init == "pca")
}

// readScores reads an element of obsm.
func (g *graphJob) readScores(ctx context.Context, rep string, cols int64, must bool) error {
	if rep == "X" {
		return errs.At(errs.Unsupported, g.path, "X", "neighbours in X itself are not found").Do("run gpusc pca first, or name an element of obsm with --use-rep")
	}
	rep = strings.TrimPrefix(rep, "obsm/")
	g.place = "obsm/" + rep
	t, err := g.in.Table(ctx, g.place, cols)
	if err != nil {
		return err
	}
	if t == nil {
		if !must {
			return nil
		}
		e := errs.At(errs.Data, g.path, g.place, "is not there")
		if rep == "X_pca" {
			return e.Do("run gpusc pca first")
		}
		return e.Do("%s", g.known(rep))
	}
	g.closes = append(g.closes, t.Close)
	g.scores, g.dims = t.Values, int(t.Cols)
	return nil
}

// known says which elements of obsm there are.
func (g *graphJob) known(rep string) string {
	var names []string
	if els, err := g.in.Elements(); err == nil {
		for _, e := range els {
			if n, ok := strings.CutPrefix(e.Path, "obsm/"); ok && !strings.Contains(n, "/") {
				names = append(names, n)
			}
		}
	}
	if len(names) == 0 {
		return "obsm is empty: run gpusc pca first"
	}
	return "choose one of " + strings.Join(words.Nearest(rep, names, 5), ", ")
}

// readGraph reads the connectivities that uns/neighbors names.
func (g *graphJob) readGraph(ctx context.Context) error {
	key, err := g.in.Text("uns/neighbors/connectivities_key")
	if err != nil {
		return err
	}
	if key == "" {
		key = "connectivities"
	}
	g.place = "obsp/" + key
	s, err := g.in.Sparse(ctx, g.place)
	if err == nil && s == nil { // where anndata before 0.7 has it
		s, err = g.in.Sparse(ctx, "uns/neighbors/connectivities")
	}
	if err != nil {
		return err
	}
	if s == nil {
		return errs.At(errs.Data, g.path, g.place, "is not there: no neighbours have been found").Do("run gpusc neighbors first")
	}
	g.closes = append(g.closes, s.Close)
	g.conn = &graph.CSR{N: g.n, Indptr: s.Indptr, Indices: s.Indices, Weights: s.Values}
	if err := g.conn.Check(); err != nil {
		return g.at(err)
	}
	return g.at(g.conn.Symmetric())
}

// at puts an error into the file, at the graph.
func (g *graphJob) at(err error) error {
	if err == nil {
		return nil
	}
	return errs.At(errs.Data, g.path, g.place, "").Because(err)
}

// finish writes columns and the rest.
func (g *graphJob) finish(ctx context.Context, inPlace bool) error {
	if err := g.out.SetUns("gpusc", map[string]any{g.do.name: g.provenance(g.do)}); err != nil {
		return err
	}
	if inPlace {
		if len(g.columns) == 0 {
			return nil
		}
		return g.out.AddObsColumns(g.columns...)
	}
	skip := append(g.cellGraph.written, "uns/gpusc/"+g.do.name)
	if len(g.columns) > 0 {
		obs, err := g.in.Obs()
		if err != nil {
			return err
		}
		if err := obs.Load(); err != nil {
			return err
		}
		for _, c := range g.columns {
			obs.Set(c.Name, c.Data)
		}
		if err := g.out.SetObs(obs); err != nil {
			return err
		}
		skip = append(skip, "obs")
	}
	return g.out.CopyAll(ctx, g.in, anndata.CopyOptions{Skip: skip})
}

// provenance says which parameters bear on the results.
func (c *cellGraph) provenance(do actions) map[string]any {
	t := map[string]any{"version": c.e.o.Version}
	n, u, l := &c.p.Neighbors, &c.p.UMAP, &c.p.Leiden
	if c.e.o.Seed != 0 {
		t["seed"] = float64(c.e.o.Seed)
	}
	if do.neighbors {
		r := c.report.Results["neighbors"].(map[string]any)
		t["n_neighbors"], t["knn"], t["recall"] = float64(r["n_neighbors"].(int)), r["method"], r["recall"]
		t["metric"], t["weights"], t["use_rep"] = n.Metric, n.Weights, n.UseRep
		if n.NPCs > 0 {
			t["n_pcs"] = float64(n.NPCs)
		}
	}
	if do.umap {
		r := c.report.Results["umap"].(map[string]any)
		t["min_dist"], t["spread"], t["n_epochs"], t["init"] = *u.MinDist, u.Spread, float64(r["epochs"].(int)), r["init"]
		if u.NegativeSampleRate > 0 {
			t["negative_sample_rate"] = float64(u.NegativeSampleRate)
		}
	}
	if do.leiden {
		t["resolution"] = l.Resolution
		t["n_iterations"] = float64(l.Iterations)
		if l.Iterations == 0 {
			t["n_iterations"] = 2.0
		}
		if l.RestrictTo != nil {
			t["restrict_to"] = append([]string{l.RestrictTo.Key}, c.only...)
		}
	}
	return t
}
