package gpusc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gpusc/gpusc/anndata"
	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/cluster"
	"github.com/gpusc/gpusc/graph"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/manifold"
	"github.com/gpusc/gpusc/memory"
	"github.com/gpusc/gpusc/neighbors"
	"github.com/gpusc/gpusc/pass"
)

// cellGraph takes cells from their scores to neighbours, a layout and clusters, and
// writes each result as soon as it is there. Columns of obs are kept for the end.
type cellGraph struct {
	e      *Engine
	p      *Pipeline
	path   string // of the input
	place  string // of the scores in it, or in the output
	out    *anndata.Writer
	report *Report
	watch  *stopwatch

	n      int
	scores []float32 // n x dims; nil: none
	dims   int
	order  []int32 // cells so that near ones are close; nil: none
	conn   *graph.CSR
	held   *memory.Reservation // for conn, where it was made here

	labels  []int32  // for RestrictTo: the group of each cell,
	groups  []string // and the groups' names
	only    []string // those that are clustered again
	columns []*anndata.Column
	written []string // elements of the output
}

// keepScores makes room for the scores that the projection hands out.
func (j *job) keepScores(k int) (err error) {
	if !j.do.neighbors {
		return nil
	}
	j.graph = &cellGraph{
		e: j.e, p: &j.p, path: j.path, place: "obsm/X_pca", out: j.out, report: j.report, watch: &j.watch,
		n: int(j.nKept()), dims: k,
	}
	bytes := 4 * j.nKept() * int64(k)
	if j.scores, err = j.e.ledger.Reserve(memory.Host, "scores of cells", bytes); err != nil {
		return err
	}
	j.graph.scores = make([]float32, 0, bytes/4)
	return nil
}

// graphParts are the scores, which stay in memory, and what each graph step takes,
// for all cells of the input; the steps come one after another.
func (j *job) graphParts() (scores int64, steps []MemoryPart) {
	if !j.do.neighbors {
		return 0, nil
	}
	d := j.p.NComps
	if d == 0 {
		d = defaultComps
	}
	n, k, o := int(j.nobs), j.p.Neighbors.K, &j.p.Neighbors
	if k == 0 {
		k = defaultK
	}
	edges := 2 * j.nobs * int64(k-1) // at most
	held := 12*j.nobs + 8*edges
	find := neighbors.Memory(n, d, k, o.Method)
	find = max(find, neighbors.Memory(n, d, k, "exact")) // where an approximate search ends, too, if the data is hard
	steps = append(steps, MemoryPart{"neighbours", max(find, foundBytes(n, k)+graphBytes(n, k))})
	if j.do.umap {
		steps = append(steps, MemoryPart{"UMAP", held + manifold.UMAPMemory(j.nobs, edges, max(2, j.p.UMAP.Components), j.e.o.Threads)})
	}
	if j.do.leiden {
		steps = append(steps, MemoryPart{"Leiden", held + cluster.Memory(n, edges)})
	}
	return 4 * j.nobs * int64(d), steps
}

// graphNames are the graph steps of the job, for a plan.
func (j *job) graphNames() (names []string) {
	for _, s := range []struct {
		do   bool
		name string
	}{{j.do.neighbors, "neighbors"}, {j.do.umap, "umap"}, {j.do.leiden, "leiden"}} {
		if s.do {
			names = append(names, s.name)
		}
	}
	return names
}

// defaultComps and defaultK are how many components and neighbours there are where
// nobody asks for a number.
const (
	defaultComps = 50
	defaultK     = 15
)

// graphSteps go from the scores to clusters.
func (j *job) graphSteps(ctx context.Context) error {
	if j.graph == nil {
		return nil
	}
	j.e.trim()
	if j.tiles != nil { // of no use any more
		if err := j.tiles.Close(); err != nil {
			return err
		}
		j.tiles = nil
	}
	return j.graph.run(ctx, j.do.neighbors, j.do.umap, j.do.leiden)
}

