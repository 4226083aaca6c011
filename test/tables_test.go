package test

import (
	"testing"

	"github.com/gpusc/gpusc"
)

// TestSeuratTables compares with tables that Seurat and Cell Ranger made.
func TestSeuratTables(t *testing.T) {
	const pbmc3k, pbmc68k = "pbmc3k_counts_2700x13714.h5ad", "pbmc68k_reduced_hvgref_input_700x765.h5ad"
	t.Run("vst", func(t *testing.T) {
		want := readTable(t, "seurat_hvg_v3.csv.gz")
		p := gpusc.Pipeline{Until: gpusc.UntilHVG, X: "none"}
		p.HVG.Flavor, p.HVG.NTopGenes = "seurat_v3", 2000
		v := varOf(t, run(t, pbmc3k, p))
		near(t, "mean", column(t, v, "means"), want.cols["mean"], 1e-9, 0)
		near(t, "variance", column(t, v, "variances"), want.cols["variance"], 1e-9, 0)
		near(t, "variance.standardized", column(t, v, "variances_norm"), want.cols["variance.standardized"], 1e-9, 0)
	})
	t.Run("vst batches", func(t *testing.T) {
		p := gpusc.Pipeline{Until: gpusc.UntilHVG, X: "none", BatchKey: "dummy_tech"}
		p.HVG.Flavor, p.HVG.NTopGenes = "seurat_v3_paper", 2000
		v := varOf(t, run(t, pbmc3k, p))
		chosen := map[string]bool{}
		for i, on := range column(t, v, "highly_variable") {
			chosen[v.Index[i]] = on == 1
		}
		want, both := readLines(t, "seurat_hvg_v3_batch.csv"), 0
		for _, g := range want {
			if chosen[g] {
				both++
			}
		}
		t.Logf("%d of Seurat's %d genes", both, len(want))
		if float64(both) < 0.95*float64(len(want)) {
			t.Errorf("%d of Seurat's %d genes, want 95%%", both, len(want))
		}
	})
	for name, top := range map[string]int{"seurat": 0, "cell_ranger": 100} {
		t.Run(name, func(t *testing.T) {
			p := gpusc.Pipeline{Until: gpusc.UntilHVG, X: "none", TargetSum: 1e4, Raw: "no"}
			p.HVG.Flavor, p.HVG.NTopGenes = name, top
			v := varOf(t, run(t, pbmc68k, p))
			want := readTable(t, name+"_hvg.csv")
			near(t, "means", column(t, v, "means"), want.cols["means"], 1e-6, 0)
			near(t, "dispersions", column(t, v, "dispersions"), want.cols["dispersions"], 1e-6, 0)
			near(t, "dispersions_norm", column(t, v, "dispersions_norm"), want.cols["dispersions_norm"], 1e-6, 1)
			near(t, "highly_variable", column(t, v, "highly_variable"), want.cols["highly_variable"], 0, 0)
		})
	}
}
