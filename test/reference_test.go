package test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gpusc/gpusc"
	"github.com/gpusc/gpusc/anndata"
	"github.com/gpusc/gpusc/internal/testdata"
)

// summary is what the reference says of its parameters.
type summary struct {
	File     string
	MinGenes int64  `json:"min_genes"`
	MinCells int64  `json:"min_cells"`
	BatchKey string `json:"batch_key"`
	NObs     int64  `json:"n_obs"`
	NVars    int64  `json:"n_vars"`
	HVG      map[string]struct {
		Flavor    string
		NTopGenes int    `json:"n_top_genes"`
		BatchKey  string `json:"batch_key"`
		N         int
	}
	Median float64 `json:"median_target_sum"`
}

var references = []string{"pbmc3k", "brain10k"}

func readSummary(t testing.TB, name string) (s summary) {
	t.Helper()
	raw, err := os.ReadFile(testdata.Path(t, "reference/scanpy/"+name+"/summary.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// pipeline is the pipeline with the filters of the reference, results only.
func (s *summary) pipeline(until gpusc.Stage) gpusc.Pipeline {
	return gpusc.Pipeline{Until: until, MinGenes: s.MinGenes, MinCells: s.MinCells, TargetSum: 1e4, X: "none", GeneGroups: []gpusc.GeneGroup{
		{Name: "mt", Prefixes: []string{"mt-"}},
		{Name: "rp", Prefixes: []string{"rps", "rpl"}},
	}}
}

// engine opens an engine and closes it at the end of the test, which fails when
// memory was not given back.
func engine(t testing.TB, o gpusc.Options) *gpusc.Engine {
	t.Helper()
	if o.Memory == 0 {
		o.Memory = 2 << 30
	}
	o.Tmp = t.TempDir()
	e, err := gpusc.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if left, _ := os.ReadDir(o.Tmp); len(left) > 0 {
			t.Errorf("scratch files are left: %v", left)
		}
	})
	return e
}

// run runs the pipeline on a file of counts/ and opens the output.
func run(t testing.TB, counts string, p gpusc.Pipeline) *anndata.File {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.h5ad")
	if _, err := engine(t, gpusc.Options{}).Run(t.Context(), testdata.Path(t, "counts/"+counts), out, p); err != nil {
		t.Fatal(err)
	}
	return openOut(t, out)
}

func obsOf(t testing.TB, f *anndata.File) *anndata.Frame {
	t.Helper()
	o, err := f.Obs()
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func varOf(t testing.TB, f *anndata.File) *anndata.Frame {
	t.Helper()
	v, err := f.Var()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// sameFrame compares every column of a table with the frame's.
func sameFrame(t *testing.T, f *anndata.Frame, want *table, tol func(name string) (rtol, floor float64)) {
	t.Helper()
	if want.names[0] != "" && !slices.Equal(f.Index, want.names) {
		t.Fatalf("%d names that begin %q, want %d, %q", len(f.Index), f.Index[:1], len(want.names), want.names[:1])
	}
	for _, h := range want.heads {
		rtol, floor := tol(h)
		near(t, h, column(t, f, h), want.cols[h], rtol, floor)
	}
}

// exact are the columns of QC that are counts.
var exact = []string{"n_genes_by_counts", "total_counts", "total_counts_mt", "total_counts_rp", "n_cells_by_counts"}

func TestScanpyQC(t *testing.T) {
	for _, name := range references {
		t.Run(name, func(t *testing.T) {
			s := readSummary(t, name)
			out := run(t, s.File, s.pipeline(gpusc.UntilQC))
			tol := func(col string) (float64, float64) {
				if slices.Contains(exact, col) {
					return 0, 0
				}
				return 1e-6, 0
			}
			sameFrame(t, obsOf(t, out), readTable(t, "scanpy/"+name+"/qc_obs.csv.gz"), tol)
			sameFrame(t, varOf(t, out), readTable(t, "scanpy/"+name+"/qc_var.csv.gz"), tol)
		})
	}
}

// TestScanpyHVG: every flavour, with and without batches and cut-offs.
//
// The genes of seurat_v3 are scanpy's but for ties: 8,016 of the 13,714 genes of
// pbmc3k share their normalised variance with another, and which of them scanpy
// takes is an accident of its sort. With batches scanpy also takes its moments by
// a running update (Welford), whose rounding parts genes of equal mean and moves
// the vertices of the loess: its variances_norm are off by up to 0.14%, and of
// the genes chosen a few differ. Those of ours are nearer to Seurat's.
func TestScanpyHVG(t *testing.T) {
	for _, name := range references {
		s := readSummary(t, name)
		for key, h := range s.HVG {
			t.Run(name+"/"+key, func(t *testing.T) {
				p := s.pipeline(gpusc.UntilHVG)
				p.HVG.Flavor, p.HVG.NTopGenes, p.BatchKey = h.Flavor, h.NTopGenes, h.BatchKey
				out := run(t, s.File, p)
				want := readTable(t, "scanpy/"+name+"/hvg_"+key+".csv.gz")
				if out.NObs() != s.NObs || out.NVars() != s.NVars {
					t.Errorf("%d x %d, want %d x %d", out.NObs(), out.NVars(), s.NObs, s.NVars)
				}
				if h.Flavor == "seurat" || h.Flavor == "cell_ranger" {
					sameFrame(t, varOf(t, out), want, dispersionTol)
					return
				}
				sameV3(t, varOf(t, out), want, h.BatchKey != "")
			})
		}
	}
}

// dispersionTol are the tolerances of the flavours on dispersions.
func dispersionTol(col string) (rtol, floor float64) {
	switch col {
	case "means", "dispersions":
		return 1e-6, 0
	case "dispersions_norm": // float32 of a difference
		return 1e-6, 0.1
	}
	return 0, 0
}

func sameV3(t *testing.T, v *anndata.Frame, want *table, batched bool) {
	t.Helper()
	near(t, "means", column(t, v, "means"), want.cols["means"], 1e-6, 0)
	near(t, "variances", column(t, v, "variances"), want.cols["variances"], 1e-6, 0)
	rtol, least := 1e-6, 1.0
	if batched {
		rtol, least = 2e-3, 1985./2000
	}
	near(t, "variances_norm", column(t, v, "variances_norm"), want.cols["variances_norm"], rtol, 0)
	sameChoice(t, column(t, v, "highly_variable"), want.cols["highly_variable"], least)
}

// sameChoice fails unless at least that share of the genes wanted is chosen.
func sameChoice(t *testing.T, got, want []float64, share float64) {
	t.Helper()
	both, n := 0, 0
	for i, w := range want {
		if w == 1 {
			n++
			if got[i] == 1 {
				both++
			}
		}
	}
	t.Logf("%d of %d genes are the same", both, n)
	if float64(both) < share*float64(n) {
		t.Errorf("%d of %d genes are the same, want %.4f of them", both, n, share)
	}
}

func TestScanpyMedian(t *testing.T) {
	for _, name := range references {
		s := readSummary(t, name)
		p := s.pipeline(gpusc.UntilNormalize)
		p.TargetSum = 0
		out := run(t, s.File, p)
		near(t, name+" target", floats(t, out, "uns/gpusc/run/target_sum"), []float64{s.Median}, 0, 0)
	}
}
