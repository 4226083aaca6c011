package plot

import (
	"image"
	"image/color"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"github.com/gpusc/gpusc/internal/errs"
)

// Scatter is an embedding of cells, coloured by category.
type Scatter struct {
	Title      string
	XName      string
	YName      string
	X, Y       []float64
	Codes      []int32  // category of each cell, -1: missing; nil: all alike
	Categories []string // names of the categories
}

// Size of the pictures in points and dots per inch: 1600 x 1200 pixels.
const (
	width  = 8 * vg.Inch
	height = 6 * vg.Inch
	dpi    = 200
)

// tab20 is the palette that scanpy uses up to 20 categories, reordered by it so
// that neighbours differ (Tableau).
var tab20 = []uint32{
	0x1f77b4, 0xff7f0e, 0x279e68, 0xd62728, 0xaa40fc, 0x8c564b, 0xe377c2, 0xb5bd61, 0x17becf, 0xaec7e8,
	0xffbb78, 0x98df8a, 0xff9896, 0xc5b0d5, 0xc49c94, 0xf7b6d2, 0xdbdb8d, 0x9edae5, 0xad494a, 0x8c6d31,
}

func colour(code int32) color.RGBA {
	if code < 0 {
		return color.RGBA{211, 211, 211, 255}
	}
	c := tab20[int(code)%len(tab20)]
	return color.RGBA{uint8(c >> 16), uint8(c >> 8), uint8(c), 255}
}

// PNG draws the picture, 1600 x 1200 pixels. Cells without finite coordinates
// are left out. Errors: errs.Usage when lengths differ.
func (s *Scatter) PNG(w io.Writer) error {
	if len(s.X) != len(s.Y) || s.Codes != nil && len(s.Codes) != len(s.X) {
		return errs.New(errs.Usage, "a scatter of %d x and %d y coordinates and %d categories", len(s.X), len(s.Y), len(s.Codes))
	}
	c := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(dpi))
	dc := draw.New(c)
	dc.SetColor(color.White)
	dc.Fill(dc.Rectangle.Path())
	legend := vg.Length(0)
	if s.Codes != nil {
		legend = 1.4 * vg.Inch
	}
	panel := draw.Crop(dc, 0.6*vg.Inch, -0.3*vg.Inch-legend, 0.6*vg.Inch, -0.6*vg.Inch)
	s.points(panel)
	s.words(panel)
	if s.Codes != nil {
		s.legend(dc, panel)
	}
	_, err := vgimg.PngCanvas{Canvas: c}.WriteTo(w)
	return err
}

