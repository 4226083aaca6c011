package gpusc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/google/renameio/v2"

	"github.com/gpusc/gpusc/anndata"
	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/plot"
)

// DrawPCA draws the first two components of obsm/X_pca of the file in as a PNG,
// coloured by a column of obs ("" for none).
func (e *Engine) DrawPCA(ctx context.Context, in, column, out string) error {
	return e.drawCells(ctx, in, "obsm/X_pca", column, out, plot.Scatter{Title: "PCA", XName: "PC1", YName: "PC2"})
}

// DrawUMAP draws the first two columns of obsm/X_umap of the file in as a PNG,
// coloured by a column of obs ("" for none).
func (e *Engine) DrawUMAP(ctx context.Context, in, column, out string) error {
	return e.drawCells(ctx, in, "obsm/X_umap", column, out, plot.Scatter{Title: "UMAP", XName: "UMAP1", YName: "UMAP2"})
}

// drawCells draws a point for each cell at the first two columns of a matrix.
func (e *Engine) drawCells(ctx context.Context, in, matrix, column, out string, s plot.Scatter) error {
	return e.draw(ctx, in, out, func(f *anndata.File, to *bytes.Buffer) error {
		var err error
		if s.X, s.Y, err = e.twoColumns(ctx, f, matrix); err != nil {
			return err
		}
		if column != "" {
			s.Title = column
			if s.Codes, s.Categories, err = categoriesOf(f, column); err != nil {
				return err
			}
		}
		return s.PNG(to)
	})
}

// DrawQC draws violins of the QC figures in obs of the file in as a PNG.
func (e *Engine) DrawQC(ctx context.Context, in, out string) error {
	return e.draw(ctx, in, out, func(f *anndata.File, to *bytes.Buffer) error {
		obs, err := f.Obs()
		if err != nil {
			return err
		}
		var vs []plot.Violin
		for _, name := range []string{"n_genes_by_counts", "total_counts", "pct_counts_mt"} {
			c := obs.Column(name)
			if c == nil {
				continue
			}
			v, err := c.Floats()
			if err != nil {
				return err
			}
			vs = append(vs, plot.Violin{Name: name, Values: v})
		}
		if len(vs) == 0 {
			return errs.At(errs.Data, in, "obs", "there are no QC columns").Do("run gpusc qc first")
		}
		return plot.Violins(to, vs)
	})
}

// draw opens the file, draws, and writes the picture whole or not at all.
func (e *Engine) draw(ctx context.Context, in, out string, f func(*anndata.File, *bytes.Buffer) error) (err error) {
	file, err := anndata.Open(ctx, in, anndata.Options{Ledger: e.ledger, Threads: e.o.Threads, Tmp: e.o.Tmp})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var b bytes.Buffer
	if err := f(file, &b); err != nil {
		return err
	}
	if err := renameio.WriteFile(out, b.Bytes(), 0o644); err != nil {
		return errs.At(errs.Resource, out, "", "cannot be written").Because(err)
	}
	return os.Chmod(out, 0o644)
}

// twoColumns reads the first two columns of a dense matrix.
func (e *Engine) twoColumns(ctx context.Context, f *anndata.File, path string) (x, y []float64, err error) {
	m, err := f.Matrix(path)
	if err != nil {
		return nil, nil, err
	}
	src, err := m.Source(ctx, anndata.SourceOptions{SpanNNZ: mostNNZ})
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	x, y = make([]float64, m.Rows), make([]float64, m.Rows)
	var c chunk.Chunk
	for i := range src.Spans() {
		if err := src.Read(ctx, i, &c); err != nil {
			return nil, nil, err
		}
		for r := range c.Rows {
			for k := c.Indptr[r]; k < c.Indptr[r+1] && c.Indices[k] < 2; k++ {
				to := x
				if c.Indices[k] == 1 {
					to = y
				}
				to[c.Row0+int64(r)] = c.Value(k)
			}
		}
	}
	return x, y, nil
}

// categoriesOf reads a column of obs as categories.
func categoriesOf(f *anndata.File, column string) ([]int32, []string, error) {
	obs, err := f.Obs()
	if err != nil {
		return nil, nil, err
	}
	c := obs.Column(column)
	if c == nil {
		return nil, nil, errs.At(errs.Data, f.Path(), "obs", "there is no column %q", column)
	}
	v, err := c.Values()
	if err != nil {
		return nil, nil, err
	}
	if cat, ok := v.(*anndata.Categorical); ok {
		return cat.Codes, cat.Names(), nil
	}
	return nil, nil, fmt.Errorf("obs/%s is not categorical", column)
}
