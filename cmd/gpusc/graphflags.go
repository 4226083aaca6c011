package main

import (
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/gpusc/gpusc"
	"github.com/gpusc/gpusc/internal/errs"
)

// graphWords are parameters of the graph steps as words.
type graphWords struct {
	minDist    float64
	resolution []string
	restrictTo string
}

func (pf *pipelineFlags) addNeighbors(f *pflag.FlagSet) {
	o := &pf.p.Neighbors
	f.IntVar(&o.K, "n-neighbors", 15, "`N`: neighbours of each cell, itself counted")
	f.StringVar(&o.Metric, "metric", "euclidean", "`METRIC`: euclidean, cosine, correlation or inner_product")
	f.StringVar(&o.Method, "knn", "auto", "`HOW`: exact, approx or auto: exact up to 50,000 cells")
	f.Float64Var(&o.Recall, "recall", 0.95, "`R`: part of the true neighbours that an approximate search is to find")
	f.StringVar(&o.Weights, "weights", "umap", "`HOW`: weights of the connectivities: umap, gauss or jaccard")
}

// addRep are flags of the command neighbors that run has no use for: it takes X_pca.
func (pf *pipelineFlags) addRep(f *pflag.FlagSet) {
	f.StringVar(&pf.p.Neighbors.UseRep, "use-rep", "X_pca", "`NAME`: the element of obsm to find neighbours in")
	f.IntVar(&pf.p.Neighbors.NPCs, "n-pcs", 0, "`N`: use its first N columns (0: all)")
}

func (pf *pipelineFlags) addUMAP(f *pflag.FlagSet) {
	o := &pf.p.UMAP
	f.Float64Var(&pf.minDist, "min-dist", 0.5, "`D`: how close cells may lie")
	f.Float64Var(&o.Spread, "spread", 1, "`S`: scale of distances that --min-dist is measured on")
	f.IntVar(&o.Epochs, "n-epochs", 0, "`N`: rounds of moves (0: 500 up to 10,000 cells, else 200)")
	f.StringVar(&o.Init, "init", "", "`START`: spectral, pca or random (default spectral up to 500,000 cells, else pca)")
	f.IntVar(&o.NegativeSampleRate, "negative-sample-rate", 5, "`N`: random cells that repel a cell for each pull")
	f.IntVar(&o.Components, "components", 2, "`N`: dimensions of the layout, 2 or 3")
}

func (pf *pipelineFlags) addLeiden(f *pflag.FlagSet) {
	o := &pf.p.Leiden
	f.StringSliceVar(&pf.resolution, "resolution", []string{"1"}, "`R`: more gives more clusters; several, as 0.5,1, give columns leiden_res_0.50, leiden_res_1.00")
	f.IntVar(&o.Iterations, "n-iterations", 2, "`N`: iterations; -1: until nothing changes")
	f.StringVar(&o.KeyAdded, "key-added", "", "`COLUMN`: column of obs for the clusters (default leiden)")
}

func (pf *pipelineFlags) addRestrict(f *pflag.FlagSet) {
	f.StringVar(&pf.restrictTo, "restrict-to", "", "`COLUMN,GROUP[,GROUP]`: cluster the cells of these groups again, the others stay; writes COLUMN_R")
}

// parseGraph turns the words of the graph steps into the library's parameters.
func (pf *pipelineFlags) parseGraph() error {
	p := &pf.p
	if f := pf.set.Lookup("n-neighbors"); f != nil {
		if p.Neighbors.K < 2 {
			return errs.New(errs.Usage, "--n-neighbors %d leaves none: the cell itself counts", p.Neighbors.K).Do("give 2 or more")
		}
		if !f.Changed {
			p.Neighbors.K = 0 // 15, or as many as few cells allow; a number that is asked for must be possible
		}
		if !(p.Neighbors.Recall > 0) {
			return errs.New(errs.Usage, "--recall %v cannot be", p.Neighbors.Recall).Do("give more than 0, up to 1")
		}
	}
	if pf.set.Lookup("min-dist") != nil {
		p.UMAP.MinDist = &pf.minDist
	}
	if pf.set.Lookup("resolution") == nil {
		return nil
	}
	p.Leiden.Resolution = []float64{}
	for _, s := range pf.resolution {
		r, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if err != nil {
			return errs.New(errs.Usage, "--resolution %q is no number", s).Do("write it as 1 or 0.5,1,2")
		}
		p.Leiden.Resolution = append(p.Leiden.Resolution, r)
	}
	if p.Leiden.Iterations == 0 {
		return errs.New(errs.Usage, "--n-iterations 0 does nothing").Do("give 1 or more, or -1 for as many as it takes")
	}
	if pf.restrictTo == "" {
		return nil
	}
	key, groups, ok := strings.Cut(pf.restrictTo, ",")
	if !ok || key == "" || groups == "" {
		return errs.New(errs.Usage, "--restrict-to %q names no groups", pf.restrictTo).Do("write it as leiden,3")
	}
	p.Leiden.RestrictTo = &gpusc.RestrictTo{Key: key, Groups: strings.Split(groups, ",")}
	return nil
}
