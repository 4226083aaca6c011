package anndata

import (
	"context"
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/gpusc/gpusc/hdf5"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// Options says how a file is read. The zero value is useful.
type Options struct {
	Ledger  *memory.Ledger // where large buffers are reserved; nil: no limit
	Threads int            // readers to be expected at once; 0: one per processor
	Tmp     string         // folder of scratch files; "": the system's
	// MaxElement is the most bytes that a column, an index or an array read
	// whole may take in memory; 0 is 16 GiB.
	MaxElement int64
}

// File is an open AnnData file. Its methods may be called from several
// goroutines.
type File struct {
	path string
	h    *hdf5.File
	o    Options

	mu      sync.Mutex
	obs, vr *Frame
	nobs    int64
	nvars   int64
	legacy  legacyForm
}

// Open reads the outline of the AnnData file at path.
//
// Errors: errs.Corrupt for a file that contradicts itself, errs.Unsupported for
// one that is HDF5 but no AnnData.
func Open(ctx context.Context, path string, o Options) (*File, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	h, err := hdf5.Open(path)
	if err != nil {
		return nil, errs.InFile(err, path)
	}
	f, err := New(h, path, o)
	if err != nil {
		h.Close()
	}
	return f, err
}

// New is Open for a container that is open. Close of the File closes it.
func New(h *hdf5.File, path string, o Options) (*File, error) {
	if o.Ledger == nil {
		o.Ledger = memory.New(0)
	}
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	if o.MaxElement <= 0 {
		o.MaxElement = 16 << 30
	}
	if o.Tmp == "" {
		o.Tmp = os.TempDir()
	}
	f := &File{path: path, h: h, o: o}
	if err := f.outline(); err != nil {
		return nil, errs.InFile(err, path)
	}
	return f, nil
}

// Close closes the file. Sources of it must not be read afterwards.
func (f *File) Close() error { return f.h.Close() }

// Path is the path that Open was given.
func (f *File) Path() string { return f.path }

// HDF5 is the container, for what this package does not read.
func (f *File) HDF5() *hdf5.File { return f.h }

func (f *File) ledger() *memory.Ledger { return f.o.Ledger }
func (f *File) threads() int           { return f.o.Threads }

// NObs is the number of cells.
func (f *File) NObs() int64 { return f.nobs }

// NVars is the number of genes.
func (f *File) NVars() int64 { return f.nvars }

// outline finds the form of the file and its shape.
func (f *File) outline() error {
	for _, name := range []string{"obs", "var"} {
		ok, err := f.h.Root().Has(name)
		if err != nil {
			return err
		}
		if !ok {
			return errs.At(errs.Unsupported, "", "/", "no AnnData: there is no %q", name).
				Do("give a .h5ad file")
		}
	}
	var err error
	if f.legacy, err = f.findLegacy(); err != nil {
		return err
	}
	if f.nobs, err = f.frameRows("obs"); err != nil {
		return err
	}
	f.nvars, err = f.frameRows("var")
	return err
}

// ObsNames gives the names of the cells.
func (f *File) ObsNames() ([]string, error) { return indexOf(f.Obs()) }

// VarNames gives the names of the genes.
func (f *File) VarNames() ([]string, error) { return indexOf(f.Var()) }

func indexOf(f *Frame, err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	return f.Index, nil
}

// Obs gives the table of the cells. The index is read, columns when asked for.
func (f *File) Obs() (*Frame, error) { return f.axis("obs", &f.obs) }

// Var gives the table of the genes.
func (f *File) Var() (*Frame, error) { return f.axis("var", &f.vr) }

func (f *File) axis(name string, at **Frame) (*Frame, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if *at == nil {
		fr, err := f.Frame(name)
		if err != nil {
			return nil, err
		}
		*at = fr
	}
	// A copy, so that what a caller adds stays with the caller.
	fr := **at
	fr.Cols = slices.Clone(fr.Cols)
	return &fr, nil
}

// lookup finds an object; ok is false when there is none at the path.
func (f *File) lookup(path string) (obj hdf5.Object, ok bool, err error) {
	g := f.h.Root()
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for i, p := range parts {
		has, err := g.Has(p)
		if err != nil || !has {
			return nil, false, err
		}
		o, err := g.Lookup(p)
		if err != nil {
			return nil, false, err
		}
		if i == len(parts)-1 {
			return o, true, nil
		}
		next, isGroup := o.(*hdf5.Group)
		if !isGroup {
			return nil, false, nil
		}
		g = next
	}
	return nil, false, nil
}

// encoding reads encoding-type and encoding-version; empty where there is none.
func encoding(o hdf5.Object) (typ, version string, err error) {
	if typ, err = textAttr(o, "encoding-type"); err != nil {
		return "", "", err
	}
	version, err = textAttr(o, "encoding-version")
	return typ, version, err
}

// textAttr reads a string attribute, "" when it is absent or no string.
func textAttr(o hdf5.Object, name string) (string, error) {
	a, ok, err := o.Attr(name)
	if err != nil || !ok || a.Null {
		return "", err
	}
	if c := a.Type.Class; c != hdf5.ClassString && c != hdf5.ClassVLenString {
		return "", nil
	}
	return a.String()
}

// isNull tells an element that stands for None.
func isNull(o hdf5.Object) bool {
	ds, ok := o.(*hdf5.Dataset)
	return ok && ds.Null()
}

func (f *File) errorf(kind error, place, format string, a ...any) *errs.E {
	return errs.At(kind, f.path, place, format, a...)
}

// isUnsupported tells what a reader may skip from what is broken.
func isUnsupported(err error) bool { return errors.Is(err, errs.Unsupported) }
