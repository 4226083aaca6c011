package ops

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/dustin/go-humanize"
)

// cached is the size below which the memory of a launch may lie in a cache.
const cached = 256 << 20

// Print writes the result as a table for a person.
func (r *Result) Print(w interface{ Write([]byte) (int, error) }) error {
	fmt.Fprintf(w, "%s: %s\n%s cells x %s genes, %s stored values; %s selected genes, %s values; %s\n\nceilings\n",
		r.Device.Name, r.Device.Model, comma(r.Rows), comma(r.Genes), humanize.Comma(r.NNZ), comma(r.Selected),
		humanize.Comma(r.SelNNZ), plural(r.Streams, "stream"))
	for _, c := range r.Ceilings {
		fmt.Fprintf(w, "  %8.1f GB/s  %s: %s\n", c.Rate/1e9, c.Name, c.What)
	}
	for _, p := range []struct {
		rate float64
		name string
	}{{r.PeakF32, "float32"}, {r.PeakF64, "float64"}} {
		if p.rate > 0 {
			fmt.Fprintf(w, "  %8.0f GFLOP/s  %s, as declared, not measured\n", p.rate/1e9, p.name)
		}
	}
	fmt.Fprintln(w)
	if err := r.table(w); err != nil {
		return err
	}
	_, err := io.WriteString(w, r.notes())
	return err
}

func (r *Result) table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "operation\tMB\tus\tus alone\tGB/s\tshare\tGFLOP/s\tshare\t")
	for _, op := range r.Operations {
		if op.Not != "" {
			continue
		}
		flops, part := "-", "-"
		if op.Flops > 0 {
			flops = fmt.Sprintf("%.1f", op.FlopRate/1e9)
		}
		if op.FlopPart > 0 {
			part = percent(op.FlopPart)
		}
		fmt.Fprintf(t, "%s\t%.1f\t%.0f\t%.0f\t%.1f\t%s\t%s\t%s\t\n", op.Name, float64(op.Bytes)/1e6, op.Seconds*1e6,
			op.Alone*1e6, op.Rate/1e9, percent(op.Share), flops, part)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, op := range r.Operations {
		if op.Not != "" {
			fmt.Fprintf(w, "%s: not measured: %s\n", op.Name, op.Not)
		}
	}
	return nil
}

// notes explain the columns.
func (r *Result) notes() string {
	s := `
MB: what a launch cannot do without moving. us: one launch among many; alone: one
launch and Sync. GB/s: of all streams; the share is of the memory ceiling above.
`
	for _, op := range r.Operations {
		if op.Not == "" && op.Bytes*int64(r.Streams) < cached {
			return s + "Launches that move less than 268 MB may be served by caches: take more --rows.\n"
		}
	}
	return s
}

func percent(v float64) string { return fmt.Sprintf("%.0f%%", 100*v) }

func comma(n int) string { return humanize.Comma(int64(n)) }

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
