package loess

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/gpusc/gpusc/internal/errs"
)

type reference struct {
	Name   string
	X, Y   []float64
	Span   float64
	Degree int
	Fitted []float64 // nil: skmisc refuses
}

// TestReference compares with scikit-misc 0.5 (Netlib's dloess), which made
// testdata/loess.json. The cases hold ties, neighbourhoods that need the
// pseudo-inverse, a tree that meets its bound, and refusals.
func TestReference(t *testing.T) {
	raw, err := os.ReadFile("testdata/loess.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []reference
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			got, err := Fit(c.X, c.Y, Options{Span: c.Span, Degree: c.Degree})
			if c.Fitted == nil {
				if !errors.Is(err, errs.Data) {
					t.Fatalf("error %v, want bad data", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			scale := 0.0
			for _, v := range c.Y {
				scale = max(scale, math.Abs(v))
			}
			for i := range got {
				if d := math.Abs(got[i] - c.Fitted[i]); !(d <= 1e-12*scale) {
					t.Fatalf("point %d: %v, want %v", i, got[i], c.Fitted[i])
				}
			}
		})
	}
}

func sample(n int, seed uint64) (x, y []float64) {
	r := rand.New(rand.NewPCG(seed, 1))
	x, y = make([]float64, n), make([]float64, n)
	for i := range x {
		x[i] = math.Round(r.NormFloat64()*20) / 20
		y[i] = math.Sin(x[i]) + 0.1*r.NormFloat64()
	}
	return x, y
}

// A polynomial of the fit's degree comes back: its values at the vertices are
// exact, and up to degree 1 so is the blend; a parabola has its cubic.
func TestReproducesPolynomials(t *testing.T) {
	x, y := sample(500, 3)
	for degree := range 3 {
		for i, v := range x {
			y[i] = 0
			for d := degree; d >= 0; d-- {
				y[i] = y[i]*v + float64(d+1)
			}
		}
		got, err := Fit(x, y, Options{Span: 0.4, Degree: degree})
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if math.Abs(got[i]-y[i]) > 1e-10*(1+math.Abs(y[i])) {
				t.Fatalf("degree %d, point %d: %v, want %v", degree, i, got[i], y[i])
			}
		}
	}
}

// Points with equal x keep their order in the sort, so that a permutation may
// change rounding only.
func TestOrderOfPoints(t *testing.T) {
	x, y := sample(400, 5)
	want, err := Fit(x, y, Options{Degree: 2})
	if err != nil {
		t.Fatal(err)
	}
	perm := rand.New(rand.NewPCG(9, 9)).Perm(len(x))
	px, py := make([]float64, len(x)), make([]float64, len(x))
	for i, k := range perm {
		px[i], py[i] = x[k], y[k]
	}
	got, err := Fit(px, py, Options{Degree: 2})
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range perm {
		if math.Abs(got[i]-want[k]) > 1e-12 {
			t.Fatalf("point %d: %v, want %v", k, got[i], want[k])
		}
	}
}

func TestRefusals(t *testing.T) {
	ten := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	for _, c := range []struct {
		name string
		x, y []float64
		o    Options
		kind error
	}{
		{"lengths", ten, ten[:9], Options{}, errs.Usage},
		{"degree", ten, ten, Options{Degree: 3}, errs.Usage},
		{"span", ten, ten, Options{Span: -1}, errs.Usage},
		{"span NaN", ten, ten, Options{Span: math.NaN()}, errs.Usage},
		{"empty", nil, nil, Options{}, errs.Data},
		{"NaN", []float64{1, 2, math.NaN()}, []float64{1, 2, 3}, Options{Span: 1}, errs.Data},
		{"infinite", []float64{1, 2, 3}, []float64{1, math.Inf(1), 3}, Options{Span: 1}, errs.Data},
		{"few", ten, ten, Options{Span: 0.3, Degree: 2}, errs.Data},
	} {
		if _, err := Fit(c.x, c.y, c.o); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v, want %v", c.name, err, c.kind)
		}
	}
}

// FuzzFit holds that any input ends in an error or in finite values.
func FuzzFit(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, uint8(90), uint8(2))
	f.Add([]byte{1, 1, 1, 1, 1, 2, 2, 2, 9, 9, 9, 9, 9, 9}, uint8(50), uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, span, degree uint8) {
		if len(b) > 4000 {
			return
		}
		var x, y []float64
		for i := 0; i+1 < len(b); i += 2 {
			x, y = append(x, float64(b[i])), append(y, float64(b[i+1])-128)
		}
		got, err := Fit(x, y, Options{Span: float64(span) / 100, Degree: int(degree % 3)})
		if err != nil {
			return
		}
		for i, v := range got {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("point %d: %v", i, v)
			}
		}
	})
}

func ExampleFit() {
	x := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	y := []float64{1, 4, 9, 16, 25, 36, 49, 64, 81, 100}
	fitted, err := Fit(x, y, Options{Span: 0.8, Degree: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.1f\n", fitted)
	// Output: [1.0 4.0 9.0 16.0 25.0 36.0 49.0 64.0 81.0 100.0]
}

func BenchmarkFit(b *testing.B) {
	x, y := sample(20000, 1)
	for b.Loop() {
		if _, err := Fit(x, y, Options{Degree: 2}); err != nil {
			b.Fatal(err)
		}
	}
}
