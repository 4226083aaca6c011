package gpusc

import (
	"context"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/gpusc/gpusc/anndata"
	"github.com/gpusc/gpusc/pass"
	"github.com/gpusc/gpusc/pp"
)

// openOut creates the output, or opens the input for adding, so that a target
// that cannot be written is found before the work.
func (j *job) openOut(ctx context.Context, out string) (err error) {
	o := anndata.WriterOptions{
		Compression: j.p.Compression, Level: j.p.Level, Threads: j.e.o.Threads, Ledger: j.e.ledger, Overwrite: j.e.o.Overwrite, Context: ctx,
	}
	if j.inPlace = out == ""; j.inPlace {
		j.out, err = anndata.Edit(ctx, j.path, o)
	} else {
		j.out, err = anndata.Create(out, o)
	}
	return err
}

// xType is the type of X in the output.
func (j *job) xType() string {
	if j.do.write == "lognorm" && j.do.normalize {
		return "float32"
	}
	return j.m.DType
}

// writeResults writes everything but X and X_pca, which sweeps have written.
func (j *job) writeResults(ctx context.Context) error {
	obs, err := j.obsColumns()
	if err != nil {
		return err
	}
	vars := j.varColumns()
	if j.inPlace {
		if err := j.out.AddObsColumns(obs...); err != nil {
			return err
		}
		if err := j.out.AddVarColumns(vars...); err != nil {
			return err
		}
	} else if err := j.writeFrames(obs, vars); err != nil {
		return err
	}
	if err := j.writeUns(); err != nil {
		return err
	}
	if err := j.writeLoadings(); err != nil {
		return err
	}
	if j.inPlace {
		return nil
	}
	return j.carryOver(ctx)
}

// columns turns the results of pp into columns of a frame.
func columns(to []*anndata.Column, from []pp.Column) []*anndata.Column {
	for _, c := range from {
		to = append(to, &anndata.Column{Name: c.Name, Data: c.Data})
	}
	return to
}

// obsColumns are the new columns of obs, for the cells that stay.
func (j *job) obsColumns() ([]*anndata.Column, error) {
	var out []*anndata.Column
	if j.cells != nil && j.do.qc {
		q := *j.cells
		if j.keep != nil {
			q = *keptCells(j.cells, j.keep)
		}
		out = columns(out, q.Columns())
	}
	if j.filtersCells() {
		out = columns(out, j.p.cellFilter().Columns(j.cells, j.keep))
	}
	if j.graph != nil {
		out = append(out, j.graph.columns...)
	}
	return out, nil
}

// keptCells returns the figures of the cells that stay.
func keptCells(q *pp.QCObs, keep []bool) *pp.QCObs {
	c := *q
	c.Genes, c.Total = pp.Compact(q.Genes, keep), pp.Compact(q.Total, keep)
	c.Top, c.GroupTotal = nil, nil
	for _, t := range q.Top {
		c.Top = append(c.Top, pp.Compact(t, keep))
	}
	for _, t := range q.GroupTotal {
		c.GroupTotal = append(c.GroupTotal, pp.Compact(t, keep))
	}
	return &c
}

// varColumns are the new columns of var, for the genes that stay.
func (j *job) varColumns() []*anndata.Column {
	var out []*anndata.Column
	if j.do.qc {
		for q, name := range j.groupNames {
			in := make([]bool, j.nvars)
			for g := range in {
				in[g] = j.groupOf[g]>>q&1 == 1
			}
			out = append(out, &anndata.Column{Name: name, Data: keptGenes(j, in)})
		}
		q := j.geneFigures(1)
		q.Cells, q.Total = keptGenes(j, q.Cells), keptGenes(j, q.Total)
		out = columns(out, q.Columns())
	}
	if j.filtersGenes() {
		out = columns(out, j.p.geneFilter().Columns(j.qcVar, j.geneKeep))
	}
	if j.hvg != nil {
		if j.hvg.Means == nil {
			out = append(out, &anndata.Column{Name: "highly_variable", Data: j.hvg.HighlyVariable})
		} else {
			out = columns(out, j.hvg.Columns())
		}
	}
	if j.logs != nil {
		m := j.momentsOf(j.logs, 0, j.nKept())
		out = columns(out, pp.ScaleColumns(m.Mean, pp.ScaleStd(m.Var)))
	}
	return out
}

