package devicetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/kernels"
)

// steep generates cells of which gene c is stored the more rarely the higher c
// is, and each seventh gene never.
func steep(name string, rows, cols int, kind kernels.ValueKind, d draw) *matrix {
	r := rand.New(rand.NewPCG(uint64(rows*1000003+cols), 17))
	m := &matrix{name: fmt.Sprintf("%s %dx%d", name, rows, cols), rows: rows, cols: cols, kind: kind, ptr: []int64{0}}
	for i := range rows {
		for c := range cols {
			if i%5 != 4 && c%7 != 6 && r.Float64() < math.Exp(-4*float64(c)/float64(cols)) {
				m.add(c, d(r))
			}
		}
		m.ptr = append(m.ptr, int64(len(m.idx)))
	}
	return m
}

// gramMatrices are about the sizes that the arithmetic depends on: a block of
// rows, a partial sum of rows, a group of columns.
func gramMatrices() []*matrix {
	const c, f, d = kernels.Counts, kernels.Float32, kernels.Float64
	return []*matrix{
		generate("no rows", 0, 50, c, 1, false, smallCount),
		generate("one row", 1, 50, c, 0.5, false, smallCount),
		generate("one gene", 70, 1, c, 0.6, false, smallCount),
		generate("one value", 1, 1, c, 1, false, smallCount),
		generate("only empty rows", 70, 50, c, 0, false, smallCount),
		generate("full rows", 65, 97, c, 1, false, smallCount),
		generate("float32", 63, 48, f, 0.3, true, positive),
		generate("signed float64", 64, 60, d, 0.3, true, signed),
		steep("a block less one", kernels.GramBlock-1, 49, c, smallCount),
		steep("a block", kernels.GramBlock, 50, f, positive),
		steep("a block and one", kernels.GramBlock+1, 52, c, smallCount),
		steep("three blocks", 2*kernels.GramBlock+70, 53, c, smallCount),
		steep("wide", 40, 230, c, smallCount),
	}
}

// aScaling is a way of scaling in GramFill and Project.
type aScaling struct {
	name              string
	mean, std, centre bool
	max               float64
}

func scalings() []aScaling {
	return []aScaling{
		{name: "as they are"},
		{name: "z", mean: true, std: true, centre: true},
		{name: "z clipped", mean: true, std: true, centre: true, max: 1.5},
		{name: "divided", mean: true, std: true},
		{name: "divided clipped", std: true, max: 0.7},
	}
}

// values are the u of GramFill, row after row, in the order of the matrix.
type uValues struct {
	a         aTransform
	s         aScaling
	scale     []float64 // of the rows
	mean, std []float64 // of the genes
}

func newValues(m *matrix, a aTransform, s aScaling) *uValues {
	u := &uValues{a: a, s: s, scale: rowScales(m.rows), mean: make([]float64, m.cols), std: make([]float64, m.cols)}
	for c := range m.cols {
		u.mean[c], u.std[c] = float64(c%9)*0.3, 0.1+float64(c%5)
	}
	return u
}

func (u *uValues) z(v float64, c uint32) float64 {
	if u.s.centre {
		v -= u.mean[c]
	}
	v /= u.std[c]
	if u.s.max > 0 && v > u.s.max {
		v = u.s.max
	}
	if u.s.max > 0 && u.s.centre && v < -u.s.max {
		v = -u.s.max
	}
	return v
}

func (u *uValues) at(row int, c uint32, x float64) float64 {
	v := u.a.apply(x, u.scale[row])
	if !u.s.std {
		return v
	}
	return u.z(v, c) - u.z(0, c)
}

// on uploads the means and deviations.
func (u *uValues) on(r *rig) (mean, std device.Buffer) {
	return bufferIf(u.s.mean, up(r, u.mean)), bufferIf(u.s.std, up(r, u.std))
}

