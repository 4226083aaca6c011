package devicetest

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/kernels"
)

// fma32 is a*b + c, rounded once to float32. The sum in float64 is less than one
// step off, so where its two neighbours round to the same float32 so does the
// true sum; else that is worked out.
func fma32(a, b, c float32) float32 {
	p, q := float64(a)*float64(b), float64(c) // the product is exact
	s := p + q
	lo, hi := float32(math.Nextafter(s, math.Inf(-1))), float32(math.Nextafter(s, math.Inf(1)))
	if lo == hi || s == 0 {
		return float32(s)
	}
	exactly := func(x float64) *big.Float { return new(big.Float).SetPrec(700).SetFloat64(x) }
	f, _ := new(big.Float).SetPrec(700).Add(exactly(p), exactly(q)).Float32()
	return f
}

// products is the reference of GramMultiply: acc as the arithmetic is laid down,
// plain the same in float64 throughout.
type products struct {
	width      int
	acc, plain []float64
	colSum     []float64
	used       []bool // elements of acc that mean something
}

// start makes an accumulator that is not empty.
func (t *tileRef) start() *products {
	r := rand.New(rand.NewPCG(uint64(t.width), 3))
	p := &products{
		width: t.width, acc: make([]float64, t.width*t.width), plain: make([]float64, t.width*t.width),
		colSum: make([]float64, t.width), used: make([]bool, t.width*t.width),
	}
	for i := range p.acc {
		p.acc[i] = r.NormFloat64()
		p.plain[i] = p.acc[i]
	}
	for i := range p.colSum {
		p.colSum[i] = r.NormFloat64()
	}
	return p
}

// add adds a sum in float32 of some products, and marks the element.
func (p *products) add(i, j int, part float32, plain float64) {
	p.acc[i*p.width+j] += float64(part)
	p.plain[i*p.width+j] += plain
	p.used[i*p.width+j] = true
}

func (p *products) denseByDense(t *tileRef) {
	for i, a := range t.dense {
		for j := i; j < t.hot; j++ {
			p.add(i, j, 0, 0)
			for r := 0; r < t.rows; r += kernels.GramSum {
				part, plain := float32(0), 0.0
				for k := r; k < min(r+kernels.GramSum, t.rows); k++ {
					part = fma32(a[k], t.dense[j][k], part)
					plain += float64(a[k]) * float64(t.dense[j][k])
				}
				p.add(i, j, part, plain)
			}
		}
	}
}

// sparse adds the products of the sparse columns, block by block.
func (p *products) sparse(t *tileRef) {
	at := t.width - t.sparse
	for i := range t.sparse {
		for j := range t.hot {
			p.add(at+i, j, 0, 0)
		}
		for j := i; j < t.sparse; j++ {
			p.add(at+i, at+j, 0, 0)
		}
	}
	for b := 0; b*(t.sparse+1) < len(t.colPtr); b++ {
		for i := range t.sparse {
			lo, hi := t.colPtr[b*(t.sparse+1)+i], t.colPtr[b*(t.sparse+1)+i+1]
			for j := range t.hot {
				part, plain := float32(0), 0.0
				for e := lo; e < hi; e++ {
					y := t.dense[j][t.colAt[e]/kernels.GramGroup]
					part = fma32(t.colVal[e], y, part)
					plain += float64(t.colVal[e]) * float64(y)
				}
				p.add(at+i, j, part, plain)
			}
			for e := lo; e < hi; e++ {
				_, end := t.entries(int(t.colAt[e] / kernels.GramGroup))
				for k := int(t.colPos[e]); k < end; k++ { // columns from i on
					x := float64(t.colVal[e]) * float64(t.rowVal[k])
					p.acc[(at+i)*p.width+at+int(t.rowIdx[k])] += x
					p.plain[(at+i)*p.width+at+int(t.rowIdx[k])] += x
				}
			}
		}
	}
}