// writeFrames writes obs and var of a new file.
func (j *job) writeFrames(obs, vars []*anndata.Column) error {
	in, err := j.in.Obs()
	if err != nil {
		return err
	}
	if err := in.Load(); err != nil {
		return err
	}
	f := in
	if j.kept != nil {
		f = in.Select(j.kept)
	}
	for _, c := range obs {
		f.Set(c.Name, c.Data)
	}
	if err := j.out.SetObs(f); err != nil {
		return err
	}
	v, err := j.in.VarOf(j.m)
	if err != nil {
		return err
	}
	if err := v.Load(); err != nil {
		return err
	}
	g := v
	if j.geneKeep != nil {
		g = v.Select(j.keptGeneRows())
	}
	for _, c := range vars {
		g.Set(c.Name, c.Data)
	}
	return j.out.SetVar(g)
}

// keptGeneRows are the genes that stay; nil for all.
func (j *job) keptGeneRows() []int64 {
	if j.geneKeep == nil {
		return nil
	}
	return anndata.Rows(j.geneKeep)
}

// writeUns writes what scanpy's functions leave in uns, and how this was made.
func (j *job) writeUns() error {
	if j.do.normalize {
		var base any
		if j.p.LogBase > 0 {
			base = j.p.LogBase
		}
		if err := j.out.SetUns("log1p", map[string]any{"base": base}); err != nil {
			return err
		}
	}
	if j.hvg != nil && j.hvg.Means != nil {
		tree := map[string]any{}
		for k, v := range j.hvg.Params() {
			tree[k] = v
		}
		if err := j.out.SetUns("hvg", tree); err != nil {
			return err
		}
	}
	if j.pca != nil {
		if err := j.out.SetUns("pca", j.pcaUns()); err != nil {
			return err
		}
	}
	// Each command has a place of its own, so that a chain of steps keeps them all.
	return j.out.SetUns("gpusc", map[string]any{j.do.name: j.provenance()})
}

// pcaUns is uns/pca as scanpy writes it.
func (j *job) pcaUns() map[string]any {
	params := map[string]any{"zero_center": true, "use_highly_variable": j.usesMask(), "mask_var": nil}
	if j.usesMask() {
		params["mask_var"] = "highly_variable"
	}
	return map[string]any{"params": params, "variance": j.pca.Variance, "variance_ratio": j.pca.VarianceRatio}
}

// usesMask tells whether PCA worked on var/highly_variable.
func (j *job) usesMask() bool { return int64(len(j.selected)) < j.nGenes() || j.hvg != nil }

// provenance says how the result was made: the version and every parameter that
// bears on it, none that does not.
func (j *job) provenance() map[string]any {
	p := &j.p
	t := map[string]any{"version": j.e.o.Version, "counts": j.m.Path}
	num := func(k string, v float64) { t[k] = v }
	given := func(k string, v float64) {
		if v != 0 { // 0 is the default
			t[k] = v
		}
	}
	if j.do.write != "" && j.do.write != "copy" {
		t["x"] = j.do.write
	}
	if j.do.qc {
		t["percent_top"] = int64s(j.topN)
		groups := map[string]any{}
		for _, g := range p.GeneGroups {
			groups[g.Name] = append(slices.Clone(g.Prefixes), g.Genes...)
		}
		t["qc"] = groups
	}
	if j.do.filter {
		num("min_genes", float64(p.MinGenes))
		num("max_genes", float64(p.MaxGenes))
		num("min_counts", p.MinCounts)
		num("max_counts", p.MaxCounts)
		num("min_cells", float64(p.MinCells))
		num("max_cells", float64(p.MaxCells))
		given("min_gene_counts", p.MinGeneCounts)
		for _, k := range slices.Sorted(maps.Keys(p.MaxPct)) {
			num("max_pct_"+k, p.MaxPct[k])
		}
	}
	if j.do.normalize {
		num("target_sum", j.target)
		num("max_fraction", p.MaxFraction)
		given("log_base", p.LogBase)
	}
	if j.do.hvg {
		t["hvg_flavor"], t["batch_key"] = p.HVG.Flavor, p.BatchKey
		num("n_top_genes", float64(p.HVG.NTopGenes))
		num("n_genes_given", float64(len(p.Genes)))
		if len(p.Genes) > 0 {
			t["genes"] = slices.Clone(p.Genes)
		}
		h := &p.HVG
		given("span", h.Span)
		given("n_bins", float64(h.NBins))
		given("theta", h.Theta)
		given("clip", h.Clip)
		given("min_mean", h.MinMean)
		given("max_mean", h.MaxMean)
		given("min_disp", h.MinDisp)
		given("max_disp", h.MaxDisp)
	}
	if j.do.pca {
		num("n_comps", float64(len(j.pca.Variance)))
		t["scale"] = p.Scale
		given("seed", float64(j.e.o.Seed))
	}
	if j.do.pca || j.do.write == "scaled" {
		num("max_value", p.MaxValue)
	}
	if j.graph != nil {
		maps.Copy(t, j.graph.provenance(j.do))
	}
	return t
}

