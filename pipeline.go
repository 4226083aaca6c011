package gpusc

import (
	"math"
	"slices"
	"strings"

	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/pp"
)

// Stage is a place in the pipeline where it can end.
type Stage string

// The stages, in order.
const (
	UntilQC        Stage = "qc"
	UntilFilter    Stage = "filter"
	UntilNormalize Stage = "normalize"
	UntilHVG       Stage = "hvg"
	UntilPCA       Stage = "pca"
	UntilNeighbors Stage = "neighbors"
	UntilUMAP      Stage = "umap"
	UntilLeiden    Stage = "leiden"
)

// lastStage is where Run ends when it is not told.
const lastStage = UntilLeiden

func stages() []Stage {
	return []Stage{UntilQC, UntilFilter, UntilNormalize, UntilHVG, UntilPCA, UntilNeighbors, UntilUMAP, UntilLeiden}
}

func (s Stage) number() int {
	return slices.Index(stages(), s)
}

// GeneGroup names genes whose share of a cell's counts is part of QC, for
// example the mitochondrial ones. Source: qc_vars of calculate_qc_metrics.
type GeneGroup struct {
	Name     string
	Prefixes []string // the group's genes begin so, case ignored
	Genes    []string // or are these
}

// match tells whether a gene belongs to the group.
func (g *GeneGroup) match(set map[string]bool, gene string) bool {
	if set[gene] {
		return true
	}
	low := strings.ToLower(gene)
	for _, p := range g.Prefixes {
		if strings.HasPrefix(low, strings.ToLower(p)) {
			return true
		}
	}
	return false
}

// Pipeline is what Run does and with which parameters. Names and meaning are
// scanpy's. The zero value filters nothing, normalises to the median and keeps
// going to Leiden; DefaultPipeline is the tutorial's.
type Pipeline struct {
	Until Stage // "" is UntilLeiden

	// Input.
	Layer string // name of the layer that holds the counts; "": X or raw/X
	Raw   string // "auto" (or ""), "yes", "no": whether raw/X holds the counts

	// QC: scanpy.pp.calculate_qc_metrics.
	GeneGroups []GeneGroup
	PercentTop []int // nil: 50, 100, 200, 500, as far as there are genes; empty: none

	// Filters: scanpy.pp.filter_cells, filter_genes. Inclusive; 0 is no limit.
	MinGenes, MaxGenes   int64
	MinCounts, MaxCounts float64
	MaxPct               map[string]float64 // by gene group: at most that many per cent
	MinCells, MaxCells   int64
	MinGeneCounts        float64

	// Normalisation: scanpy.pp.normalize_total, log1p.
	TargetSum   float64 // 0: the median of the totals
	MaxFraction float64 // exclude_highly_expressed: genes above it in any cell do not count; 0: all count
	LogBase     float64 // 0: natural

	// Highly variable genes: scanpy.pp.highly_variable_genes.
	HVG      pp.HVGOptions // Flavor "" is seurat, "none" uses all genes
	BatchKey string        // column of obs
	Genes    []string      // these genes instead of a choice

	// Scaling and PCA: scanpy.pp.scale, scanpy.pp.pca.
	Scale    bool
	MaxValue float64 // clip scaled values; 0: not
	NComps   int     // 0: 50, or fewer where cells or genes are few

	// From the principal components: scanpy.pp.neighbors, scanpy.tl.umap,
	// scanpy.tl.leiden.
	Neighbors NeighborsOptions
	UMAP      UMAPOptions
	Leiden    LeidenOptions

	// Output.
	X           string // what OUT holds as X: "lognorm" (or ""), "counts", "scaled", "none"
	Compression string // "gzip" (or ""), "zstd", "lzf", "none"
	Level       int    // of gzip and zstd; 0: the default
}

// DefaultPipeline returns the parameters of scanpy's tutorial: cells of at least
// 200 genes, genes of at least 3 cells, 10,000 counts a cell, 2,000 genes of
// flavour seurat, 50 components, mitochondrial genes as group mt.
func DefaultPipeline() Pipeline {
	p := Pipeline{
		GeneGroups: []GeneGroup{{Name: "mt", Prefixes: []string{"MT-"}}},
		MinGenes:   200, MinCells: 3, TargetSum: 1e4,
	}
	p.HVG.Flavor, p.HVG.NTopGenes = "seurat", 2000
	return p
}

