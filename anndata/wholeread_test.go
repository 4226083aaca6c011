package anndata

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// wholeFile has scores and graphs of three cells.
func wholeFile(t testing.TB, compression string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "whole.h5ad")
	w, err := Create(path, WriterOptions{Compression: compression})
	must(t, err)
	must(t, w.SetObs(NewFrame([]string{"a", "b", "c"})))
	must(t, w.SetVar(NewFrame([]string{"g"})))
	must(t, w.Set("obsm/X_pca", Array{Shape: []int64{3, 4}, Data: []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}}))
	must(t, w.Set("obsm/short", Array{Shape: []int64{2, 2}, Data: []float32{1, 2, 3, 4}}))
	must(t, w.SetUns("neighbors", map[string]any{"connectivities_key": "c", "params": map[string]any{"n_pcs": 7}}))
	for name, g := range map[string]struct {
		max     int64
		indices []uint32
	}{"c": {4, []uint32{2, 1, 0, 0}}, "wide": {0, []uint32{2, 1, 0, 0}}, "twice": {4, []uint32{1, 1, 0, 0}}} {
		c, err := w.CSR("obsp/"+name, 3, "float64", g.max) // 0: int64 places
		must(t, err)
		must(t, c.Put(&chunk.Chunk{Rows: 3, Cols: 3, Indptr: []int64{0, 2, 3, 4}, Indices: g.indices}, []float32{3, 2, 2, 3}))
		must(t, c.Close())
	}
	must(t, w.Commit())
	return path
}

func TestWholeReads(t *testing.T) {
	ctx := context.Background()
	for _, compression := range []string{"none", "gzip"} {
		l := memory.New(1 << 20)
		f, err := Open(ctx, wholeFile(t, compression), Options{Ledger: l})
		must(t, err)
		defer f.Close()
		tab, err := f.Table(ctx, "obsm/X_pca", 2)
		must(t, err)
		if !slices.Equal(tab.Values, []float32{1, 2, 5, 6, 9, 10}) {
			t.Errorf("two columns are %v", tab.Values)
		}
		tab.Close()
		tab, err = f.Table(ctx, "obsm/X_pca", 0)
		must(t, err)
		if len(tab.Values) != 12 || tab.Cols != 4 || tab.Values[11] != 12 {
			t.Errorf("all columns are %v", tab.Values)
		}
		tab.Close()
		for _, name := range []string{"c", "wide"} {
			s, err := f.Sparse(ctx, "obsp/"+name)
			must(t, err)
			if !slices.Equal(s.Indptr, []int64{0, 2, 3, 4}) || !slices.Equal(s.Indices, []int32{1, 2, 0, 0}) || !slices.Equal(s.Values, []float32{2, 3, 2, 3}) {
				t.Errorf("%s is %v %v %v", name, s.Indptr, s.Indices, s.Values)
			}
			s.Close()
		}
		key, err := f.Text("uns/neighbors/connectivities_key")
		must(t, err)
		n, err := f.Int("uns/neighbors/params/n_pcs")
		must(t, err)
		if key != "c" || n != 7 {
			t.Errorf("uns says %q and %d", key, n)
		}
		if left := l.Leaks(); len(left) > 0 {
			t.Errorf("reserved still: %v", left)
		}
	}
}

func TestWholeReadsRefused(t *testing.T) {
	ctx := context.Background()
	l := memory.New(1 << 20)
	f, err := Open(ctx, wholeFile(t, "none"), Options{Ledger: l})
	must(t, err)
	defer f.Close()
	table := func(path string, cols int64) error { _, err := f.Table(ctx, path, cols); return err }
	graph := func(path string) error { _, err := f.Sparse(ctx, path); return err }
	for _, c := range []struct {
		err  error
		kind error
		word string
	}{
		{table("obsm/X_pca", 5), errs.Usage, "4 columns, and 5"},
		{table("obsm/short", 0), errs.Corrupt, "2 rows, obs 3"},
		{table("obsp/c", 0), errs.Unsupported, "no dense matrix"},
		{graph("obsm/X_pca"), errs.Unsupported, "dense"},
		{graph("obsp/twice"), errs.Corrupt, "row 0 has column 1 twice"},
	} {
		if !errors.Is(c.err, c.kind) || !strings.Contains(c.err.Error(), c.word) {
			t.Errorf("want %v with %q, got %v", c.kind, c.word, c.err)
		}
	}
	if t2, err := f.Table(ctx, "obsm/none", 0); t2 != nil || err != nil {
		t.Error("what is not there:", t2, err)
	}
	if s, err := f.Sparse(ctx, "obsp/none"); s != nil || err != nil {
		t.Error("what is not there:", s, err)
	}
	if left := l.Leaks(); len(left) > 0 {
		t.Errorf("reserved still: %v", left)
	}
}
