package pp

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gpusc/gpusc/internal/errs"
)

// fullQC adds top sums and the groups of the reference, genes whose names begin
// with MT- and with RPS or RPL.
func (m *matrix) fullQC(names []string) (*QCObs, *QCVar) {
	o, v := m.qc()
	o.TopN, o.Groups = DefaultPercentTop(), []string{"mt", "rp"}
	o.Top, o.GroupTotal = make([][]float64, len(o.TopN)), [][]float64{make([]float64, m.rows), make([]float64, m.rows)}
	for i := range o.Top {
		o.Top[i] = make([]float64, m.rows)
	}
	member := make([][2]bool, m.cols)
	for g, name := range names {
		up := strings.ToUpper(name)
		member[g] = [2]bool{strings.HasPrefix(up, "MT-"), strings.HasPrefix(up, "RPS") || strings.HasPrefix(up, "RPL")}
	}
	for r := range m.rows {
		row := slices.Clone(m.data[m.indptr[r]:m.indptr[r+1]])
		for k, c := range m.indices[m.indptr[r]:m.indptr[r+1]] {
			for q, in := range member[c] {
				if in {
					o.GroupTotal[q][r] += row[k]
				}
			}
		}
		slices.SortFunc(row, descending)
		for i, n := range o.TopN {
			for _, x := range row[:min(n, len(row))] {
				o.Top[i][r] += x
			}
		}
	}
	return o, v
}

// TestScanpyQC compares all columns with scanpy's.
func TestScanpyQC(t *testing.T) {
	for _, c := range []struct {
		name, folder string
		cols         int
	}{{pbmc3k, "pbmc3k", 13714}, {brain, "brain10k", 1000}} {
		t.Run(c.folder, func(t *testing.T) {
			obs, vars := readTable(t, "scanpy/"+c.folder+"/qc_obs.csv.gz"), readTable(t, "scanpy/"+c.folder+"/qc_var.csv.gz")
			o, v := readMatrix(t, c.name, c.cols, "").fullQC(vars.names)
			for _, typ := range []CountType{Float64Counts, Float32Counts} {
				o.Type, v.Type = typ, typ
				for _, part := range []struct {
					cols []Column
					ref  *table
				}{{o.Columns(), obs}, {v.Columns(), vars}} {
					if len(part.cols) != len(part.ref.cols) {
						t.Errorf("%d columns, want %d", len(part.cols), len(part.ref.cols))
					}
					for _, col := range part.cols {
						near(t, col.Name, col.Data, part.ref.floats(t, col.Name), 1e-6, 0)
					}
				}
			}
		})
	}
}

// names lists the columns with their types.
func names(cols []Column) string {
	var out []string
	for _, c := range cols {
		out = append(out, c.Name+" "+strings.TrimPrefix(fmt.Sprintf("%T", c.Data), "[]"))
	}
	return strings.Join(out, ", ")
}

// The types are those that scanpy 1.12 writes for each type of X.
func TestQCTypes(t *testing.T) {
	o := &QCObs{
		Genes: []int32{2}, Total: []float64{5}, TopN: []int{1}, Top: [][]float64{{4}},
		Groups: []string{"mt"}, GroupTotal: [][]float64{{1}},
	}
	v := &QCVar{N: 4, Cells: []int64{1}, Total: []float64{2}}
	for _, c := range []struct {
		typ      CountType
		noLog    bool
		obs, vrs string
	}{
		{
			Float32Counts, false, "n_genes_by_counts int32, log1p_n_genes_by_counts float64, total_counts float32, log1p_total_counts float32, pct_counts_in_top_1_genes float64, total_counts_mt float32, log1p_total_counts_mt float32, pct_counts_mt float32",
			"n_cells_by_counts int64, mean_counts float32, log1p_mean_counts float32, pct_dropout_by_counts float64, total_counts float32, log1p_total_counts float32",
		},
		{
			IntCounts, false, "n_genes_by_counts int32, log1p_n_genes_by_counts float64, total_counts int64, log1p_total_counts float64, pct_counts_in_top_1_genes float64, total_counts_mt int64, log1p_total_counts_mt float64, pct_counts_mt float64",
			"n_cells_by_counts int64, mean_counts float64, log1p_mean_counts float64, pct_dropout_by_counts float64, total_counts int64, log1p_total_counts float64",
		},
		{
			Float64Counts, true, "n_genes_by_counts int32, total_counts float64, pct_counts_in_top_1_genes float64, total_counts_mt float64, pct_counts_mt float64",
			"n_cells_by_counts int64, mean_counts float64, pct_dropout_by_counts float64, total_counts float64",
		},
	} {
		o.Type, v.Type, o.NoLog, v.NoLog = c.typ, c.typ, c.noLog, c.noLog
		if got := names(o.Columns()); got != c.obs {
			t.Errorf("obs:\n%s, want\n%s", got, c.obs)
		}
		if got := names(v.Columns()); got != c.vrs {
			t.Errorf("var:\n%s, want\n%s", got, c.vrs)
		}
	}
}

