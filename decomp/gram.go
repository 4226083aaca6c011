package decomp

import (
	"context"
	"strings"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/kernels"
)

// Values says how stored values become the values that are analysed. The zero
// value leaves them as they are. Slices are not copied.
type Values struct {
	Scale  []float64 // factor of each row of the source; nil: 1
	Log1p  bool
	LnBase float64 // natural logarithm of log1p's base; 0: no division

	// Mean of each gene's transformed values, over all rows. Without Std it only
	// keeps the sums small (results differ by rounding); nil: 0.
	Mean []float64
	// Std scales to unit variance, as scanpy.pp.scale does; nil: no scaling. None is 0.
	Std []float64
	// Max clips the scaled values at ±Max; 0: no clipping. Needs Std.
	Max float64
	// NoCentre scales without taking the mean off; Max then clips from above only.
	NoCentre bool
}

// check refuses lengths and numbers that do not fit.
func (v *Values) check(rows, genes int64) error {
	for _, s := range []struct {
		name string
		got  []float64
		want int64
	}{{"Scale", v.Scale, rows}, {"Mean", v.Mean, genes}, {"Std", v.Std, genes}} {
		if s.got != nil && int64(len(s.got)) != s.want {
			return errs.New(errs.Usage, "%s has %d elements, %d are needed", s.name, len(s.got), s.want)
		}
	}
	for g, s := range v.Std {
		if !(s > 0) {
			return errs.New(errs.Usage, "the standard deviation of gene %d is %g", g, s).Do("give 1 where it is 0")
		}
	}
	switch {
	case !(v.Max >= 0):
		return errs.New(errs.Usage, "cannot clip at %g", v.Max)
	case v.Max > 0 && v.Std == nil:
		return errs.New(errs.Usage, "clipping needs the standard deviations")
	case v.Max > 0 && v.Mean == nil && !v.NoCentre:
		return errs.New(errs.Usage, "clipping needs the means")
	}
	return nil
}

// clips tells whether values are scaled and clipped one by one. If not, scaling
// is a factor on the covariance.
func (v *Values) clips() bool { return v.Max > 0 }

// z returns the scaled, clipped value of x in gene g.
func (v *Values) z(x float64, g int) float64 {
	if !v.NoCentre {
		x -= v.Mean[g]
	}
	x /= v.Std[g]
	x = min(x, v.Max)
	if !v.NoCentre {
		x = max(x, -v.Max)
	}
	return x
}

// centers returns what is taken off the values in dense columns: about the mean
// of u (see kernels.GramFill), or 0.
func (v *Values) centers(common []bool) []float64 {
	c := make([]float64, len(common))
	for g := range v.Mean {
		if !common[g] {
			continue
		}
		c[g] = v.Mean[g]
		if v.clips() {
			c[g] = v.z(v.Mean[g], g) - v.z(0, g)
		}
	}
	return c
}

// GramDevice is a device that a Gram is computed on.
type GramDevice struct {
	Backend device.Backend
	Streams []device.Stream // at least one; used by Accumulate alone while it runs
}

// Gram computes centred sums of products of genes over all cells of a source,
// on the streams of one device or of several of the same kind.
//
// Source is a matrix of cells x genes, the selected genes only, whose spans are
// the tiles: TileRows rows each, the last one fewer. Sums are rounded in an order
// that depends on tiles only, so the number of streams and of devices does not
// change a bit: every device sees every tile and makes its share of the products.
type Gram struct {
	Devices []GramDevice
	Source  chunk.Source
	Values  Values
	Plan    Plan
	// Threads that read ahead share out; 0: as many as there are streams.
	Threads int
	// Done, if set, is told after each tile how many rows are behind it.
	Done func(rows int64)
}

// Moments are the sums of a Gram pass, in gene order.
type Moments struct {
	Cells int64
	Genes int
	// Mean of each gene's values (transformed; with Std also scaled and clipped).
	Mean []float64
	// Products is Genes x Genes: sum over cells of (x_i - Mean_i)(x_j - Mean_j).
	Products []float64
}

// Covariance divides the sums by Cells - 1 in place and returns them. Moments
// must not be used afterwards. Fewer than two cells are an errs.Data error.
func (m *Moments) Covariance() ([]float64, error) {
	if m.Cells < 2 {
		return nil, errs.New(errs.Data, "a covariance needs at least 2 cells, there are %d", m.Cells)
	}
	d := float64(m.Cells - 1)
	for i := range m.Products {
		m.Products[i] /= d
	}
	c := m.Products
	m.Products = nil
	return c, nil
}

// Accumulate runs the pass.
func (g *Gram) Accumulate(ctx context.Context) (*Moments, error) {
	rows, genes := g.Source.Shape()
	if err := g.check(rows, genes); err != nil {
		return nil, err
	}
	r := &gramRun{Gram: g, rows: rows, genes: int(genes)}
	defer r.free()
	if err := r.open(); err != nil {
		return nil, err
	}
	if err := r.tiles(ctx); err != nil {
		return nil, err
	}
	return r.collect()
}

func (g *Gram) check(rows, genes int64) error {
	switch {
	case len(g.Devices) == 0:
		return errs.New(errs.Usage, "no device given")
	case genes < 1 || genes > 1<<20:
		return errs.New(errs.Usage, "a Gram matrix of %d genes cannot be made", genes).
			Do("select between 1 and 2^20 genes")
	case int64(len(g.Plan.Rank)) != genes || int64(len(g.Plan.Common)) != genes:
		return errs.New(errs.Usage, "the plan is for %d genes, the source has %d", len(g.Plan.Rank), genes)
	case g.Plan.Hot < 0 || int64(g.Plan.Hot) > genes || int64(g.Plan.Hot) != genes && g.Plan.Hot%kernels.GramGroup != 0:
		return errs.New(errs.Usage, "Hot is %d of %d genes", g.Plan.Hot, genes)
	}
	kind := ""
	for i, d := range g.Devices {
		k, _, _ := strings.Cut(d.Backend.Info().Name, ":")
		if len(d.Streams) == 0 {
			return errs.New(errs.Usage, "no stream of %s given", d.Backend.Info().Name)
		}
		// Backends of different kinds do not share the elements out alike.
		if i > 0 && k != kind {
			return errs.New(errs.Usage, "a Gram matrix on devices of two kinds, %s and %s", kind, k)
		}
		kind = k
	}
	seen := make([]bool, genes)
	for _, k := range g.Plan.Rank {
		if int64(k) >= genes || seen[k] {
			return errs.New(errs.Usage, "Rank is not a permutation: %d", k)
		}
		seen[k] = true
	}
	for i, s := range g.Source.Spans() {
		if s.Rows < 0 || s.Rows > maxTileRows {
			return errs.New(errs.Usage, "span %d has %d rows, a tile has at most %d", i, s.Rows, maxTileRows)
		}
	}
	return g.Values.check(rows, genes)
}

// maxTileRows bounds the rows of a tile.
const maxTileRows = 1 << 16
