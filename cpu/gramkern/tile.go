package gramkern

// BlockRows is the number of rows whose sparse entries stand together.
const BlockRows = 512

// Tile is a kernels.GramTile as slices.
type Tile struct {
	Rows   int // room
	Groups int // of dense columns
	Sparse int // columns
	Dense  []float32

	RowIdx, RowEnd        []uint32
	RowVal                []float32
	ColPtr, ColAt, ColPos []uint32
	ColVal                []float32
	Sum                   []float64
}

// Width is the number of columns, with the dense ones filled up to whole groups.
func (t *Tile) Width() int { return t.Groups*Group + t.Sparse }

// Filler writes blocks of a tile. It is one goroutine's.
type Filler struct {
	T *Tile
	// Place is, for each gene, where its column begins in Dense, or the sparse
	// column plus one, negative.
	Place []int32
	// Center is what is taken off the values of each gene's dense column.
	Center []float64
	// Zero is a row of Dense in which no value is stored: float32(-center),
	// Groups*Group long and 0 beyond the last dense column.
	Zero []float32
	// Column is the position of each gene in Sum.
	Column []int32

	count []uint32 // entries of each sparse column in this block
	at    uint32   // next free entry of this block
	start uint32
	first int
	rows  int
}

// Begin starts the block whose first row is first. Its entries go to start and on.
func (f *Filler) Begin(first, rows int, start uint32) {
	t := f.T
	f.first, f.rows, f.start, f.at = first, rows, start, start
	if len(f.count) != t.Sparse+1 {
		f.count = make([]uint32, t.Sparse+1)
	}
	clear(f.count)
	for g := range t.Groups {
		d := t.Dense[(g*t.Rows+first)*Group : (g*t.Rows+first+rows)*Group]
		n := copy(d, f.Zero[g*Group:(g+1)*Group])
		for n < len(d) {
			n += copy(d[n:], d[:n])
		}
	}
	sum := f.sum()
	clear(sum)
	for c, z := range f.Zero {
		sum[c] = float64(rows) * float64(z)
	}
}

func (f *Filler) sum() []float64 {
	w := f.T.Width()
	b := f.first / BlockRows
	return f.T.Sum[b*w : (b+1)*w]
}

// Row writes row r of the tile: the stored genes and their values u.
func (f *Filler) Row(r int, genes []uint32, u []float64) {
	t, sum, at := f.T, f.sum(), f.at
	dense := t.Dense[min(r*Group, len(t.Dense)):]
	u = u[:len(genes)]
	for i, g := range genes {
		place, col := f.Place[g], f.Column[g]
		if place >= 0 {
			y := float32(u[i] - f.Center[g])
			dense[place] = y
			sum[col] += float64(y) - float64(f.Zero[col])
			continue
		}
		y, c := float32(u[i]), uint32(-place-1)
		t.RowIdx[at], t.RowVal[at] = c, y
		at++
		f.count[c+1]++
		sum[col] += float64(y)
	}
	f.at = at
	t.RowEnd[r] = at
}

// End sorts the block's entries by column.
func (f *Filler) End() {
	t := f.T
	ptr := f.count
	ptr[0] = f.start
	for c := range t.Sparse {
		ptr[c+1] += ptr[c]
	}
	b := f.first / BlockRows
	copy(t.ColPtr[b*(t.Sparse+1):], ptr)
	pos := f.start
	for r := f.first; r < f.first+f.rows; r++ {
		at := uint32(r * Group)
		for ; pos < t.RowEnd[r]; pos++ {
			c := t.RowIdx[pos]
			q := ptr[c]
			ptr[c] = q + 1
			t.ColAt[q], t.ColVal[q], t.ColPos[q] = at, t.RowVal[pos], pos
		}
	}
}

// Multiply adds the products of part's share of the columns over the first rows
// rows to acc (Width x Width) and the column sums to sum. See kernels.GramMultiply.
func (t *Tile) Multiply(l Level, rows, part, parts int, acc, sum []float64) {
	t.denseByDense(l, rows, part, parts, acc)
	t.sparseByDense(l, rows, part, parts, acc)
	t.sparseBySparse(rows, part, parts, acc)
	w := t.Width()
	lo, hi := w*part/parts, w*(part+1)/parts
	for b := 0; b*BlockRows < rows; b++ {
		for c := lo; c < hi; c++ {
			sum[c] += t.Sum[b*w+c]
		}
	}
}

