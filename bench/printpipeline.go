package bench

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize"

	"github.com/gpusc/gpusc"
	"github.com/gpusc/gpusc/memory"
)

// PrintPipelines writes figures as a table for a person.
func PrintPipelines(w io.Writer, all []PipelineFigure) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "cells\tseconds\tprocess\tcells/s\tpeak\tpasses\t")
	first := 0.0
	for i, f := range all {
		if i == 0 || f.Cells != all[i-1].Cells {
			first = f.Seconds
		}
		if f.Not != "" {
			fmt.Fprintf(t, "%s\t-\t-\t-\t-\t-\t  %s: not measured: %s\n", humanize.Comma(f.Cells), f.Device, f.Not)
			continue
		}
		words := f.Device
		if f.Same != nil {
			words += fmt.Sprintf(": %.2f x the first's time, ", f.Seconds/max(first, 1e-9))
			words += map[bool]string{true: "the same bytes", false: "OTHER BYTES"}[*f.Same]
		}
		fmt.Fprintf(t, "%s\t%.2f\t%.2f\t%s\t%s\t%d\t  %s\n", humanize.Comma(f.Cells), f.Seconds, f.Process,
			humanize.Comma(int64(f.Rate)), memory.Bytes(f.PeakRSS), f.Passes, words)
		for _, s := range f.steps {
			fmt.Fprintf(t, "\t%.2f\t\t\t\t\t    %s\n", s.Seconds, strings.TrimSuffix(s.Name+": "+strings.Join(s.Steps, ", "), ": ")+busy(s))
		}
	}
	return t.Flush()
}

// busy says where the time of a step went, added up over workers and streams.
func busy(s gpusc.StepReport) string {
	var words []string
	for _, w := range []struct {
		what    string
		seconds float64
	}{{"reading", s.Reading}, {"copying", s.Copying}, {"kernels", s.Computing}} {
		if w.seconds > 0 {
			words = append(words, fmt.Sprintf("%s %.2f", w.what, w.seconds))
		}
	}
	if len(words) == 0 {
		return ""
	}
	return " (" + strings.Join(words, ", ") + ")"
}