func testGramMultiply(t *testing.T, r *rig) {
	eachGram(t, r, func(t *testing.T, m *matrix, u *uValues, hot int) {
		ref := newTile(m, u, hot)
		want := ref.start()
		from := ref.start()
		want.denseByDense(ref)
		want.sparse(ref)
		for i, s := range ref.sum {
			want.colSum[i%ref.width] += s
		}
		tile := fill(r, m, u, ref, 1)
		var first *products
		for _, parts := range []int{1, 2, 7, 1} {
			got := multiply(r, &tile, m.rows, from, parts)
			want.same(t, r, ref, got, fmt.Sprintf("%d parts", parts))
			if first == nil {
				first = got
			}
			for i := range got.acc {
				if want.used[i] && math.Float64bits(got.acc[i]) != math.Float64bits(first.acc[i]) {
					t.Fatalf("Acc[%d][%d] is %v with %d parts and %v with one", i/ref.width, i%ref.width, got.acc[i], parts, first.acc[i])
				}
			}
		}
	})
	veryWide(t, r)
	badMultiply(t, r)
}

// veryWide has more columns than a block of threads may keep at hand, and so many
// dense ones that a backend may want to share them out in other pieces.
func veryWide(t *testing.T, r *rig) {
	for _, c := range []struct{ rows, genes, hot int }{{9, 2200, 0}, {9, 2200, kernels.GramGroup}, {270, 1010, 1010}} {
		t.Run(fmt.Sprint("very wide/", c), func(t *testing.T) {
			defer r.release()
			m := generate("very wide", c.rows, c.genes, kernels.Counts, 0.1, false, smallCount)
			u := newValues(m, transforms()[0], scalings()[0])
			ref := newTile(m, u, c.hot)
			want, from := ref.start(), ref.start()
			want.denseByDense(ref)
			want.sparse(ref)
			for i, s := range ref.sum {
				want.colSum[i%ref.width] += s
			}
			tile := fill(r, m, u, ref, 1)
			for _, parts := range []int{1, 2} {
				want.same(t, r, ref, multiply(r, &tile, m.rows, from, parts), fmt.Sprintf("%d parts", parts))
			}
		})
	}
}

// multiply runs GramMultiply in so many parts, from a filled accumulator.
func multiply(r *rig, tile *kernels.GramTile, rows int, from *products, parts int) *products {
	acc, colSum := up(r, from.acc), up(r, from.colSum)
	for p := range parts {
		op := &kernels.GramMultiply{Tile: *tile, Rows: rows, Acc: acc, ColSum: colSum, Part: (p*3 + 1) % parts, Parts: parts}
		r.ok(r.s.Launch(op))
	}
	return &products{acc: down[float64](r, acc, len(from.acc)), colSum: down[float64](r, colSum, len(from.colSum))}
}

// maxNMSE bounds the squared error of sums over the square of the sums.
const maxNMSE = 1e-7

// same compares with the reference: to the bits with an exact backend, as a
// whole with others.
func (p *products) same(t *testing.T, r *rig, ref *tileRef, got *products, how string) {
	t.Helper()
	var bad, all float64
	for i, w := range p.plain {
		if !p.used[i] {
			continue
		}
		if r.exact && got.acc[i] != p.acc[i] {
			t.Fatalf("%s: Acc[%d][%d] is %v, want %v", how, i/p.width, i%p.width, got.acc[i], p.acc[i])
		}
		bad += (got.acc[i] - w) * (got.acc[i] - w)
		all += w * w
	}
	if !(bad <= maxNMSE*all) {
		t.Fatalf("%s: Acc is off by NMSE %g", how, bad/all)
	}
	for i, w := range p.colSum {
		if i >= ref.hot && i < ref.width-ref.sparse {
			continue // columns that fill a group up
		}
		if g := got.colSum[i]; g != w && (r.exact || math.Abs(g-w) > 1e-9*(1+math.Abs(w))) {
			t.Fatalf("%s: ColSum[%d] is %v, want %v", how, i, g, w)
		}
	}
}

