package neighbors

import (
	"runtime"

	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// ExactUpTo is the number of cells up to which Method "auto" searches exactly.
const ExactUpTo = 50_000

// Options say which neighbours to find, and how.
type Options struct {
	// K is the number of neighbours of each cell, the cell itself counted, as
	// n_neighbors of scanpy.pp.neighbors; 0 means 15. Where there are fewer than K
	// cells it becomes 1 + n/2, as in scanpy.
	K int
	// Metric is "euclidean" (or ""), "cosine", "correlation" or "inner_product"; see
	// the package's text.
	Metric string
	// Method is "exact", "approx", or "auto" (or ""): exact up to ExactUpTo cells.
	Method string
	// Recall is the part of the true neighbours that an approximate search is to
	// find, up to 1; 0 means 0.95. Find counts the cell's K-1 others.
	Recall float64
	// Threads is the number of goroutines; 0 means one for each processor. It never
	// changes a result.
	Threads int
	// Seed chooses the samples of an approximate search.
	Seed uint64
	// Ledger is where the memory of the search is reserved; nil reserves nothing.
	Ledger *memory.Ledger
}

// settings are checked options for n cells.
type settings struct {
	Options
	m metric
	l level
}

// settle fills in defaults and refuses what cannot be (errs.Usage).
func (o Options) settle(n int, l level) (settings, error) {
	s := settings{Options: o, l: l}
	if s.K == 0 {
		s.K = 15
	}
	if s.Recall == 0 {
		s.Recall = 0.95
	}
	if s.Threads <= 0 {
		s.Threads = runtime.GOMAXPROCS(0)
	}
	s.Threads = min(s.Threads, 1024)
	if s.K < 2 {
		return s, errs.New(errs.Usage, "%d neighbours of each cell, itself counted, leave none", o.K).Do("give 2 or more")
	}
	if !(s.Recall > 0 && s.Recall <= 1) {
		return s, errs.New(errs.Usage, "a recall of %g cannot be", o.Recall).Do("give more than 0, up to 1")
	}
	switch s.Method {
	case "", "auto":
		s.Method = "exact"
		if n > ExactUpTo {
			s.Method = "approx"
		}
	case "exact", "approx":
	default:
		return s, errs.New(errs.Usage, "there is no method %q of search", o.Method).Do("take auto, exact or approx")
	}
	if s.K > n {
		s.K = 1 + n/2
	}
	var err error
	s.m, err = parseMetric(o.Metric)
	return s, err
}

// Memory returns how many bytes a search among n cells of d dimensions for k
// neighbours, the cell itself counted, reserves: its result and what it needs
// meanwhile, without the matrix that it is given.
func Memory(n, d, k int, method string) int64 {
	if method != "exact" && method != "approx" {
		method = "exact"
		if n > ExactUpTo {
			method = "approx"
		}
	}
	if k == 0 {
		k = 15
	}
	if k > n {
		k = 1 + n/2
	}
	rows := int64(n)
	dims := int64(d) + 1
	row := 4*((dims+15)&^15) + 8 // padded, and its norm
	panel := 4*dims + 4
	lists := 8 * int64(max(k-1, 0)) // of the result
	fixed := int64(8 << 20)         // of the workers
	if method == "exact" {
		return fixed + rows*(row+panel+2*lists+4) // keys, thresholds
	}
	c := int64(clusters(n))
	sampled := min(rows, sampleRows) * (row + panel)
	train := min(rows, c*trainRows)*row + 16*c*8*dims
	return fixed + rows*(row+panel+lists+8) + c*(24*4*dims+row+panel) + max(sampled, train)
}

// reserve sets n bytes aside; with no ledger it returns nil, which may be released.
func reserve(l *memory.Ledger, name string, n int64) (*memory.Reservation, error) {
	if l == nil {
		return nil, nil
	}
	return l.Reserve(memory.Host, name, n)
}