// tileRef is a tile in plain slices, as GramFill must write it.
type tileRef struct {
	rows, hot, sparse, width, room int
	rank                           []uint32
	center                         []float64
	dense                          [][]float32 // by rank, by row
	rowIdx, rowEnd                 []uint32
	rowVal                         []float32
	colPtr, colAt, colPos          []uint32
	colVal                         []float32
	sum                            []float64
}

// ranks deals hot of n genes into the dense ranks; see kernels.GramTile.
func ranks(n, hot int) []uint32 {
	order := rand.New(rand.NewPCG(uint64(n), uint64(hot))).Perm(n)
	sort.Ints(order[:hot])
	sort.Ints(order[hot:])
	rank := make([]uint32, n)
	for k, g := range order {
		rank[g] = uint32(k)
	}
	return rank
}

func newTile(m *matrix, u *uValues, hot int) *tileRef {
	blocks := (m.rows + kernels.GramBlock - 1) / kernels.GramBlock
	t := &tileRef{
		rows: m.rows, hot: hot, sparse: m.cols - hot, room: (blocks + 1) * kernels.GramBlock,
		rank: ranks(m.cols, hot), center: make([]float64, m.cols), dense: make([][]float32, hot),
	}
	groups := (hot + kernels.GramGroup - 1) / kernels.GramGroup * kernels.GramGroup
	t.width = groups + t.sparse
	t.sum = make([]float64, blocks*t.width)
	for g, k := range t.rank {
		t.center[g] = float64(g%4) * 0.37
		if int(k) >= hot {
			continue
		}
		t.dense[k] = make([]float32, m.rows)
		for row := range m.rows {
			t.dense[k][row] = float32(-t.center[g])
		}
		for b := range blocks {
			rows := min(kernels.GramBlock, m.rows-b*kernels.GramBlock)
			t.sum[b*t.width+int(k)] = float64(rows) * float64(float32(-t.center[g]))
		}
	}
	t.rowEnd = make([]uint32, m.rows)
	m.each(func(row int, g uint32, x float64) {
		k, b, v := int(t.rank[g]), row/kernels.GramBlock, u.at(row, g, x)
		if k < hot {
			y := float32(v - t.center[g])
			t.dense[k][row] = y
			t.sum[b*t.width+k] += float64(y) - float64(float32(-t.center[g]))
			return
		}
		t.rowIdx, t.rowVal = append(t.rowIdx, uint32(k-hot)), append(t.rowVal, float32(v))
		t.sum[b*t.width+groups+k-hot] += float64(float32(v))
		t.rowEnd[row]++
	})
	for row := 1; row < m.rows; row++ {
		t.rowEnd[row] += t.rowEnd[row-1]
	}
	t.byColumn()
	return t
}

// starts tells where each block's entries begin, by the number of entries that
// X stores before it, dense ones too.
func starts(m *matrix) []uint32 {
	var s []uint32
	for r := 0; r < m.rows; r += kernels.GramBlock {
		s = append(s, uint32(m.ptr[r]))
	}
	return s
}

// entries returns the entries of a row, as positions in rowIdx.
func (t *tileRef) entries(row int) (lo, hi int) {
	if row > 0 {
		lo = int(t.rowEnd[row-1])
	}
	return lo, int(t.rowEnd[row])
}

// byColumn sorts each block's entries by column.
func (t *tileRef) byColumn() {
	for first := 0; first < t.rows; first += kernels.GramBlock {
		last := min(first+kernels.GramBlock, t.rows)
		for c := range t.sparse {
			t.colPtr = append(t.colPtr, uint32(len(t.colAt)))
			for row := first; row < last; row++ {
				lo, hi := t.entries(row)
				for i := lo; i < hi; i++ {
					if int(t.rowIdx[i]) == c {
						t.colAt = append(t.colAt, uint32(row*kernels.GramGroup))
						t.colVal = append(t.colVal, t.rowVal[i])
						t.colPos = append(t.colPos, uint32(i))
					}
				}
			}
		}
		t.colPtr = append(t.colPtr, uint32(len(t.colAt)))
	}
}

