package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/gpusc/gpusc"
	"github.com/gpusc/gpusc/bench"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// benchOptions are the flags of bench.
type benchOptions struct {
	cells  int64
	python string
	peers  []string
	asJSON bool
}

// benchRow is one program on one place, or one pass of it.
type benchRow struct {
	Name    string     `json:"name"`
	Seconds float64    `json:"seconds"`
	Cells   float64    `json:"cells_per_second"`
	Bytes   float64    `json:"decoded_bytes_per_second,omitempty"`
	Memory  int64      `json:"peak_rss_bytes,omitempty"`
	Not     string     `json:"not_measured,omitempty"` // why there are no figures
	Passes  []benchRow `json:"passes,omitempty"`
}

func newBench(g *globals) *cobra.Command {
	var o benchOptions
	c := &cobra.Command{
		Use: "bench [IN]", Short: "the pipeline on every backend, beside scanpy where it is",
		Long: `Runs the pipeline on IN, or on made-up cells, on every device of this machine
and prints seconds, cells and decoded bytes a second of each pass. With --python
the same is done by scanpy, in one table. Files go to a folder under --tmp that
is removed at the end; results only are written (--x none). Two further commands
measure more closely and keep figures in a file.`,
		Example: "  gpusc bench --cells 20000\n  gpusc bench counts.h5ad --python .venv/bin/python --peers scanpy,dask",
		Args:    args(0, 1, "at most one file"),
		RunE: func(c *cobra.Command, a []string) error {
			if o.cells < 1 {
				return usageError("--cells %d cannot be", o.cells).Do("give 1000 or more")
			}
			for _, p := range o.peers {
				if !slices.Contains([]string{"scanpy", "scanpy-cov", "dask"}, p) {
					return usageError("there is no peer %q", p).Do("use scanpy, scanpy-cov or dask")
				}
			}
			return g.bench(c, o, a)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.Int64Var(&o.cells, "cells", 20000, "`N`: made-up cells where no IN is given")
	f.StringVar(&o.python, "python", "", "`PYTHON`: the interpreter that has scanpy (default no peers)")
	f.StringSliceVar(&o.peers, "peers", []string{"scanpy"}, "`LIST`: scanpy, scanpy-cov (PCA by covariance), dask")
	f.BoolVar(&o.asJSON, "json", false, "print JSON")
	c.AddCommand(newBenchKernels(g), newBenchPipeline(g))
	for _, sub := range c.Commands() {
		sub.SetFlagErrorFunc(flagError)
	}
	return c
}

// bench measures all and prints the table.
func (g *globals) bench(c *cobra.Command, o benchOptions, a []string) (err error) {
	tmp := g.tmp
	if tmp == "" {
		tmp = os.TempDir()
	}
	dir, err := os.MkdirTemp(tmp, "gpusc-bench-*")
	if err != nil {
		return errs.At(errs.Resource, tmp, "", "no folder can be made").Because(cause(err)).Do("name another with --tmp")
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	in := filepath.Join(dir, "counts.h5ad")
	if len(a) == 1 {
		in = a[0]
	} else if err := g.withEngine(c, func(ctx context.Context, e *gpusc.Engine) error {
		_, err := e.Synth(ctx, in, gpusc.SynthOptions{Cells: o.cells})
		return err
	}); err != nil {
		return err
	}
	rows, cells, err := g.benchDevices(c, in, dir)
	if err != nil {
		return err
	}
	if o.python != "" {
		for _, p := range o.peers {
			rows = append(rows, benchPeer(c.Context(), p, o.python, in, dir, cells))
			if c.Context().Err() != nil {
				return context.Cause(c.Context())
			}
		}
	}
	if o.asJSON {
		enc := json.NewEncoder(g.out)
		enc.SetIndent("", "  ")
		return enc.Encode(rows)
	}
	return g.printBench(rows)
}

// benchDevices runs the pipeline on each device that answers.
func (g *globals) benchDevices(c *cobra.Command, in, dir string) (rows []benchRow, cells int64, err error) {
	out := filepath.Join(dir, "out.h5ad")
	asked := g.device
	defer func() { g.device = asked }()
	for _, d := range gpusc.Devices().Devices {
		if asked != "auto" && asked != d.Name {
			continue
		}
		g.device = d.Name
		err := g.withEngine(c, func(ctx context.Context, e *gpusc.Engine) error {
			p := gpusc.DefaultPipeline()
			p.X, p.Until = "none", gpusc.UntilPCA
			r, err := e.Run(ctx, in, out, p)
			if err != nil {
				return err
			}
			cells = r.Input.Obs
			rows = append(rows, benchReport(r))
			return os.Remove(out)
		})
		if err != nil {
			return nil, 0, err
		}
	}
	if len(rows) == 0 {
		return nil, 0, errs.New(errs.Resource, "device %q does not answer", asked).Do("gpusc devices lists what there is")
	}
	return rows, cells, nil
}

// benchReport turns the report of a run into rows.
func benchReport(r *gpusc.Report) benchRow {
	row := benchRow{Name: "gpusc " + r.Device, Seconds: r.Seconds, Cells: rateOf(r.Input.Obs, r.Seconds), Memory: r.PeakRSS}
	for _, s := range r.Steps {
		row.Passes = append(row.Passes, benchRow{
			Name: strings.TrimSuffix(s.Name+": "+strings.Join(s.Steps, ", "), ": "), Seconds: s.Seconds,
			Cells: rateOf(s.Cells, s.Seconds), Bytes: rateOf(s.Decoded, s.Seconds),
		})
	}
	return row
}

func rateOf(n int64, seconds float64) float64 { return float64(n) / max(seconds, 1e-9) }

// benchPeer runs another program on the same file.
func benchPeer(ctx context.Context, peer, python, in, dir string, cells int64) benchRow {
	row := benchRow{Name: peer}
	script, figures := filepath.Join(dir, "peers.py"), filepath.Join(dir, peer+".json")
	if err := os.WriteFile(script, []byte(bench.Peers()), 0o600); err != nil {
		row.Not = err.Error()
		return row
	}
	words, err := exec.CommandContext(ctx, python, script, peer, in, filepath.Join(dir, peer+".h5ad"), "--json", figures).CombinedOutput()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(words)), "\n")
		row.Not = strings.TrimPrefix(lines[len(lines)-1]+": "+err.Error(), ": ")
		return row
	}
	var f struct {
		Stages map[string]float64 `json:"stages"`
	}
	b, err := os.ReadFile(figures)
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	if err != nil {
		row.Not = err.Error()
		return row
	}
	for stage, s := range f.Stages {
		if stage != "start" && stage != "compile" { // importing and compiling are not the work
			row.Seconds += s
		}
	}
	row.Cells = rateOf(cells, row.Seconds)
	return row
}

// printBench prints one table for a person.
func (g *globals) printBench(rows []benchRow) error {
	w := tabwriter.NewWriter(g.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "seconds\tcells/s\tdecoded/s\tpeak\t")
	line := func(r benchRow, indent string) {
		count := func(v float64, s string) string {
			if v == 0 {
				return "-"
			}
			return s
		}
		fmt.Fprintf(w, "%.2f\t%s\t%s\t%s\t  %s%s\n", r.Seconds, count(r.Cells, humanize.Comma(int64(r.Cells))),
			count(r.Bytes, memory.Bytes(int64(r.Bytes))), count(float64(r.Memory), memory.Bytes(r.Memory)), indent, r.Name)
	}
	for _, r := range rows {
		if r.Not != "" {
			fmt.Fprintf(w, "-\t-\t-\t-\t  %s: not measured: %s\n", r.Name, r.Not)
			continue
		}
		if first := rows[0]; r.Name != first.Name {
			r.Name += fmt.Sprintf("  (%.1f x the time of %s)", r.Seconds/first.Seconds, first.Name)
		}
		line(r, "")
		for _, p := range r.Passes {
			line(p, "  ")
		}
	}
	return w.Flush()
}
