package cluster

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/gpusc/gpusc/graph"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// Restriction is a partition in which some groups were clustered again.
type Restriction struct {
	// Labels has the group of every cell, as a number into Names: a categorical
	// column of obs.
	Labels []int32
	// Names of the groups in natural order ("2" before "10"), each with a cell at
	// least: an old name, or the old names that were split, joined by "-", a comma and
	// the new community, as in "3,0" or "3-5,1".
	Names []string
	// Cells are the rows that were clustered again, rising.
	Cells []int32
	// Part is the result on the graph of those cells alone.
	Part *Result
}

// Restricted clusters the cells again that have one of the labels only, on the edges
// among them, and leaves the others as they are (restrict_to of scanpy.tl.leiden). The
// labels that are split are taken together, as scanpy does; labels are numbers from 0,
// and so are their names. Errors are as of Leiden, and errs.Usage for labels that
// are negative, of another length, or asked for and not there.
func Restricted(ctx context.Context, g *graph.CSR, labels, only []int32, o Options) (*Restriction, error) {
	names := []string{}
	if len(labels) > 0 {
		top := slices.Max(labels)
		if int(top) > len(labels) {
			return nil, errs.New(errs.Usage, "%d cells cannot have labels up to %d", len(labels), top).
				Do("number the labels from 0")
		}
		for c := range top + 1 {
			names = append(names, strconv.Itoa(int(c)))
		}
	}
	split := make([]string, len(only))
	for i, c := range only {
		split[i] = strconv.Itoa(int(c))
	}
	return RestrictedNamed(ctx, g, labels, names, split, o)
}

// RestrictedNamed is Restricted for groups with names, such as those of an earlier
// Restriction: labels are numbers into names, and only lists names.
func RestrictedNamed(ctx context.Context, g *graph.CSR, labels []int32, names, only []string, o Options) (*Restriction, error) {
	if g == nil {
		return nil, noGraph()
	}
	if err := g.Check(); err != nil {
		return nil, err
	}
	cells, err := chosen(g.N, labels, names, only)
	if err != nil {
		return nil, err
	}
	if err := checkOrder(o.Order, g.N); err != nil {
		return nil, err
	}
	sub, held, err := induced(g, cells, &o)
	defer held.Release()
	if err != nil {
		return nil, err
	}
	r := &Restriction{Cells: cells}
	if r.Part, err = Leiden(ctx, sub, o); err != nil {
		return nil, err
	}
	r.name(labels, names, strings.Join(only, "-")+",")
	return r, nil
}

// chosen lists the cells whose label has a name in only.
func chosen(n int, labels []int32, names, only []string) ([]int32, error) {
	if len(labels) != n {
		return nil, errs.New(errs.Usage, "there are %d labels for a graph of %d cells", len(labels), n)
	}
	if len(only) == 0 {
		return nil, errs.New(errs.Usage, "no group is given to be clustered again").Do("name one or more")
	}
	take := make([]bool, len(names))
	for i, s := range only {
		c := slices.Index(names, s)
		if c < 0 {
			return nil, errs.New(errs.Usage, "there is no group %q", s)
		}
		if slices.Contains(only[:i], s) {
			return nil, errs.New(errs.Usage, "group %q is given twice", s)
		}
		take[c] = true
	}
	var cells []int32
	for i, c := range labels {
		if c < 0 || int(c) >= len(names) {
			return nil, errs.New(errs.Usage, "cell %d has label %d of %d", i, c, len(names)).Do("give every cell a group")
		}
		if take[c] {
			cells = append(cells, int32(i))
		}
	}
	return cells, nil
}

// induced makes the graph of cells, which rise, and brings o.Order down to them.
func induced(g *graph.CSR, cells []int32, o *Options) (*graph.CSR, *memory.Reservation, error) {
	edges := int64(0)
	for _, c := range cells {
		edges += g.Indptr[c+1] - g.Indptr[c]
	}
	var held *memory.Reservation
	if o.Ledger != nil {
		var err error
		held, err = o.Ledger.Reserve(memory.Host, "the graph of some groups", int64(g.N)*4+int64(len(cells))*12+edges*8)
		if err != nil {
			return nil, nil, err
		}
	}
	place := make([]int32, g.N)
	for i := range place {
		place[i] = -1
	}
	for p, c := range cells {
		place[c] = int32(p)
	}
	sub := &graph.CSR{
		N: len(cells), Indptr: make([]int64, 1, len(cells)+1),
		Indices: make([]int32, 0, edges), Weights: make([]float32, 0, edges),
	}
	for _, c := range cells {
		idx, w := g.Row(int(c))
		for t, j := range idx {
			if place[j] >= 0 {
				sub.Indices = append(sub.Indices, place[j])
				sub.Weights = append(sub.Weights, w[t])
			}
		}
		sub.Indptr = append(sub.Indptr, int64(len(sub.Indices)))
	}
	if o.Order != nil {
		order := make([]int32, 0, len(cells))
		for _, c := range o.Order {
			if place[c] >= 0 {
				order = append(order, place[c])
			}
		}
		o.Order = order
	}
	return sub, held, nil
}

// name puts the old groups and the new ones together.
func (r *Restriction) name(labels []int32, names []string, prefix string) {
	all := slices.Clone(names)
	for c := range r.Part.Clusters {
		all = append(all, prefix+strconv.Itoa(c))
	}
	r.Labels = slices.Clone(labels)
	for p, i := range r.Cells {
		r.Labels[i] = int32(len(names)) + r.Part.Labels[p]
	}
	used := make([]bool, len(all))
	for _, c := range r.Labels {
		used[c] = true
	}
	var keep []int32
	for c := range all {
		if used[c] {
			keep = append(keep, int32(c))
		}
	}
	slices.SortStableFunc(keep, func(a, b int32) int { return natural(all[a], all[b]) })
	place := make([]int32, len(all))
	for i, c := range keep {
		if i == 0 || all[c] != all[keep[i-1]] { // a new name may be an old one
			r.Names = append(r.Names, all[c])
		}
		place[c] = int32(len(r.Names) - 1)
	}
	for i, c := range r.Labels {
		r.Labels[i] = place[c]
	}
}

// natural compares names as people count: runs of digits by their number, before
// anything else, and the rest byte by byte (natsort).
func natural(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		dx, dy := digits(x), digits(y)
		switch {
		case dx > 0 && dy > 0:
			p, q := strings.TrimLeft(x[:dx], "0"), strings.TrimLeft(y[:dy], "0")
			if d := cmp.Or(cmp.Compare(len(p), len(q)), strings.Compare(p, q)); d != 0 {
				return d
			}
			x, y = x[dx:], y[dy:]
		case dx > 0:
			return -1
		case dy > 0:
			return 1
		case x[0] != y[0]:
			return cmp.Compare(x[0], y[0])
		default:
			x, y = x[1:], y[1:]
		}
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(a, b))
}

// digits is how many digits s begins with.
func digits(s string) int {
	n := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if n < 0 {
		return len(s)
	}
	return n
}
