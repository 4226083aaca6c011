package anndata

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/gpusc/gpusc/chunk"
)

func TestSmoke(t *testing.T) {
	ctx := context.Background()
	var fs []string
	for _, g := range []string{"archives/*.h5ad", "archives/*/*.h5ad", "counts/*.h5ad"} {
		m, _ := filepath.Glob("../../shared/data/" + g)
		fs = append(fs, m...)
	}
	for _, p := range fs {
		f, err := Open(ctx, p, Options{})
		if err != nil {
			t.Error(err)
			continue
		}
		ms, err := f.Matrices()
		if err != nil {
			t.Error(err)
		}
		fmt.Println(filepath.Base(p), f.NObs(), f.NVars())
		for _, mi := range ms {
			m, _ := f.Matrix(mi.Path)
			s, err := m.Source(ctx, SourceOptions{})
			if err != nil {
				t.Error(err)
				continue
			}
			var c chunk.Chunk
			for i := range s.Spans() {
				if err := s.Read(ctx, i, &c); err != nil {
					t.Error(err)
				}
			}
			fmt.Println("  ", mi, c.Kind, c.NNZ())
			s.Close()
		}
		for _, fr := range []func() (*Frame, error){f.Obs, f.Var} {
			x, err := fr()
			if err != nil {
				t.Error(err)
				continue
			}
			if err := x.Load(); err != nil {
				t.Error(err)
			}
			fmt.Println("  ", x.IndexName, x.Names(), x.Index[:min(2, x.Len())])
		}
		_, why, err := f.Counts(ctx, "auto")
		fmt.Println("  ", why, err)
		if _, err := f.Elements(); err != nil {
			t.Error(err)
		}
		w, err := Create(filepath.Join("/tmp/smoke", filepath.Base(filepath.Dir(p))+"-"+filepath.Base(p)), WriterOptions{Compression: "gzip", Overwrite: true})
		if err != nil {
			t.Error(err)
			continue
		}
		if err := w.CopyAll(ctx, f, CopyOptions{}); err != nil {
			t.Error(err)
			w.Abort()
			continue
		}
		if err := w.Commit(); err != nil {
			t.Error(err)
		}
		f.Close()
	}
}