func oneOf(what, v string, ok ...string) error {
	for _, o := range ok {
		if v == o {
			return nil
		}
	}
	return errs.New(errs.Usage, "%s %q is not known", what, v).Do("use one of %s", strings.Join(ok, ", "))
}

// checkLevel refuses a level that the compression does not have.
func checkLevel(compression string, level int) error {
	top := map[string]int{"gzip": 9, "zstd": 22}[compression]
	if level < 0 || level > top { // lzf and none have no levels
		return errs.New(errs.Usage, "--level %d cannot be for %s", level, compression).Do("give 1 to 9 for gzip, 1 to 22 for zstd, or 0")
	}
	return nil
}

// complete fills in the defaults and refuses what cannot be.
func (p *Pipeline) complete() error {
	for _, d := range []struct {
		v   *string
		def string
	}{{&p.X, "lognorm"}, {&p.Compression, "gzip"}, {&p.Raw, "auto"}, {&p.HVG.Flavor, "seurat"}} {
		if *d.v == "" {
			*d.v = d.def
		}
	}
	if p.Until == "" {
		p.Until = lastStage
	}
	for _, err := range []error{
		oneOf("--until", string(p.Until), "qc", "filter", "normalize", "hvg", "pca", "neighbors", "umap", "leiden"),
		oneOf("--x", p.X, "lognorm", "counts", "scaled", "none"),
		oneOf("--compression", p.Compression, "none", "gzip", "zstd", "lzf"),
		oneOf("--raw", p.Raw, "auto", "yes", "no"),
		oneOf("--hvg-flavor", p.HVG.Flavor, "seurat", "cell_ranger", "seurat_v3", "seurat_v3_paper", "pearson_residuals", "none"),
	} {
		if err != nil {
			return err
		}
	}
	for _, f := range []struct {
		name string
		v    float64
	}{
		{"--min-genes", float64(p.MinGenes)},
		{"--max-genes", float64(p.MaxGenes)},
		{"--min-cells", float64(p.MinCells)},
		{"--max-cells", float64(p.MaxCells)},
		{"--min-counts", p.MinCounts},
		{"--max-counts", p.MaxCounts},
		{"--target-sum", p.TargetSum},
		{"--max-value", p.MaxValue},
		{"--n-comps", float64(p.NComps)},
		{"--n-top-genes", float64(p.HVG.NTopGenes)},
		{"--max-fraction", p.MaxFraction},
		{"--log-base", p.LogBase},
	} {
		if !(f.v >= 0) || math.IsInf(f.v, 0) {
			return errs.New(errs.Usage, "%s %v cannot be", f.name, f.v).Do("give a number that is not negative")
		}
	}
	if p.Layer != "" && p.Raw == "yes" {
		return errs.New(errs.Usage, "--layer %s and --raw yes name two matrices", p.Layer).Do("give one of them")
	}
	for _, g := range p.GeneGroups {
		if strings.ContainsAny(g.Name, "/\x00") || g.Name == "." {
			return errs.New(errs.Usage, "gene group %q cannot be the name of a column", g.Name).Do("use a name without /")
		}
	}
	if err := checkLevel(p.Compression, p.Level); err != nil {
		return err
	}
	if p.LogBase == 1 {
		return errs.New(errs.Usage, "--log-base 1 cannot be").Do("give a base above 1")
	}
	if p.NComps > 300 {
		return errs.New(errs.Usage, "--n-comps %d is above 300, the most that are computed", p.NComps)
	}
	return p.completeGraph()
}

// cellFilter is the filter of cells in the form of package pp.
func (p *Pipeline) cellFilter() pp.CellFilter {
	return pp.CellFilter{
		MinGenes: above0[int](p.MinGenes), MaxGenes: above0[int](p.MaxGenes),
		MinCounts: above0[float64](p.MinCounts), MaxCounts: above0[float64](p.MaxCounts), MaxPct: p.MaxPct,
	}
}

// geneFilter is the filter of genes in the form of package pp.
func (p *Pipeline) geneFilter() pp.GeneFilter {
	return pp.GeneFilter{
		MinCells: above0[int](p.MinCells), MaxCells: above0[int](p.MaxCells), MinCounts: above0[float64](p.MinGeneCounts),
	}
}

// above0 is a bound, nil where it is 0.
func above0[T, V int | int64 | float64](v V) *T {
	if v == 0 {
		return nil
	}
	t := T(v)
	return &t
}
