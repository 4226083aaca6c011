package pp

import (
	"errors"
	"math"
	"testing"

	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/internal/testdata"
)

func TestMedianTarget(t *testing.T) {
	for _, c := range []struct {
		totals []float64
		want   float64
	}{{[]float64{5, 0, 1, 3}, 3}, {[]float64{4, 1, 0, 0, 2, 10}, 3}, {[]float64{7}, 7}} {
		before := append([]float64{}, c.totals...)
		if got, err := MedianTarget(c.totals); err != nil || got != c.want {
			t.Errorf("%v: %v %v, want %v", c.totals, got, err, c.want)
		}
		for i := range before {
			if before[i] != c.totals[i] {
				t.Fatal("the totals were put in another order")
			}
		}
	}
	if _, err := MedianTarget([]float64{0, 0}); !errors.Is(err, errs.Data) {
		t.Error(err)
	}
	testdata.Dir(t)
	for _, c := range []struct {
		m    *matrix
		want float64
	}{{readMatrix(t, pbmc3k, 13714, ""), 2196}, {brainFiltered(t), 138}} {
		o, _ := c.m.qc()
		if got, err := MedianTarget(o.Total); err != nil || got != c.want {
			t.Errorf("%v %v, want scanpy's %v", got, err, c.want)
		}
	}
}

func TestCellScales(t *testing.T) {
	totals := []float64{4, 0, 8}
	got, err := CellScales(totals, 2)
	if err != nil || got[0] != 0.5 || got[1] != 1 || got[2] != 0.25 {
		t.Error(got, err)
	}
	if f := NormFactors(totals, 2); f[0] != 2 || f[1] != 0 || f[2] != 4 {
		t.Error(f)
	}
	for _, bad := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		if _, err := CellScales(totals, bad); !errors.Is(err, errs.Usage) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

func TestScaleCovariance(t *testing.T) {
	c := []float64{4, 2, 0, 2, 9, 0, 0, 0, 0}
	std := ScaleStd([]float64{4, 9, 0})
	if std[2] != 1 {
		t.Error("a gene that does not vary is divided by", std[2])
	}
	if err := ScaleCovariance(c, std); err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{1, 1.0 / 3, 0, 1.0 / 3, 1, 0, 0, 0, 0} {
		if c[i] != want {
			t.Errorf("%d: %v, want %v", i, c[i], want)
		}
	}
	if err := ScaleCovariance(c, std[:2]); !errors.Is(err, errs.Usage) {
		t.Error(err)
	}
	if got := names(ScaleColumns(std, std)); got != "mean float64, std float64" {
		t.Error(got)
	}
}
