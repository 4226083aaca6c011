package main

import (
	"bufio"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
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
}

// part is a set of flags that belong to one step.
type part uint8

const (
	partInput part = 1 << iota
	partQC
	partFilter
	partNorm
	partHVG
	partScale
	partPCA
	partOut
	partRun = 0xff
)

// add defines the flags of the parts in f.
func (pf *pipelineFlags) add(f *pflag.FlagSet, parts part) {
	pf.p, pf.set = gpusc.DefaultPipeline(), f
	p := &pf.p
	if parts&partInput != 0 {
		f.StringVar(&p.Layer, "layer", "", "layer that holds the counts (default: X, or raw/X where X is not counts)")
		f.StringVar(&p.Raw, "raw", "auto", "take the counts from raw/X: auto, yes, no")
	}
	if parts&partQC != 0 {
		f.StringArrayVar(&pf.qc, "qc", []string{"mt=MT-"}, "gene group for QC, NAME=PREFIX[,PREFIX] (case ignored) or NAME=@FILE; repeatable")
		f.StringVar(&pf.percentTop, "percent-top", "50,100,200,500", "share of counts in the so many highest genes; none for none")
	}
	if parts&partFilter != 0 {
		f.Int64Var(&p.MinGenes, "min-genes", 200, "keep cells with at least so many genes")
		f.Int64Var(&p.MaxGenes, "max-genes", 0, "keep cells with at most so many genes (0: no limit)")
		f.Float64Var(&p.MinCounts, "min-counts", 0, "keep cells with at least so many counts")
		f.Float64Var(&p.MaxCounts, "max-counts", 0, "keep cells with at most so many counts (0: no limit)")
		f.StringArrayVar(&pf.maxPct, "max-pct", nil, "keep cells with at most so many per cent of a gene group, for example mt=20; repeatable")
		f.Int64Var(&p.MinCells, "min-cells", 3, "keep genes seen in at least so many cells")
		f.Int64Var(&p.MaxCells, "max-cells", 0, "keep genes seen in at most so many cells (0: no limit)")
	}
	if parts&partNorm != 0 {
		f.StringVar(&pf.target, "target-sum", "1e4", "counts of each cell after normalisation, or median")
		f.Float64Var(&p.MaxFraction, "max-fraction", 0, "leave genes above this share of any cell out of the totals (exclude_highly_expressed; 0: none)")
		f.Float64Var(&p.LogBase, "log-base", 0, "base of log1p (0: natural)")
	}
	if parts&partHVG != 0 {
		f.StringVar(&p.HVG.Flavor, "hvg-flavor", "seurat", "seurat, cell_ranger, seurat_v3, seurat_v3_paper, pearson_residuals or none")
		f.StringVar(&pf.topGenes, "n-top-genes", "2000", "highly variable genes to keep, or auto for cut-offs on mean and dispersion")
		f.StringVar(&p.BatchKey, "batch-key", "", "column of obs with the batch: genes are chosen in each, then combined")
		f.StringVar(&pf.genes, "genes", "", "file of genes, one a line, instead of highly variable ones")
	}
	if parts&partScale != 0 {
		if parts&partPCA != 0 {
			f.BoolVar(&p.Scale, "scale", false, "scale genes to unit variance before PCA")
		}
		f.Float64Var(&p.MaxValue, "max-value", 0, "clip scaled values (0: not)")
	}
	if parts&partPCA != 0 {
		f.IntVar(&p.NComps, "n-comps", 0, "components of PCA, at most 300 (0: 50, fewer where cells or genes are few)")
	}
	if parts&partOut != 0 {
		f.StringVar(&p.X, "x", "lognorm", "what OUT holds as X: lognorm, counts, scaled, or none (results only)")
	}
	if parts&(partOut|partNorm|partFilter|partScale) != 0 {
		f.StringVar(&p.Compression, "compression", "gzip", "of OUT: none, gzip, zstd, lzf")
		f.IntVar(&p.Level, "level", 0, "of the compression (0: the default)")
	}
}