// run does the steps up to a stage.
func (c *cellGraph) run(ctx context.Context, neighbors, umap, leiden bool) error {
	for _, s := range []struct {
		do   bool
		name string
		step func(context.Context) ([]string, error)
	}{{neighbors, "neighbors", c.neighbors}, {umap, "umap", c.umap}, {leiden, "leiden", c.leiden}} {
		if !s.do {
			continue
		}
		start := time.Now()
		c.progress(s.name, 0, 0)
		words, err := s.step(ctx)
		if err != nil {
			return c.located(err)
		}
		c.progress(s.name, int64(c.n), time.Since(start))
		c.watch.add(StepReport{Name: s.name, Steps: words, Cells: int64(c.n)}, start)
	}
	return nil
}

func (c *cellGraph) progress(name string, done int64, took time.Duration) {
	if f := c.e.o.Progress; f != nil {
		f(pass.Progress{Pass: name, Cells: done, Of: int64(c.n), Seconds: took.Seconds()})
	}
}

// located puts the file into an error, and into one about scores their place.
func (c *cellGraph) located(err error) error {
	var e *errs.E
	if errors.As(err, &e) && e.File == "" && e.Kind == errs.Data && e.Place != "" {
		e.Place = c.place + ": " + e.Place
	}
	return errs.InFile(err, c.path)
}

func (c *cellGraph) result(name string, m map[string]any) {
	if c.report.Results == nil {
		c.report.Results = map[string]any{}
	}
	c.report.Results[name] = m
}

// neighbors finds neighbours and writes obsp/distances, obsp/connectivities and
// uns/neighbors.
func (c *cellGraph) neighbors(ctx context.Context) ([]string, error) {
	o, err := c.e.neighborsOf(c.p, c.n)
	if err != nil {
		return nil, err
	}
	k, err := neighbors.Find(ctx, c.scores, c.n, c.dims, o)
	if err != nil {
		return nil, err
	}
	m := k.K - 1
	if o.K == 0 && k.K < defaultK {
		c.report.Warnings = append(c.report.Warnings, fmt.Sprintf("of %d cells no %d neighbours can be found: %d are, as by scanpy", c.n, defaultK, k.K))
	}
	c.order = k.Order
	held, err := c.e.ledger.Reserve(memory.Host, "neighbours", foundBytes(c.n, k.K)+graphBytes(c.n, k.K))
	if err != nil {
		return nil, err
	}
	c.held = held
	err = c.write("obsp/distances", int64(len(k.Indices)), func(i int) ([]int32, []float32) {
		return k.Indices[i*m : i*m+m], k.Distances[i*m : i*m+m]
	})
	if err != nil {
		return nil, err
	}
	if c.conn, err = neighbors.Connectivities(ctx, k, c.p.Neighbors.Weights, c.e.o.Threads); err != nil {
		return nil, err
	}
	if err := held.Resize(12*int64(c.n) + 8*c.conn.Edges()); err != nil {
		return nil, err
	}
	if err := c.write("obsp/connectivities", c.conn.Edges(), c.conn.Row); err != nil {
		return nil, err
	}
	c.result("neighbors", map[string]any{
		"method": k.Method, "recall": k.Recall, "n_neighbors": k.K, "metric": c.p.Neighbors.Metric, "edges": c.conn.Edges() / 2,
	})
	how := k.Method
	if how == "approx" {
		how = fmt.Sprintf("approx, recall %.3f", k.Recall)
	}
	return []string{how, fmt.Sprintf("%d neighbours", k.K)}, c.setUns("neighbors", c.neighborsUns(k))
}

