package pp

import (
	"fmt"
	"math"

	"github.com/gpusc/gpusc/internal/errs"
)

// The flavours of highly variable genes.
const (
	FlavorSeurat       = "seurat"            // Satija 2015: dispersions in bins of equal width
	FlavorCellRanger   = "cell_ranger"       // Zheng 2017: dispersions in bins of percentiles
	FlavorSeuratV3     = "seurat_v3"         // Stuart 2019, batches merged by median rank first
	FlavorSeuratPaper  = "seurat_v3_paper"   // Stuart 2019, batches merged by their number first
	FlavorPearson      = "pearson_residuals" // Lause 2021
	defaultV3TopGenes  = 2000
	defaultSpan        = 0.3
	defaultBins        = 20
	defaultTheta       = 100.0
	defaultMinMean     = 0.0125
	defaultMaxMean     = 3.0
	defaultMinDisp     = 0.5
	fewestCellsForVars = 2
	mostBins           = 1 << 20
)

// Moments describe the genes of one batch of cells, of whichever values the
// flavour wants:
//
//	seurat                                counts over size factor (before the logarithm)
//	cell_ranger                           the same, after log1p
//	seurat_v3, its paper, pearson         raw counts
type Moments struct {
	N     int64     // cells
	Mean  []float64 // per gene
	Var   []float64 // per gene, ddof 1; not read where N < 2
	Cells []int64   // per gene, cells with a value > 0; nil: told from Mean > 0
}

// HVGOptions choose highly variable genes. The zero value is scanpy's default:
// flavour seurat with cut-offs.
type HVGOptions struct {
	Flavor string // "": seurat
	// NTopGenes is how many genes to keep. 0: the cut-offs below decide
	// (seurat, cell_ranger) or 2000 (seurat_v3); pearson_residuals needs it.
	NTopGenes int
	// The cut-offs, all strict: 0.0125 < mean < 3 and 0.5 < dispersion < +Inf.
	// A field that is 0 takes its default, unless ExactCutoffs is set: then all
	// four are meant as they stand.
	MinMean, MaxMean float64
	MinDisp, MaxDisp float64
	ExactCutoffs     bool
	Span             float64 // of the loess of seurat_v3; 0: 0.3
	NBins            int     // of seurat; 0: 20
	Theta            float64 // overdispersion of pearson_residuals; 0: 100, +Inf: Poisson
	Clip             float64 // of pearson_residuals; 0: sqrt(cells), see PearsonClip
	// Batched says that a batch key was given even if it names one batch: genes
	// without counts are left out of each batch and the columns on batches are
	// written. More than one batch implies it.
	Batched bool
	// SkipUnexpressed leaves genes without counts out of the bins of seurat and
	// cell_ranger (filter_unexpressed_genes); implied by Batched.
	SkipUnexpressed bool
	// Batches are the names of the batches, optional, for words to people.
	Batches []string
	// Names of the genes, optional. scanpy orders ties between merged batches
	// (seurat, cell_ranger) by name; without names ours is the order of genes.
	Names []string
}

// HVGResult holds one entry per gene in each slice; a slice that the flavour
// does not know is nil.
type HVGResult struct {
	Flavor         string
	HighlyVariable []bool
	Means          []float64
	// seurat, cell_ranger
	Dispersions     []float64
	DispersionsNorm []float32
	// with batches
	NBatches     []int32 // in how many batches the gene was chosen
	Intersection []bool  // in all of them; nil for seurat_v3
	// seurat_v3, pearson_residuals
	Rank              []float64 // median over the batches that chose it, from 0; NaN: none
	Variances         []float64
	VariancesNorm     []float64 // seurat_v3
	ResidualVariances []float64 // pearson_residuals
	// Warnings are for the user, one line each.
	Warnings []string
}

// Params returns what scanpy writes to uns['hvg'].
func (r *HVGResult) Params() map[string]string {
	p := map[string]string{"flavor": r.Flavor}
	if r.Flavor == FlavorPearson {
		p["computed_on"] = "adata.X"
	}
	return p
}

// Columns returns the columns of var in scanpy's order and types.
func (r *HVGResult) Columns() []Column {
	var out []Column
	add := func(name string, data any) { out = append(out, Column{name, data}) }
	batches := func() {
		if r.NBatches != nil {
			add("highly_variable_nbatches", int64s(r.NBatches))
		}
		if r.Intersection != nil {
			add("highly_variable_intersection", r.Intersection)
		}
	}
	switch {
	case r.ResidualVariances != nil:
		add("means", r.Means)
		add("variances", r.Variances)
		add("residual_variances", r.ResidualVariances)
		add("highly_variable_rank", float32s(r.Rank))
		batches()
		add("highly_variable", r.HighlyVariable)
	case r.VariancesNorm != nil:
		add("highly_variable", r.HighlyVariable)
		add("highly_variable_rank", float32s(r.Rank))
		add("means", r.Means)
		add("variances", r.Variances)
		add("variances_norm", r.VariancesNorm)
		batches()
	default:
		add("highly_variable", r.HighlyVariable)
		add("means", r.Means)
		add("dispersions", r.Dispersions)
		add("dispersions_norm", r.DispersionsNorm)
		batches()
	}
	return out
}

