package gpusc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/gpusc/gpusc"
	"github.com/gpusc/gpusc/cpu"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/memory"
)

// apart are n devices with memory of their own that bring mistakes to light.
func apart(n int, delay uint64) func(*memory.Ledger) ([]device.Backend, error) {
	return func(l *memory.Ledger) (out []device.Backend, err error) {
		for i := range n {
			d := delay
			if d != 0 {
				d += uint64(i)
			}
			b, err := cpu.Open(cpu.Options{Ledger: l, Threads: 2, Apart: true, Poison: true, Delay: d})
			if err != nil {
				return nil, err
			}
			out = append(out, b)
		}
		return out, nil
	}
}

// onBackends are ways to run; the first is plain.
func onBackends() map[string]gpusc.Options {
	small := gpusc.Options{Memory: 256 << 20, Threads: 1, ChunkRows: 40}
	two := gpusc.Options{Memory: 256 << 20, Threads: 2, ChunkRows: 90}
	return map[string]gpusc.Options{
		"one device":             small.On(apart(1, 11)),
		"two devices":            two.On(apart(2, 23)),
		"three devices":          small.On(apart(3, 37)),
		"two devices, no device": two, // the processor, in the same pieces
	}
}

// with runs f on an engine.
func with(t *testing.T, o gpusc.Options, f func(*gpusc.Engine) error) {
	t.Helper()
	e, err := gpusc.Open(context.Background(), o)
	check(t, err)
	check(t, f(e))
	check(t, e.Close())
}

// TestApart: the same bytes on devices with memory of their own, one or several,
// as on the processor.
func TestApart(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	in := filepath.Join(dir, "counts.h5ad")
	with(t, gpusc.Options{Memory: 256 << 20, Seed: 5}, func(e *gpusc.Engine) error {
		_, err := e.Synth(ctx, in, gpusc.SynthOptions{Cells: 500, Genes: 900, Clusters: 3, Counts: 700})
		return err
	})
	base := gpusc.DefaultPipeline()
	base.MinGenes, base.HVG.NTopGenes, base.NComps = 50, 120, 8
	v3, scaled, ranger, pearson, all := base, base, base, base, base
	v3.X, v3.HVG.Flavor, v3.BatchKey = "counts", "seurat_v3", "batch"
	scaled.X, scaled.Scale, scaled.MaxValue, scaled.BatchKey = "scaled", true, 10, "batch"
	ranger.TargetSum, ranger.MaxFraction, ranger.HVG.Flavor = 0, 0.05, "cell_ranger"
	pearson.X, pearson.HVG.Flavor, pearson.BatchKey = "none", "pearson_residuals", "batch"
	all.MinGenes, all.MinCells, all.HVG.Flavor = 0, 0, "none" // X goes out as it was read
	for name, p := range map[string]gpusc.Pipeline{
		"lognorm, seurat": base, "counts, seurat_v3": v3, "scaled": scaled, "cell_ranger": ranger, "pearson": pearson, "all genes": all,
	} {
		t.Run(name, func(t *testing.T) {
			run := func(t *testing.T, o gpusc.Options) (got []byte, r *gpusc.Report) {
				out := filepath.Join(t.TempDir(), "out.h5ad")
				with(t, o, func(e *gpusc.Engine) (err error) {
					r, err = e.Run(ctx, in, out, p)
					return err
				})
				got, err := os.ReadFile(out)
				check(t, err)
				return got, r
			}
			want, _ := run(t, gpusc.Options{Memory: 256 << 20, Threads: 2})
			for how, o := range onBackends() {
				t.Run(how, func(t *testing.T) {
					got, r := run(t, o)
					if !bytes.Equal(got, want) {
						t.Error("other bytes than on the processor")
					}
					if r.Peak > r.Budget {
						t.Errorf("%d bytes of host memory, of a budget of %d", r.Peak, r.Budget)
					}
				})
			}
		})
	}
}