// neighborsUns is uns/neighbors as scanpy writes it. use_rep is always there, so that
// scanpy goes on from the same scores.
func (c *cellGraph) neighborsUns(k *neighbors.KNN) map[string]any {
	params := map[string]any{
		"method": c.p.Neighbors.Weights, "metric": c.p.Neighbors.Metric, "n_neighbors": k.K,
		"random_state": int64(c.e.o.Seed), "use_rep": c.p.Neighbors.UseRep, "n_pcs": nil,
	}
	if n := c.p.Neighbors.NPCs; n > 0 {
		params["n_pcs"] = n
	}
	return map[string]any{"connectivities_key": "connectivities", "distances_key": "distances", "params": params}
}

// foundBytes is what k neighbours of n cells take, graphBytes the most that weighing
// them takes and leaves.
func foundBytes(n, k int) int64 { return int64(n) * (8*int64(max(k-1, 0)) + 4) }
func graphBytes(n, k int) int64 { return int64(n) * (32*int64(max(k-1, 0)) + 32) }

// write writes a graph of the cells, row by row.
func (c *cellGraph) write(path string, edges int64, row func(i int) ([]int32, []float32)) error {
	w, err := c.out.CSR(path, int64(c.n), "float32", max(edges, 1))
	if err != nil {
		return err
	}
	const at = 1024
	var values []float32
	ch := &chunk.Chunk{Cols: c.n}
	for lo := 0; lo < c.n; lo += at {
		ch.Rows, ch.Indptr, ch.Indices, values = 0, append(ch.Indptr[:0], 0), ch.Indices[:0], values[:0]
		for i := lo; i < min(lo+at, c.n); i++ {
			j, v := row(i)
			for _, to := range j {
				ch.Indices = append(ch.Indices, uint32(to))
			}
			values = append(values, v...)
			ch.Rows++
			ch.Indptr = append(ch.Indptr, int64(len(values)))
		}
		if err := w.Put(ch, values); err != nil {
			return err
		}
	}
	c.written = append(c.written, path)
	return w.Close()
}

// setUns replaces a dict of uns.
func (c *cellGraph) setUns(key string, tree map[string]any) error {
	c.written = append(c.written, "uns/"+key)
	if err := c.out.Delete("uns/" + key); err != nil {
		return err
	}
	return c.out.SetUns(key, tree)
}

// umap lays the cells out and writes obsm/X_umap and uns/umap.
func (c *cellGraph) umap(ctx context.Context) ([]string, error) {
	o := &c.p.UMAP
	l, err := manifold.UMAP(ctx, c.conn, manifold.UMAPOptions{
		Components: o.Components, MinDist: o.MinDist, Spread: o.Spread, Epochs: o.Epochs, Init: o.Init, PCA: c.scores, PCADim: c.dims,
		NegativeSampleRate: o.NegativeSampleRate, Seed: c.e.o.Seed, Threads: c.e.o.Threads, Order: c.order, Ledger: c.e.ledger,
	})
	if err != nil {
		return nil, err
	}
	w, err := c.out.Dense("obsm/X_umap", int64(l.Components), "float32")
	if err != nil {
		return nil, err
	}
	if err := w.Put(l.Positions); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	c.written = append(c.written, "obsm/X_umap")
	params := map[string]any{"a": l.A, "b": l.B}
	if c.e.o.Seed != 0 { // scanpy leaves a seed of 0 out
		params["random_state"] = int64(c.e.o.Seed)
	}
	c.result("umap", map[string]any{"a": l.A, "b": l.B, "epochs": l.Epochs, "init": l.Init, "components_of_graph": l.ComponentsOfGraph})
	words := []string{fmt.Sprintf("%d epochs", l.Epochs), l.Init + " start"}
	if l.ComponentsOfGraph > 1 {
		words = append(words, fmt.Sprintf("a graph in %d parts", l.ComponentsOfGraph))
	}
	return words, c.setUns("umap", map[string]any{"params": params})
}

func (c *cellGraph) clusterOptions() cluster.Options {
	return cluster.Options{
		Iterations: c.p.Leiden.Iterations, Seed: c.e.o.Seed, Threads: c.e.o.Threads, Order: c.order, Ledger: c.e.ledger,
	}
}
