package plot

import (
	"bytes"
	"image/png"
	"math"
	"math/rand"
	"testing"
)

func TestScatter(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3000} {
		s := Scatter{Title: "clusters", XName: "PC1", YName: "PC2", Categories: []string{"a", "βγ", "c"}}
		for i := range n {
			x := rand.NormFloat64()
			if i == 2 {
				x = math.NaN()
			}
			s.X, s.Y, s.Codes = append(s.X, x), append(s.Y, rand.NormFloat64()), append(s.Codes, int32(i%4)-1)
		}
		var b bytes.Buffer
		if err := s.PNG(&b); err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(&b)
		if err != nil || img.Bounds().Dx() != 1600 || img.Bounds().Dy() != 1200 {
			t.Fatalf("%d cells: %v %v", n, err, img.Bounds())
		}
		coloured := 0
		for y := range 1200 {
			for x := range 1200 {
				if r, g, _, _ := img.At(x, y).RGBA(); r>>8 != g>>8 {
					coloured++
				}
			}
		}
		if n > 2 && coloured < 1000 {
			t.Errorf("%d cells: only %d coloured pixels", n, coloured)
		}
	}
	if err := (&Scatter{X: []float64{1}}).PNG(&bytes.Buffer{}); err == nil {
		t.Error("one x and no y was not refused")
	}
}

func TestQuantiles(t *testing.T) {
	var v []float64
	for i := range 1001 {
		v = append(v, float64(i))
	}
	d := densityOf(v)
	for _, q := range []float64{0.25, 0.5, 0.75} {
		if got := d.quantile(q); math.Abs(got-1000*q) > 3 {
			t.Errorf("quantile %g = %g", q, got)
		}
	}
	for _, v := range [][]float64{nil, {math.NaN()}, {3, 3, 3}} {
		if err := Violins(&bytes.Buffer{}, []Violin{{"x", v}}); err != nil {
			t.Errorf("%v: %v", v, err)
		}
	}
}
