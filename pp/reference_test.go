package pp

import (
	"compress/gzip"
	"encoding/csv"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/scigolib/hdf5"

	"github.com/gpusc/gpusc/internal/testdata"
)

// matrix is a small CSR in memory, for tests only.
type matrix struct {
	rows, cols int
	indptr     []int
	indices    []int
	data       []float64
	batch      []int // per row, if the file tells
}

// readMatrix reads X (and the codes of one obs column) of a file under counts.
func readMatrix(t testing.TB, name string, cols int, obs string) *matrix {
	t.Helper()
	f, err := hdf5.Open(testdata.Path(t, "counts/"+name+".h5ad"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := &matrix{cols: cols}
	f.Walk(func(path string, o hdf5.Object) {
		d, ok := o.(*hdf5.Dataset)
		if !ok {
			return
		}
		read := func() []float64 {
			v, err := d.Read()
			if err != nil {
				t.Fatal(path, err)
			}
			return v
		}
		switch path {
		case "/X/data":
			m.data = read()
		case "/X/indices":
			m.indices = ints(read())
		case "/X/indptr":
			m.indptr = ints(read())
		case "/obs/" + obs + "/codes":
			m.batch = ints(read())
		}
	})
	m.rows = len(m.indptr) - 1
	return m
}

func ints(v []float64) []int {
	out := make([]int, len(v))
	for i, x := range v {
		out[i] = int(x)
	}
	return out
}

// each calls f with every stored value.
func (m *matrix) each(f func(row, col int, v float64)) {
	for r := range m.rows {
		for k := m.indptr[r]; k < m.indptr[r+1]; k++ {
			f(r, m.indices[k], m.data[k])
		}
	}
}

func (m *matrix) apply(f func(row int, v float64) float64) *matrix {
	out := *m
	out.data = make([]float64, len(m.data))
	for r := range m.rows {
		for k := m.indptr[r]; k < m.indptr[r+1]; k++ {
			out.data[k] = f(r, m.data[k])
		}
	}
	return &out
}

// qc computes the quality-control sums.
func (m *matrix) qc() (*QCObs, *QCVar) {
	o := &QCObs{Genes: make([]int32, m.rows), Total: make([]float64, m.rows)}
	v := &QCVar{N: int64(m.rows), Cells: make([]int64, m.cols), Total: make([]float64, m.cols)}
	m.each(func(r, c int, x float64) {
		if x > 0 {
			o.Genes[r]++
			v.Cells[c]++
		}
		o.Total[r] += x
		v.Total[c] += x
	})
	return o, v
}

// pick takes the rows and columns with a mark out.
func (m *matrix) pick(rows, cols []bool) *matrix {
	out := &matrix{indptr: []int{0}}
	place := make([]int, m.cols)
	for c := range place {
		place[c] = -1
		if cols == nil || cols[c] {
			place[c] = out.cols
			out.cols++
		}
	}
	for r := range m.rows {
		if rows != nil && !rows[r] {
			continue
		}
		for k := m.indptr[r]; k < m.indptr[r+1]; k++ {
			if p := place[m.indices[k]]; p >= 0 {
				out.indices, out.data = append(out.indices, p), append(out.data, m.data[k])
			}
		}
		out.indptr = append(out.indptr, len(out.data))
		if m.batch != nil {
			out.batch = append(out.batch, m.batch[r])
		}
		out.rows++
	}
	return out
}

// normalised divides by total/target.
func (m *matrix) normalised(t testing.TB, target float64) *matrix {
	o, _ := m.qc()
	s, err := CellScales(o.Total, target)
	if err != nil {
		t.Fatal(err)
	}
	return m.apply(func(r int, v float64) float64 { return v * s[r] })
}

func (m *matrix) log1p() *matrix {
	return m.apply(func(_ int, v float64) float64 { return math.Log1p(v) })
}

// groups returns the batch of each row and how many there are.
func (m *matrix) groups(batched bool) ([]int, int) {
	if !batched {
		return make([]int, m.rows), 1
	}
	n := 0
	for _, b := range m.batch {
		n = max(n, b+1)
	}
	return m.batch, n
}

// moments are the naive float64 moments of each batch.
func (m *matrix) moments(batched bool) []Moments {
	group, n := m.groups(batched)
	sum, sq, cells := make([][]float64, n), make([][]float64, n), make([][]int64, n)
	for i := range n {
		sum[i], sq[i], cells[i] = make([]float64, m.cols), make([]float64, m.cols), make([]int64, m.cols)
	}
	m.each(func(r, c int, v float64) {
		g := group[r]
		sum[g][c] += v
		sq[g][c] += v * v
		if v > 0 {
			cells[g][c]++
		}
	})
	size := make([]int64, n)
	for _, g := range group {
		size[g]++
	}
	out := make([]Moments, n)
	for i := range out {
		out[i] = MomentsOf(size[i], sum[i], sq[i])
		out[i].Cells = cells[i]
	}
	return out
}

// welford are the moments of each batch as scanpy.get.aggregate updates them:
// non-zeros in the order of rows, then the zeros at once. They differ from the
// exact ones by rounding, which is enough to part means that are equal.
func (m *matrix) welford() []Moments {
	group, n := m.groups(true)
	out, seen := make([]Moments, n), make([][]float64, n)
	for i := range out {
		out[i].Mean, out[i].Var, seen[i] = make([]float64, m.cols), make([]float64, m.cols), make([]float64, m.cols)
	}
	for _, g := range group {
		out[g].N++
	}
	m.each(func(r, c int, v float64) {
		g := &out[group[r]]
		k := &seen[group[r]][c]
		*k++
		d := v - g.Mean[c]
		g.Mean[c] += d / *k
		g.Var[c] += d * (v - g.Mean[c])
	})
	for i := range out {
		g, n := &out[i], float64(out[i].N)
		for c, k := range seen[i] {
			if a := g.Mean[c]; k > 0 && k < n {
				g.Mean[c] = a * k / n
				g.Var[c] += a * a * k * (n - k) / n
			}
			g.Var[c] = g.Var[c] / n * (n / (n - 1))
		}
	}
	return out
}

// v3 runs both stages of seurat_v3 on raw counts, from the moments given.
func (m *matrix) v3(t testing.TB, moments []Moments, o HVGOptions) *HVGResult {
	t.Helper()
	batched := len(moments) > 1
	group, n := m.groups(batched)
	batches := make([]V3Batch, n)
	clips := make([][]float64, n)
	for i, mo := range moments {
		reg, clip, err := V3Limits(mo, o.Span)
		if err != nil {
			t.Fatal(err)
		}
		clips[i] = clip
		batches[i] = V3Batch{N: mo.N, Mean: mo.Mean, RegStd: reg, Sum: make([]float64, m.cols), SumSq: make([]float64, m.cols)}
	}
	m.each(func(r, c int, v float64) {
		g := group[r]
		v = min(v, clips[g][c])
		batches[g].Sum[c] += v
		batches[g].SumSq[c] += v * v
	})
	res, err := SeuratV3(m.moments(false)[0], batches, o)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// table is a CSV with a column of names first.
type table struct {
	names []string
	cols  map[string][]string
}

func readTable(t testing.TB, rel string) *table {
	t.Helper()
	f, err := os.Open(testdata.Path(t, "reference/"+rel))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(rel, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := csv.NewReader(r).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := &table{cols: map[string][]string{}}
	for _, row := range rows[1:] {
		out.names = append(out.names, row[0])
		for i, name := range rows[0][1:] {
			out.cols[name] = append(out.cols[name], row[i+1])
		}
	}
	return out
}

// floats reads a column; an empty cell is NaN, True is 1.
func (tb *table) floats(t testing.TB, name string) []float64 {
	t.Helper()
	col, ok := tb.cols[name]
	if !ok {
		t.Fatalf("no column %q", name)
	}
	out := make([]float64, len(col))
	for i, s := range col {
		switch strings.ToLower(s) {
		case "":
			out[i] = math.NaN()
		case "true":
			out[i] = 1
		case "false":
			out[i] = 0
		default:
			v, err := strconv.ParseFloat(s, 64)
			if err != nil {
				t.Fatal(err)
			}
			out[i] = v
		}
	}
	return out
}

// values turns the data of a column into floats.
func values(data any) []float64 {
	var out []float64
	switch v := data.(type) {
	case []float64:
		return v
	case []float32:
		for _, x := range v {
			out = append(out, float64(x))
		}
	case []int64:
		for _, x := range v {
			out = append(out, float64(x))
		}
	case []int32:
		for _, x := range v {
			out = append(out, float64(x))
		}
	case []bool:
		for _, x := range v {
			out = append(out, map[bool]float64{true: 1}[x])
		}
	}
	return out
}

// worst returns the largest |got-want| / (|want| + atol/rtol) in units of
// relative error, infinite where only one of the two is NaN.
func worst(t testing.TB, got, want []float64, floor float64) float64 {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d values, want %d", len(got), len(want))
	}
	most := 0.0
	for i := range got {
		switch {
		case math.IsNaN(got[i]) != math.IsNaN(want[i]):
			return math.Inf(1)
		case got[i] != want[i] && !math.IsNaN(want[i]):
			most = max(most, math.Abs(got[i]-want[i])/max(math.Abs(want[i]), floor))
		}
	}
	return most
}

// near fails when a column is farther off than rtol, and logs how far it is.
func near(t testing.TB, name string, got any, want []float64, rtol, floor float64) {
	t.Helper()
	d := worst(t, values(got), want, floor)
	t.Logf("%-32s off by %.2g", name, d)
	if !(d <= rtol) {
		t.Errorf("%s: off by %g, allowed %g", name, d, rtol)
	}
}
