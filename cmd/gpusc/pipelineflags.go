package main

import (
	"bufio"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/gpusc/gpusc"
	"github.com/gpusc/gpusc/internal/errs"
)

// pipelineFlags are the parameters of the steps, as words on the command line.
type pipelineFlags struct {
	p          gpusc.Pipeline
	set        *pflag.FlagSet
	until      string
	qc         []string
	percentTop string
	maxPct     []string
	target     string
	topGenes   string
	genes      string
	file       string
	dryRun     bool
	graphWords
}

// part is a set of flags that belong to one step.
type part uint16

const (
	partInput part = 1 << iota
	partGroups
	partTop
	partFilter
	partNorm
	partHVG
	partScale
	partPCA
	partX
	partOut
	partNeighbors
	partRep
	partUMAP
	partLeiden
	partRestrict
	partRun = 0xffff &^ (partRep | partRestrict) // what bears on other input than run's own is left out
)

// add defines the flags of the parts in f.
func (pf *pipelineFlags) add(f *pflag.FlagSet, parts part) {
	pf.p, pf.set = gpusc.DefaultPipeline(), f
	titled(f, "Flags")
	for _, p := range []struct {
		part  part
		title string
		add   func(*pflag.FlagSet)
	}{
		{partInput, "Input", pf.addInput},
		{partGroups, "Quality control", pf.addGroups},
		{partTop, "Quality control", pf.addTop},
		{partFilter, "Filters (inclusive)", pf.addFilter},
		{partNorm, "Normalisation", pf.addNorm},
		{partHVG, "Highly variable genes", pf.addHVG},
		{partScale, "Scaling and PCA", func(f *pflag.FlagSet) { pf.addScale(f, parts&partPCA != 0) }},
		{partPCA, "Scaling and PCA", pf.addPCA},
		{partNeighbors, "Neighbours", pf.addNeighbors},
		{partRep, "Neighbours", pf.addRep},
		{partUMAP, "UMAP", pf.addUMAP},
		{partLeiden, "Leiden", pf.addLeiden},
		{partRestrict, "Leiden", pf.addRestrict},
		{partX, "Output", pf.addX},
		{partOut, "Output", pf.addOut},
	} {
		if parts&p.part != 0 {
			p.add(f)
			titled(f, p.title)
		}
	}
}

func (pf *pipelineFlags) addInput(f *pflag.FlagSet) {
	f.StringVar(&pf.p.Layer, "layer", "", "`NAME`: the layer to read (default X, or raw/X where X is not counts)")
	f.StringVar(&pf.p.Raw, "raw", "auto", "`WHEN`: read raw/X: auto, yes or no")
}

func (pf *pipelineFlags) addGroups(f *pflag.FlagSet) {
	f.StringArrayVar(&pf.qc, "qc", []string{"mt=MT-"}, "`GROUP`: a group of genes, NAME=PREFIX[,PREFIX], case ignored, or NAME=@FILE; repeatable")
}

func (pf *pipelineFlags) addTop(f *pflag.FlagSet) {
	f.StringVar(&pf.percentTop, "percent-top", "50,100,200,500", "share of a cell's counts in its N highest genes, for each N of `LIST`; or none")
}

func (pf *pipelineFlags) addFilter(f *pflag.FlagSet) {
	p := &pf.p
	f.Int64Var(&p.MinGenes, "min-genes", 200, "keep cells with at least `N` genes")
	f.Int64Var(&p.MaxGenes, "max-genes", 0, "keep cells with at most `N` genes (0: no limit)")
	f.Float64Var(&p.MinCounts, "min-counts", 0, "keep cells with at least `N` counts")
	f.Float64Var(&p.MaxCounts, "max-counts", 0, "keep cells with at most `N` counts (0: no limit)")
	f.StringArrayVar(&pf.maxPct, "max-pct", nil, "`GROUP=P`: keep cells with at most P per cent of their counts in a gene group, for example mt=20; repeatable")
	f.Int64Var(&p.MinCells, "min-cells", 3, "keep genes seen in at least `N` cells")
	f.Int64Var(&p.MaxCells, "max-cells", 0, "keep genes seen in at most `N` cells (0: no limit)")
}

func (pf *pipelineFlags) addNorm(f *pflag.FlagSet) {
	f.StringVar(&pf.target, "target-sum", "1e4", "counts of each cell afterwards: `N` or median")
	f.Float64Var(&pf.p.MaxFraction, "max-fraction", 0, "`F`: leave genes above this share of any cell out of the totals (exclude_highly_expressed; 0: none)")
	f.Float64Var(&pf.p.LogBase, "log-base", 0, "`B`: base of the logarithm (0: natural)")
}

func (pf *pipelineFlags) addHVG(f *pflag.FlagSet) {
	f.StringVar(&pf.p.HVG.Flavor, "hvg-flavor", "seurat", "`FLAVOR`: seurat, cell_ranger, seurat_v3, seurat_v3_paper, pearson_residuals or none")
	f.StringVar(&pf.topGenes, "n-top-genes", "2000", "choose `N` genes, or auto: by cut-offs of mean and dispersion")
	f.StringVar(&pf.p.BatchKey, "batch-key", "", "`COLUMN`: column of obs with the batches; genes are chosen in each, then combined")
	f.StringVar(&pf.genes, "genes", "", "`FILE`: genes to use instead, one a line")
}

func (pf *pipelineFlags) addScale(f *pflag.FlagSet, optional bool) {
	if optional {
		f.BoolVar(&pf.p.Scale, "scale", false, "scale genes to unit variance before PCA")
		f.Float64Var(&pf.p.MaxValue, "max-value", 0, "clip scaled values at `V`; implies --scale (0: do not)")
		return
	}
	f.Float64Var(&pf.p.MaxValue, "max-value", 0, "clip scaled values at `V` (0: do not)")
}

