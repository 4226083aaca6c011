package devicetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/kernels"
)

func testSelect(t *testing.T, r *rig) {
	keep := map[string]func(i int) bool{
		"all":   func(int) bool { return true },
		"none":  func(int) bool { return false },
		"third": func(i int) bool { return i%3 == 1 },
	}
	t.Run("refuses", func(t *testing.T) { testSelectRefuses(t, r) })
	t.Run("many rows", func(t *testing.T) {
		defer r.release()
		m := generate("many rows", 33000, 3, kernels.Counts, 0.4, true, smallCount)
		selectCase(t, r, m, keep["all"], keep["third"], true, false)
	})
	for _, m := range matrices(what{huge: true, negative: true}) {
		for rows, keepRow := range keep {
			for genes, keepGene := range keep {
				t.Run(fmt.Sprintf("%s/rows %s/genes %s", m.name, rows, genes), func(t *testing.T) {
					defer r.release()
					selectCase(t, r, m, keepRow, keepGene, rows == "all", genes == "all")
				})
			}
		}
	}
}

// testSelectRefuses gives lists that do not rise or point nowhere.
func testSelectRefuses(t *testing.T, r *rig) {
	m := generate("refused", 300, 900, kernels.Counts, 0.05, true, smallCount)
	x := r.csr(m)
	rowsOf, genes := []int32{}, make([]int32, m.cols)
	for row := 0; row < m.rows; row += 2 {
		rowsOf = append(rowsOf, int32(row))
	}
	for c := range genes {
		genes[c] = -1
		switch {
		case c > 700 && c < 704:
			genes[c] = int32(c - 351)
		case c%7 == 3 && (c < 300 || c > 650):
			genes[c] = int32(c / 2)
		}
	}
	out := kernels.CSR{
		Rows: len(rowsOf), Cols: m.cols, NNZ: m.nnz(), Kind: m.kind,
		Indptr: r.alloc(int64(8 * (len(rowsOf) + 1))), Indices: r.alloc(4 * m.nnz()), Values: r.alloc(4 * m.nnz()),
	}
	try := func(row, rowTo, gene, geneTo int) error {
		rows, to := slices.Clone(rowsOf), slices.Clone(genes)
		rows[row], to[gene] = int32(rowTo), int32(geneTo)
		return r.fails(&kernels.Select{X: x, RowsOf: up(r, rows), Map: up(r, to), Out: out})
	}
	if err := try(5, 10, 3, 0); err != nil {
		t.Fatalf("good lists are refused: %v", err)
	}
	for _, c := range []struct {
		what     string
		row, to  int
		gene, at int
	}{
		{"a row twice", 7, 12, 3, 1},
		{"a falling row", 100, 5, 3, 1},
		{"a negative row", 0, -1, 3, 1},
		{"a row beyond the end", 149, 300, 3, 1},
		{"a gene twice", 5, 10, 17, 5},
		{"a falling gene beside its neighbour", 5, 10, 703, 350},
		{"a falling gene far from the one before", 5, 10, 654, 148},
		{"a gene too high for the next one", 5, 10, 3, 899},
		{"a gene beyond the end", 5, 10, 899, 900},
	} {
		if try(c.row, c.to, c.gene, c.at) == nil {
			t.Errorf("%s: no error", c.what)
		}
	}
	for p := 301; p < 650; p += 9 { // the gene before stands anywhere
		genes[p] = 200
		if try(5, 10, 654, 200) == nil {
			t.Errorf("Map[%d] and Map[654] are equal: no error", p)
		}
		genes[p] = -1
	}
	r.release()
}

// selectCase tries a selection with lists, and with nil where all stay.
func selectCase(t *testing.T, r *rig, m *matrix, keepRow, keepGene func(int) bool, allRows, allGenes bool) {
	rowsOf, genes := []int32{}, make([]int32, m.cols)
	want := &matrix{kind: m.kind, ptr: []int64{0}}
	for c := range genes {
		genes[c] = -1 - int32(c%3)
		if keepGene(c) {
			genes[c] = int32(want.cols)
			want.cols++
		}
	}
	for row := range m.rows {
		if !keepRow(row) {
			continue
		}
		rowsOf = append(rowsOf, int32(row))
		for i := m.ptr[row]; i < m.ptr[row+1]; i++ {
			if to := genes[m.idx[i]]; to >= 0 {
				want.add(int(to), m.value(i))
			}
		}
		want.rows++
		want.ptr = append(want.ptr, int64(len(want.idx)))
	}
	x := r.csr(m)
	for _, room := range []int64{m.nnz(), want.nnz()} {
		out := kernels.CSR{
			Rows: want.rows, Cols: want.cols, NNZ: room, Kind: m.kind,
			Indptr: r.alloc(int64(8 * (want.rows + 1))), Indices: r.alloc(4 * room), Values: r.alloc(m.kind.Bytes() * room),
		}
		op := &kernels.Select{X: x, RowsOf: up(r, rowsOf), Map: up(r, genes), Out: out}
		r.run(op)
		sameMatrix(t, r, out, want)
		for _, lists := range [][2]bool{{allRows, false}, {false, allGenes}, {allRows, allGenes}} {
			o := *op
			if lists[0] {
				o.RowsOf = nil
			}
			if lists[1] {
				o.Map = nil
			}
			r.run(&o)
			sameMatrix(t, r, out, want)
		}
	}
	if want.nnz() > 0 {
		small := kernels.CSR{
			Rows: want.rows, Cols: want.cols, NNZ: want.nnz() - 1, Kind: m.kind,
			Indptr: r.alloc(int64(8 * (want.rows + 1))), Indices: r.alloc(4 * want.nnz()), Values: r.alloc(8 * want.nnz()),
		}
		last := want.rows - 1
		for want.ptr[last] == want.nnz() {
			last--
		}
		err := r.fails(&kernels.Select{X: x, RowsOf: up(r, rowsOf), Map: up(r, genes), Out: small})
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("row %d", last)) {
			t.Errorf("too little room in Out for row %d: %v", last, err)
		}
	}
}

