package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/gpusc/gpusc"
	"github.com/gpusc/gpusc/bench"
	"github.com/gpusc/gpusc/bench/ops"
	"github.com/gpusc/gpusc/internal/errs"
)

// newBenchKernels is gpusc bench kernels.
func newBenchKernels(g *globals) *cobra.Command {
	var o ops.Options
	var file string
	c := &cobra.Command{
		Use: "kernels", Short: "each operation on its own, beside what the device can move",
		Long: `Times every operation of the catalogue on made-up counts: a launch among many,
a launch alone, the bytes that it cannot do without moving, and the share of
what the device moves where there is nothing else to do (measured in the same
run: filling memory with zeros on a GPU, copying memory on the processor).
Shares of arithmetic are of a figure that is given, not measured.`,
		Example: "  gpusc bench kernels\n  gpusc bench kernels --device cuda:0 --rows 65536 --json kernels.json",
		Args:    args(0, 0, "nothing more"),
		RunE: func(c *cobra.Command, _ []string) error {
			if !(o.PeakF32 >= 0) || !(o.PeakF64 >= 0) {
				return usageError("--peak-f32 and --peak-f64 cannot be below 0")
			}
			if o.Rows < 1 || o.Genes < 1 || o.Streams < 0 || !(o.Density > 0) {
				return usageError("--rows, --genes and --density must be above 0")
			}
			if err := canWrite("--json", file); err != nil {
				return err
			}
			return g.withEngine(c, func(ctx context.Context, e *gpusc.Engine) error { return g.benchKernels(ctx, e, o, file) })
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.IntVar(&o.Rows, "rows", 4096, "`N`: cells")
	f.IntVar(&o.Genes, "genes", 28000, "`N`: genes")
	f.Float64Var(&o.Density, "density", 0.07, "`D`: share of the values that are stored")
	f.IntVar(&o.Streams, "streams", 0, "`N`: side by side (default one a thread on the processor, 1 on a GPU)")
	f.Float64Var(&o.PeakF32, "peak-f32", 0, "`GFLOPS`: declared peak of float32, for shares")
	f.Float64Var(&o.PeakF64, "peak-f64", 0, "`GFLOPS`: declared peak of float64, for shares")
	f.StringVar(&file, "json", "", "also write the figures as JSON to `FILE` (- for standard output, instead)")
	return c
}

// kernelsFile is what gpusc bench kernels --json writes.
type kernelsFile struct {
	bench.Machine
	*ops.Result
}

func (g *globals) benchKernels(ctx context.Context, e *gpusc.Engine, o ops.Options, file string) error {
	o.Seed, o.Ledger = g.seed, e.Ledger()
	o.PeakF32, o.PeakF64 = o.PeakF32*1e9, o.PeakF64*1e9
	o.Progress = func(name string) { g.log.Debug("measuring " + name) }
	dev := e.Backends()
	if len(dev) != 1 {
		return errs.New(errs.Usage, "bench kernels measures one device, not %d", len(dev)).Do("name one, like --device cuda:0")
	}
	r, err := ops.Measure(ctx, dev[0], o)
	if err != nil {
		return err
	}
	if err := g.writeFigures(file, kernelsFile{bench.ThisMachine(version, gpusc.Devices().Driver), r}); err != nil {
		return err
	}
	if file != "-" {
		if err := r.Print(g.out); err != nil {
			return err
		}
	}
	for _, op := range r.Operations {
		if op.Not != "" {
			return errs.New(errs.Resource, "%s was not measured: %s", op.Name, op.Not)
		}
	}
	return nil
}

// writeFigures writes v as JSON to a file, "-" for standard output, "" for nowhere.
func (g *globals) writeFigures(file string, v any) error {
	if file == "" {
		return nil
	}
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if file == "-" {
		_, err = g.out.Write(b)
		return err
	}
	if err := os.WriteFile(file, b, 0o644); err != nil {
		return errs.At(errs.Resource, file, "", "the figures cannot be written").Because(cause(err))
	}
	return nil
}

// canWrite refuses a file that cannot be written before the work begins.
func canWrite(flag, file string) error {
	if file == "" || file == "-" {
		return nil
	}
	if st, err := os.Stat(file); err == nil && st.IsDir() {
		return errs.At(errs.Usage, file, "", "%s wants a file, and this is a folder", flag).Do("name a file")
	}
	if st, err := os.Stat(filepath.Dir(file)); err != nil || !st.IsDir() {
		return errs.At(errs.Resource, file, "", "the folder of %s does not exist", flag).Do("make it first")
	}
	return nil
}
