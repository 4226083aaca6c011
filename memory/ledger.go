package memory

import (
	"fmt"
	"sort"
	"strings"
	"sync"

	"github.com/dustin/go-humanize"

	"github.com/gpusc/gpusc/internal/errs"
)

// Kind says which memory a reservation is of.
type Kind uint8

// The kinds of memory that a ledger keeps apart. Host and Pinned together are
// held to the budget; Device has a cap of its own for each device; Scratch is
// disk, counted but not limited here.
const (
	Host Kind = iota
	Pinned
	Device
	Scratch
	numKinds
)

func (k Kind) String() string {
	return [...]string{"host", "pinned", "device", "scratch"}[k]
}

// Ledger is the one account of large memory in a run. Every large buffer is
// reserved in it before it is allocated. Safe for concurrent use.
type Ledger struct {
	mu     sync.Mutex
	budget int64
	used   [numKinds]int64
	peak   [numKinds]int64
	top    int64 // peak of host + pinned together
	live   map[*Reservation]struct{}
}

// New returns a ledger that holds host and pinned memory to budget bytes.
// A budget of 0 or less means no limit.
func New(budget int64) *Ledger {
	return &Ledger{budget: budget, live: map[*Reservation]struct{}{}}
}

// Reservation is a number of bytes set aside under a name. It must be released
// exactly once; Release is safe to call again.
type Reservation struct {
	l    *Ledger
	kind Kind
	name string
	n    int64
}

// Reserve sets n bytes aside, or fails at once with an errs.Budget error that
// names the request, what is in use and what would do. It never waits.
func (l *Ledger) Reserve(kind Kind, name string, n int64) (*Reservation, error) {
	if n < 0 {
		return nil, errs.New(errs.Limit, "cannot reserve %d bytes for %s", n, name)
	}
	r := &Reservation{l: l, kind: kind, name: name}
	if err := r.Resize(n); err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.live[r] = struct{}{}
	l.mu.Unlock()
	return r, nil
}

// Resize changes the reservation to n bytes. On failure it keeps its old size.
func (r *Reservation) Resize(n int64) error {
	l := r.l
	l.mu.Lock()
	defer l.mu.Unlock()
	d := n - r.n
	if d > 0 && r.kind <= Pinned && l.budget > 0 {
		if inUse := l.used[Host] + l.used[Pinned]; d > l.budget-inUse {
			return errs.New(errs.Budget, "%s needs %s, but %s of the %s budget is in use",
				r.name, Bytes(n), Bytes(inUse), Bytes(l.budget)).
				Do("give --memory %s or more", Arg(roundUp(inUse+d)))
		}
	}
	r.n = n
	l.used[r.kind] += d
	l.peak[r.kind] = max(l.peak[r.kind], l.used[r.kind])
	l.top = max(l.top, l.used[Host]+l.used[Pinned])
	return nil
}

// roundUp gives the next multiple of 16 MiB, so that a remedy is a round figure.
func roundUp(n int64) int64 { return (n + 16<<20 - 1) &^ (16<<20 - 1) }

// Bytes returns the size of the reservation.
func (r *Reservation) Bytes() int64 {
	r.l.mu.Lock()
	defer r.l.mu.Unlock()
	return r.n
}

// Release gives the bytes back. A nil or released reservation is left alone.
func (r *Reservation) Release() {
	if r == nil {
		return
	}
	l := r.l
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.live[r]; !ok {
		return
	}
	delete(l.live, r)
	l.used[r.kind] -= r.n
	r.n = 0
}

// Budget returns the limit of host and pinned memory, 0 for none.
func (l *Ledger) Budget() int64 { return max(l.budget, 0) }

// Free returns how many bytes of host and pinned memory can still be
// reserved; with no budget a very large number.
func (l *Ledger) Free() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.budget <= 0 {
		return 1 << 62
	}
	return l.budget - l.used[Host] - l.used[Pinned]
}

// Used returns the bytes now reserved of a kind.
func (l *Ledger) Used(k Kind) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.used[k]
}

// Peak returns the largest sum of host and pinned memory that was reserved at once.
func (l *Ledger) Peak() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.top
}

// PeakOf returns the largest number of bytes of a kind reserved at once.
func (l *Ledger) PeakOf(k Kind) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.peak[k]
}

// Leaks lists what is still reserved, largest first, as "name kind bytes".
func (l *Ledger) Leaks() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	rs := make([]*Reservation, 0, len(l.live))
	for r := range l.live {
		rs = append(rs, r)
	}
	sort.Slice(rs, func(i, j int) bool {
		if rs[i].n != rs[j].n {
			return rs[i].n > rs[j].n
		}
		return rs[i].name < rs[j].name
	})
	out := make([]string, len(rs))
	for i, r := range rs {
		out[i] = fmt.Sprintf("%s %s %d", r.name, r.kind, r.n)
	}
	return out
}

// Bytes prints a size for a person: "512 MiB".
func Bytes(n int64) string {
	if n < 0 {
		return "-" + Bytes(-n)
	}
	return humanize.IBytes(uint64(n))
}

// Arg writes a size so that it can be given to --memory, rounded up to whole MiB.
func Arg(n int64) string { return fmt.Sprintf("%dMiB", (n+1<<20-1)>>20) }

// ParseBytes reads a size such as "4GiB", "512MiB", "2G", "1000000". A bare
// unit letter counts in powers of two, as with --memory of other tools.
func ParseBytes(s string) (int64, error) {
	t := strings.TrimSpace(s)
	if n := len(t); n > 1 && strings.ContainsRune("kKmMgGtT", rune(t[n-1])) {
		t += "iB"
	}
	v, err := humanize.ParseBytes(t)
	if err != nil || v > 1<<62 {
		return 0, errs.New(errs.Usage, "%q is not a size", s).Do("write it like 4GiB or 512MiB")
	}
	return int64(v), nil
}