// pipeline turns the words into the library's parameters.
func (pf *pipelineFlags) pipeline() (gpusc.Pipeline, error) {
	p := &pf.p
	for _, f := range []func() error{pf.parseFile, pf.parseQC, pf.parseNumbers, pf.parseGenes} {
		if err := f(); err != nil {
			return *p, err
		}
	}
	if pf.until != "" {
		p.Until = gpusc.Stage(pf.until)
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
		return nil, errs.At(errs.Data, path, "", "cannot be read").Because(err)
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
		return nil, errs.At(errs.Data, path, "", "cannot be read").Because(err)
	}
	return out, nil
}

// tomlKeys says which flag each argument of a scanpy function is.
var tomlKeys = map[string]map[string]string{
	"calculate_qc_metrics":  {"percent_top": "percent-top", "qc_vars": "qc"},
	"filter_cells":          {"min_genes": "min-genes", "max_genes": "max-genes", "min_counts": "min-counts", "max_counts": "max-counts", "max_pct": "max-pct"},
	"filter_genes":          {"min_cells": "min-cells", "max_cells": "max-cells"},
	"normalize_total":       {"target_sum": "target-sum", "max_fraction": "max-fraction"},
	"log1p":                 {"base": "log-base"},
	"highly_variable_genes": {"flavor": "hvg-flavor", "n_top_genes": "n-top-genes", "batch_key": "batch-key", "layer": "layer"},
	"scale":                 {"max_value": "max-value"},
	"pca":                   {"n_comps": "n-comps"},
}

// parseFile reads a pipeline file. It replaces the flags: a flag given beside it
// is an error, so that one place says what was done.
func (pf *pipelineFlags) parseFile() error {
	if pf.file == "" {
		return nil
	}
	var doc map[string]map[string]any
	if _, err := toml.DecodeFile(pf.file, &doc); err != nil {
		return errs.At(errs.Usage, pf.file, "", "is no pipeline file").Because(err)
	}
	for fn, args := range doc {
		keys, ok := tomlKeys[fn]
		if !ok {
			return errs.At(errs.Usage, pf.file, "["+fn+"]", "there is no such step").Do("did you mean [%s]?", nearest(fn, tomlKeys))
		}
		if fn == "scale" {
			if err := pf.set.Set("scale", "true"); err != nil {
				return err
			}
		}
		for k, v := range args {
			flag, ok := keys[k]
			if !ok {
				return errs.At(errs.Usage, pf.file, fn+"."+k, "there is no such argument").Do("did you mean %s?", nearest(k, keys))
			}
			if pf.set.Changed(flag) && flag != "qc" && flag != "max-pct" {
				return errs.At(errs.Usage, pf.file, fn+"."+k, "is also given as --%s", flag).Do("give it once")
			}
			for _, s := range words(v, flag) {
				if err := pf.set.Set(flag, s); err != nil {
					return errs.At(errs.Usage, pf.file, fn+"."+k, "cannot be %v", v).Because(err)
				}
			}
		}
	}
	return nil
}

// words turns a value of a pipeline file into what the flag would be given.
func words(v any, flag string) []string {
	switch x := v.(type) {
	case string:
		return []string{x}
	case int64:
		return []string{strconv.FormatInt(x, 10)}
	case float64:
		return []string{strconv.FormatFloat(x, 'g', -1, 64)}
	case bool:
		return []string{strconv.FormatBool(x)}
	case []any:
		var all []string
		for _, e := range x {
			all = append(all, words(e, flag)...)
		}
		if flag == "qc" {
			return all
		}
		return []string{strings.Join(all, ",")}
	case map[string]any:
		var all []string
		for k, e := range x {
			all = append(all, k+"="+strings.Join(words(e, ""), ","))
		}
		return all
	}
	return nil
}

func nearest[V any](s string, m map[string]V) string {
	best, dist := "", 1<<30
	for k := range m {
		if d := distance(s, k); d < dist || d == dist && k < best {
			best, dist = k, d
		}
	}
	return best
}