// hots are the numbers of dense columns to try: none, whole groups, all.
func hots(genes int) []int {
	h := []int{0}
	for n := kernels.GramGroup; n < genes; n += 2 * kernels.GramGroup {
		h = append(h, n)
	}
	return append(h, genes)
}

// room makes the buffers of the tile.
func (t *tileRef) on(r *rig, nnz int64) kernels.GramTile {
	blocks := t.room / kernels.GramBlock
	k := kernels.GramTile{Rows: t.room, Genes: t.hot + t.sparse, Hot: t.hot, NNZ: nnz, Rank: up(r, t.rank)}
	k.Dense = r.alloc(int64(k.Groups()) * int64(t.room) * kernels.GramGroup * 4)
	k.RowEnd, k.Sum = r.alloc(int64(t.room)*4), r.alloc(int64(blocks*t.width)*8)
	k.ColPtr = r.alloc(int64(blocks*(t.sparse+1)) * 4)
	for _, b := range []*device.Buffer{&k.RowIdx, &k.RowVal, &k.ColAt, &k.ColVal, &k.ColPos} {
		*b = r.alloc(nnz * 4)
	}
	return k
}

// eachGram calls f for all matrices, dense columns and scalings, and takes the
// transforms by turns.
func eachGram(t *testing.T, r *rig, f func(t *testing.T, m *matrix, u *uValues, hot int)) {
	as, n := transforms(), 0
	for _, m := range gramMatrices() {
		for _, hot := range hots(m.cols) {
			for _, s := range scalings() {
				a := as[n%4] // of signed or large values expm1 has no meaning here
				if n++; m.kind == kernels.Float64 {
					a = as[n%2] // signed: no logarithm
				}
				t.Run(fmt.Sprintf("%s/hot %d/%s/%s", m.name, hot, s.name, a.name), func(t *testing.T) {
					defer r.release()
					f(t, m, newValues(m, a, s), hot)
				})
			}
		}
	}
}

// fill returns a tile that GramFill has written in so many parts, in no order.
func fill(r *rig, m *matrix, u *uValues, want *tileRef, parts int) kernels.GramTile {
	tile := want.on(r, m.nnz()+3)
	mean, std := u.on(r)
	op := kernels.GramFill{
		X: r.csr(m), T: u.a.on(r, u.scale), Mean: mean, Std: std, Centre: u.s.centre, Max: u.s.max,
		Center: up(r, want.center), Tile: tile, Parts: parts,
	}
	for p := range parts {
		o := op
		o.Part = (p*3 + 1) % parts
		r.ok(r.s.Launch(&o))
	}
	r.ok(r.s.Sync())
	return tile
}

func testGramFill(t *testing.T, r *rig) {
	eachGram(t, r, func(t *testing.T, m *matrix, u *uValues, hot int) {
		want := newTile(m, u, hot)
		for _, parts := range []int{1, 2, 7} {
			tile := fill(r, m, u, want, parts)
			sameTile(t, r, &tile, want, starts(m))
		}
	})
	badGram(t, r)
}

