package main

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gpusc/gpusc"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/internal/words"
	"github.com/gpusc/gpusc/memory"
)

// globals are the flags that every command takes, and where words go.
type globals struct {
	out, err io.Writer

	device, memory, deviceMemory string
	threads                      int
	seed                         uint64
	tmp, report                  string
	force                        bool
	progress                     string
	logLevel, logFormat          string
	chunkRows                    int64
	cpuProfile                   string

	log   *slog.Logger
	level slog.Level
}

func (g *globals) flags(f *pflag.FlagSet) {
	f.SortFlags = false
	f.StringVar(&g.device, "device", "auto", "`WHERE`: auto, cpu, cuda or cuda:0,1: where kernels run")
	f.StringVar(&g.memory, "memory", "", "`SIZE`: budget of memory, like 4GiB (default 60% of what the machine or cgroup has left)")
	f.StringVar(&g.deviceMemory, "device-memory", "", "`SIZE`: cap of memory on each device, like 20GiB")
	f.IntVar(&g.threads, "threads", 0, "`N`: threads that compute (default all cores)")
	f.Uint64Var(&g.seed, "seed", 0, "`N`: seed of what is random")
	f.StringVar(&g.tmp, "tmp", "", "`DIR`: folder for scratch files (default the system's)")
	f.BoolVar(&g.force, "force", false, "replace OUT when it exists")
	f.StringVar(&g.report, "report", "", "write a report of the run as JSON to `FILE` (- for standard output)")
	f.StringVar(&g.progress, "progress", "auto", "`WHEN`: show bars: auto, always or never")
	f.StringVar(&g.logLevel, "log-level", "info", "`LEVEL`: debug, info, warn or error")
	f.StringVar(&g.logFormat, "log-format", "text", "`FORMAT`: of words on standard error: text or json")
	f.Int64Var(&g.chunkRows, "chunk-rows", 0, "cells read at a time (default: by memory); results do not depend on it")
	f.StringVar(&g.cpuProfile, "cpuprofile", "", "write a CPU profile (pprof) to this file")
	for _, hidden := range []string{"chunk-rows", "cpuprofile"} {
		_ = f.MarkHidden(hidden)
	}
	titled(f, "Flags that every command takes")
}

// logger makes the logger that the flags ask for.
func (g *globals) logger() (*slog.Logger, error) {
	level, ok := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}[g.logLevel]
	if !ok {
		return nil, usageError("--log-level %q is not known", g.logLevel).Do("use debug, info, warn or error")
	}
	g.level = level
	switch g.logFormat {
	case "json":
		return slog.New(slog.NewJSONHandler(g.err, &slog.HandlerOptions{Level: level})), nil
	case "text":
		return slog.New(&plainHandler{w: g.err, level: level}), nil
	}
	return nil, errs.New(errs.Usage, "--log-format %q is not known", g.logFormat).Do("use text or json")
}

// options turns the flags into the library's.
func (g *globals) options() (gpusc.Options, error) {
	o := gpusc.Options{Device: g.device, Threads: g.threads, Tmp: g.tmp, Seed: g.seed, Overwrite: g.force, ChunkRows: g.chunkRows, Version: version}
	for _, m := range []struct {
		s    string
		to   *int64
		name string
	}{{g.memory, &o.Memory, "--memory"}, {g.deviceMemory, &o.DeviceMemory, "--device-memory"}} {
		if m.s == "" {
			continue
		}
		n, err := memory.ParseBytes(m.s)
		if err != nil {
			return o, usageError("%s %q is no size", m.name, m.s).Do("write it like 4GiB or 512MiB")
		}
		if n <= 0 {
			return o, errs.New(errs.Usage, "%s %s is no size", m.name, m.s).Do("write it like 4GiB or 512MiB")
		}
		*m.to = n
	}
	if g.threads < 0 {
		return o, errs.New(errs.Usage, "--threads %d cannot be", g.threads).Do("give 1 or more")
	}
	if g.chunkRows < 0 {
		return o, errs.New(errs.Usage, "--chunk-rows %d cannot be", g.chunkRows)
	}
	log, err := g.logger()
	o.Log, g.log = log, log
	return o, err
}

