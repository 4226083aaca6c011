package gpusc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/gpusc/gpusc/anndata"
	"github.com/gpusc/gpusc/hdf5"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
	"github.com/gpusc/gpusc/pass"
)

// CheckReport is what Check finds.
type CheckReport struct {
	Path     string   `json:"path"`
	Objects  int64    `json:"objects"`
	Bytes    int64    `json:"stored_bytes"`
	Matrices []string `json:"matrices"`
	Broken   []string `json:"broken"`
}

// Check decodes everything in a file, verifies all checksums, and checks the
// invariants of AnnData. What is broken is listed in the report, and the error
// is then of kind ErrCorrupt.
func (e *Engine) Check(ctx context.Context, path string) (rep *CheckReport, err error) {
	if _, err := stamp(path); err != nil {
		return nil, err
	}
	rep = &CheckReport{Path: path, Matrices: []string{}, Broken: []string{}}
	f, err := anndata.Open(ctx, path, anndata.Options{Ledger: e.ledger, Threads: e.o.Threads, Tmp: e.o.Tmp})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	err = f.HDF5().Verify(ctx, hdf5.VerifyOptions{Threads: e.o.Threads, Progress: func(_ string, stored int64) {
		rep.Objects++
		rep.Bytes += stored
	}})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		rep.Broken = append(rep.Broken, err.Error())
	}
	for _, fr := range []func() (*anndata.Frame, error){f.Obs, f.Var} {
		if err := loadFrame(fr); err != nil {
			rep.Broken = append(rep.Broken, err.Error())
		}
	}
	ms, err := f.Matrices()
	if err != nil {
		rep.Broken = append(rep.Broken, errs.InFile(err, path).Error())
	}
	for _, m := range ms {
		rep.Matrices = append(rep.Matrices, m.Path)
		if err := e.checkMatrix(ctx, f, m.Path); err != nil {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			rep.Broken = append(rep.Broken, err.Error())
		}
	}
	if n := len(rep.Broken); n > 0 {
		first := strings.TrimPrefix(rep.Broken[0], path+": ")
		if n == 1 {
			return rep, errs.At(errs.Corrupt, path, "", "is broken in one place: %s", first)
		}
		return rep, errs.At(errs.Corrupt, path, "", "is broken in %d places, the first: %s", n, first)
	}
	return rep, nil
}

func loadFrame(open func() (*anndata.Frame, error)) error {
	f, err := open()
	if err != nil {
		return err
	}
	return f.Load()
}

// checkMatrix reads a matrix from end to end as the pipeline would.
func (e *Engine) checkMatrix(ctx context.Context, f *anndata.File, path string) (err error) {
	m, err := f.Matrix(path)
	if err != nil {
		return err
	}
	src, err := m.Source(ctx, anndata.SourceOptions{SpanNNZ: mostNNZ})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	sw := pass.Sweep{Name: "check " + path, Source: src, Backends: e.backends, Workers: e.o.Threads, Progress: e.o.Progress}
	return errs.InFile(sw.Run(ctx), f.Path())
}

// Print writes the report for a person.
func (r *CheckReport) Print(w interface{ Write([]byte) (int, error) }) error {
	var b strings.Builder
	for _, s := range r.Broken {
		fmt.Fprintln(&b, "broken:", s)
	}
	if len(r.Broken) == 0 {
		fmt.Fprintf(&b, "%s is whole: %s datasets, %s read and verified; %s read as cells x genes\n", r.Path,
			humanize.Comma(r.Objects), memory.Bytes(r.Bytes), strings.Join(r.Matrices, ", "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
