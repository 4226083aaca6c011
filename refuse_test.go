package gpusc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gpusc/gpusc"
	"github.com/gpusc/gpusc/anndata"
	"github.com/gpusc/gpusc/chunk"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func engine(t *testing.T) *gpusc.Engine {
	t.Helper()
	e, err := gpusc.Open(context.Background(), gpusc.Options{Memory: 256 << 20, Threads: 2})
	check(t, err)
	t.Cleanup(func() { check(t, e.Close()) })
	return e
}

func names(prefix string, n int) []string {
	s := make([]string, n)
	for i := range s {
		s[i] = fmt.Sprint(prefix, i)
	}
	return s
}

// matrix writes counts; with logs they are spoilt so that they look like logarithms.
func matrix(t *testing.T, w *anndata.Writer, path string, rows, cols int, logs bool) {
	t.Helper()
	c := &chunk.Chunk{Rows: rows, Cols: cols, Indptr: []int64{0}}
	var f []float32
	for r := range rows {
		for g := range cols {
			if v := (r*r+3*g+r*g*g)%11 - 4; v > 0 {
				c.Indices, c.Counts = append(c.Indices, uint32(g)), append(c.Counts, uint32(v))
				f = append(f, float32(v)/3+0.1)
			}
		}
		c.Indptr = append(c.Indptr, int64(len(c.Indices)))
	}
	if !logs {
		f = nil
	}
	s, err := w.CSR(path, int64(cols), "float32", c.NNZ())
	check(t, err)
	check(t, s.Put(c, f))
	check(t, s.Close())
}

// rawFile holds logarithms of 20 genes in X and counts of 30 in raw/X.
func rawFile(t *testing.T, path string, change func(obs, vars *anndata.Frame)) {
	t.Helper()
	w, err := anndata.Create(path, anndata.WriterOptions{})
	check(t, err)
	obs, vars := anndata.NewFrame(names("c", 40)), anndata.NewFrame(names("g", 20))
	if change != nil {
		change(obs, vars)
	}
	check(t, w.SetObs(obs))
	check(t, w.SetVar(vars))
	matrix(t, w, "X", 40, 20, true)
	check(t, w.SetFrame("raw/var", anndata.NewFrame(names("g", 30))))
	matrix(t, w, "raw/X", 40, 30, false)
	check(t, w.Commit())
}

// TestRawOfOtherGenes: results on raw/X are never put beside an X of other genes.
func TestRawOfOtherGenes(t *testing.T) {
	ctx, e, dir := context.Background(), engine(t), t.TempDir()
	in, out := filepath.Join(dir, "in.h5ad"), filepath.Join(dir, "out.h5ad")
	rawFile(t, in, nil)
	before, err := os.ReadFile(in)
	check(t, err)
	p := gpusc.DefaultPipeline()
	p.Raw, p.NComps = "yes", 3
	for name, f := range map[string]func(context.Context, string, string, gpusc.Pipeline) (*gpusc.Report, error){"qc": e.QC, "pca": e.PCA} {
		if _, err := f(ctx, in, "", p); !errors.Is(err, gpusc.ErrData) {
			t.Errorf("%s in place: %v", name, err)
		}
	}
	if after, err := os.ReadFile(in); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the input was changed (%v)", err)
	}
	_, err = e.QC(ctx, in, out, p)
	check(t, err)
	f, err := anndata.Open(ctx, out, anndata.Options{})
	check(t, err)
	defer f.Close()
	if m, err := f.Matrix("X"); err != nil || m.Cols != 30 || f.NVars() != 30 {
		t.Errorf("X of the output has %v genes, var %d (%v)", m, f.NVars(), err)
	}
}

// TestCellsWithoutBatch: scanpy's seurat leaves them out, its other flavours fail.
func TestCellsWithoutBatch(t *testing.T) {
	ctx, e, dir := context.Background(), engine(t), t.TempDir()
	in := filepath.Join(dir, "in.h5ad")
	rawFile(t, in, func(obs, _ *anndata.Frame) {
		codes := make([]int32, 40)
		for i := range codes {
			codes[i] = int32(i%3) - 1
		}
		obs.Set("b", &anndata.Categorical{Codes: codes, Categories: []string{"p", "q"}})
	})
	p := gpusc.DefaultPipeline()
	p.BatchKey, p.HVG.NTopGenes = "b", 5
	r, err := e.HVG(ctx, in, filepath.Join(dir, "out.h5ad"), p)
	check(t, err)
	if !strings.Contains(strings.Join(r.Warnings, "\n"), "14 cells have no batch") {
		t.Errorf("warnings %q", r.Warnings)
	}
	p.HVG.Flavor = "seurat_v3"
	if _, err := e.HVG(ctx, in, filepath.Join(dir, "v3.h5ad"), p); !errors.Is(err, gpusc.ErrData) {
		t.Errorf("seurat_v3: %v", err)
	}
}