// Check tells what is wrong with the options before any data is read.
// Errors: errs.Usage.
func (o HVGOptions) Check() error {
	switch o.Flavor {
	case "", FlavorSeurat, FlavorCellRanger, FlavorSeuratV3, FlavorSeuratPaper:
	case FlavorPearson:
		if o.NTopGenes == 0 {
			return errs.New(errs.Usage, "highly variable genes: flavour pearson_residuals has no cut-offs").Do("give n_top_genes")
		}
	default:
		return errs.New(errs.Usage, "highly variable genes: there is no flavour %q", o.Flavor).
			Do("use seurat, cell_ranger, seurat_v3, seurat_v3_paper or pearson_residuals")
	}
	_, err := o.withDefaults()
	return err
}

// withDefaults fills in scanpy's defaults and refuses what cannot be.
func (o HVGOptions) withDefaults() (HVGOptions, error) {
	def := func(v *float64, d float64) {
		if *v == 0 {
			*v = d
		}
	}
	if !o.ExactCutoffs {
		def(&o.MinMean, defaultMinMean)
		def(&o.MaxMean, defaultMaxMean)
		def(&o.MinDisp, defaultMinDisp)
		def(&o.MaxDisp, math.Inf(1))
	}
	def(&o.Span, defaultSpan)
	def(&o.Theta, defaultTheta)
	if o.NBins == 0 {
		o.NBins = defaultBins
	}
	switch {
	case o.NTopGenes < 0:
		return o, errs.New(errs.Usage, "highly variable genes: n_top_genes is %d", o.NTopGenes).Do("use 0 or more")
	case o.NBins < 0 || o.NBins > mostBins:
		return o, errs.New(errs.Usage, "highly variable genes: n_bins is %d", o.NBins).Do("use 1 to %d", mostBins)
	case math.IsNaN(o.MinMean) || math.IsNaN(o.MaxMean) || math.IsNaN(o.MinDisp) || math.IsNaN(o.MaxDisp):
		return o, errs.New(errs.Usage, "highly variable genes: a cut-off is not a number")
	case !(o.Span > 0) || math.IsInf(o.Span, 1):
		return o, errs.New(errs.Usage, "highly variable genes: span is %g", o.Span).Do("use a number above 0, at most 1 as a rule")
	case !(o.Theta > 0):
		return o, errs.New(errs.Usage, "highly variable genes: theta is %g", o.Theta).Do("use a number above 0")
	case !(o.Clip >= 0):
		return o, errs.New(errs.Usage, "highly variable genes: clip is %g", o.Clip).Do("use a number of 0 or more")
	}
	return o, nil
}

// checkBatches holds that all batches tell of the same genes.
func checkBatches(batches []Moments, o HVGOptions) (genes int, err error) {
	if len(batches) == 0 {
		return 0, errs.New(errs.Data, "highly variable genes: no cells")
	}
	genes = len(batches[0].Mean)
	for i, b := range batches {
		if b.N <= 0 {
			return 0, errs.New(errs.Data, "highly variable genes: batch %d holds no cells", i).Do("drop its category")
		}
		if len(b.Mean) != genes || len(b.Var) != genes || b.Cells != nil && len(b.Cells) != genes {
			return 0, errs.New(errs.Usage, "highly variable genes: batch %d has %d means, %d variances, %d cell counts, want %d",
				i, len(b.Mean), len(b.Var), len(b.Cells), genes)
		}
		for g, m := range b.Mean {
			if math.IsNaN(m) || math.IsInf(m, 0) {
				return 0, errs.New(errs.Data, "highly variable genes: the mean of gene %d in batch %d is %g", g, i, m).
					Do("remove values that are not finite")
			}
		}
	}
	if o.Names != nil && len(o.Names) != genes {
		return 0, errs.New(errs.Usage, "highly variable genes: %d names for %d genes", len(o.Names), genes)
	}
	return genes, nil
}

// expressed tells whether any cell of the batch holds the gene.
func (m *Moments) expressed(g int) bool {
	if m.Cells != nil {
		return m.Cells[g] > 0
	}
	return m.Mean[g] > 0
}

// variance is the gene's variance, 0 of a single cell as in scanpy.
func (m *Moments) variance(g int) float64 {
	if m.N < fewestCellsForVars {
		return 0
	}
	return m.Var[g]
}

// batchName names a batch in words to people.
func (o *HVGOptions) batchName(i int) string {
	if i < len(o.Batches) {
		return fmt.Sprintf("batch %q", o.Batches[i])
	}
	return fmt.Sprintf("batch %d", i)
}
