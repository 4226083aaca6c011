package manifold

import (
	"math"
	"slices"

	"github.com/gpusc/gpusc/graph"
	"github.com/gpusc/gpusc/memory"
)

const (
	side   = 10   // positions start within [0, side] on each axis, as in umap-learn
	jitter = 1e-3 // added to them, so that cells at one point can part
	trim   = 100  // one in so many values on each side does not count for the scale
	beyond = 1.5  // and is brought to within so many half widths
)

// startBytes is what start takes: parts, the spectrum and one axis to sort, or scores'
// places.
func startBytes(n int64) int64 { return n*(2*4+spectrumBytes+4) + 64<<10 }

// start fills l.Positions with where the cells begin, and l.ComponentsOfGraph.
func start(c crew, g *graph.CSR, o UMAPOptions, l *Layout) error {
	if o.Ledger != nil {
		need := startBytes(int64(g.N)) + resultBytes(int64(g.N), o.Components)
		r, err := o.Ledger.Reserve(memory.Host, "UMAP start", need)
		if err != nil {
			return err
		}
		defer r.Release()
	}
	p, err := findParts(c, g)
	if err != nil {
		return err
	}
	l.ComponentsOfGraph = p.count()
	d := o.Components
	l.Positions = make([]float32, g.N*d)
	switch o.Init {
	case "given":
		copy(l.Positions, o.Positions)
	case "random":
		random := stream(o.Seed, forPlace)
		for i := range l.Positions {
			l.Positions[i] = float32(signed(hash(random, uint64(i/d), uint64(i%d))))
		}
	case "pca":
		place(l.Positions, d, identity(g.N), func(i int32, q int) float32 { return o.PCA[int(i)*o.PCADim+q] }, [3]float64{}, 1, o.Seed)
	default:
		if err := spectral(c, g, p, o, l.Positions); err != nil {
			return err
		}
	}
	rescale(l.Positions, d, o.Seed)
	return c.ctx.Err()
}

func identity(n int) []int32 {
	s := make([]int32, n)
	for i := range s {
		s[i] = int32(i)
	}
	return s
}

// spectral places every component by its smoothest vectors around its centre.
func spectral(c crew, g *graph.CSR, p *parts, o UMAPOptions, y []float32) error {
	x, err := smoothest(c, g, p, o.Seed)
	if err != nil {
		return err
	}
	centre, radius := centres(p, o)
	random := stream(o.Seed, forPlace)
	for k := range p.count() {
		if k%256 == 0 && c.ctx.Err() != nil {
			return c.ctx.Err()
		}
		at := func(i int32, q int) float32 { return x[i][q] }
		if p.size(k) <= smallest {
			at = func(i int32, q int) float32 { return float32(signed(hash(random, uint64(i), uint64(q)))) }
		}
		r := radius[k]
		if p.size(k) == 1 {
			r = 0
		}
		place(y, o.Components, p.of(k), at, centre[k], r, o.Seed)
	}
	return nil
}

// place puts cells at centre plus their coordinates, scaled so that on each axis all but 1%
// on either side lie within radius. Coordinates that are all one value, or are no numbers,
// are replaced by random ones.
func place(y []float32, d int, cells []int32, at func(i int32, q int) float32, centre [3]float64, radius float64, seed uint64) {
	v := make([]float32, len(cells))
	random := stream(seed, forPlace)
	for q := range d {
		finite := true
		for a, i := range cells {
			v[a] = at(i, q)
			finite = finite && v[a] >= -math.MaxFloat32 && v[a] <= math.MaxFloat32
		}
		if finite {
			slices.Sort(v)
		}
		cut := len(v) / trim
		lo, hi := float64(v[cut]), float64(v[len(v)-1-cut])
		if hi == lo {
			lo, hi = float64(v[0]), float64(v[len(v)-1])
		}
		for _, i := range cells {
			u := signed(hash(random, uint64(i), uint64(q)))
			if finite && hi > lo {
				u = 2*(float64(at(i, q))-lo)/(hi-lo) - 1
			}
			y[int(i)*d+q] = float32(centre[q] + float64(radius*min(max(u, -beyond), beyond)))
		}
	}
}

// rescale brings every axis to [0, side] and adds jitter. An axis without width is filled
// at random.
func rescale(y []float32, d int, seed uint64) {
	noise := stream(seed, forNoise)
	for q := range d {
		lo, hi := math.Inf(1), math.Inf(-1)
		for i := q; i < len(y); i += d {
			lo, hi = min(lo, float64(y[i])), max(hi, float64(y[i]))
		}
		for i := q; i < len(y); i += d {
			u := signed(hash(noise, uint64(i/d), uint64(q)))
			if hi > lo {
				y[i] = float32(side*((float64(y[i])-lo)/(hi-lo)) + float64(jitter*u))
			} else {
				y[i] = float32(side * (1 + u) / 2)
			}
		}
	}
}