// macro is the number of groups on the side of a square of the result that is
// worked on at a time, so that it and its operands stay in the L2 cache.
const macro = 4

// pair is a pair of groups.
type pair struct{ i, j, square int }

// pairs lists the pairs i <= j square by square.
func (t *Tile) pairs() []pair {
	ps := make([]pair, 0, t.Groups*(t.Groups+1)/2)
	square := 0
	for j0 := 0; j0 < t.Groups; j0 += macro {
		for i0 := 0; i0 <= j0; i0 += macro {
			for j := j0; j < min(j0+macro, t.Groups); j++ {
				for i := i0; i < min(i0+macro, j+1); i++ {
					ps = append(ps, pair{i, j, square})
				}
			}
			square++
		}
	}
	return ps
}

func (t *Tile) denseByDense(l Level, rows, part, parts int, acc []float64) {
	ps, w := t.pairs(), t.Width()
	ps = ps[len(ps)*part/parts : len(ps)*(part+1)/parts]
	for len(ps) > 0 {
		n := 1
		for n < len(ps) && ps[n].square == ps[0].square {
			n++
		}
		for r := 0; r < rows; r += SumRows {
			k := min(SumRows, rows-r)
			for _, p := range ps[:n] {
				a := t.Dense[(p.i*t.Rows+r)*Group:]
				b := t.Dense[(p.j*t.Rows+r)*Group:]
				Block(l, k, a, b, acc[p.i*Group*w+p.j*Group:], w)
			}
		}
		ps = ps[n:]
	}
}

// stripe is the number of sparse columns that go to one part in a row.
const stripe = 8

// columns calls f for the sparse columns of a part.
func (t *Tile) columns(part, parts int, f func(c int)) {
	for c0 := part * stripe; c0 < t.Sparse; c0 += parts * stripe {
		for c := c0; c < min(c0+stripe, t.Sparse); c++ {
			f(c)
		}
	}
}

func (t *Tile) sparseByDense(l Level, rows, part, parts int, acc []float64) {
	w, gs := t.Width(), t.Rows*Group
	for b := 0; b*BlockRows < rows; b++ {
		ptr := t.ColPtr[b*(t.Sparse+1):]
		for g := 0; g < t.Groups; g += macro {
			n := min(macro, t.Groups-g)
			t.columns(part, parts, func(c int) {
				lo, hi := ptr[c], ptr[c+1]
				row := acc[(t.Groups*Group+c)*w:]
				Axpy(l, n, t.ColAt[lo:hi], t.ColVal[lo:hi], t.Dense[g*gs:], gs, row[g*Group:])
			})
		}
	}
}

func (t *Tile) sparseBySparse(rows, part, parts int, acc []float64) {
	w := t.Width()
	off := t.Groups * Group
	for b := 0; b*BlockRows < rows; b++ {
		ptr := t.ColPtr[b*(t.Sparse+1):]
		t.columns(part, parts, func(c int) {
			row := acc[(off+c)*w+off : (off+c+1)*w]
			for e := ptr[c]; e < ptr[c+1]; e++ {
				lo, hi := t.ColPos[e], t.RowEnd[t.ColAt[e]/Group]
				scatter(row, float64(t.ColVal[e]), t.RowIdx[lo:hi], t.RowVal[lo:hi])
			}
		})
	}
}

// scatter adds a times a sparse row to a dense one. The products are exact.
func scatter(row []float64, a float64, idx []uint32, val []float32) {
	val = val[:len(idx)]
	for ; len(idx) >= 4; idx, val = idx[4:], val[4:] {
		i, x := (*[4]uint32)(idx), (*[4]float32)(val)
		row[i[0]] += a * float64(x[0])
		row[i[1]] += a * float64(x[1])
		row[i[2]] += a * float64(x[2])
		row[i[3]] += a * float64(x[3])
	}
	for k, i := range idx {
		row[i] += a * float64(val[k])
	}
}