func int64s(v []int) []int64 {
	out := make([]int64, len(v))
	for i, x := range v {
		out[i] = int64(x)
	}
	return out
}

// writeLoadings writes varm/PCs: a row for each gene of the output, zero for
// those that PCA did not work on.
func (j *job) writeLoadings() error {
	if j.pca == nil {
		return nil
	}
	k := len(j.pca.Variance)
	rows := make([]float64, j.nGenes()*int64(k))
	for i, g := range j.selected {
		at := int64(g)
		if j.geneKeep != nil {
			at = int64(j.geneMap[g])
		}
		copy(rows[at*int64(k):], j.pca.Components[i*k:(i+1)*k])
	}
	return j.out.Set("varm/PCs", anndata.Array{Shape: []int64{j.nGenes(), int64(k)}, Data: rows})
}

// carryOver copies what the input holds beside X, cut to the cells and genes
// that stay. What cannot be carried is told.
func (j *job) carryOver(ctx context.Context) error {
	o := anndata.CopyOptions{
		Subset: anndata.Subset{Obs: j.kept, Var: j.keptGeneRows()}, Skip: append(j.written(), "obs", "var"), DropUnknown: true,
		Dropped: func(path string) { j.warn("%s is left out: it cannot be cut to the cells and genes that stay", path) },
	}
	if j.do.write != "copy" {
		o.Skip = append(o.Skip, "X") // written by a sweep, or not wanted
	}
	if j.m.Path == "raw/X" {
		same, err := j.sameGenes()
		if err != nil {
			return err
		}
		if !same {
			o.Subset.Var = nil
			els, err := j.in.Elements()
			if err != nil {
				return err
			}
			for _, e := range els {
				for _, aligned := range []string{"layers/", "varm/", "varp/"} {
					if strings.HasPrefix(e.Path, aligned) {
						o.Skip = append(o.Skip, e.Path)
						j.warn("%s is left out: it has the genes of X, and the output those of raw", e.Path)
					}
				}
			}
		}
	}
	return j.out.CopyAll(ctx, j.in, o)
}

// written lists the elements that this job has made: those of the input must not
// take their place.
func (j *job) written() []string {
	w := []string{"uns/gpusc/" + j.do.name}
	if j.do.normalize {
		w = append(w, "uns/log1p")
	}
	if j.hvg != nil && j.hvg.Means != nil {
		w = append(w, "uns/hvg")
	}
	if j.pca != nil {
		w = append(w, "uns/pca", "varm/PCs", "obsm/X_pca")
	}
	if j.graph != nil {
		w = append(w, j.graph.written...)
	}
	return w
}

// sameGenes tells whether X and raw/X have the same genes in the same order.
func (j *job) sameGenes() (bool, error) {
	v, err := j.in.Var()
	if err != nil {
		return false, err
	}
	return slices.Equal(v.Index, j.genes), nil
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

// lnBase is the natural logarithm of a base, 0 for the natural one.
func lnBase(base float64) float64 {
	if base == 0 {
		return 0
	}
	return math.Log(base)
}
