package cluster

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/gpusc/gpusc/graph"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// Several runs Leiden once for each of the resolutions, of which 0 counts as 1, in
// place of o.Resolution. The results are those of single runs; the graph is checked
// and laid out once, and runs go side by side where threads and memory allow.
func Several(ctx context.Context, g *graph.CSR, resolutions []float64, o Options) ([]*Result, error) {
	runs := make([]Options, len(resolutions))
	n := 0
	if g != nil {
		n = g.N
	}
	for i, r := range resolutions {
		o.Resolution = r
		var err error
		if runs[i], err = o.filled(n); err != nil {
			return nil, err
		}
	}
	if len(runs) == 0 {
		return nil, ctx.Err()
	}
	b, held, err := newBase(ctx, g, runs[0])
	defer held.Release()
	if err != nil {
		return nil, err
	}
	return together(ctx, b, runs)
}

// newBase checks, reserves and lays out.
func newBase(ctx context.Context, g *graph.CSR, o Options) (*base, *memory.Reservation, error) {
	var held *memory.Reservation
	s, err := inspect(ctx, g, o.Threads)
	if err != nil {
		return nil, nil, err
	}
	if o.Ledger != nil {
		bytes := baseMemory(g.N, 0)
		if s.copied(o) {
			bytes = baseMemory(g.N, g.Edges())
		}
		if held, err = o.Ledger.Reserve(memory.Host, "the graph to cluster", bytes); err != nil {
			return nil, nil, err
		}
	}
	b, err := lay(ctx, g, o, s)
	return b, held, err
}

// together works runs off, side by side as far as threads and memory go.
func together(ctx context.Context, b *base, runs []Options) ([]*Result, error) {
	threads := runs[0].Threads
	lanes := min(threads, len(runs))
	each := max(1, threads/lanes)
	held, err := reserve(runs[0].Ledger, lanes, runMemory(b.n, each))
	if err != nil {
		return nil, err
	}
	results := make([]*Result, len(runs))
	failed := make([]error, len(runs))
	var next atomic.Int64
	var wg sync.WaitGroup
	for _, h := range held {
		wg.Go(func() {
			defer h.Release()
			r := newRun(b, each, h)
			for i := int(next.Add(1)) - 1; i < len(runs); i = int(next.Add(1)) - 1 {
				results[i], failed[i] = r.search(ctx, runs[i])
			}
		})
	}
	wg.Wait()
	for i, err := range failed {
		// Two at a time may have been one too many.
		if len(held) > 1 && errors.Is(err, errs.Budget) {
			var one []*Result
			if one, err = together(ctx, b, runs[i:i+1]); err == nil {
				results[i] = one[0]
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return results, nil
}

// reserve sets bytes aside for each of lanes, for fewer where there is no more, or
// fails when there is not enough for one. Without a ledger reservations are nil.
func reserve(l *memory.Ledger, lanes int, bytes int64) ([]*memory.Reservation, error) {
	held := make([]*memory.Reservation, lanes)
	if l == nil {
		return held, nil
	}
	for i := range held {
		var err error
		if held[i], err = l.Reserve(memory.Host, "communities", bytes); err != nil {
			if i == 0 {
				return nil, err
			}
			return held[:i], nil
		}
	}
	return held, nil
}
