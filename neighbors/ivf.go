package neighbors

import (
	"cmp"
	"context"
	"math"
	"slices"
)

const (
	sampleRows = 1024 // rows that measure the recall
	chunkRows  = 512  // rows of one piece of work
)

// clusters returns how many clusters n rows are put in.
func clusters(n int) int { return min(n, max(16, int(math.Sqrt(float64(n))))) }

// mostProbes returns how many of c clusters a row may visit at most: where more are
// needed the exact search, which visits each pair once, is faster.
func mostProbes(c int) int { return min(c, max(64, c/4)) }

// ivf is an inverted file: rows in the order of their clusters (IVF-flat of Jégou et
// al. 2011, without a code), in float32.
type ivf struct {
	s      settings
	perm   []int32 // the cell at each row
	p      *panels // the rows, a group for each cluster
	cen    *panels // the centres, as the metric ranks them
	probes int     // clusters to visit; 0: the recall asked for cannot be had this way
	recall float64
}

// newIVF clusters the source's rows and measures how many clusters a row must visit.
func newIVF(ctx context.Context, src *source, s settings) (*ivf, error) {
	f := &ivf{s: s}
	if src.n == 0 {
		return f, nil
	}
	cen, err := kmeans(ctx, src, s, clusters(src.n))
	if err != nil {
		return nil, err
	}
	rows, home, err := f.order(ctx, src, cen)
	if err != nil {
		return nil, err
	}
	y, err := src.take(ctx, s.l, f.perm, s.Threads)
	if err != nil {
		return nil, err
	}
	if f.p, err = pack(ctx, y, rows, s.Threads); err != nil {
		return nil, err
	}
	ranked := *cen
	ranked.dot = y.dot
	if f.cen, err = whole(ctx, &ranked, s.Threads); err != nil {
		return nil, err
	}
	return f, f.tune(ctx, src, home)
}

// order assigns every row to its nearest centre, whatever the metric, and sorts them
// by cluster. It returns the first row of each cluster and every cell's cluster.
func (f *ivf) order(ctx context.Context, src *source, cen *space) (rows, home []int32, err error) {
	p, err := whole(ctx, cen, 1)
	if err != nil {
		return nil, nil, err
	}
	home = make([]int32, src.n)
	// Rows are made a piece at a time: in one piece they would be a second copy.
	const piece = 1 << 14
	for lo := 0; lo < src.n; lo += piece {
		ids := make([]int32, min(piece, src.n-lo))
		for i := range ids {
			ids[i] = int32(lo + i)
		}
		t, err := src.take(ctx, f.s.l, ids, f.s.Threads)
		if err != nil {
			return nil, nil, err
		}
		err = nearest(ctx, t.euclid(), p, f.s.Threads, func(r int, g int32) { home[lo+r] = g })
		if err != nil {
			return nil, nil, err
		}
	}
	rows, f.perm = group(home, cen.n)
	return rows, home, nil
}

// group sorts 0, 1, ... by their key, one of c, stably. It returns where each key
// begins, and the end.
func group(keys []int32, c int) (first, sorted []int32) {
	first, sorted = make([]int32, c+1), make([]int32, len(keys))
	for _, g := range keys {
		first[g+1]++
	}
	for g := range c {
		first[g+1] += first[g]
	}
	pos := append([]int32(nil), first[:c]...)
	for i, g := range keys {
		sorted[pos[g]] = int32(i)
		pos[g]++
	}
	return first, sorted
}

// tune searches a sample of cells exactly. The rank of each true neighbour's cluster
// in its cell's list of centres gives the recall for every number of probes, before
// any search.
func (f *ivf) tune(ctx context.Context, src *source, home []int32) error {
	ids := sample(src.n, sampleRows, f.s.Seed, 3)
	q, err := src.take(ctx, f.s.l, ids, f.s.Threads)
	if err != nil {
		return err
	}
	most := mostProbes(f.cen.s.n)
	ranks := make([]int32, (q.n+63)/64*(most+1)) // hits by rank, and all, for each tile
	err = parallel(ctx, f.s.Threads, q.n, 64, func(_, lo, hi int) error {
		w := f.newProber(ctx, q, ids, f.s.K-1, most)
		w.c.begin(lo, hi)
		if err := w.all(upTo(hi - lo)); err != nil {
			return err
		}
		w.near.begin(lo, hi)
		if err := w.near.scan(upTo(hi-lo), 0); err != nil {
			return err
		}
		hits := ranks[lo/64*(most+1):][:most+1]
		rank := make([]int, f.cen.s.n)
		for i := range hi - lo {
			for g := range rank {
				rank[g] = most
			}
			for r, v := range w.near.list(i) {
				rank[place(v)] = r
			}
			for _, v := range w.c.list(i) {
				hits[rank[home[unring(ids[lo+i], place(v), src.n)]]]++
			}
		}
		return nil
	})
	if err == nil {
		f.choose(ranks, most)
	}
	return err
}

