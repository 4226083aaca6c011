package anndata

import (
	"context"
	"slices"
	"strings"

	"github.com/gpusc/gpusc/hdf5"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// WriterOptions says how a file is written. The zero value writes without
// compression and never over an existing file.
type WriterOptions struct {
	Compression string // "none" (or ""), "gzip", "zstd", "lzf"
	Level       int    // of gzip and zstd; 0: the default
	Threads     int    // that compress; 0: one per processor. The bytes do not depend on it
	Ledger      *memory.Ledger
	Overwrite   bool // Create may replace an existing file, at Commit
	// Nulls writes None in uns as an element of encoding "null", which anndata
	// reads since 0.12 and older ones refuse the whole file for. Without it,
	// such a key is left out, as older anndata did.
	Nulls   bool
	Context context.Context // ends the writing; nil: never
}

// Writer writes an AnnData file. Nothing is visible at the path before Commit.
// It is for one goroutine.
type Writer struct {
	path string
	h    *hdf5.Writer
	o    WriterOptions
	comp hdf5.Compression
	base *File // the file being edited, nil for a new one
	rows map[string]int64
	// order is the column-order of the frames written or added to.
	order map[string][]string
	open  map[string]closer
}

type closer interface{ Close() error }

// Create begins a new file.
func Create(path string, o WriterOptions) (*Writer, error) {
	w, err := newWriter(path, o)
	if err != nil {
		return nil, err
	}
	if w.h, err = hdf5.Create(path, w.options()); err != nil {
		return nil, errs.InFile(err, path)
	}
	if err := encode(w.h.Root(), "anndata", "0.1.0"); err != nil {
		w.h.Abort()
		return nil, err
	}
	return w, nil
}

// Edit begins to add to the file at path, or to replace small parts of it, in
// place: what is not named stays as it is, X above all. A crash at any time
// leaves the old file or the new one.
func Edit(ctx context.Context, path string, o WriterOptions) (*Writer, error) {
	w, err := newWriter(path, o)
	if err != nil {
		return nil, err
	}
	if w.base, err = Open(ctx, path, Options{Ledger: o.Ledger}); err != nil {
		return nil, err
	}
	if w.h, err = hdf5.Edit(path, w.options()); err != nil {
		w.base.Close()
		return nil, errs.InFile(err, path)
	}
	w.rows["obs"], w.rows["var"] = w.base.nobs, w.base.nvars
	return w, nil
}

func newWriter(path string, o WriterOptions) (*Writer, error) {
	w := &Writer{path: path, o: o, rows: map[string]int64{}, order: map[string][]string{}, open: map[string]closer{}}
	kinds := map[string]hdf5.CompressionKind{"": hdf5.None, "none": hdf5.None, "gzip": hdf5.Gzip, "zstd": hdf5.Zstd, "lzf": hdf5.LZF}
	kind, ok := kinds[o.Compression]
	if !ok {
		return nil, errs.New(errs.Usage, "compression %q is not known", o.Compression).Do("use none, gzip, zstd or lzf")
	}
	w.comp = hdf5.Compression{Kind: kind, Level: o.Level, Shuffle: kind != hdf5.None}
	return w, nil
}

func (w *Writer) options() hdf5.Options {
	return hdf5.Options{Threads: w.o.Threads, Overwrite: w.o.Overwrite, Context: w.o.Context, Ledger: w.o.Ledger}
}

// Commit makes the file visible, complete.
//
// Errors: errs.Usage when obs or var was never set.
func (w *Writer) Commit() error {
	for p, c := range w.open {
		_ = c
		return w.fail(errs.At(errs.Usage, w.path, p, "is not closed"))
	}
	root := w.h.Root()
	for _, name := range []string{"obs", "var"} {
		if !root.Has(name) {
			return w.fail(errs.At(errs.Usage, w.path, name, "was never set"))
		}
	}
	if w.base == nil {
		for _, name := range []string{"layers", "obsm", "obsp", "uns", "varm", "varp"} {
			if _, err := w.group(name); err != nil {
				return w.fail(err)
			}
		}
	}
	err := w.h.Commit()
	w.closeBase()
	return errs.InFile(err, w.path)
}

// fail aborts and returns err.
func (w *Writer) fail(err error) error {
	w.Abort()
	return err
}

// Abort drops everything. After a Commit it does nothing.
func (w *Writer) Abort() error {
	err := w.h.Abort()
	w.closeBase()
	return err
}

func (w *Writer) closeBase() {
	if w.base != nil {
		w.base.Close()
		w.base = nil
	}
}

// attrs is what can carry attributes.
type attrs interface {
	SetAttr(name string, v any) error
}

// encode sets the two attributes that every element has.
func encode(o attrs, typ, version string) error {
	if err := o.SetAttr("encoding-type", typ); err != nil {
		return err
	}
	return o.SetAttr("encoding-version", version)
}

// group opens a group, making it and those above it as dicts.
func (w *Writer) group(path string) (*hdf5.GroupWriter, error) {
	g := w.h.Root()
	for _, p := range split(path) {
		fresh := !g.Has(p)
		next, err := g.Group(p)
		if err != nil {
			return nil, errs.InFile(err, w.path)
		}
		if fresh {
			if err := encode(next, "dict", "0.1.0"); err != nil {
				return nil, errs.InFile(err, w.path)
			}
		}
		g = next
	}
	return g, nil
}

func split(path string) []string {
	path = strings.Trim(path, "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// place opens the group above path and clears the name.
func (w *Writer) place(path string) (g *hdf5.GroupWriter, name string, err error) {
	parts := split(path)
	if len(parts) == 0 {
		return nil, "", errs.New(errs.Usage, "an element needs a name")
	}
	name = parts[len(parts)-1]
	if name == "" || name == "." || name == ".." {
		return nil, "", errs.New(errs.Usage, "%q cannot be the name of an element", name)
	}
	if g, err = w.group(strings.Join(parts[:len(parts)-1], "/")); err != nil {
		return nil, "", err
	}
	return g, name, w.clear(g, name)
}

// clear takes an existing child away.
func (w *Writer) clear(g *hdf5.GroupWriter, name string) error {
	if !g.Has(name) {
		return nil
	}
	return errs.InFile(g.Delete(name), w.path)
}

// Delete takes an element of an edited file away.
func (w *Writer) Delete(path string) error {
	parts := split(path)
	g := w.h.Root()
	for i, p := range parts {
		if !g.Has(p) {
			return nil
		}
		if i == len(parts)-1 {
			return errs.InFile(g.Delete(p), w.path)
		}
		var err error
		if g, err = g.Group(p); err != nil {
			return errs.InFile(err, w.path)
		}
	}
	return nil
}

// smallest is the size up to which a dataset is stored in one piece, without
// compression: a chunk index costs more than it would save.
const smallest = 2048

// spec is the storage of a dataset whose shape is known.
func (w *Writer) spec(t *hdf5.Datatype, dims ...int64) hdf5.Spec {
	s := hdf5.Spec{Type: t, Dims: dims}
	n := int64(t.Size)
	for _, d := range dims {
		n *= d
	}
	if n > smallest && w.comp.Kind != hdf5.None {
		s.Chunk = hdf5.AutoChunk(t.Size, dims[1:]...)
		s.Compression = w.comp
	}
	return s
}

// growing is the storage of a dataset whose first axis grows.
func (w *Writer) growing(t *hdf5.Datatype, rest ...int64) hdf5.Spec {
	return hdf5.Spec{
		Type: t, Dims: append([]int64{-1}, rest...),
		Chunk: hdf5.AutoChunk(t.Size, rest...), Compression: w.comp,
	}
}

// array writes raw numbers, little-endian, as an element of encoding "array".
func (w *Writer) array(g *hdf5.GroupWriter, name string, t *hdf5.Datatype, raw []byte, dims ...int64) error {
	d, err := g.Dataset(name, w.spec(t, dims...))
	if err != nil {
		return err
	}
	if err := encode(d, "array", "0.2.0"); err != nil {
		return err
	}
	if err := d.Append(raw); err != nil {
		return err
	}
	return d.Close()
}

// strings writes a list of strings of any length.
func (w *Writer) strings(g *hdf5.GroupWriter, name string, v []string) error {
	d, err := g.Dataset(name, w.spec(hdf5.VLenString(), int64(len(v))))
	if err != nil {
		return err
	}
	if err := encode(d, "string-array", "0.2.0"); err != nil {
		return err
	}
	if err := d.WriteStrings(v); err != nil {
		return err
	}
	return d.Close()
}

// little gives numbers as little-endian bytes.
func little[T number](v []T) []byte {
	b := bytesOf(v)
	if !hostBig() {
		return b
	}
	b = slices.Clone(b)
	toHost(b, len(b)/max(len(v), 1), false)
	return b
}