// TestApartMemory: the plan knows what the host and the devices need, and the
// second sweep over the cache copies next to nothing to a device.
func TestApartMemory(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	in := filepath.Join(dir, "counts.h5ad")
	with(t, gpusc.Options{Memory: 256 << 20}, func(e *gpusc.Engine) error {
		_, err := e.Synth(ctx, in, gpusc.SynthOptions{Cells: 4000, Genes: 3000, Counts: 1500})
		return err
	})
	p := gpusc.DefaultPipeline()
	p.HVG.NTopGenes, p.NComps = 200, 10
	const budget = 1 << 30
	for _, n := range []int{1, 2} {
		left := int64(budget)
		for range 4 {
			out := filepath.Join(dir, fmt.Sprint(n, left))
			with(t, gpusc.Options{Memory: budget, Threads: 2}.On(apart(n, 0)), func(e *gpusc.Engine) error {
				taken, err := e.Ledger().Reserve(memory.Host, "others", budget-left)
				check(t, err)
				defer taken.Release()
				plan, err := e.Plan(ctx, in, p)
				check(t, err)
				r, err := e.Run(ctx, in, out, p)
				check(t, err)
				if peak := e.Ledger().PeakOf(memory.Device); peak > int64(n)*plan.Device+plan.Cache {
					t.Errorf("%d devices, %d bytes left: %d bytes on the devices, planned were %d each and %d of cache", n, left, peak, plan.Device, plan.Cache)
				}
				var up []int64
				for _, s := range r.Steps {
					if s.Name == "packed cache" {
						up = append(up, s.Up)
					}
				}
				if len(up) != 2 || up[1] > up[0]/2 {
					t.Errorf("%d devices: %v bytes went up in the sweeps over the cache", n, up)
				}
				left = plan.Need + 1<<10 // just enough, for the next round
				return nil
			})
		}
	}
}

// TestApartSteps is TestApart for single steps, on a file of logarithms too.
func TestApartSteps(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	p := gpusc.DefaultPipeline()
	p.MinGenes, p.HVG.NTopGenes, p.NComps, p.MaxValue = 50, 100, 8, 4
	with(t, gpusc.Options{Memory: 256 << 20}, func(e *gpusc.Engine) error {
		_, err := e.Synth(ctx, at("counts.h5ad"), gpusc.SynthOptions{Cells: 300, Genes: 600, Counts: 500})
		return err
	})
	steps := func(o gpusc.Options, to string) (files [][]byte) {
		out := func(name string) string { return at(to + name) }
		with(t, o, func(e *gpusc.Engine) error {
			var all []error
			for _, f := range []func() (*gpusc.Report, error){
				func() (*gpusc.Report, error) { return e.QC(ctx, at("counts.h5ad"), out("qc"), p) },
				func() (*gpusc.Report, error) { return e.Filter(ctx, at("counts.h5ad"), out("kept"), p) },
				func() (*gpusc.Report, error) { return e.Normalize(ctx, out("kept"), out("log"), p) },
				func() (*gpusc.Report, error) { return e.HVG(ctx, out("log"), out("hvg"), p) },
				func() (*gpusc.Report, error) { return e.PCA(ctx, out("hvg"), out("pca"), p) },
				func() (*gpusc.Report, error) { return e.Scale(ctx, out("log"), out("scaled"), p) },
			} {
				_, err := f()
				all = append(all, err)
			}
			return errors.Join(all...)
		})
		for _, name := range []string{"qc", "kept", "log", "hvg", "pca", "scaled"} {
			b, err := os.ReadFile(out(name))
			check(t, err)
			files = append(files, b)
		}
		return files
	}
	want := steps(gpusc.Options{Memory: 256 << 20, Threads: 2}, "plain-")
	n := 0
	for how, o := range onBackends() {
		n++
		for i, got := range steps(o, fmt.Sprint(n, "-")) {
			if !bytes.Equal(got, want[i]) {
				t.Errorf("%s, file %d: other bytes than on the processor", how, i)
			}
		}
	}
}
