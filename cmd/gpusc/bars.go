package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/pass"
)

// bars shows how far a run has come: a bar for each pass on a terminal, one
// line a minute elsewhere.
type bars struct {
	mu   sync.Mutex
	w    io.Writer
	p    *mpb.Progress // nil: lines
	none bool
	name string
	bar  *mpb.Bar
	last time.Time
}

func newBars(g *globals) (*bars, error) {
	b := &bars{w: g.err, last: time.Now()}
	switch g.progress {
	case "never":
		b.none = true
	case "always":
		b.p = mpb.New(mpb.WithOutput(g.err), mpb.WithWidth(60), mpb.WithAutoRefresh())
	case "auto":
		if isTerminal(g.err) {
			b.p = mpb.New(mpb.WithOutput(g.err), mpb.WithWidth(60))
		}
	default:
		return nil, errs.New(errs.Usage, "--progress %q is not known", g.progress).Do("use auto, always or never")
	}
	return b, nil
}

// update is called from the workers as pieces are done.
func (b *bars) update(p pass.Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.none:
	case b.p == nil:
		if time.Since(b.last) < time.Minute || p.Cells == 0 {
			return
		}
		b.last = time.Now()
		rate := float64(p.Cells) / max(p.Seconds, 1e-9)
		left := time.Duration(float64(p.Of-p.Cells) / max(rate, 1e-9) * 1e9).Round(time.Second)
		fmt.Fprintf(b.w, "%s: %s of %s cells, %s cells/s, %v left\n", p.Pass, humanize.Comma(p.Cells), humanize.Comma(p.Of), humanize.Comma(int64(rate)), left)
	default:
		if b.bar == nil || b.name != p.Pass {
			b.name = p.Pass
			b.bar = b.p.AddBar(max(p.Of, 1),
				mpb.PrependDecorators(decor.Name(p.Pass, decor.WC{W: 24, C: decor.DindentRight}), decor.CountersNoUnit("%d/%d cells", decor.WCSyncSpace)),
				mpb.AppendDecorators(decor.Any(rate(), decor.WCSyncSpace), decor.OnComplete(decor.AverageETA(decor.ET_STYLE_GO, decor.WCSyncSpace), " done")))
		}
		b.bar.SetCurrent(p.Cells)
	}
}

// rate tells cells per second, and at the end the rate of the whole.
func rate() func(decor.Statistics) string {
	start, words := time.Now(), ""
	return func(s decor.Statistics) string {
		if words == "" || !s.Completed {
			words = humanize.Comma(int64(float64(s.Current)/max(time.Since(start).Seconds(), 1e-3))) + " cells/s"
		}
		return words
	}
}

// stop ends the bars; it can be called again.
func (b *bars) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.p == nil {
		return
	}
	if b.bar != nil {
		b.bar.Abort(false)
	}
	b.p.Shutdown()
	b.p, b.none = nil, true
}
