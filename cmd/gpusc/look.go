package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gpusc/gpusc"
)

// printer is a result that prints itself for a person.
type printer interface {
	Print(w interface{ Write([]byte) (int, error) }) error
}

// lookCommand is a command that reads one file and prints what it finds.
func lookCommand(g *globals, c *cobra.Command, f func(e *gpusc.Engine, ctx context.Context, in string) (printer, error)) *cobra.Command {
	var asJSON bool
	c.Args = args(1, 1, "one file")
	c.RunE = func(c *cobra.Command, a []string) error {
		return g.withEngine(c, func(ctx context.Context, e *gpusc.Engine) error {
			r, err := f(e, ctx, a[0])
			if r != nil {
				if perr := g.print(r, asJSON); perr != nil {
					return perr
				}
			}
			return err
		})
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (g *globals) print(r printer, asJSON bool) error {
	if !asJSON {
		return r.Print(g.out)
	}
	enc := json.NewEncoder(g.out)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

func newInfo(g *globals) *cobra.Command {
	return lookCommand(g, &cobra.Command{
		Use: "info IN", Short: "shape, elements, types, chunks, where the counts are",
		Long: `Prints what IN holds: shape, every element with its encoding, type, chunks,
filters and stored bytes, the density of X, and where the counts are.`,
		Example: "  gpusc info counts.h5ad\n  gpusc info counts.h5ad --json",
	}, func(e *gpusc.Engine, ctx context.Context, in string) (printer, error) {
		r, err := e.Info(ctx, in)
		if err != nil {
			return nil, err
		}
		return r, nil
	})
}

func newCheck(g *globals) *cobra.Command {
	return lookCommand(g, &cobra.Command{
		Use: "check IN", Short: "decode everything and verify it",
		Long: `Decodes every element, verifies all checksums, and checks the invariants of
AnnData (row pointers, gene indices, lengths of columns). Prints what is broken
and where; the exit status is 3 when something is.`,
		Example: "  gpusc check counts.h5ad\n  gpusc check counts.h5ad --json",
	}, func(e *gpusc.Engine, ctx context.Context, in string) (printer, error) {
		r, err := e.Check(ctx, in)
		if r == nil {
			return nil, err
		}
		return r, err
	})
}

func newDevices(g *globals) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "devices", Short: "where kernels can run", Long: "Lists the devices that --device can name.",
		Example: "  gpusc devices\n  gpusc devices --json", Args: args(0, 0, "nothing more"),
		RunE: func(*cobra.Command, []string) error { return g.print(gpusc.Devices(), asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func newDoctor(g *globals) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "doctor", Short: "what this machine has, what stands in the way, and the remedy",
		Long:    "Looks at processor, memory, cgroup limits, scratch space and devices.",
		Example: "  gpusc doctor\n  gpusc doctor --tmp /scratch --json", Args: args(0, 0, "nothing more"),
		RunE: func(*cobra.Command, []string) error {
			o, err := g.options()
			if err != nil {
				return err
			}
			return g.print(gpusc.Doctor(o), asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func newVersion(g *globals) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "the version of this program", Long: "Prints the version.",
		Example: "  gpusc version\n  gpusc --version", Args: args(0, 0, "nothing more"),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(g.out, "gpusc", version)
			return err
		},
	}
}