func sameMatrix(t *testing.T, r *rig, got kernels.CSR, want *matrix) {
	t.Helper()
	ptr := down[int64](r, got.Indptr, want.rows+1)
	if !slices.Equal(ptr, want.ptr) {
		t.Fatalf("Indptr is %v, want %v", ptr, want.ptr)
	}
	n := int(want.nnz())
	if !slices.Equal(down[uint32](r, got.Indices, n), want.idx) {
		t.Fatal("Indices differ")
	}
	same := false
	switch want.kind {
	case kernels.Counts:
		same = slices.Equal(down[uint32](r, got.Values, n), want.u32)
	case kernels.Float32:
		same = slices.Equal(down[float32](r, got.Values, n), want.f32)
	default:
		same = slices.Equal(down[float64](r, got.Values, n), want.f64)
	}
	if !same {
		t.Fatal("Values differ")
	}
}

func testValues(t *testing.T, r *rig) {
	for _, a := range transforms() {
		for _, m := range matrices(what{huge: true, negative: !a.log}) {
			t.Run(a.name+"/"+m.name, func(t *testing.T) {
				defer r.release()
				scale := rowScales(m.rows)
				want := make([]float32, 0, m.nnz())
				m.each(func(row int, _ uint32, x float64) { want = append(want, float32(a.apply(x, scale[row]))) })
				op := &kernels.Values{X: r.csr(m), T: a.on(r, scale), Out: r.alloc(4 * m.nnz())}
				r.run(op)
				sameFloat32s(t, "Out", down[float32](r, op.Out, len(want)), want)
				roomier(r, m, op)
				r.run(op)
				sameFloat32s(t, "Out", down[float32](r, op.Out, len(want)), want)
			})
		}
	}
}

// roomier gives op's matrix room for three values more than there are.
func roomier(r *rig, m *matrix, op *kernels.Values) {
	p := *m
	p.idx = append(slices.Clone(m.idx), 0, 0, 0)
	p.u32 = append(slices.Clone(m.u32), 0, 0, 0)
	p.f32 = append(slices.Clone(m.f32), 0, 0, 0)
	p.f64 = append(slices.Clone(m.f64), 0, 0, 0)
	op.X = r.csr(&p)
	op.X.NNZ += 3
	op.Out = r.alloc(4 * op.X.NNZ)
}

func testDense(t *testing.T, r *rig) {
	for _, a := range transforms() {
		for _, m := range matrices(what{huge: true, negative: !a.log}) {
			for k := range 6 {
				t.Run(fmt.Sprintf("%s/%s/%d", a.name, m.name, k), func(t *testing.T) {
					defer r.release()
					denseCase(t, r, a, m, k)
				})
			}
		}
	}
}

// denseCase tries way k of scaling.
func denseCase(t *testing.T, r *rig, a aTransform, m *matrix, k int) {
	mean, std, scale := make([]float64, m.cols), make([]float64, m.cols), rowScales(m.rows)
	for c := range mean {
		mean[c], std[c] = float64(c%9)*0.3, 0.1+float64(c%5)
	}
	op := &kernels.Dense{
		X: r.csr(m), T: a.on(r, scale), Centre: k&1 != 0, Max: []float64{0, 1.5, 10}[k/2],
		Row0: m.rows / 3, Rows: m.rows - m.rows/3 - m.rows/4,
		Out: r.alloc(4 * int64(m.rows*m.cols)),
	}
	hasMean, hasStd := k != 3, k != 4
	op.Mean, op.Std = bufferIf(hasMean, up(r, mean)), bufferIf(hasStd, up(r, std))
	z := func(v float64, c int) float32 {
		if op.Centre && hasMean {
			v -= mean[c]
		}
		if hasStd {
			v /= std[c]
		}
		if op.Max > 0 && v > op.Max {
			v = op.Max
		}
		if op.Max > 0 && op.Centre && v < -op.Max {
			v = -op.Max
		}
		return float32(v)
	}
	want := make([]float32, m.rows*m.cols)
	for i := range want {
		want[i] = z(0, i%m.cols)
	}
	m.each(func(row int, c uint32, x float64) { want[row*m.cols+int(c)] = z(a.apply(x, scale[row]), int(c)) })
	want = want[op.Row0*m.cols : (op.Row0+op.Rows)*m.cols]
	r.run(op)
	sameFloat32s(t, "Out", down[float32](r, op.Out, len(want)), want)
}

func bufferIf(yes bool, b device.Buffer) device.Buffer {
	if yes {
		return b
	}
	return nil
}
