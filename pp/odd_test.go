package pp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gpusc/gpusc/internal/errs"
)

// oddCase is one run of scanpy 1.12.4 on a few cells.
type oddCase struct {
	Name, Flavor, Matrix string
	Batch                []string
	Ties                 bool    // scanpy's order of ties is not compared
	Error                *string // scanpy's
	Options              struct {
		N       int      `json:"n_top_genes"`
		Bins    int      `json:"n_bins"`
		MinMean *float64 `json:"min_mean"`
		MaxMean float64  `json:"max_mean"`
		MinDisp float64  `json:"min_disp"`
		MaxDisp float64  `json:"max_disp"`
		Skip    bool     `json:"filter_unexpressed_genes"`
		Span    float64
		Theta   float64
		Clip    float64
	}
	Columns []struct {
		Name, Type string
		Values     []*float64
	}
}

// TestOddData runs what is rare in real data: empty and constant genes, equal
// genes, genes without counts in one batch, a batch of one cell, one category,
// more genes asked for than there are, coinciding bins.
func TestOddData(t *testing.T) {
	raw, err := os.ReadFile("testdata/odd.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Matrices map[string][][]float64
		Cases    []oddCase
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	for i, c := range file.Cases {
		t.Run(fmt.Sprintf("%d %s %s", i, c.Flavor, c.Name), func(t *testing.T) {
			res, err := c.run(t, file.Matrices[c.Matrix])
			if c.Error == nil {
				if err != nil {
					t.Fatal(err)
				}
				c.compare(t, res)
				return
			}
			if strings.Contains(*c.Error, "Bin edges must be unique") {
				if err != nil && !errors.Is(err, errs.Data) || err == nil && len(res.Warnings) == 0 {
					t.Errorf("error %v, want a warning of dropped edges", err)
				}
				return
			}
			if !errors.Is(err, errs.Data) {
				t.Errorf("error %v, want bad data as scanpy's %s", err, *c.Error)
			}
		})
	}
}

// compare holds names, types and values against scanpy's columns.
func (c *oddCase) compare(t *testing.T, res *HVGResult) {
	cols := res.Columns()
	if len(cols) != len(c.Columns) {
		t.Fatalf("%d columns, want %d", len(cols), len(c.Columns))
	}
	for i, want := range c.Columns {
		got := cols[i]
		if got.Name != want.Name {
			t.Errorf("column %d is %s, want %s", i, got.Name, want.Name)
		}
		if typ := strings.TrimPrefix(fmt.Sprintf("%T", got.Data), "[]"); typ != want.Type {
			t.Errorf("%s is %s, want %s", got.Name, typ, want.Type)
		}
		if c.Ties && strings.HasPrefix(want.Name, "highly_variable") {
			continue
		}
		v := values(got.Data)
		for g, w := range want.Values {
			x := math.NaN()
			if w != nil {
				x = *w
			}
			if math.Abs(x) == 1e300 {
				x = math.Inf(int(math.Copysign(1, x)))
			}
			if v[g] != x && !(math.IsNaN(v[g]) && math.IsNaN(x)) && !(math.Abs(v[g]-x) <= 1e-6*math.Max(math.Abs(x), 1e-3)) {
				t.Errorf("%s of gene %d: %v, want %v", want.Name, g, v[g], x)
			}
		}
	}
}

// run does what scanpy did.
func (c *oddCase) run(t *testing.T, rows [][]float64) (*HVGResult, error) {
	m := &matrix{rows: len(rows), cols: len(rows[0]), indptr: []int{0}}
	for _, r := range rows {
		for g, v := range r {
			if v != 0 {
				m.indices, m.data = append(m.indices, g), append(m.data, v)
			}
		}
		m.indptr = append(m.indptr, len(m.data))
	}
	names := slices.Compact(slices.Sorted(slices.Values(c.Batch)))
	for _, b := range c.Batch {
		m.batch = append(m.batch, slices.Index(names, b))
	}
	o := HVGOptions{
		Flavor: c.Flavor, NTopGenes: c.Options.N, NBins: c.Options.Bins, Span: c.Options.Span, Theta: c.Options.Theta,
		Clip: c.Options.Clip, SkipUnexpressed: c.Options.Skip, Batched: c.Batch != nil,
	}
	if c.Options.MinMean != nil {
		o.ExactCutoffs = true
		o.MinMean, o.MaxMean, o.MinDisp, o.MaxDisp = *c.Options.MinMean, c.Options.MaxMean, c.Options.MinDisp, c.Options.MaxDisp
	}
	switch c.Flavor {
	case FlavorSeurat:
		return SeuratHVG(m.normalised(t, 100).moments(o.Batched), o)
	case FlavorCellRanger:
		return CellRangerHVG(m.normalised(t, 100).log1p().moments(o.Batched), o)
	case FlavorPearson:
		return m.pearson(o)
	}
	moments := m.moments(false)
	if o.Batched {
		moments = m.welford()
	}
	if _, _, err := V3Limits(moments[0], o.Span); err != nil {
		return nil, err
	}
	return m.v3(t, moments, o), nil
}

// pearson runs the flavour in the two parts that a pass would.
func (m *matrix) pearson(o HVGOptions) (*HVGResult, error) {
	group, n := m.groups(o.Batched)
	cells := make([]int64, n)
	for _, g := range group {
		cells[g]++
	}
	clip := PearsonClip(cells, o)
	theta := o.Theta
	if theta == 0 {
		theta = 100
	}
	var residual [][]float64
	obs, _ := m.qc()
	for b := range n {
		share, all := make([]float64, m.cols), 0.0
		m.each(func(r, c int, v float64) {
			if group[r] == b {
				share[c] += v
				all += v
			}
		})
		for c := range share {
			share[c] /= all
		}
		count := map[float64]int64{}
		for r, g := range group {
			if g == b {
				count[obs.Total[r]]++
			}
		}
		var totals []float64
		for total := range count {
			totals = append(totals, total)
		}
		slices.Sort(totals)
		counts := make([]int64, len(totals))
		for i, total := range totals {
			counts[i] = count[total]
		}
		sum, sq, _ := PearsonZeroSums(context.Background(), totals, counts, share, o.Theta, clip[b])
		m.each(func(r, c int, v float64) {
			if group[r] != b {
				return
			}
			mu := obs.Total[r] * share[c]
			z := func(y float64) float64 {
				return min(max((y-mu)/math.Sqrt(mu+mu*mu/theta), -clip[b]), clip[b])
			}
			sum[c] += z(v) - z(0)
			sq[c] += z(v)*z(v) - z(0)*z(0)
		})
		residual = append(residual, PearsonVariances(cells[b], share, sum, sq))
	}
	return PearsonHVG(m.moments(false)[0], residual, o)
}