func (pf *pipelineFlags) addPCA(f *pflag.FlagSet) {
	f.IntVar(&pf.p.NComps, "n-comps", 50, "`N`: components, at most 300")
}

func (pf *pipelineFlags) addX(f *pflag.FlagSet) {
	f.StringVar(&pf.p.X, "x", "lognorm", "`WHAT`: X of OUT: lognorm, counts, scaled or none (results only)")
}

func (pf *pipelineFlags) addOut(f *pflag.FlagSet) { addCompression(f, &pf.p.Compression, &pf.p.Level) }

func addCompression(f *pflag.FlagSet, how *string, level *int) {
	f.StringVar(how, "compression", "gzip", "`HOW`: compression of OUT: none, gzip, zstd or lzf")
	f.IntVar(level, "level", 0, "`N`: level of gzip (1 to 9) or zstd (1 to 22); 0: a fast one")
}

// pipeline turns the words into the library's parameters.
func (pf *pipelineFlags) pipeline() (gpusc.Pipeline, error) {
	p := &pf.p
	for _, f := range []func() error{pf.parseFile, pf.parseQC, pf.parseNumbers, pf.parseGenes, pf.parseGraph} {
		if err := f(); err != nil {
			return *p, err
		}
	}
	if pf.until != "" {
		p.Until = gpusc.Stage(pf.until)
	}
	if f := pf.set.Lookup("n-comps"); f != nil && !f.Changed {
		p.NComps = 0 // 50, or as many as few cells or genes allow; a number that is asked for must be possible
	}
	if p.MaxValue > 0 && pf.set.Lookup("scale") != nil {
		p.Scale = true
	}
	return *p, nil
}

func (pf *pipelineFlags) parseQC() error {
	p := &pf.p
	if pf.set.Lookup("qc") == nil {
		return nil
	}
	p.GeneGroups = nil
	seen := map[string]bool{}
	for _, s := range pf.qc {
		name, what, ok := strings.Cut(s, "=")
		if !ok || name == "" || what == "" || seen[name] {
			return errs.New(errs.Usage, "--qc %q is no gene group", s).Do("write it as mt=MT- or mt=@genes.txt, each name once")
		}
		seen[name] = true
		g := gpusc.GeneGroup{Name: name}
		if file, isFile := strings.CutPrefix(what, "@"); isFile {
			genes, err := readLines(file)
			if err != nil {
				return err
			}
			g.Genes = genes
		} else {
			g.Prefixes = strings.Split(what, ",")
		}
		p.GeneGroups = append(p.GeneGroups, g)
	}
	for _, s := range pf.maxPct {
		name, val, ok := strings.Cut(s, "=")
		v, err := strconv.ParseFloat(val, 64)
		if !ok || err != nil || !(v >= 0 && v <= 100) {
			return errs.New(errs.Usage, "--max-pct %q is no limit", s).Do("write it as mt=20")
		}
		if !seen[name] {
			return errs.New(errs.Usage, "--max-pct names the gene group %q, which --qc does not define", name).Do("add --qc %s=PREFIX", name)
		}
		if p.MaxPct == nil {
			p.MaxPct = map[string]float64{}
		}
		p.MaxPct[name] = v
	}
	return pf.parseTop()
}

func (pf *pipelineFlags) parseTop() error {
	p := &pf.p
	if !pf.set.Changed("percent-top") {
		return nil // the library's default adapts to few genes
	}
	p.PercentTop = []int{}
	if pf.percentTop == "none" || pf.percentTop == "" {
		return nil
	}
	for _, s := range strings.Split(pf.percentTop, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil || n < 1 {
			return errs.New(errs.Usage, "--percent-top %q is no list of numbers", pf.percentTop).Do("write it as 50,100")
		}
		p.PercentTop = append(p.PercentTop, n)
	}
	return nil
}

func (pf *pipelineFlags) parseNumbers() error {
	p := &pf.p
	if pf.set.Lookup("target-sum") != nil {
		p.TargetSum = 0
		if pf.target != "median" {
			v, err := strconv.ParseFloat(pf.target, 64)
			if err != nil || !(v > 0) || math.IsInf(v, 0) {
				return errs.New(errs.Usage, "--target-sum %q is no number above 0", pf.target).Do("write it as 1e4 or median")
			}
			p.TargetSum = v
		}
	}
	if pf.set.Lookup("n-top-genes") != nil {
		p.HVG.NTopGenes = 0
		if pf.topGenes != "auto" {
			n, err := strconv.Atoi(pf.topGenes)
			if err != nil || n < 1 {
				return errs.New(errs.Usage, "--n-top-genes %q is no number above 0", pf.topGenes).Do("write it as 2000 or auto")
			}
			p.HVG.NTopGenes = n
		}
	}
	return nil
}

func (pf *pipelineFlags) parseGenes() error {
	if pf.genes == "" {
		return nil
	}
	genes, err := readLines(pf.genes)
	if err != nil {
		return err
	}
	if len(genes) == 0 {
		return errs.At(errs.Data, pf.genes, "", "the list of genes is empty")
	}
	pf.p.Genes = genes
	return nil
}

// readLines reads a list: one entry a line, empty lines and # comments left out.
func readLines(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, errs.At(errs.Data, path, "", "cannot be read").Because(cause(err))
	}
	defer f.Close()
	var out []string
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		if s := strings.TrimSpace(sc.Text()); s != "" && !strings.HasPrefix(s, "#") {
			out = append(out, s)
		}
	}
	if err := sc.Err(); err != nil {
		return nil, errs.At(errs.Data, path, "", "cannot be read").Because(cause(err))
	}
	return out, nil
}
