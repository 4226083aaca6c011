package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gpusc/gpusc"
	"github.com/gpusc/gpusc/internal/errs"
)

// Pipeline measures the pipeline from file to file, at several sizes and on several
// devices.
type Pipeline struct {
	Genes   int
	Devices []string // one measurement each, as --device has them
	Tmp     string   // folder in which the scratch folder is made; "": the system's
	Seed    uint64
	Runs    func(cells int64) int // of which the median is told
	Say     func(string)          // nil: nobody
	// Make writes made-up cells to a file.
	Make func(ctx context.Context, path string, cells int64) error
	// Run runs the pipeline once, results only; see Self.
	Run func(ctx context.Context, in, out, report, device string) (seconds float64, err error)
}

// PipelineFigure is what was measured of one size on one device.
type PipelineFigure struct {
	Cells   int64   `json:"cells"`
	Device  string  `json:"device"`
	Model   string  `json:"model,omitempty"`
	Bytes   int64   `json:"input_bytes"`
	Seconds float64 `json:"seconds"` // the median, as the report tells it
	// Process is the same from start to end of the process: with the start of the
	// program and of the driver.
	Process float64   `json:"process_seconds"`
	All     []float64 `json:"all_seconds"`
	Rate    float64   `json:"cells_per_second"`
	PeakRSS int64     `json:"peak_rss_bytes"`
	Passes  int       `json:"passes"`
	// Same tells whether the output is the same bytes as the first device's.
	Same   *bool           `json:"same_bytes,omitempty"`
	Report json.RawMessage `json:"report,omitempty"` // of the median run
	Not    string          `json:"not_measured,omitempty"`

	steps []gpusc.StepReport
}

// Measure measures all sizes on all devices. What fails is told in its row.
//
// Errors: errs.Resource where no scratch folder can be made, and those of Make.
func (p *Pipeline) Measure(ctx context.Context, sizes []int64) (all []PipelineFigure, err error) {
	tmp := p.Tmp
	if tmp == "" {
		tmp = os.TempDir()
	}
	dir, err := os.MkdirTemp(tmp, "gpusc-bench-*")
	if err != nil {
		return nil, errs.At(errs.Resource, tmp, "", "no folder can be made").Because(err).Do("name another with --tmp")
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	models := map[string]string{}
	for _, d := range gpusc.Devices().Devices {
		models[d.Name] = d.Model
	}
	for _, cells := range sizes {
		in := filepath.Join(dir, "counts.h5ad")
		p.say("making %d cells", cells)
		if err := p.Make(ctx, in, cells); err != nil {
			return nil, err
		}
		first := ""
		for _, d := range p.Devices {
			p.say("%d cells on %s", cells, d)
			f, sum := p.one(ctx, in, dir, d, cells)
			if err := context.Cause(ctx); err != nil {
				return nil, err
			}
			f.Model = models[d]
			if first == "" {
				first = sum
			} else if sum != "" {
				same := sum == first
				f.Same = &same
			}
			all = append(all, f)
		}
		if err := os.Remove(in); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (p *Pipeline) say(format string, a ...any) {
	if p.Say != nil {
		p.Say(fmt.Sprintf(format, a...))
	}
}

// one measures a file on one device; sum is the checksum of the output.
func (p *Pipeline) one(ctx context.Context, in, dir, device string, cells int64) (f PipelineFigure, sum string) {
	f = PipelineFigure{Cells: cells, Device: device}
	out, report := filepath.Join(dir, "out.h5ad"), filepath.Join(dir, "report.json")
	type run struct {
		process float64
		report  gpusc.Report
		raw     []byte
	}
	var runs []run
	for range max(p.Runs(cells), 1) {
		var r run
		var err error
		if r.process, err = p.Run(ctx, in, out, report, device); err == nil {
			r.raw, err = os.ReadFile(report)
		}
		if err == nil {
			err = json.Unmarshal(r.raw, &r.report)
		}
		if err == nil {
			sum, err = fileSum(out)
		}
		if err != nil {
			f.Not = err.Error()
			return f, ""
		}
		f.All = append(f.All, r.report.Seconds)
		runs = append(runs, r)
	}
	slices.SortFunc(runs, func(a, b run) int { return cmpFloat(a.report.Seconds, b.report.Seconds) })
	m := runs[len(runs)/2]
	f.Seconds, f.Process, f.PeakRSS, f.Passes = m.report.Seconds, m.process, m.report.PeakRSS, m.report.Passes
	f.Bytes, f.Report, f.steps = m.report.Input.Bytes, m.raw, m.report.Steps
	f.Rate = float64(cells) / max(f.Seconds, 1e-9)
	return f, sum
}

func cmpFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// fileSum is the checksum of a file, which it removes.
func fileSum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), os.Remove(path)
}

// Self returns a Run that starts this program anew, under the name it was called
// by, with more flags.
func Self(name string, flags []string) func(ctx context.Context, in, out, report, device string) (float64, error) {
	return func(ctx context.Context, in, out, report, device string) (float64, error) {
		exe, err := os.Executable()
		if err != nil {
			return 0, err
		}
		args := append([]string{
			"run", in, "-o", out, "--x", "none", "--until", "pca", "--force", "--progress", "never", "--log-level", "error",
			"--report", report, "--device", device,
		}, flags...)
		c := exec.CommandContext(ctx, exe, args...)
		c.Args[0] = name
		c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) } // it removes its scratch files
		c.WaitDelay = 10 * time.Second
		var words bytes.Buffer
		c.Stdout, c.Stderr = &words, &words
		start := time.Now()
		err = c.Run()
		seconds := time.Since(start).Seconds()
		if err != nil {
			lines := strings.Split(strings.TrimSpace(words.String()), "\n")
			return 0, fmt.Errorf("%s (%w)", strings.TrimPrefix(lines[len(lines)-1], "gpusc: "), err)
		}
		return seconds, nil
	}
}
