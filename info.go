package gpusc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/gpusc/gpusc/anndata"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// Info is what a file holds.
type Info struct {
	Path     string               `json:"path"`
	Bytes    int64                `json:"bytes"`
	Obs      int64                `json:"n_obs"`
	Vars     int64                `json:"n_vars"`
	Counts   string               `json:"counts"` // the matrix that holds counts, "" for none
	Why      string               `json:"why"`
	Matrices []anndata.MatrixInfo `json:"matrices"`
	Elements []anndata.Element    `json:"elements"`
}

// Info reads the structure of a file: shape, elements, types, chunks, where the
// counts are. Of values only a sample is read.
func (e *Engine) Info(ctx context.Context, path string) (info *Info, err error) {
	if _, err := stamp(path); err != nil {
		return nil, err
	}
	f, err := anndata.Open(ctx, path, anndata.Options{Ledger: e.ledger, Threads: e.o.Threads, Tmp: e.o.Tmp})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info = &Info{Path: path, Obs: f.NObs(), Vars: f.NVars()}
	if st, err := os.Stat(path); err == nil {
		info.Bytes = st.Size()
	}
	if info.Matrices, err = f.Matrices(); err != nil {
		return nil, errs.InFile(err, path)
	}
	if info.Elements, err = f.Elements(); err != nil {
		return nil, err
	}
	if m, why, err := f.Counts(ctx, "auto"); err == nil {
		info.Counts, info.Why = m.Path, why
	} else {
		info.Why = err.Error()
		var e *errs.E
		if errors.As(err, &e) {
			info.Why = e.Msg
		}
	}
	return info, nil
}

// Print writes the information for a person.
func (i *Info) Print(w interface{ Write([]byte) (int, error) }) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s cells x %s genes, %s\n", i.Path, humanize.Comma(i.Obs), humanize.Comma(i.Vars), memory.Bytes(i.Bytes))
	for _, m := range i.Matrices {
		density := ""
		if m.Rows > 0 && m.Cols > 0 && m.Format != "dense" {
			density = fmt.Sprintf(", %s stored values (%.2f%%), %.0f a cell", humanize.Comma(m.NNZ),
				100*float64(m.NNZ)/float64(m.Rows)/float64(m.Cols), float64(m.NNZ)/float64(m.Rows))
		}
		fmt.Fprintf(&b, "%-10s %s %s%s\n", m.Path, m.Format, m.DType, density)
	}
	if i.Counts != "" {
		fmt.Fprintf(&b, "counts     %s: %s\n\n", i.Counts, i.Why)
	} else {
		fmt.Fprintf(&b, "counts     none: %s\n\n", i.Why)
	}
	wide := len("element")
	for _, e := range i.Elements {
		wide = max(wide, len(e.Path))
	}
	fmt.Fprintf(&b, "%-*s %-21s %-8s %-15s %-12s %-15s %9s\n", wide, "element", "encoding", "type", "shape", "chunks", "filters", "stored")
	for _, e := range i.Elements {
		enc := e.Encoding
		if e.Version != "" {
			enc += " " + e.Version
		}
		fmt.Fprintf(&b, "%-*s %-21s %-8s %-15s %-12s %-15s %9s\n", wide, e.Path, dash(enc), dash(e.DType), dims(e.Shape), dims(e.Chunks),
			dash(strings.Join(e.Filters, "+")), memory.Bytes(e.StoredBytes))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func dims(d []int64) string {
	if len(d) == 0 {
		return "-"
	}
	s := make([]string, len(d))
	for i, n := range d {
		s[i] = fmt.Sprint(n)
	}
	return strings.Join(s, " x ")
}
