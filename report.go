package gpusc

import (
	"fmt"
	"io"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/memory"
)

// Report tells what a run did. It is what --report writes.
type Report struct {
	Version  string         `json:"version"`
	Command  string         `json:"command"`
	Args     []string       `json:"args"`
	Device   string         `json:"device"`
	Threads  int            `json:"threads"`
	Budget   int64          `json:"budget_bytes"`
	Peak     int64          `json:"peak_bytes"`
	PeakRSS  int64          `json:"peak_rss_bytes"`
	Scratch  int64          `json:"scratch_bytes"`
	Input    InputReport    `json:"input"`
	Output   OutputReport   `json:"output"`
	Steps    []StepReport   `json:"steps"`
	Passes   int            `json:"passes"`
	Read     int64          `json:"bytes_read"`
	Seconds  float64        `json:"seconds"`
	Warnings []string       `json:"warnings,omitempty"`
	Results  map[string]any `json:"results,omitempty"`
}

// InputReport is the size of what was read.
type InputReport struct {
	Path  string `json:"path"`
	Obs   int64  `json:"n_obs"`
	Vars  int64  `json:"n_vars"`
	NNZ   int64  `json:"nnz"`
	Bytes int64  `json:"bytes"`
}

// OutputReport is the size of what was written.
type OutputReport struct {
	Path  string `json:"path"`
	Obs   int64  `json:"n_obs"`
	Vars  int64  `json:"n_vars"`
	Bytes int64  `json:"bytes"`
}

// StepReport is one pass or calculation of a run.
type StepReport struct {
	Name    string   `json:"name"`
	Steps   []string `json:"steps,omitempty"`
	Seconds float64  `json:"seconds"`
	Cells   int64    `json:"cells"`
	Read    int64    `json:"bytes_read"`
	Decoded int64    `json:"bytes_decoded"`
	// Where the time went, added up over workers and streams: seconds of reading
	// and decoding, of copies to and from the device, and of kernels.
	Reading   float64 `json:"reading_seconds,omitempty"`
	Copying   float64 `json:"copying_seconds,omitempty"`
	Computing float64 `json:"computing_seconds,omitempty"`
	Up        int64   `json:"uploaded_bytes,omitempty"`
	Down      int64   `json:"downloaded_bytes,omitempty"`
}

// busy notes what the devices did during the step.
func (s *StepReport) busy(b device.Busy) {
	s.Copying, s.Computing, s.Up, s.Down = b.Copying.Seconds(), b.Computing.Seconds(), b.Up, b.Down
}

// Sum prints the report for a person, in a few lines.
func (r *Report) Sum(w io.Writer) {
	for _, s := range r.Steps {
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%7.2f s  %-15s %s", s.Seconds, s.Name, strings.Join(s.Steps, ", ")), " "))
	}
	var all StepReport
	for _, s := range r.Steps {
		all.Reading += s.Reading
		all.Copying += s.Copying
		all.Computing += s.Computing
	}
	if all.Reading > 0 {
		fmt.Fprintf(w, "busy, workers and streams added up: disk and decoding %.2f s, copies %.2f s, kernels %.2f s\n", all.Reading, all.Copying, all.Computing)
	}
	for _, s := range r.Warnings {
		fmt.Fprintln(w, "warning:", s)
	}
	if r.Input.Path != "" {
		fmt.Fprintf(w, "%s cells x %s genes -> ", humanize.Comma(r.Input.Obs), humanize.Comma(r.Input.Vars))
	}
	fmt.Fprintf(w, "%s cells x %s genes in %.2f s", humanize.Comma(r.Output.Obs), humanize.Comma(r.Output.Vars), r.Seconds)
	switch {
	case r.Passes == 1:
		fmt.Fprint(w, ", one pass over the input")
	case r.Passes > 1:
		fmt.Fprintf(w, ", %d passes over the input", r.Passes)
	}
	fmt.Fprintf(w, "; peak memory %s, budget %s", memory.Bytes(r.PeakRSS), memory.Bytes(r.Budget))
	if r.Scratch > 0 {
		fmt.Fprintf(w, ", scratch %s", memory.Bytes(r.Scratch))
	}
	fmt.Fprintf(w, "\nwrote %s (%s)\n", r.Output.Path, memory.Bytes(r.Output.Bytes))
}

// Plan is what a run would do.
type Plan struct {
	Input  InputReport  `json:"input"`
	Counts string       `json:"counts"`
	Why    string       `json:"why"`
	Passes []PlanPass   `json:"passes"`
	Memory []MemoryPart `json:"memory"`
	Need   int64        `json:"need_bytes"`
	Budget int64        `json:"budget_bytes"`
	// Cache is the expected size of the packed cache and InMemory how much of it
	// the budget has room for; the rest lies in Tmp.
	Cache    int64  `json:"cache_bytes"`
	InMemory int64  `json:"cache_in_memory_bytes"`
	Tmp      string `json:"tmp"`
	Output   int64  `json:"output_bytes"`
	// Device is the memory needed at once on each device that has its own, and
	// Resident how much more of it may hold the packed cache.
	Device   int64 `json:"device_need_bytes,omitempty"`
	Resident int64 `json:"device_cache_bytes,omitempty"`
}

// PlanPass is one sweep or calculation of a plan.
type PlanPass struct {
	On      string   `json:"on"`
	Steps   []string `json:"steps"`
	Read    int64    `json:"bytes_read"`
	Decoded int64    `json:"bytes_decoded"`
}

// MemoryPart is memory that a run reserves, for one purpose.
type MemoryPart struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// Print writes the plan for a person.
func (p *Plan) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "input    %s: %s cells x %s genes, %s stored values, %s\n", p.Input.Path, humanize.Comma(p.Input.Obs),
		humanize.Comma(p.Input.Vars), humanize.Comma(p.Input.NNZ), memory.Bytes(p.Input.Bytes))
	fmt.Fprintf(&b, "counts   %s (%s)\n\npasses\n", p.Counts, p.Why)
	n := 0
	for _, s := range p.Passes {
		num := "   "
		if s.On != "results" {
			n++
			num = fmt.Sprintf("%2d.", n)
		}
		fmt.Fprintf(&b, "  %s %-15s", num, s.On)
		if s.Read > 0 {
			fmt.Fprintf(&b, " %9s", memory.Bytes(s.Read))
		} else {
			fmt.Fprintf(&b, " %9s", "")
		}
		fmt.Fprintf(&b, "  %s\n", strings.Join(s.Steps, ", "))
	}
	b.WriteString("\nmemory\n")
	for _, m := range p.Memory {
		fmt.Fprintf(&b, "  %9s  %s\n", memory.Bytes(m.Bytes), m.Name)
	}
	fmt.Fprintf(&b, "  %9s  needed at once, of a budget of %s\n", memory.Bytes(p.Need), memory.Bytes(p.Budget))
	if p.Device > 0 {
		fmt.Fprintf(&b, "  %9s  needed at once on each device, up to %s more for the cache\n", memory.Bytes(p.Device), memory.Bytes(p.Resident))
	}
	if p.Cache > 0 {
		fmt.Fprintf(&b, "\ncache    about %s packed; %s in memory", memory.Bytes(p.Cache), memory.Bytes(min(p.Cache, p.InMemory)))
		if over := p.Cache - p.InMemory; over > 0 {
			fmt.Fprintf(&b, ", %s in a scratch file under %s", memory.Bytes(over), p.Tmp)
		}
		b.WriteByte('\n')
	}
	if p.Output > 0 {
		fmt.Fprintf(&b, "output   about %s\n", memory.Bytes(p.Output))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
