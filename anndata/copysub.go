package anndata

import (
	"context"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/hdf5"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// aligned copies an element whose first axis is cut to rows and whose second to
// cols.
func (c *copier) aligned(path, to string, rows, cols []int64) error {
	from := path
	if path == "raw/X" && c.src.legacy.rawX {
		from = "raw.X"
	}
	o, ok, err := c.src.lookup(from)
	if err != nil {
		return err
	}
	if !ok {
		return errs.At(errs.Data, "", path, "there is no such element")
	}
	if rows == nil && cols == nil || isNull(o) {
		return c.wholeTo(from, to)
	}
	typ, _, err := encoding(o)
	if err != nil {
		return err
	}
	if ds, ok := o.(*hdf5.Dataset); ok {
		return c.array(to, ds, rows, cols)
	}
	if typ == "dataframe" && cols == nil {
		return c.frame(from, to, rows)
	}
	m, err := c.src.find(path)
	if err != nil {
		return errs.At(errs.Unsupported, "", path, "cannot be cut to the cells and genes that are kept").
			Because(err).Do("leave it out, or keep all cells and genes")
	}
	if m.Format == "csc" {
		return c.sparse(to, m.transposed(), cols, rows)
	}
	return c.sparse(to, m, rows, cols)
}

// inRange checks a subset against the axis that it cuts.
func inRange(path string, sub []int64, n int64) error {
	if len(sub) > 0 && sub[len(sub)-1] >= n {
		return errs.At(errs.Corrupt, "", path, "has %d rows or columns, fewer than the table it belongs to", n)
	}
	return nil
}

// sparse copies a matrix that is csr, or a csc one looked at as csr.
func (c *copier) sparse(to string, m *Matrix, rows, cols []int64) error {
	if err := inRange(m.Path, rows, m.Rows); err != nil {
		return err
	}
	if err := inRange(m.Path, cols, m.Cols); err != nil {
		return err
	}
	l := c.src.ledger()
	per := max(min(int64(1<<20), l.Free()/int64(64*(c.src.threads()+1))), 1024)
	src, err := newCSR(c.ctx, m, SourceOptions{SpanNNZ: per})
	if err != nil {
		return err
	}
	defer src.Close()
	width := m.Cols
	var at []int32
	if cols != nil {
		width = int64(len(cols))
		at = make([]int32, m.Cols)
		for i := range at {
			at[i] = -1
		}
		for i, g := range cols {
			at[g] = int32(i)
		}
	}
	out, err := c.w.compressed(to, width, m.DType, m.NNZ, m.flip)
	if err != nil {
		return err
	}
	err = readAhead(c.ctx, c.src, src, touched(src.Spans(), rows), func(ch *chunk.Chunk) error {
		rows = cut(ch, rows, at)
		return out.Put(ch, nil)
	})
	if err != nil {
		return err
	}
	return out.Close()
}

// touched lists the spans that hold a kept row; rows nil keeps all.
func touched(spans []chunk.Span, rows []int64) []int {
	var out []int
	for i, sp := range spans {
		for len(rows) > 0 && rows[0] < sp.Row0 {
			rows = rows[1:]
		}
		if rows == nil || len(rows) > 0 && rows[0] < sp.Row0+sp.Rows {
			out = append(out, i)
		}
	}
	return out
}

// cut keeps, in place, the rows of ch that rows begins with and the columns that
// at gives a new number; it returns the rest of rows.
func cut(ch *chunk.Chunk, rows []int64, at []int32) []int64 {
	out, kept := int64(0), 0
	lo := int64(0)
	for r := range ch.Rows {
		hi := ch.Indptr[r+1]
		if rows != nil {
			if len(rows) == 0 || rows[0] != ch.Row0+int64(r) {
				lo = hi
				continue
			}
			rows = rows[1:]
		}
		for k := lo; k < hi; k++ {
			g := ch.Indices[k]
			if at != nil {
				if at[g] < 0 {
					continue
				}
				g = uint32(at[g])
			}
			ch.Indices[out] = g
			switch ch.Kind {
			case chunk.Counts:
				ch.Counts[out] = ch.Counts[k]
			case chunk.Float32:
				ch.F32[out] = ch.F32[k]
			default:
				ch.F64[out] = ch.F64[k]
			}
			out++
		}
		lo = hi
		kept++
		ch.Indptr[kept] = out
	}
	ch.Rows = kept
	if at != nil {
		ch.Cols = 0 // the writer knows the kept columns
	}
	return rows
}

// array copies a dense array of any rank and type, cut along its first axis and,
// where cols is given, its second.
func (c *copier) array(to string, ds *hdf5.Dataset, rows, cols []int64) error {
	d := append([]int64{}, ds.Dims()...)
	t := ds.Type()
	if len(d) == 0 || cols != nil && len(d) < 2 || t.Class == hdf5.ClassVLen || t.Class == hdf5.ClassVLenString || t.Class == hdf5.ClassReference {
		return errs.At(errs.Unsupported, "", ds.Path(), "%s of shape %v cannot be cut to the cells and genes that are kept", t.Class, d).
			Do("leave it out, or keep all cells and genes")
	}
	if err := inRange(ds.Path(), rows, d[0]); err != nil {
		return err
	}
	a := &arrayCut{ds: ds, rows: rows, cols: cols, n: d[0], item: int64(t.Size)}
	if rows != nil {
		d[0] = int64(len(rows))
	}
	if cols != nil {
		if err := inRange(ds.Path(), cols, d[1]); err != nil {
			return err
		}
		a.width, d[1] = d[1], int64(len(cols))
	}
	for _, x := range d[2:] {
		a.item *= x
	}
	if cols == nil {
		for _, x := range d[1:min(2, len(d))] {
			a.item *= x
		}
		a.width = 1
	}
	g, name, err := c.w.place(to)
	if err != nil {
		return err
	}
	out, err := g.Dataset(name, c.w.spec(t, d...))
	if err != nil {
		return err
	}
	as, err := ds.Attrs()
	if err != nil {
		return err
	}
	for _, x := range as {
		if err := out.SetRawAttr(x); err != nil {
			return err
		}
	}
	if err := a.copy(c.ctx, c.src, out); err != nil {
		return err
	}
	return out.Close()
}

// arrayCut streams the rows of an array that are kept.
type arrayCut struct {
	ds         *hdf5.Dataset
	rows, cols []int64
	n          int64 // rows of the source
	width      int64 // items of a row
	item       int64 // bytes of an item
}

func (a *arrayCut) copy(ctx context.Context, src *File, out *hdf5.DatasetWriter) error {
	rowBytes := a.width * a.item
	band := max(1, (1<<20)/max(rowBytes, 1))
	if lay := a.ds.Layout(); lay.Class == hdf5.Chunked {
		band = lay.Chunk[0]
	}
	if rowBytes == 0 || a.n == 0 {
		return nil
	}
	band = min(band, a.n)
	res, err := src.ledger().Reserve(memory.Host, "rows being copied", 2*band*rowBytes)
	if err != nil {
		return err
	}
	defer res.Release()
	dec := hdf5.NewDecoder()
	buf := make([]byte, band*rowBytes)
	var kept []byte
	rows := a.rows
	for lo := int64(0); lo < a.n; lo += band {
		hi := min(lo+band, a.n)
		if a.rows != nil && (len(rows) == 0 || rows[0] >= hi) {
			continue
		}
		b := buf[:(hi-lo)*rowBytes]
		if err := a.ds.ReadRows(ctx, dec, b, lo, hi); err != nil {
			return err
		}
		kept = kept[:0]
		for r := lo; r < hi; r++ {
			if a.rows != nil {
				if len(rows) == 0 || rows[0] != r {
					continue
				}
				rows = rows[1:]
			}
			row := b[(r-lo)*rowBytes : (r-lo+1)*rowBytes]
			if a.cols == nil {
				kept = append(kept, row...)
				continue
			}
			for _, g := range a.cols {
				kept = append(kept, row[g*a.item:(g+1)*a.item]...)
			}
		}
		if err := out.Append(kept); err != nil {
			return err
		}
	}
	return nil
}
