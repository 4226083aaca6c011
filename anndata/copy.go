package anndata

import (
	"context"
	"slices"
	"strings"

	"github.com/gpusc/gpusc/hdf5"
	"github.com/gpusc/gpusc/internal/errs"
)

// Subset is the cells and genes that a copy keeps: their places in the source,
// strictly rising. nil keeps all.
type Subset struct {
	Obs, Var []int64
}

// CopyOptions says what CopyAll leaves out.
type CopyOptions struct {
	Subset Subset
	Skip   []string // paths, with all below them
	// DropUnknown leaves out an element that would have to be subset and is of
	// an encoding that is not understood; Dropped is called with its path.
	// Without it such an element is an error.
	DropUnknown bool
	Dropped     func(path string)
}

// copier is one copy between files.
type copier struct {
	w   *Writer
	src *File
	o   CopyOptions
	ctx context.Context
}

// Copy copies one element, such as "uns", "layers/counts" or "raw", with what is
// below it. What is aligned to cells or genes is cut to the subset; everything
// else, also what this package does not understand, is copied as it is stored.
func (w *Writer) Copy(ctx context.Context, src *File, path string, sub Subset) error {
	c := &copier{w: w, src: src, ctx: ctx, o: CopyOptions{Subset: sub}}
	if err := c.check(); err != nil {
		return err
	}
	return c.element(strings.Trim(path, "/"))
}

// CopyAll copies every element of src, in a fixed order, but for those skipped.
func (w *Writer) CopyAll(ctx context.Context, src *File, o CopyOptions) error {
	c := &copier{w: w, src: src, ctx: ctx, o: o}
	if err := c.check(); err != nil {
		return err
	}
	names, err := sortedNames(src.h.Root())
	if err != nil {
		return errs.InFile(err, src.path)
	}
	for _, n := range names {
		switch {
		case src.legacy.rawX && n == "raw.X":
			n = "raw"
		case strings.HasPrefix(n, "raw.") && src.legacy.rawX:
			continue
		}
		if err := c.element(n); err != nil {
			return err
		}
	}
	return nil
}

// check refuses subsets out of order or out of range.
func (c *copier) check() error {
	for _, a := range []struct {
		name string
		rows []int64
		n    int64
	}{{"obs", c.o.Subset.Obs, c.src.nobs}, {"var", c.o.Subset.Var, c.src.nvars}} {
		prev := int64(-1)
		for _, r := range a.rows {
			if r <= prev || r >= a.n {
				return errs.New(errs.Usage, "a subset of %s must rise strictly and stay below %d: %d follows %d", a.name, a.n, r, prev)
			}
			prev = r
		}
	}
	return nil
}

func (c *copier) skipped(path string) bool { return slices.Contains(c.o.Skip, path) }

// element copies what is at path, cut to the subset.
func (c *copier) element(path string) error {
	if c.skipped(path) {
		return nil
	}
	if err := c.ctx.Err(); err != nil {
		return err
	}
	err := c.route(path)
	if err == nil {
		return nil
	}
	if c.o.DropUnknown && isUnsupported(err) {
		if derr := c.w.Delete(path); derr != nil {
			return derr
		}
		if c.o.Dropped != nil {
			c.o.Dropped(path)
		}
		return nil
	}
	return errs.InFile(err, c.src.path)
}

// route chooses how an element is copied: by the axes that its place is aligned to.
func (c *copier) route(path string) error {
	obs, vr := c.o.Subset.Obs, c.o.Subset.Var
	top, _, below := strings.Cut(path, "/")
	switch top {
	case "obs", "var":
		rows := obs
		if top == "var" {
			rows = vr
		}
		if below || rows == nil && !c.src.legacy.compound {
			return c.whole(path)
		}
		return c.frame(path, path, rows)
	case "X":
		return c.aligned(path, path, obs, vr)
	case "layers", "obsm", "varm", "obsp", "varp":
		if !below {
			return c.children(path)
		}
	case "raw":
		return c.raw(path, obs)
	case "uns":
		if !below {
			return c.uns()
		}
	}
	switch top {
	case "layers":
		return c.aligned(path, path, obs, vr)
	case "obsm":
		return c.aligned(path, path, obs, nil)
	case "varm":
		return c.aligned(path, path, vr, nil)
	case "obsp":
		return c.aligned(path, path, obs, obs)
	case "varp":
		return c.aligned(path, path, vr, vr)
	}
	return c.whole(path)
}