// bounds returns the box of the finite points, never of zero width.
func (s *Scatter) bounds() (lo, hi [2]float64) {
	lo, hi = [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}
	for i := range s.X {
		if p := [2]float64{s.X[i], s.Y[i]}; finite(p[0]) && finite(p[1]) {
			for k := range 2 {
				lo[k], hi[k] = min(lo[k], p[k]), max(hi[k], p[k])
			}
		}
	}
	for k := range 2 {
		if !(hi[k] > lo[k]) {
			if !finite(lo[k]) {
				lo[k], hi[k] = 0, 0
			}
			lo[k], hi[k] = lo[k]-1, hi[k]+1
		}
		pad := 0.03 * (hi[k] - lo[k])
		lo[k], hi[k] = lo[k]-pad, hi[k]+pad
	}
	return lo, hi
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// points draws the cells as one image. Which of two cells lies on top depends on
// a hash of their row, so that no category hides another as a whole.
func (s *Scatter) points(panel draw.Canvas) {
	const over = 2 // samples per pixel and side
	pw := int(panel.Size().X.Dots(dpi)) * over
	ph := int(panel.Size().Y.Dots(dpi)) * over
	key := make([]uint64, pw*ph)
	lo, hi := s.bounds()
	// scanpy's size: an area of 120000/n square points in a panel of 4 inches.
	r := math.Sqrt(120000/float64(max(len(s.X), 1))/math.Pi) * dpi / 72 * over
	r = min(max(r, 1.2*over), 6*dpi/72*over/2)
	for i := range s.X {
		if !finite(s.X[i]) || !finite(s.Y[i]) {
			continue
		}
		code := int32(0)
		if s.Codes != nil {
			code = s.Codes[i]
		}
		k := uint64(mix(uint32(i)))<<32 | uint64(code+2)
		if code < 0 {
			k = 1
		}
		disc(key, pw, ph, (s.X[i]-lo[0])/(hi[0]-lo[0])*float64(pw), (1-(s.Y[i]-lo[1])/(hi[1]-lo[1]))*float64(ph), r, k)
	}
	panel.DrawImage(panel.Rectangle, resolve(key, pw, ph, over))
}

// disc raises every sample within r of (x, y) to at least k.
func disc(key []uint64, w, h int, x, y, r float64, k uint64) {
	for j := max(0, int(y-r)); j <= min(h-1, int(y+r)); j++ {
		for i := max(0, int(x-r)); i <= min(w-1, int(x+r)); i++ {
			dx, dy := float64(i)+0.5-x, float64(j)+0.5-y
			if dx*dx+dy*dy <= r*r && key[j*w+i] < k {
				key[j*w+i] = k
			}
		}
	}
}

// resolve averages the samples of each pixel over a white ground.
func resolve(key []uint64, w, h, over int) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, w/over, h/over))
	for y := range h / over {
		for x := range w / over {
			var sum [3]int
			for k := range over * over {
				c := color.RGBA{255, 255, 255, 255}
				if v := key[(y*over+k/over)*w+x*over+k%over]; v != 0 {
					c = colour(int32(uint32(v)) - 2)
				}
				sum[0], sum[1], sum[2] = sum[0]+int(c.R), sum[1]+int(c.G), sum[2]+int(c.B)
			}
			n := over * over
			img.SetRGBA(x, y, color.RGBA{uint8(sum[0] / n), uint8(sum[1] / n), uint8(sum[2] / n), 255})
		}
	}
	return img
}

func mix(z uint32) uint32 {
	z = (z ^ z>>16) * 0x85ebca6b
	z = (z ^ z>>13) * 0xc2b2ae35
	return z ^ z>>16
}

// words draws the frame, the names of the axes and the title.
func (s *Scatter) words(panel draw.Canvas) {
	panel.SetColor(color.Gray{80})
	panel.SetLineWidth(0.8)
	panel.Stroke(panel.Rectangle.Path())
	st := textStyle(12)
	at := func(x, y vg.Length) vg.Point { return vg.Point{X: x, Y: y} }
	mid := panel.Center()
	st.XAlign, st.YAlign = draw.XCenter, draw.YTop
	panel.FillText(st, at(mid.X, panel.Min.Y-6), s.XName)
	title := textStyle(14)
	title.XAlign, title.YAlign = draw.XCenter, draw.YBottom
	panel.FillText(title, at(mid.X, panel.Max.Y+8), s.Title)
	st.Rotation, st.YAlign = math.Pi/2, draw.YBottom
	panel.FillText(st, at(panel.Min.X-6, mid.Y), s.YName)
}

// legend lists the categories at the right; what does not fit is counted.
func (s *Scatter) legend(dc, panel draw.Canvas) {
	st := textStyle(10)
	st.YAlign = draw.YCenter
	const step = 14
	room := int(panel.Size().Y / step)
	x := panel.Max.X + 16
	for i, name := range s.Categories {
		y := panel.Max.Y - vg.Length(i)*step - 7
		if i == room-1 && len(s.Categories) > room {
			dc.FillText(st, vg.Point{X: x, Y: y}, "and more")
			return
		}
		var p vg.Path
		p.Move(vg.Point{X: x + 4, Y: y})
		p.Arc(vg.Point{X: x, Y: y}, 4, 0, 2*math.Pi)
		dc.SetColor(colour(int32(i)))
		dc.Fill(p)
		dc.FillText(st, vg.Point{X: x + 12, Y: y}, name)
	}
}

func textStyle(size vg.Length) draw.TextStyle {
	p := plot.New()
	st := p.Title.TextStyle
	st.Font.Size, st.Font.Variant = size, "Sans"
	st.Color = color.Gray{30}
	return st
}
