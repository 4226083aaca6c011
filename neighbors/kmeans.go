package neighbors

import "context"

// What the clusters are trained on.
const (
	trainRows  = 32 // rows for each cluster
	trainSteps = 5  // of Lloyd's algorithm
	tiles      = 16 // fixed parts of the sums, added in order
)

// kmeans returns c centres of the source's rows. Sums are in float64 in a fixed
// order; an empty cluster keeps its centre.
func kmeans(ctx context.Context, src *source, s settings, c int) (*space, error) {
	t, err := src.take(ctx, s.l, sample(src.n, c*trainRows, s.Seed, 11), s.Threads)
	if err != nil {
		return nil, err
	}
	t = t.euclid()
	cen := newSpace(s.l, false, c, t.d)
	for g, r := range sample(t.n, c, s.Seed, 12) {
		copy(cen.row(g), t.row(int(r)))
		cen.setNorm(g)
	}
	home := make([]int32, t.n)
	for range trainSteps {
		if err := assign(ctx, t, cen, home, s.Threads); err != nil {
			return nil, err
		}
		if err := recentre(ctx, t, cen, home, s.Threads); err != nil {
			return nil, err
		}
	}
	return cen, nil
}

// assign sets home to the nearest centre of each row of t.
func assign(ctx context.Context, t, cen *space, home []int32, threads int) error {
	p, err := whole(ctx, cen, 1)
	if err != nil {
		return err
	}
	return nearest(ctx, t, p, threads, func(r int, g int32) { home[r] = g })
}

// nearest gives the row of p nearest to each row of t.
func nearest(ctx context.Context, t *space, p *panels, threads int, put func(r int, g int32)) error {
	scanners := make([]*scanner, max(1, threads))
	return parallel(ctx, threads, t.n, chunkRows, func(w, lo, hi int) error {
		if scanners[w] == nil {
			scanners[w] = &scanner{ctx: ctx, p: p, q: t, k: 1}
		}
		c := scanners[w]
		c.begin(lo, hi)
		if err := c.scan(upTo(hi-lo), 0); err != nil {
			return err
		}
		for i := range hi - lo {
			put(lo+i, int32(place(c.list(i)[0])))
		}
		return nil
	})
}

// upTo returns 0, 1, ..., n-1.
func upTo(n int) []int32 {
	l := make([]int32, n)
	for i := range l {
		l[i] = int32(i)
	}
	return l
}

// recentre moves each centre to the mean of its rows.
func recentre(ctx context.Context, t, cen *space, home []int32, threads int) error {
	sums, counts := make([][]float64, tiles), make([][]int, tiles)
	err := parallel(ctx, threads, tiles, 1, func(_, at, _ int) error {
		sum, count := make([]float64, cen.n*t.d), make([]int, cen.n)
		for r := at * t.n / tiles; r < (at+1)*t.n/tiles; r++ {
			g := int(home[r])
			count[g]++
			o := sum[g*t.d:][:t.d]
			for k, v := range t.row(r)[:t.d] {
				o[k] += float64(v)
			}
		}
		sums[at], counts[at] = sum, count
		return nil
	})
	if err != nil {
		return err
	}
	for g := range cen.n {
		n := 0
		for at := range tiles {
			n += counts[at][g]
		}
		if n == 0 {
			continue
		}
		for k := range t.d {
			v := 0.0
			for at := range tiles {
				v += sums[at][g*t.d+k]
			}
			cen.row(g)[k] = float32(v / float64(n))
		}
		cen.setNorm(g)
	}
	return nil
}