// whole copies an element as it is stored.
func (c *copier) whole(path string) error { return c.wholeTo(path, path) }

func (c *copier) wholeTo(path, to string) error {
	o, ok, err := c.src.lookup(path)
	if err != nil {
		return err
	}
	if !ok {
		return errs.At(errs.Data, "", path, "there is no such element")
	}
	if c.skipsBelow(path) {
		return c.parts(path, to, o)
	}
	g, name, err := c.w.place(to)
	if err != nil {
		return err
	}
	return g.Copy(name, o)
}

// skipsBelow tells whether something below path is to be left out.
func (c *copier) skipsBelow(path string) bool {
	return slices.ContainsFunc(c.o.Skip, func(s string) bool { return strings.HasPrefix(s, path+"/") })
}

// parts copies a group child by child, for the sake of those left out.
func (c *copier) parts(path, to string, o hdf5.Object) error {
	src, ok := o.(*hdf5.Group)
	if !ok {
		return errs.At(errs.Usage, "", path, "there is nothing below to leave out")
	}
	dst, err := c.w.group(to)
	if err != nil {
		return err
	}
	as, err := src.Attrs()
	if err != nil {
		return err
	}
	for _, a := range as {
		if err := dst.SetRawAttr(a); err != nil {
			return err
		}
	}
	names, err := sortedNames(src)
	if err != nil {
		return err
	}
	for _, n := range names {
		if c.skipped(path + "/" + n) {
			continue
		}
		if err := c.wholeTo(path+"/"+n, to+"/"+n); err != nil {
			return err
		}
	}
	return nil
}

// children copies the elements of layers, obsm, varm, obsp or varp.
func (c *copier) children(path string) error {
	o, ok, err := c.src.lookup(path)
	if err != nil || !ok {
		return err
	}
	if ds, isDataset := o.(*hdf5.Dataset); isDataset {
		return c.compoundArrays(path, ds)
	}
	g, ok := o.(*hdf5.Group)
	if !ok {
		return errs.At(errs.Corrupt, "", path, "is neither a group nor a dataset")
	}
	names, err := sortedNames(g)
	if err != nil {
		return err
	}
	if _, err := c.w.group(path); err != nil {
		return err
	}
	for _, n := range names {
		if err := c.element(path + "/" + n); err != nil {
			return err
		}
	}
	return nil
}

// frame copies a table row by row.
func (c *copier) frame(path, to string, rows []int64) error {
	f, err := c.src.Frame(path)
	if err != nil {
		return err
	}
	if rows != nil {
		f = f.Select(rows)
	}
	f.Cols = slices.DeleteFunc(slices.Clone(f.Cols), func(col *Column) bool { return c.skipped(path + "/" + col.Name) })
	return c.w.SetFrame(to, f)
}

// raw copies raw, of which only the cells are subset.
func (c *copier) raw(path string, obs []int64) error {
	if path != "raw" {
		if path == "raw/X" {
			return c.aligned(path, path, obs, nil)
		}
		return c.whole(path)
	}
	legacy := c.src.legacy.rawX
	if !legacy {
		o, ok, err := c.src.lookup("raw")
		if err != nil || !ok || isNull(o) {
			return err
		}
		if obs == nil {
			return c.whole(path)
		}
	}
	g, err := c.w.group("raw")
	if err != nil {
		return err
	}
	if err := encode(g, "raw", "0.1.0"); err != nil {
		return err
	}
	join := "raw/"
	if legacy {
		join = "raw."
	}
	if err := c.aligned("raw/X", "raw/X", obs, nil); err != nil {
		return err
	}
	for _, n := range []string{"var", "varm"} {
		o, ok, err := c.src.lookup(join + n)
		if err != nil {
			return err
		}
		ds, isDataset := o.(*hdf5.Dataset)
		switch {
		case !ok || c.skipped("raw/"+n):
		case n == "var" && isDataset:
			err = c.frame(join+n, "raw/"+n, nil)
		case isDataset:
			err = c.compoundArraysTo("raw/"+n, ds, nil)
		default:
			err = c.wholeTo(join+n, "raw/"+n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