const rootLong = `gpusc takes a file of counts (cells x genes) to QC, filters, normalisation,
log1p, highly variable genes and PCA, without loading it into memory and with
scanpy's numbers, and on to neighbours, UMAP and Leiden clusters.`

const rootExample = `  gpusc run counts.h5ad -o out.h5ad
  gpusc plan counts.h5ad`

// newRoot builds the command tree.
func newRoot(out, errw io.Writer) *cobra.Command {
	g := &globals{out: out, err: errw}
	root := &cobra.Command{
		Use: "gpusc COMMAND", Short: "single-cell counts to clusters in one streamed read", Long: rootLong, Example: rootExample,
		SilenceErrors: true, SilenceUsage: true, Version: version,
		SuggestionsMinimumDistance: 2,
	}
	root.SetOut(out)
	root.SetErr(errw)
	root.SetFlagErrorFunc(flagError)
	g.flags(root.PersistentFlags())
	groups := []struct {
		id, title string
		cmds      []*cobra.Command
	}{
		{"pipeline", "The pipeline:", []*cobra.Command{newRun(g), newPlan(g)}},
		{"steps", "Single steps:", []*cobra.Command{newQC(g), newFilter(g), newNormalize(g), newHVG(g), newScale(g), newPCA(g), newNeighbors(g), newUMAP(g), newLeiden(g)}},
		{"look", "Looking:", []*cobra.Command{newInfo(g), newCheck(g)}},
		{"try", "Trying and measuring:", []*cobra.Command{newDemo(g), newSynth(g), newBench(g)}},
		{"machine", "This machine:", []*cobra.Command{newDevices(g), newDoctor(g), newVersion(g), newCompletion(g, root), newHelp(root)}},
	}
	for _, gr := range groups {
		root.AddGroup(&cobra.Group{ID: gr.id, Title: gr.title})
		for _, c := range gr.cmds {
			c.GroupID = gr.id
			c.SetFlagErrorFunc(flagError)
			root.AddCommand(c)
		}
	}
	root.SetHelpCommand(newHelp(root))
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpFunc(func(c *cobra.Command, _ []string) { help(c.OutOrStdout(), c) })
	root.SetUsageFunc(func(c *cobra.Command) error { help(c.OutOrStderr(), c); return nil })
	root.Args = func(_ *cobra.Command, args []string) error { return unknownCommand(root, args) }
	root.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	return root
}

// unknownCommand names the nearest known command.
func unknownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	e := errs.New(errs.Usage, "there is no command %q", args[0])
	if s := root.SuggestionsFor(args[0]); len(s) > 0 {
		return e.Do("did you mean %q?", s[0])
	}
	return e.Do("see gpusc --help")
}

// usageError is an error of kind usage.
func usageError(format string, a ...any) *errs.E { return errs.New(errs.Usage, format, a...) }

// flagError says in plain words what is wrong with a flag, and names the nearest
// known one.
func flagError(c *cobra.Command, err error) error {
	see := strings.TrimSpace("see " + c.CommandPath() + " --help")
	var value *pflag.InvalidValueError
	if errors.As(err, &value) {
		f := value.GetFlag()
		return usageError("--%s cannot be %q: it wants %s", f.Name, value.GetValue(), kindOf(f)).Do("%s", see)
	}
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) || unknown.GetSpecifiedShortnames() != "" {
		return usageError("%s", err).Do("%s", see)
	}
	name, best, dist := unknown.GetSpecifiedName(), "", 4
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if d := words.Distance(name, f.Name); d < dist && !f.Hidden {
			best, dist = f.Name, d
		}
	})
	e := usageError("there is no flag --%s", name)
	if best != "" {
		return e.Do("did you mean --%s?", best)
	}
	return e.Do("%s", see)
}

// kindOf says what values a flag takes.
func kindOf(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "int", "int64":
		return "a whole number"
	case "uint64":
		return "a whole number from 0"
	case "float64":
		return "a number"
	case "bool":
		return "true or false"
	}
	return "something else"
}

// args wants between lo and hi arguments and names what they are.
func args(lo, hi int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, a []string) error {
		if len(a) >= lo && len(a) <= hi {
			return nil
		}
		return errs.New(errs.Usage, "gpusc %s wants %s, not %d arguments", c.Name(), what, len(a)).Do("see gpusc %s --help", c.Name())
	}
}

// isTerminal tells whether words go to a person.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}
