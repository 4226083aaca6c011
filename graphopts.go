package gpusc

import (
	"math"
	"slices"
	"strings"

	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/neighbors"
)

// NeighborsOptions say how the graph of neighbours is made. The zero value is
// scanpy.pp.neighbors on X_pca.
type NeighborsOptions struct {
	K       int     // neighbours of each cell, itself counted; 0: 15, or fewer where cells are few
	Metric  string  // "euclidean" (or ""), "cosine", "correlation", "inner_product"
	Method  string  // "auto" (or ""): exact up to 50,000 cells; "exact"; "approx"
	Recall  float64 // part of the true neighbours that an approximate search is to find; 0: 0.95
	UseRep  string  // element of obsm; "": X_pca. Run takes X_pca only
	NPCs    int     // the first columns of it; 0: all
	Weights string  // "umap" (or ""), "gauss", "jaccard"
}

// UMAPOptions say how cells are laid out. The zero value is scanpy.tl.umap.
type UMAPOptions struct {
	MinDist            *float64 // nil: 0.5
	Spread             float64  // 0: 1
	Epochs             int      // 0: 500 up to 10,000 cells, else 200
	Init               string   // "spectral", "pca", "random"; "": spectral up to 500,000 cells, else pca
	NegativeSampleRate int      // 0: 5
	Components         int      // 2 or 3; 0: 2
}

// LeidenOptions say how cells are clustered. The zero value is scanpy.tl.leiden with
// flavor="igraph", n_iterations=2.
type LeidenOptions struct {
	// Resolution: nil is 1. Several give a column each, KeyAdded_res_0.50 and so on.
	Resolution []float64
	Iterations int // 0: 2; -1: until nothing changes
	// RestrictTo clusters the cells of some groups of an earlier clustering again; of
	// a file, not of Run. nil: all cells.
	RestrictTo *RestrictTo
	KeyAdded   string // column of obs; "": leiden, with RestrictTo leiden_R
}

// RestrictTo names groups of a column of obs.
type RestrictTo struct {
	Key    string
	Groups []string
}

// inRange refuses numbers that cannot be.
func inRange(flag string, v, lo, hi float64) error {
	if v >= lo && v <= hi {
		return nil
	}
	if math.IsInf(hi, 1) {
		return errs.New(errs.Usage, "%s %v cannot be", flag, v).Do("give %v or more", lo)
	}
	return errs.New(errs.Usage, "%s %v cannot be", flag, v).Do("give %v to %v", lo, hi)
}

// completeGraph fills in defaults of the graph steps and refuses what cannot be.
func (p *Pipeline) completeGraph() error {
	n, u, l := &p.Neighbors, &p.UMAP, &p.Leiden
	for _, d := range []struct {
		v   *string
		def string
	}{{&n.Metric, "euclidean"}, {&n.Method, "auto"}, {&n.Weights, "umap"}, {&n.UseRep, "X_pca"}} {
		if *d.v == "" {
			*d.v = d.def
		}
	}
	if l.Resolution == nil {
		l.Resolution = []float64{1}
	}
	if u.Spread == 0 {
		u.Spread = 1
	}
	if u.MinDist == nil {
		u.MinDist = new(0.5)
	}
	inf := math.Inf(1)
	for _, err := range []error{
		oneOf("--metric", n.Metric, "euclidean", "cosine", "correlation", "inner_product"),
		oneOf("--knn", n.Method, "auto", "exact", "approx"),
		oneOf("--weights", n.Weights, "umap", "gauss", "jaccard"),
		inRange("--n-neighbors", float64(n.K), 0, 10_000),
		inRange("--recall", n.Recall, 0, 1),
		inRange("--n-pcs", float64(n.NPCs), 0, inf),
		inRange("--spread", u.Spread, 0.001, 1000),
		inRange("--min-dist", *u.MinDist, 0, u.Spread),
		inRange("--n-epochs", float64(u.Epochs), 0, 100_000),
		inRange("--negative-sample-rate", float64(u.NegativeSampleRate), 0, 100),
		inRange("--n-iterations", float64(l.Iterations), -1, inf),
	} {
		if err != nil {
			return err
		}
	}
	if n.K == 1 {
		return errs.New(errs.Usage, "--n-neighbors 1 leaves none: the cell itself counts").Do("give 2 or more")
	}
	if u.Init != "" {
		if err := oneOf("--init", u.Init, "spectral", "pca", "random"); err != nil {
			return err
		}
	}
	if c := u.Components; c != 0 && c != 2 && c != 3 {
		return errs.New(errs.Usage, "--components %d cannot be", c).Do("give 2 or 3")
	}
	return p.completeLeiden()
}

func (p *Pipeline) completeLeiden() error {
	l := &p.Leiden
	for i, r := range l.Resolution {
		if !(r > 0) || math.IsInf(r, 0) {
			return errs.New(errs.Usage, "--resolution %v cannot be", r).Do("give numbers above 0; 1 is usual")
		}
		if slices.Contains(l.Resolution[:i], r) {
			return errs.New(errs.Usage, "--resolution %v is given twice", r).Do("give it once")
		}
	}
	if len(l.Resolution) == 0 {
		return errs.New(errs.Usage, "--resolution names no number").Do("give one above 0; 1 is usual")
	}
	r := l.RestrictTo
	if l.KeyAdded == "" {
		l.KeyAdded = "leiden"
		if r != nil {
			l.KeyAdded = r.Key + "_R"
		}
	}
	if strings.ContainsAny(l.KeyAdded, "/\x00") || l.KeyAdded == "." || l.KeyAdded == "_index" {
		return errs.New(errs.Usage, "--key-added %q cannot be the name of a column", l.KeyAdded).Do("use a name without /")
	}
	if r == nil {
		return nil
	}
	if r.Key == "" || len(r.Groups) == 0 {
		return errs.New(errs.Usage, "--restrict-to names no groups").Do("write it as leiden,3")
	}
	if len(l.Resolution) > 1 {
		return errs.New(errs.Usage, "--restrict-to takes one --resolution, and %d are given", len(l.Resolution))
	}
	return nil
}

// neighborsOf are the options of a search among n cells.
func (e *Engine) neighborsOf(p *Pipeline, n int) (neighbors.Options, error) {
	o := &p.Neighbors
	if o.K > n {
		return neighbors.Options{}, errs.New(errs.Data, "--n-neighbors %d, of %d cells", o.K, n).Do("give at most %d", n)
	}
	return neighbors.Options{
		K: o.K, Metric: o.Metric, Method: o.Method, Recall: o.Recall,
		Threads: e.o.Threads, Seed: e.o.Seed, Ledger: e.ledger,
	}, nil
}