// badMultiply tries what cannot be.
func badMultiply(t *testing.T, r *rig) {
	defer r.release()
	m := generate("bad", 20, 100, kernels.Counts, 0.3, false, smallCount)
	u := newValues(m, transforms()[0], scalings()[0])
	ref := newTile(m, u, kernels.GramGroup)
	from := ref.start()
	good := kernels.GramMultiply{
		Tile: fill(r, m, u, ref, 1), Rows: m.rows, Acc: up(r, from.acc), ColSum: up(r, from.colSum), Parts: 1,
	}
	for what, spoil := range map[string]func(o *kernels.GramMultiply){
		"a part too many":     func(o *kernels.GramMultiply) { o.Part = 1 },
		"more rows than room": func(o *kernels.GramMultiply) { o.Rows = o.Tile.Rows + 1 },
		"fewer than no rows":  func(o *kernels.GramMultiply) { o.Rows = -1 },
		"half a group":        func(o *kernels.GramMultiply) { o.Tile.Hot = kernels.GramGroup / 2 },
		"too small an Acc":    func(o *kernels.GramMultiply) { o.Acc = r.alloc(8) },
	} {
		o := good
		spoil(&o)
		if r.fails(&o) == nil {
			t.Errorf("no error for %s", what)
		}
	}
	r.run(&good)
}

func testProject(t *testing.T, r *rig) {
	as, n := transforms(), 0
	for _, m := range append(matrices(what{huge: true}), gramMatrices()...) {
		for i, s := range scalings() {
			a := as[n%4]
			if n++; m.kind == kernels.Float64 {
				a = as[n%2]
			}
			k := []int{1, 8, 50, 0, 13}[i]
			t.Run(fmt.Sprintf("%s/%s/%s/%d", m.name, s.name, a.name, k), func(t *testing.T) {
				defer r.release()
				projectCase(t, r, m, newValues(m, a, s), k, (k+7)/8*8+8*(n%2), n%3 != 0)
			})
		}
	}
}

func projectCase(t *testing.T, r *rig, m *matrix, u *uValues, k, stride int, hasOffset bool) {
	rng := rand.New(rand.NewPCG(uint64(k), uint64(m.cols)))
	w, offset := make([]float64, m.cols*stride), make([]float64, stride)
	for i := range w {
		if i%stride < k {
			w[i] = rng.NormFloat64()
		}
	}
	sum := make([]float64, m.rows*k)
	for j := range k {
		offset[j] = rng.NormFloat64()
		for row := range m.rows {
			if hasOffset {
				sum[row*k+j] = -offset[j]
			}
		}
	}
	m.each(func(row int, c uint32, x float64) {
		v := u.at(row, c, x)
		for j := range k {
			sum[row*k+j] = math.FMA(v, w[int(c)*stride+j], sum[row*k+j])
		}
	})
	mean, std := u.on(r)
	op := kernels.Project{
		X: r.csr(m), T: u.a.on(r, u.scale), Mean: mean, Std: std, Centre: u.s.centre, Max: u.s.max,
		K: k, Stride: stride, W: up(r, w), Offset: bufferIf(hasOffset, up(r, offset)), Out: r.alloc(int64(4 * len(sum))),
	}
	var before []float32
	for range 2 {
		o := op
		r.run(&o)
		got := down[float32](r, op.Out, len(sum))
		sameScores(t, r, got, sum)
		if before != nil {
			sameFloat32s(t, "Out of a second run", got, before)
		}
		before = got
		r.ok(r.s.Clear(op.Out, 0, op.Out.Size()))
	}
	for what, spoil := range map[string]func(o *kernels.Project){
		"a stride below K":    func(o *kernels.Project) { o.K = stride + 1 },
		"a stride of 7":       func(o *kernels.Project) { o.Stride, o.K = 7, 1 },
		"too small a W":       func(o *kernels.Project) { o.W, o.K, o.Stride = r.alloc(0), max(k, 1), stride+8 },
		"an Out of no buffer": func(o *kernels.Project) { o.Out, o.K, o.Stride = device.Buffer(nil), max(k, 1), stride },
	} {
		if m.rows == 0 || m.cols == 0 || k == 0 {
			break
		}
		o := op
		spoil(&o)
		if r.fails(&o) == nil {
			t.Errorf("no error for %s", what)
		}
	}
}

// sameScores compares scores with the reference, see products.same.
func sameScores(t *testing.T, r *rig, got []float32, want []float64) {
	t.Helper()
	var bad, all float64
	for i, w := range want {
		if r.exact && math.Float32bits(got[i]) != math.Float32bits(float32(w)) {
			t.Fatalf("Out[%d] is %v, want %v", i, got[i], float32(w))
		}
		bad += (float64(got[i]) - w) * (float64(got[i]) - w)
		all += w * w
	}
	if !(bad <= maxNMSE*all) {
		t.Fatalf("Out is off by NMSE %g", bad/all)
	}
}