func TestCountsStayExact(t *testing.T) {
	v := &QCVar{N: 1, Cells: []int64{1}, Total: []float64{1<<24 + 1}}
	for _, c := range v.Columns() {
		if d, ok := c.Data.([]float64); c.Name == "total_counts" && (!ok || d[0] != 1<<24+1) {
			t.Errorf("total_counts %T %v", c.Data, c.Data)
		}
	}
}

func TestCheckPercentTop(t *testing.T) {
	if got, err := CheckPercentTop([]int{100, 50}, 100); err != nil || !slices.Equal(got, []int{50, 100}) {
		t.Error(got, err)
	}
	for _, n := range []int{0, -1, 101} {
		if _, err := CheckPercentTop([]int{50, n}, 100); !errors.Is(err, errs.Usage) || !strings.Contains(err.Error(), fmt.Sprint(n)) {
			t.Errorf("%d: %v", n, err)
		}
	}
}

func TestFilters(t *testing.T) {
	o := &QCObs{
		Genes: []int32{3, 4, 5, 0}, Total: []float64{10, 20, 30, 0},
		Groups: []string{"mt"}, GroupTotal: [][]float64{{1, 1, 6, 0}},
	}
	for i, c := range []struct {
		f    CellFilter
		want []bool
		cols string
	}{
		{CellFilter{}, []bool{true, true, true, true}, ""},
		{CellFilter{MinGenes: new(4)}, []bool{false, true, true, false}, "n_genes int64"},
		{CellFilter{MaxGenes: new(4), MinCounts: new(10.0)}, []bool{true, true, false, false}, "n_genes int64, n_counts float32"},
		{CellFilter{MaxCounts: new(20.0)}, []bool{true, true, false, true}, "n_counts float32"},
		{CellFilter{MaxPct: map[string]float64{"mt": 10}}, []bool{true, true, false, false}, ""},
	} {
		keep, err := c.f.Keep(o)
		if err != nil || !slices.Equal(keep, c.want) {
			t.Errorf("case %d: %v %v, want %v", i, keep, err, c.want)
		}
		cols := c.f.Columns(o, keep)
		if names(cols) != c.cols {
			t.Errorf("case %d: columns %s, want %s", i, names(cols), c.cols)
		}
		for _, col := range cols {
			if n := len(values(col.Data)); n != len(Compact(keep, keep)) {
				t.Errorf("case %d: %d values of %s", i, n, col.Name)
			}
		}
	}
	for _, f := range []CellFilter{{MaxPct: map[string]float64{"rp": 5}}, {MaxPct: map[string]float64{"mt": math.NaN()}}, {MinCounts: new(math.NaN())}} {
		if _, err := f.Keep(o); !errors.Is(err, errs.Usage) {
			t.Errorf("%v: %v", f, err)
		}
	}
	v := &QCVar{N: 4, Cells: []int64{0, 2, 4}, Total: []float64{0, 2, 9}, Type: IntCounts}
	f := GeneFilter{MinCells: new(2), MaxCounts: new(8.0)}
	keep, err := f.Keep(v)
	if err != nil || !slices.Equal(keep, []bool{false, true, false}) {
		t.Error(keep, err)
	}
	if got := names(f.Columns(v, keep)); got != "n_cells int64, n_counts int64" {
		t.Error(got)
	}
	if f.Empty() || !(GeneFilter{}).Empty() || !(CellFilter{}).Empty() || (CellFilter{MaxPct: map[string]float64{"mt": 1}}).Empty() {
		t.Error("Empty")
	}
}