// choose takes the fewest probes that reach the recall asked for.
func (f *ivf) choose(ranks []int32, most int) {
	total, found := 0, 0
	for _, h := range ranks {
		total += int(h)
	}
	for r := range most {
		for at := r; at < len(ranks); at += most + 1 {
			found += int(ranks[at])
		}
		if float64(found) >= f.s.Recall*float64(total) {
			f.probes, f.recall = r+1, float64(found)/float64(max(total, 1))
			return
		}
	}
}

// prober is one worker's part of a search.
type prober struct {
	f     *ivf
	near  *scanner // ranks centres
	c     *scanner // fills lists
	group []int32  // the groups that rows visit, probes for each
}

// newProber makes one for the rows of q, which are the cells self or no cells, k
// neighbours each and the given number of probes.
func (f *ivf) newProber(ctx context.Context, q *space, self []int32, k, probes int) *prober {
	return &prober{
		f:    f,
		near: &scanner{ctx: ctx, p: f.cen, q: q, k: probes},
		c:    &scanner{ctx: ctx, p: f.p, q: q, perm: f.perm, self: self, n: f.p.s.n, k: k},
	}
}

// piece is the work of one goroutine at a time: rows lo to hi-1 of the queries, all
// of one cluster.
type piece struct{ lo, hi int }

// pieces cuts the rows of each cluster.
func pieces(rows []int32) []piece {
	var out []piece
	for g := range len(rows) - 1 {
		for lo := int(rows[g]); lo < int(rows[g+1]); lo += chunkRows {
			out = append(out, piece{lo, min(lo+chunkRows, int(rows[g+1]))})
		}
	}
	return out
}

// search finds the k nearest rows of each row of q, whose rows are sorted by cluster
// from rows[g] on, and gives them to put. self are the cells that q's rows are, or
// nil when they are none.
func (f *ivf) search(ctx context.Context, q *space, self, rows []int32, k int, put func(r int, list []uint64)) error {
	work := pieces(rows)
	workers := make([]*prober, max(1, f.s.Threads))
	return parallel(ctx, f.s.Threads, len(work), 1, func(w, at, _ int) error {
		if workers[w] == nil {
			workers[w] = f.newProber(ctx, q, self, k, f.probes)
		}
		p := work[at]
		if err := workers[w].visit(p.lo, p.hi); err != nil {
			return err
		}
		for r := p.lo; r < p.hi; r++ {
			put(r, workers[w].c.list(r-p.lo))
		}
		return nil
	})
}

// visit fills the lists of rows lo to hi-1.
func (w *prober) visit(lo, hi int) error {
	w.near.begin(lo, hi)
	if err := w.near.scan(upTo(hi-lo), 0); err != nil {
		return err
	}
	w.group = w.group[:0]
	for _, v := range w.near.lists {
		w.group = append(w.group, int32(place(v)))
	}
	first, sorted := group(w.group, w.f.p.groups())
	for i := range sorted {
		sorted[i] /= int32(w.near.k) // the row of that probe
	}
	w.c.begin(lo, hi)
	for _, g := range byVisitors(first) {
		if err := w.c.scan(sorted[first[g]:first[g+1]], g); err != nil {
			return err
		}
	}
	return w.complete(hi - lo)
}

// byVisitors lists the groups that have rows, those with most first: they are the
// nearest to most rows, so thresholds are tight early.
func byVisitors(first []int32) []int {
	var l []int
	for g := range len(first) - 1 {
		if first[g] < first[g+1] {
			l = append(l, g)
		}
	}
	slices.SortFunc(l, func(a, b int) int {
		return cmp.Or(int(first[b+1]-first[b])-int(first[a+1]-first[a]), a-b)
	})
	return l
}

// complete searches all clusters for rows whose own had too few cells.
func (w *prober) complete(m int) error {
	var short []int32
	for i := range m {
		if w.c.list(i)[w.c.k-1] == noKey {
			short = append(short, int32(i))
			clear64(w.c.list(i))
		}
	}
	return w.all(short)
}

// all offers the rows of all clusters to the lists sub.
func (w *prober) all(sub []int32) error {
	for g := range w.f.p.groups() {
		if err := w.c.scan(sub, g); err != nil {
			return err
		}
	}
	return nil
}
