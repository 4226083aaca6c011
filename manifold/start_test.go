package manifold

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/gpusc/gpusc/graph"
)

func crewOf(threads int) crew { return newCrew(context.Background(), threads) }

func path(n int) *graph.CSR {
	return union(n, func(add func(i, j int32, w float64)) {
		for i := range int32(n - 1) {
			add(i, i+1, 1)
		}
	})
}

func partsOf(t *testing.T, g *graph.CSR) *parts {
	t.Helper()
	p, err := findParts(crewOf(2), g)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParts(t *testing.T) {
	g := union(7, func(add func(i, j int32, w float64)) {
		add(0, 4, 1)
		add(4, 6, 0.1)
		add(1, 3, 1)
		add(3, 5, 0) // weighs nothing: joins nothing
	})
	p := partsOf(t, g)
	if !slices.Equal(p.label, []int32{0, 1, 2, 1, 0, 3, 0}) || p.count() != 4 ||
		!slices.Equal(p.of(0), []int32{0, 4, 6}) || p.size(1) != 2 || p.share(2) != 1.0/7 {
		t.Errorf("%+v", p)
	}
}

// TestEigen: a symmetric matrix of known values.
func TestEigen(t *testing.T) {
	a := mat{2, 1, 0, 0, 1, 2, 0, 0, 0, 0, 5, 0, 0, 0, 0, -1}
	val, vec := eigen(a)
	for l, want := range []float64{5, 3, 1, -1} {
		if math.Abs(val[l]-want) > 1e-12 {
			t.Errorf("value %d is %g, want %g", l, val[l], want)
		}
		for r := range width {
			av := 0.0
			for k := range width {
				av += a[r*width+k] * vec[k*width+l]
			}
			if math.Abs(av-val[l]*vec[r*width+l]) > 1e-12 {
				t.Errorf("vector %d: row %d is off", l, r)
			}
		}
	}
	val, vec = eigen(mat{math.NaN()})
	if zero := (sums{}); val != zero || vec[0] != 0 {
		t.Error("a matrix without numbers has eigenvectors")
	}
}

// TestSmoothest: of a graph of groups, nearly apart, the vectors are those of the walk to a
// part in a thousand: P x = value x.
func TestSmoothest(t *testing.T) {
	g, _, _ := generated(t, 1500, 6, 8)
	p := partsOf(t, g)
	x, err := smoothest(crewOf(2), g, p, 0)
	if err != nil {
		t.Fatal(err)
	}
	deg := make([]float64, g.N)
	for i := range deg {
		_, w := g.Row(i)
		for _, v := range w {
			deg[i] += float64(v)
		}
	}
	for k := range p.count() {
		if p.size(k) <= smallest {
			continue
		}
		for l := range 2 { // x is sqrt(D) times the walk's vector
			xx, xax, one := 0.0, 0.0, 0.0
			ax := map[int32]float64{}
			for _, i := range p.of(k) {
				idx, w := g.Row(int(i))
				for q, j := range idx {
					ax[i] += float64(w[q]) * float64(x[j][l]) / math.Sqrt(deg[i]*deg[j])
				}
				xx += float64(x[i][l]) * float64(x[i][l])
				xax += float64(x[i][l]) * ax[i]
				one += float64(x[i][l]) * math.Sqrt(deg[i])
			}
			if math.Abs(xx-1) > 1e-4 || math.Abs(one) > 1e-3 {
				t.Errorf("component %d, vector %d: square %g, along the constant %g", k, l, xx, one)
			}
			rest := 0.0
			for i, v := range ax {
				r := v - xax*float64(x[i][l])
				rest += r * r
			}
			if math.Sqrt(rest) > 2e-2 {
				t.Errorf("component %d of %d, vector %d: value %g, residual %g", k, p.size(k), l, xax, math.Sqrt(rest))
			}
		}
	}
}

// TestSpectralPath: the first axis of a path's start runs along the path.
func TestSpectralPath(t *testing.T) {
	g := path(200)
	o, err := UMAPOptions{}.withDefaults(g.N)
	if err != nil {
		t.Fatal(err)
	}
	l := &Layout{}
	if err := start(crewOf(1), g, o, l); err != nil {
		t.Fatal(err)
	}
	wrong := 0
	for i := 20; i < 180; i++ {
		if (l.Positions[2*i] < l.Positions[2*i-2]) != (l.Positions[40] < l.Positions[38]) {
			wrong++
		}
	}
	if wrong > 0 {
		t.Errorf("%d of 160 steps go back", wrong)
	}
}

// TestStartScale: every start fills [0, 10] on each axis, and one far cell does not squeeze
// the others.
func TestStartScale(t *testing.T) {
	g, x, _ := generated(t, 1000, 5, 4)
	x[5*17] = 1e6
	for _, init := range []string{"spectral", "pca", "random", "given"} {
		for d := 2; d <= 3; d++ {
			o := UMAPOptions{Components: d, PCA: x, PCADim: 5, Init: init}
			if init == "given" {
				o.Init, o.Positions = "", noise(d*g.N)
			}
			o, err := o.withDefaults(g.N)
			if err != nil {
				t.Fatal(err)
			}
			l := &Layout{}
			if err := start(crewOf(2), g, o, l); err != nil {
				t.Fatal(err)
			}
			for q := range d {
				var v []float32
				for i := q; i < len(l.Positions); i += d {
					v = append(v, l.Positions[i])
				}
				slices.Sort(v)
				if v[0] < -0.01 || v[len(v)-1] > side+0.01 || v[len(v)-1]-v[0] < side-0.01 || v[900]-v[100] < 2 {
					t.Errorf("%s, axis %d of %d: %g to %g, the inner 80%% %g to %g", init, q, d, v[0], v[len(v)-1], v[100], v[900])
				}
			}
		}
	}
}

// TestCentres: components are placed as their centroids lie, with scores; without, apart.
func TestCentres(t *testing.T) {
	g := union(300, func(add func(i, j int32, w float64)) {
		for r := range 3 {
			ring(100*r, 100*r+100, add)
		}
	})
	x := make([]float32, 300*3)
	for i := range 300 { // centroids on a line, at 0, 1 and 5
		x[3*i+1] = []float32{0, 1, 5}[i/100]
	}
	p := partsOf(t, g)
	c, r := centres(p, UMAPOptions{Components: 2, PCA: x, PCADim: 3})
	near, far := distance(c[0], c[1]), distance(c[0], c[2])
	if math.Abs(far/near-5) > 1e-6 || math.Abs(r[0]-near/2) > 1e-6 || math.Abs(r[2]-2*near) > 1e-6 {
		t.Errorf("centres %v, radii %v", c, r)
	}
	for d := 2; d <= 3; d++ {
		c, r = centres(p, UMAPOptions{Components: d})
		for k := range c {
			for h := range k {
				if distance(c[k], c[h]) < 0.7*(r[k]+r[h]) {
					t.Errorf("%d dimensions: components %d and %d lie over each other: %v, %v", d, k, h, c, r)
				}
			}
		}
	}
}

// TestMakeEdges: edges lighter than the heaviest over the epochs are left out, both
// directions have one phase, and rates are weights over the heaviest.
func TestMakeEdges(t *testing.T) {
	g := union(4, func(add func(i, j int32, w float64)) {
		add(0, 1, 1)
		add(1, 2, 0.5)
		add(2, 3, 0.004)
		add(3, 3, 0.9)
	})
	for epochs, want := range map[int][]int64{200: {0, 1, 3, 4, 4}, 300: {0, 1, 3, 5, 6}, 5: {0, 1, 3, 5, 6}} {
		e, err := makeEdges(crewOf(1), newInMemory(g, nil), g.N, 1, epochs, 500, 3)
		if err != nil || !slices.Equal(e.ptr, want) || e.most != 2 {
			t.Fatalf("%d epochs: %+v %v", epochs, e, err)
		}
		if e.phase[0] != e.phase[1] || e.phase[2] != e.phase[3] || e.phase[0] == e.phase[2] {
			t.Errorf("phases %x", e.phase[:4])
		}
		if e.rate[0] != math.MaxUint32 || e.rate[2] != 1<<31 {
			t.Errorf("rates %x", e.rate[:4])
		}
	}
}

// TestWindow: negatives are drawn evenly from the window, and the kernels' counters do not
// repeat within a cell.
func TestWindow(t *testing.T) {
	const window = 100
	var count [window]int
	for cell := range uint64(1000) {
		ctr := uint32(hash(1, cell, 0))
		for l := range uint32(64) {
			count[uint64(mix32(ctr+l*golden))*window>>32]++
		}
	}
	for j, k := range count {
		if k < 500 || k > 780 {
			t.Errorf("position %d is drawn %d times, expected about 640", j, k)
		}
	}
}
