package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gpusc/gpusc"
	"github.com/gpusc/gpusc/bench"
	"github.com/gpusc/gpusc/internal/errs"
)

// pipelineOptions are the flags of bench pipeline.
type pipelineOptions struct {
	cells []string
	genes int
	runs  int
	file  string

	sizes []int64
}

// newBenchPipeline is gpusc bench pipeline.
func newBenchPipeline(g *globals) *cobra.Command {
	var o pipelineOptions
	c := &cobra.Command{
		Use: "pipeline", Short: "file to file on each device in turn, at several sizes",
		Long: `Makes cells in a scratch folder under --tmp and runs the pipeline on them, QC to
PCA, results only, on each device of --device in turn: a process of its own for
each run, the median of three (one above 500,000 cells), the file in the page
cache. Tells wall time, cells a second, peak resident memory, passes and their
times, and whether the devices gave the same bytes. --device is a list here:
cpu,cuda:0 is two measurements, cpu,cuda:0,1 is the processor and two GPUs at
once; auto is everything that answers.`,
		Example: "  gpusc bench pipeline --cells 100000\n  gpusc bench pipeline --cells 100000,1000000 --device cpu,cuda:0 --json p.json",
		Args:    args(0, 0, "nothing more"),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return g.benchPipeline(c, o)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringSliceVar(&o.cells, "cells", []string{"100000"}, "`LIST`: how many cells, like 100000,1000000")
	f.IntVar(&o.genes, "genes", 28000, "`N`: genes")
	f.IntVar(&o.runs, "runs", 0, "`N`: of which the median is told (default 3, and 1 above 500,000 cells)")
	f.StringVar(&o.file, "json", "", "also write the figures as JSON to `FILE` (- for standard output, instead)")
	return c
}

func (o *pipelineOptions) check() error {
	o.sizes = nil
	for _, s := range o.cells {
		n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
		if err != nil || n < 1 {
			return usageError("--cells %q is no number of cells", s).Do("write it like 100000,1000000")
		}
		o.sizes = append(o.sizes, n)
	}
	if o.genes < 20 || o.runs < 0 {
		return usageError("--genes must be 20 or more, and --runs not below 0")
	}
	return canWrite("--json", o.file)
}

// runsOf is how often a size is measured.
func (o *pipelineOptions) runsOf(cells int64) int {
	switch {
	case o.runs > 0:
		return o.runs
	case cells > 500000:
		return 1
	}
	return 3
}

// deviceList reads --device as a list. A number belongs to the name before it.
func deviceList(s string) ([]string, error) {
	if s == "auto" || s == "" {
		var all []string
		for _, d := range gpusc.Devices().Devices {
			all = append(all, d.Name)
		}
		return all, nil
	}
	var list []string
	for part := range strings.SplitSeq(s, ",") {
		if _, err := strconv.Atoi(part); err == nil && len(list) > 0 && strings.HasPrefix(list[len(list)-1], "cuda:") {
			list[len(list)-1] += "," + part
			continue
		}
		if part != "cpu" && part != "cuda" && !strings.HasPrefix(part, "cuda:") {
			return nil, usageError("there is no device %q", part).Do("write a list like cpu,cuda:0; gpusc devices lists what there is")
		}
		if slices.Contains(list, part) {
			return nil, usageError("--device names %s twice", part)
		}
		list = append(list, part)
	}
	return list, nil
}

// pipelineFile is what gpusc bench pipeline --json writes.
type pipelineFile struct {
	bench.Machine
	Genes     int                    `json:"genes"`
	Pipelines []bench.PipelineFigure `json:"pipelines"`
}

func (g *globals) benchPipeline(c *cobra.Command, o pipelineOptions) error {
	devices, err := deviceList(g.device)
	if err != nil {
		return err
	}
	if _, err := g.options(); err != nil {
		return err
	}
	b := &bench.Pipeline{
		Genes: o.genes, Devices: devices, Tmp: g.tmp, Seed: g.seed, Runs: o.runsOf,
		Say: func(s string) { g.log.Info(s) },
		Run: bench.Self(os.Args[0], g.passed()),
		Make: func(ctx context.Context, path string, cells int64) error {
			asked := g.device
			defer func() { g.device = asked }()
			g.device = "cpu"
			return g.withEngine(c, func(ctx context.Context, e *gpusc.Engine) error {
				_, err := e.Synth(ctx, path, gpusc.SynthOptions{Cells: cells, Genes: o.genes})
				return err
			})
		},
	}
	f := pipelineFile{Machine: bench.ThisMachine(version, gpusc.Devices().Driver), Genes: o.genes}
	if f.Pipelines, err = b.Measure(c.Context(), o.sizes); err != nil {
		return err
	}
	if err := g.writeFigures(o.file, f); err != nil {
		return err
	}
	if o.file != "-" {
		if err := bench.PrintPipelines(g.out, f.Pipelines); err != nil {
			return err
		}
	}
	for _, p := range f.Pipelines {
		if p.Not != "" {
			return errs.New(errs.Resource, "%d cells on %s were not measured: %s", p.Cells, p.Device, p.Not)
		}
		if p.Same != nil && !*p.Same {
			return fmt.Errorf("%s and %s give other bytes for %d cells", p.Device, devices[0], p.Cells)
		}
	}
	return nil
}

// passed are the flags of this program that its children get too.
func (g *globals) passed() []string {
	out := []string{"--seed", strconv.FormatUint(g.seed, 10), "--threads", strconv.Itoa(g.threads)}
	for _, f := range [][2]string{{"--memory", g.memory}, {"--device-memory", g.deviceMemory}, {"--tmp", g.tmp}} {
		if f[1] != "" {
			out = append(out, f[0], f[1])
		}
	}
	return out
}
