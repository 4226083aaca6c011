package plot

import (
	"image/color"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"github.com/gpusc/gpusc/internal/errs"
)

// Violin is the distribution of one figure over the cells.
type Violin struct {
	Name   string
	Values []float64 // NaN and infinite values are left out
}

// Violins draws one panel for each figure, 1600 x 900 pixels: the density cut
// at the data's range, a bar over the middle half and a dot at the median.
// Errors: errs.Usage without any figure.
func Violins(w io.Writer, vs []Violin) error {
	if len(vs) == 0 {
		return errs.New(errs.Usage, "no figures to draw")
	}
	c := vgimg.NewWith(vgimg.UseWH(width, 4.5*vg.Inch), vgimg.UseDPI(dpi))
	dc := draw.New(c)
	dc.SetColor(color.White)
	dc.Fill(dc.Rectangle.Path())
	tiles := draw.Tiles{Rows: 1, Cols: len(vs), PadX: 14, PadTop: 8, PadBottom: 8, PadLeft: 8, PadRight: 12}
	for i, v := range vs {
		p, err := v.panel(i)
		if err != nil {
			return err
		}
		p.Draw(tiles.At(dc, i, 0))
	}
	_, err := vgimg.PngCanvas{Canvas: c}.WriteTo(w)
	return err
}

func (v *Violin) panel(i int) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = v.Name
	p.Title.TextStyle.Font.Size, p.Title.TextStyle.Font.Variant = 11, "Sans"
	p.Y.Tick.Label.Font.Variant = "Sans"
	p.X.Tick.Marker = plot.ConstantTicks{}
	p.X.LineStyle.Width = 0
	p.X.Min, p.X.Max = -1.15, 1.15
	d := densityOf(v.Values)
	p.Y.Min, p.Y.Max = d.lo-0.02*(d.hi-d.lo), d.hi+0.02*(d.hi-d.lo)
	if d.n == 0 {
		p.Title.Text += " (no values)"
		return p, nil
	}
	pts := make(plotter.XYs, 0, 2*len(d.width))
	for k, x := range d.width {
		pts = append(pts, plotter.XY{X: x, Y: d.at(k)})
	}
	for k := len(d.width) - 1; k >= 0; k-- {
		pts = append(pts, plotter.XY{X: -d.width[k], Y: d.at(k)})
	}
	poly, err := plotter.NewPolygon(pts)
	if err != nil {
		return nil, err
	}
	poly.Color = colour(int32(i))
	poly.LineStyle.Width = 0.6
	half, err := plotter.NewLine(plotter.XYs{{X: 0, Y: d.quantile(0.25)}, {X: 0, Y: d.quantile(0.75)}})
	if err != nil {
		return nil, err
	}
	half.LineStyle.Width = 4
	half.LineStyle.Color = color.Gray{40}
	dot, err := plotter.NewScatter(plotter.XYs{{X: 0, Y: d.quantile(0.5)}})
	if err != nil {
		return nil, err
	}
	dot.GlyphStyle = draw.GlyphStyle{Color: color.White, Radius: 2, Shape: draw.CircleGlyph{}}
	p.Add(poly, half, dot)
	return p, nil
}

// density is a histogram of the values with a smoothed outline.
type density struct {
	lo, hi float64
	n      int
	bins   [512]float64
	width  []float64 // at each bin, 1 at the widest
}

func densityOf(values []float64) *density {
	d := &density{lo: math.Inf(1), hi: math.Inf(-1)}
	for _, v := range values {
		if finite(v) {
			d.lo, d.hi, d.n = min(d.lo, v), max(d.hi, v), d.n+1
		}
	}
	if d.n == 0 {
		d.lo, d.hi = 0, 1
		return d
	}
	if d.hi <= d.lo {
		d.lo, d.hi = d.lo-0.5, d.hi+0.5
	}
	mean, m2 := 0.0, 0.0
	for _, v := range values {
		if finite(v) {
			b := min(len(d.bins)-1, int((v-d.lo)/(d.hi-d.lo)*float64(len(d.bins))))
			d.bins[b]++
			x := (v - d.lo) / (d.hi - d.lo) * float64(len(d.bins))
			mean += x
			m2 += x * x
		}
	}
	n := float64(d.n)
	sd := math.Sqrt(max(0, m2/n-mean/n*mean/n))
	d.smooth(max(0.8, sd*math.Pow(n, -0.2))) // Scott's rule
	return d
}

// smooth fills the outline with the histogram under a Gaussian of that width.
func (d *density) smooth(h float64) {
	d.width = make([]float64, len(d.bins))
	most := 0.0
	for i := range d.width {
		for k, b := range d.bins {
			if z := float64(i-k) / h; b > 0 && math.Abs(z) < 5 {
				d.width[i] += b * math.Exp(-z*z/2)
			}
		}
		most = max(most, d.width[i])
	}
	for i := range d.width {
		d.width[i] /= most
	}
}

func (d *density) at(bin int) float64 {
	return d.lo + (float64(bin)+0.5)/float64(len(d.bins))*(d.hi-d.lo)
}

// quantile is exact to the width of a bin.
func (d *density) quantile(q float64) float64 {
	sum := 0.0
	for i, b := range d.bins {
		if sum += b; sum >= q*float64(d.n) {
			return d.at(i)
		}
	}
	return d.hi
}