// sameTile compares what GramFill wrote. All of it is held to the bits but the
// sums, which only an exact backend need add up in the same order.
func sameTile(t *testing.T, r *rig, k *kernels.GramTile, want *tileRef, start []uint32) {
	t.Helper()
	dense := down[float32](r, k.Dense, k.Groups()*k.Rows*kernels.GramGroup)
	for c, col := range want.dense {
		for row, y := range col {
			at := (c/kernels.GramGroup*k.Rows+row)*kernels.GramGroup + c%kernels.GramGroup
			if dense[at] != y {
				t.Fatalf("Dense of row %d, column %d is %v, want %v", row, c, dense[at], y)
			}
		}
	}
	n := int(k.NNZ)
	got := tileRef{
		rowIdx: down[uint32](r, k.RowIdx, n), rowVal: down[float32](r, k.RowVal, n), rowEnd: down[uint32](r, k.RowEnd, want.rows),
		colAt: down[uint32](r, k.ColAt, n), colVal: down[float32](r, k.ColVal, n), colPos: down[uint32](r, k.ColPos, n),
		colPtr: down[uint32](r, k.ColPtr, len(want.colPtr)), sum: down[float64](r, k.Sum, len(want.sum)),
	}
	for b, s := range start {
		sameBlock(t, &got, want, b, s)
	}
	for i, g := range got.sum {
		b, c := i/want.width, i%want.width
		if pad := want.width - want.sparse; c >= want.hot && c < pad {
			continue // columns that fill a group up
		}
		if w := want.sum[i]; g != w && (r.exact || math.Abs(g-w) > 1e-9*(1+math.Abs(w))) {
			t.Fatalf("Sum of block %d, column %d is %v, want %v", b, c, g, w)
		}
	}
}

// sameBlock compares the entries of a block, which begin at s in got and,
// without gaps, at lo in want.
func sameBlock(t *testing.T, got, want *tileRef, b int, s uint32) {
	t.Helper()
	first, last := b*kernels.GramBlock, min((b+1)*kernels.GramBlock, want.rows)
	from, to := 0, int(want.rowEnd[last-1])
	if first > 0 {
		from = int(want.rowEnd[first-1])
	}
	shift := s - uint32(from) // modulo 2^32; undone by the sums below
	moved := func(v []uint32) []uint32 {
		v = slices.Clone(v)
		for i := range v {
			v[i] += shift
		}
		return v
	}
	n := uint32(to - from)
	ptr := [2]int{b * (want.sparse + 1), (b + 1) * (want.sparse + 1)}
	for _, c := range []struct {
		field string
		same  bool
	}{
		{"RowEnd", slices.Equal(got.rowEnd[first:last], moved(want.rowEnd[first:last]))},
		{"RowIdx", slices.Equal(got.rowIdx[s:s+n], want.rowIdx[from:to])},
		{"RowVal", slices.Equal(got.rowVal[s:s+n], want.rowVal[from:to])},
		{"ColPtr", slices.Equal(got.colPtr[ptr[0]:ptr[1]], moved(want.colPtr[ptr[0]:ptr[1]]))},
		{"ColAt", slices.Equal(got.colAt[s:s+n], want.colAt[from:to])},
		{"ColVal", slices.Equal(got.colVal[s:s+n], want.colVal[from:to])},
		{"ColPos", slices.Equal(got.colPos[s:s+n], moved(want.colPos[from:to]))},
	} {
		if !c.same {
			t.Fatalf("%s of block %d is not as wanted", c.field, b)
		}
	}
}

// badGram tries tiles that cannot be.
func badGram(t *testing.T, r *rig) {
	defer r.release()
	m := generate("bad", 20, 100, kernels.Counts, 0.3, false, smallCount)
	u := newValues(m, transforms()[0], scalings()[0])
	want := newTile(m, u, kernels.GramGroup)
	good := kernels.GramFill{X: r.csr(m), Center: up(r, want.center), Tile: want.on(r, m.nnz()), Parts: 1}
	for what, spoil := range map[string]func(o *kernels.GramFill){
		"a part too many":     func(o *kernels.GramFill) { o.Part = 1 },
		"no parts":            func(o *kernels.GramFill) { o.Parts = 0 },
		"half a block":        func(o *kernels.GramFill) { o.Tile.Rows -= kernels.GramBlock / 2 },
		"half a group":        func(o *kernels.GramFill) { o.Tile.Hot = kernels.GramGroup / 2 },
		"another gene number": func(o *kernels.GramFill) { o.Tile.Genes-- },
		"more rows than room": func(o *kernels.GramFill) { o.Tile.Rows = 0 },
	} {
		o := good
		spoil(&o)
		if r.fails(&o) == nil {
			t.Errorf("no error for %s", what)
		}
	}
	r.run(&good)
}
