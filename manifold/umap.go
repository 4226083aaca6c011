package manifold

import (
	"context"
	"math"

	"github.com/gpusc/gpusc/graph"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// UMAPOptions says how cells are laid out. The zero value does what scanpy.tl.umap does.
type UMAPOptions struct {
	Components int // dimensions of the layout, 2 or 3; 0: 2

	// MinDist is how close cells may lie, 0 <= MinDist <= Spread; nil: 0.5, scanpy's.
	// It is a pointer so that 0 can be asked for: new(0.0).
	MinDist *float64
	Spread  float64 // the scale of distances that MinDist is measured on; 0: 1
	A, B    float64 // the curve 1/(1 + A d^2B) itself; given, MinDist and Spread are not used

	// Epochs is how often every edge of the largest weight pulls; 0: 500 up to 10,000
	// cells, else 200. Transform: 0: 100 up to 10,000 new cells, else 30.
	Epochs int

	// Init is where cells start. "spectral": smoothest vectors of the graph, each component
	// by itself; "pca": the first columns of PCA; "random". "": spectral up to 500,000
	// cells, pca above where PCA is given. Positions, when given, come first.
	Init      string
	PCA       []float32 // N x PCADim scores, for pca and for the places of components; may be nil
	PCADim    int
	Positions []float32 // N x Components, a start of the caller's; each axis is scaled to [0, 10]

	NegativeSampleRate int     // repelling cells for each pull; 0: 5
	LearningRate       float64 // of the first epoch, falling to 0 in a line; 0: 1

	Seed    uint64
	Threads int // 0: one for each core. The bits do not depend on it.

	// Order lists the cells in the order they are kept in memory while they move, a
	// permutation of 0..N-1, such as neighbors' order of clusters; nil: as they are. It
	// is for speed on large graphs; another order gives other bits of the same quality.
	Order []int32

	Ledger *memory.Ledger // large arrays are reserved here; nil: nowhere
}

// Layout is a layout of N cells.
type Layout struct {
	N, Components     int
	Positions         []float32 // N x Components
	A, B              float64   // of the curve
	Epochs            int
	Init              string // "spectral", "pca", "random" or "given"
	ComponentsOfGraph int    // connected components
}

const (
	spectralMost = 500_000 // cells up to which the spectral start is the default
	mostCells    = 1 << 28 // positions of cells and their snapshot have 31-bit indices
	mostEpochs   = 1 << 20
	mostPerPull  = 1000 // negatives for each pull
	mostRate     = 100
)

// UMAP lays the cells of g out, as scanpy.tl.umap does with obsp["connectivities"]
// (method umap of McInnes, Healy and Melville 2018; see the package's text for what is
// done otherwise). g must be symmetric. Edges lighter than the heaviest over the number
// of epochs are left out, as there.
//
// Cells without neighbours stay where they start. The same options and graph give the
// same bits, whatever the threads and the processor.
//
// Errors: errs.Data for a graph that is not symmetric and for scores or positions that are
// not finite, errs.Usage for options that cannot be, errs.Limit above 268,435,456 cells,
// errs.Budget where the ledger lacks memory (see UMAPMemory), and the context's own.
func UMAP(ctx context.Context, g *graph.CSR, o UMAPOptions) (*Layout, error) {
	return umap(ctx, g, o, best())
}

func umap(ctx context.Context, g *graph.CSR, o UMAPOptions, lv level) (*Layout, error) {
	if g == nil {
		return nil, errs.New(errs.Usage, "UMAP without a graph")
	}
	o, err := o.withDefaults(g.N)
	if err != nil {
		return nil, err
	}
	if err := o.checkArrays(g.N); err != nil {
		return nil, err
	}
	c := newCrew(ctx, o.Threads)
	if err := checkGraph(c, g); err != nil {
		return nil, err
	}
	l := &Layout{N: g.N, Components: o.Components, A: o.A, B: o.B, Epochs: o.Epochs, Init: o.Init}
	if g.N == 0 {
		return l, ctx.Err()
	}
	if err := start(c, g, o, l); err != nil {
		return nil, err
	}
	if err := optimize(c, g, o, l, lv); err != nil {
		return nil, err
	}
	return l, nil
}

// withDefaults fills in what is not given, for n cells, and refuses what cannot be.
func (o UMAPOptions) withDefaults(n int) (UMAPOptions, error) {
	if n > mostCells {
		return o, errs.New(errs.Limit, "a layout of %d cells: at most %d", n, mostCells)
	}
	if o.Components == 0 {
		o.Components = 2
	}
	if o.Components != 2 && o.Components != 3 {
		return o, errs.New(errs.Usage, "a layout in %d dimensions: 2 or 3", o.Components)
	}
	if err := o.curve(); err != nil {
		return o, err
	}
	if o.Epochs == 0 {
		o.Epochs = defaultEpochs(n)
	}
	if o.Epochs < 0 || o.Epochs > mostEpochs {
		return o, errs.New(errs.Usage, "%d epochs: 1 to %d", o.Epochs, mostEpochs)
	}
	if o.NegativeSampleRate == 0 {
		o.NegativeSampleRate = 5
	}
	if o.NegativeSampleRate < 0 || o.NegativeSampleRate > mostPerPull {
		return o, errs.New(errs.Usage, "a negative sample rate of %d: 1 to %d", o.NegativeSampleRate, mostPerPull)
	}
	if o.LearningRate == 0 {
		o.LearningRate = 1
	}
	if !(o.LearningRate > 0 && o.LearningRate <= mostRate) {
		return o, errs.New(errs.Usage, "a learning rate of %g: above 0, at most %d", o.LearningRate, mostRate)
	}
	return o, o.chooseInit(n)
}

func defaultEpochs(n int) int {
	if n <= 10_000 {
		return 500
	}
	return 200
}

// curve settles A and B.
func (o *UMAPOptions) curve() error {
	if o.A != 0 || o.B != 0 {
		if !(o.A > 0 && o.A < 1e6 && o.B > 0 && o.B < 100) {
			return errs.New(errs.Usage, "a curve with a = %g and b = %g: both must be positive", o.A, o.B)
		}
		return nil
	}
	least, spread := 0.5, o.Spread
	if o.MinDist != nil {
		least = *o.MinDist
	}
	if spread == 0 {
		spread = 1
	}
	if !(spread >= 1e-3 && spread <= 1e3) || !(least >= 0 && least <= spread) {
		return errs.New(errs.Usage, "min_dist %g with spread %g: 0 <= min_dist <= spread, 0.001 <= spread <= 1000", least, spread)
	}
	o.A, o.B = FindAB(spread, least)
	return nil
}

func (o *UMAPOptions) chooseInit(n int) error {
	scores := o.PCADim >= o.Components && len(o.PCA) > 0
	switch {
	case o.Positions != nil:
		o.Init = "given"
	case o.Init == "" && n > spectralMost && scores:
		o.Init = "pca"
	case o.Init == "":
		o.Init = "spectral"
	case o.Init == "pca" && !scores && n > 0:
		return errs.New(errs.Usage, "init pca needs PCA with %d columns or more, has %d", o.Components, o.PCADim)
	case o.Init != "spectral" && o.Init != "pca" && o.Init != "random":
		return errs.New(errs.Usage, "init %q: spectral, pca or random", o.Init)
	}
	return nil
}

// checkArrays holds the arrays of the options against the number of cells.
func (o *UMAPOptions) checkArrays(n int) error {
	if o.PCADim < 0 || (o.PCA != nil && len(o.PCA) != n*o.PCADim) {
		return errs.New(errs.Usage, "PCA has %d values, not %d cells x %d", len(o.PCA), n, o.PCADim)
	}
	if o.Positions != nil && len(o.Positions) != n*o.Components {
		return errs.New(errs.Usage, "Positions has %d values, not %d cells x %d", len(o.Positions), n, o.Components)
	}
	for name, x := range map[string][]float32{"PCA": o.PCA, "Positions": o.Positions} {
		for i, v := range x {
			if !(v >= -math.MaxFloat32 && v <= math.MaxFloat32) {
				return errs.New(errs.Data, "%s has %g in value %d", name, v, i)
			}
		}
	}
	if o.Order == nil {
		return nil
	}
	if len(o.Order) != n {
		return errs.New(errs.Usage, "Order has %d cells of %d", len(o.Order), n)
	}
	seen := make([]uint64, n/64+1)
	for _, v := range o.Order {
		if v < 0 || int(v) >= n || seen[v/64]>>(v%64)&1 == 1 {
			return errs.New(errs.Usage, "Order is not a permutation: cell %d is twice there or is none of %d", v, n)
		}
		seen[v/64] |= 1 << (v % 64)
	}
	return nil
}

// checkGraph refuses graphs that are broken or not symmetric. Both directions of an edge
// with one weight cancel in a sum of hashes; only where they do not, the graph is gone
// through edge by edge, as weights may differ in their last bits.
func checkGraph(c crew, g *graph.CSR) error {
	if err := g.Check(); err != nil {
		return err
	}
	const tile = 4096
	sums := make([]uint64, (g.N+tile-1)/tile)
	err := c.each(g.N, tile, func(_, lo, hi int) {
		sum := uint64(0)
		for i := lo; i < hi; i++ {
			idx, w := g.Row(i)
			for k, j := range idx {
				h := hash(uint64(math.Float32bits(w[k])), uint64(min(i, int(j))), uint64(max(i, int(j))))
				switch {
				case i < int(j):
					sum += h
				case i > int(j):
					sum -= h
				}
			}
		}
		sums[lo/tile] = sum
	})
	if err != nil {
		return err
	}
	all := uint64(0)
	for _, s := range sums {
		all += s
	}
	if all == 0 {
		return nil
	}
	return g.Symmetric()
}
