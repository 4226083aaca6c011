package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/pprof"

	"github.com/spf13/cobra"

	"github.com/gpusc/gpusc"
	"github.com/gpusc/gpusc/internal/errs"
)

// withEngine opens the library with the flags, runs f and closes it.
func (g *globals) withEngine(c *cobra.Command, f func(ctx context.Context, e *gpusc.Engine) error) error {
	o, err := g.options()
	if err != nil {
		return err
	}
	switch c.Name() {
	case "synth", "info", "check", "neighbors", "umap", "leiden": // nothing for a GPU to do
		if o.Device == "auto" {
			o.Device = "cpu"
		}
	}
	if err := g.checkReport(); err != nil {
		return err
	}
	bars, err := newBars(g)
	if err != nil {
		return err
	}
	o.Progress = bars.update
	defer bars.stop()
	if g.cpuProfile != "" {
		f, err := os.Create(g.cpuProfile)
		if err != nil {
			return errs.At(errs.Resource, g.cpuProfile, "", "cannot be written").Because(err)
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	e, err := gpusc.Open(c.Context(), o)
	if err != nil {
		return err
	}
	err = f(c.Context(), e)
	bars.stop()
	return errs.Also(err, e.Close())
}

// checkReport refuses a report that cannot be written before the work begins.
func (g *globals) checkReport() error {
	if g.report == "" || g.report == "-" {
		return nil
	}
	if st, err := os.Stat(g.report); err == nil && st.IsDir() {
		return errs.At(errs.Usage, g.report, "", "--report wants a file, and this is a folder").Do("name a file")
	}
	if st, err := os.Stat(filepath.Dir(g.report)); err != nil || !st.IsDir() {
		return errs.At(errs.Resource, g.report, "", "the folder of the report does not exist").Do("make it first")
	}
	return nil
}

// apart refuses a report that would be written over the input or the output.
func (g *globals) apart(paths ...string) error {
	if g.report == "" || g.report == "-" {
		return nil
	}
	st, err := os.Stat(g.report)
	for _, p := range paths {
		if p == "" {
			continue
		}
		same := filepath.Clean(p) == filepath.Clean(g.report)
		if pst, perr := os.Stat(p); err == nil && perr == nil {
			same = same || os.SameFile(st, pst)
		}
		if same {
			return errs.At(errs.Usage, g.report, "", "--report would be written over %s", p).Do("name another file")
		}
	}
	return nil
}

// finish tells of a run on standard error and writes its report.
func (g *globals) finish(c *cobra.Command, r *gpusc.Report, args []string) error {
	r.Command, r.Args = c.Name(), args
	if g.logFormat == "json" {
		g.log.Info("done", "command", r.Command, "output", r.Output.Path, "seconds", r.Seconds, "peak_rss_bytes", r.PeakRSS)
	} else if g.level <= slog.LevelInfo {
		r.Sum(g.err)
	}
	if g.report == "" {
		return nil
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if g.report == "-" {
		_, err = g.out.Write(b)
		return err
	}
	if err := os.WriteFile(g.report, b, 0o644); err != nil {
		return errs.At(errs.Resource, g.report, "", "the report cannot be written").Because(cause(err))
	}
	return nil
}

// cause is what the system said, without the name of the file, which the error
// gives already.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func newRun(g *globals) *cobra.Command {
	var pf pipelineFlags
	var out string
	c := &cobra.Command{
		Use: "run IN -o OUT", Short: "counts to clusters: QC to PCA, neighbours, UMAP, Leiden",
		Long: `Runs the whole pipeline on IN (.h5ad) and writes OUT (.h5ad), which scanpy
opens: QC columns in obs and var, X normalised, var/highly_variable,
obsm/X_pca, varm/PCs, uns/pca, the graph of neighbours in obsp, obsm/X_umap,
obs/leiden. Everything else that IN holds is carried over.

Up to PCA the memory hardly grows with the cells. The graph steps hold about
1,500 bytes a cell at once; --until pca leaves them out.`,
		Example: `  gpusc run counts.h5ad -o out.h5ad
  gpusc run counts.h5ad -o out.h5ad --max-pct mt=20 --hvg-flavor seurat_v3 \
    --batch-key donor --memory 4GiB`,
		Args: args(1, 1, "one input file"),
		RunE: func(c *cobra.Command, a []string) error {
			p, err := pf.pipeline()
			if err != nil {
				return err
			}
			return g.withEngine(c, func(ctx context.Context, e *gpusc.Engine) error {
				if pf.dryRun {
					return g.printPlan(ctx, e, a[0], p, false)
				}
				if out == "" {
					return errs.New(errs.Usage, "gpusc run wants -o OUT").Do("name the file to write")
				}
				if err := g.apart(a[0], out); err != nil {
					return err
				}
				r, err := e.Run(ctx, a[0], out, p)
				if err != nil {
					return err
				}
				return g.finish(c, r, os.Args[1:])
			})
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVarP(&out, "output", "o", "", "`OUT`: file to write")
	f.StringVar(&pf.until, "until", "", "`STEP`: the last one: qc, filter, normalize, hvg, pca, neighbors, umap or leiden (default leiden)")
	f.StringVar(&pf.file, "pipeline", "", "`FILE`: parameters in TOML instead, under scanpy's names of functions and arguments")
	f.BoolVar(&pf.dryRun, "dry-run", false, "print the plan and stop")
	pf.add(f, partRun)
	return c
}

func newPlan(g *globals) *cobra.Command {
	var pf pipelineFlags
	var asJSON bool
	c := &cobra.Command{
		Use: "plan IN", Short: "what run would do: passes, bytes, memory",
		Long: `Prints what gpusc run would do with these flags: the passes and their steps,
the bytes each reads, the memory by part, where the cache lies. Nothing is
written and only the file's structure is read.`,
		Example: `  gpusc plan counts.h5ad
  gpusc plan counts.h5ad --memory 1GiB --hvg-flavor seurat_v3 --json`,
		Args: args(1, 1, "one input file"),
		RunE: func(c *cobra.Command, a []string) error {
			p, err := pf.pipeline()
			if err != nil {
				return err
			}
			return g.withEngine(c, func(ctx context.Context, e *gpusc.Engine) error {
				return g.printPlan(ctx, e, a[0], p, asJSON)
			})
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.BoolVar(&asJSON, "json", false, "print JSON")
	f.StringVar(&pf.until, "until", "", "`STEP`: the last one: qc, filter, normalize, hvg, pca, neighbors, umap or leiden (default leiden)")
	f.StringVar(&pf.file, "pipeline", "", "`FILE`: parameters in TOML instead, under scanpy's names of functions and arguments")
	pf.add(f, partRun)
	return c
}

func (g *globals) printPlan(ctx context.Context, e *gpusc.Engine, in string, p gpusc.Pipeline, asJSON bool) error {
	plan, err := e.Plan(ctx, in, p)
	if err != nil {
		return err
	}
	if asJSON {
		enc := json.NewEncoder(g.out)
		enc.SetIndent("", "  ")
		return enc.Encode(plan)
	}
	return plan.Print(g.out)
}