// TestMarkOfGenes: a highly_variable that is no yes or no is not passed over.
func TestMarkOfGenes(t *testing.T) {
	ctx, e, dir := context.Background(), engine(t), t.TempDir()
	in := filepath.Join(dir, "in.h5ad")
	p := gpusc.DefaultPipeline()
	p.NComps = 3
	for i, c := range []struct {
		data any
		ok   bool
	}{
		{&anndata.NullableBool{Values: make([]bool, 20), Mask: make([]bool, 20)}, true},
		{make([]string, 20), false},
	} {
		if b, ok := c.data.(*anndata.NullableBool); ok {
			for g := range 10 {
				b.Values[g] = true
			}
		}
		in := fmt.Sprint(in, i)
		rawFile(t, in, func(_, vars *anndata.Frame) { vars.Set("highly_variable", c.data) })
		if _, err := e.PCA(ctx, in, "", p); (err == nil) != c.ok {
			t.Errorf("%T: %v", c.data, err)
		}
	}
}

// TestRowsOfX: a matrix with other rows than obs is refused.
func TestRowsOfX(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in.h5ad")
	w, err := anndata.Create(path, anndata.WriterOptions{})
	check(t, err)
	check(t, w.SetObs(anndata.NewFrame(names("c", 40))))
	check(t, w.SetVar(anndata.NewFrame(names("g", 20))))
	matrix(t, w, "layers/short", 30, 20, false)
	matrix(t, w, "X", 40, 20, false)
	check(t, w.Commit())
	p := gpusc.DefaultPipeline()
	p.Layer, p.NComps = "short", 3
	if _, err := engine(t).PCA(context.Background(), path, "", p); !errors.Is(err, gpusc.ErrCorrupt) {
		t.Errorf("%v", err)
	}
}

// TestRunOnOtherScores: run works on the scores that it makes, on all cells.
func TestRunOnOtherScores(t *testing.T) {
	ctx, e, dir := context.Background(), engine(t), t.TempDir()
	in := filepath.Join(dir, "in.h5ad")
	rawFile(t, in, nil)
	for name, change := range map[string]func(p *gpusc.Pipeline){
		"other scores": func(p *gpusc.Pipeline) { p.Neighbors.UseRep = "X_harmony" },
		"few columns":  func(p *gpusc.Pipeline) { p.Neighbors.NPCs = 3 },
		"some cells":   func(p *gpusc.Pipeline) { p.Leiden.RestrictTo = &gpusc.RestrictTo{Key: "leiden", Groups: []string{"1"}} },
	} {
		p := gpusc.DefaultPipeline()
		change(&p)
		if _, err := e.Run(ctx, in, filepath.Join(dir, "out.h5ad"), p); !errors.Is(err, gpusc.ErrUsage) || !strings.Contains(err.Error(), "single steps") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFewCells: where cells are fewer than neighbours, as many are taken as scanpy
// takes, and the report says so.
func TestFewCells(t *testing.T) {
	ctx, e, dir := context.Background(), engine(t), t.TempDir()
	for _, cells := range []int64{2, 3, 7, 14} {
		in, out := filepath.Join(dir, fmt.Sprint(cells, "in.h5ad")), filepath.Join(dir, fmt.Sprint(cells, "out.h5ad"))
		_, err := e.Synth(ctx, in, gpusc.SynthOptions{Cells: cells, Genes: 300, Counts: 900})
		check(t, err)
		p := gpusc.DefaultPipeline()
		p.MinGenes, p.MinCells, p.HVG.Flavor = 0, 0, "none"
		r, err := e.Run(ctx, in, out, p)
		if err != nil {
			t.Errorf("%d cells: %v", cells, err)
			continue
		}
		told := r.Results["neighbors"].(map[string]any)["n_neighbors"]
		if told != int(1+cells/2) || !strings.Contains(strings.Join(r.Warnings, " "), "no 15 neighbours") {
			t.Errorf("%d cells: %v neighbours, warnings %q", cells, told, r.Warnings)
		}
	}
}
