package pp

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/kernels"
)

// someGenes is a selection of 24 genes: each third, and the one never stored.
func someGenes() (to []int32, cols int) {
	to = make([]int32, 24)
	for c := range to {
		to[c] = -1
		if c%3 == 0 || c == 5 {
			to[c] = int32(cols)
			cols++
		}
	}
	return to, cols
}

// pick takes the genes of a map.
func (g grid) pick(to []int32, cols int) grid {
	out := make(grid, len(g))
	for r, row := range g {
		out[r] = make([]float64, cols)
		for c, x := range row {
			if to[c] >= 0 {
				out[r][to[c]] = x
			}
		}
	}
	return out
}

// normal follows normalisation and logarithm of one value at a time.
type normal struct {
	total  []float64
	target float64
	lnBase float64
}

func (n *normal) at(r int, x float64) float64 {
	f := 1.0
	if n.total[r] > 0 {
		f = n.target / n.total[r]
	}
	v := kernels.Log1p(float64(x * f))
	if n.lnBase != 0 {
		v /= n.lnBase
	}
	return v
}

// values rounds the transformed values of a grid to float32.
func (n *normal) values(g grid) grid {
	out := make(grid, len(g))
	for r, row := range g {
		out[r] = make([]float64, len(row))
		for c, x := range row {
			if x != 0 {
				out[r][c] = float64(float32(n.at(r, x)))
			}
		}
	}
	return out
}

// batches of n cells, some in none.
func batches(n int) []int32 {
	b := make([]int32, n)
	for i := range b {
		b[i] = int32(i%4) - 1
	}
	return b
}

// TestTotals follows the totals over the genes that count, the factors, the
// genes that hold much of a cell, and the moments with a filter and batches.
func TestTotals(t *testing.T) {
	mask, least := make([]uint8, 24), 9
	for c := range mask {
		mask[c] = uint8(c % 3)
	}
	everyWay(t, func(t *testing.T, g grid, src chunk.Source, workers int) {
		n := len(g)
		raw, masked := make([]float64, n), make([]float64, n)
		high := make([]bool, 24)
		for r, row := range g {
			raw[r] = total(row, nil)
			masked[r] = total(row, func(c int) bool { return mask[c] != 0 })
			for c, x := range row {
				high[c] = high[c] || x > float64(0.15*raw[r])
			}
		}
		qc := g.rowQC(nil, nil, nil)
		filter := CellFilter{MinGenes: &least}
		keep, _ := filter.Keep(qc)
		norm, batch := &normal{total: masked, target: 50, lnBase: math.Ln2}, batches(n)
		want := NewGeneSums(24, 3, true, false)
		g.add(want, func(r int) int {
			if !keep[r] {
				return -1
			}
			return int(batch[r])
		}, norm.at)

		rowQC := &RowQC{Out: NewQCObs(int64(n), nil, nil, Float64Counts)}
		all := &Totals{Out: make([]float64, n)}
		some := &Totals{Mask: mask, Target: 50, Out: make([]float64, n)}
		genes := &HighGenes{Fraction: 0.15, Total: all.Out, Out: make([]bool, 24)}
		moments := &AddMoments{Log1p: true, LnBase: math.Ln2, Batch: batch, Out: NewGeneSums(24, 3, true, false)}
		err := run(t, src, workers, rowQC, &FilterRows{Filter: filter, Of: rowQC.Out, Out: make([]bool, n)}, all, genes, some, moments)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "QC of cells", rowQC.Out, qc)
		same(t, "totals", all.Out, raw)
		same(t, "totals of some genes", some.Out, masked)
		same(t, "highly expressed genes", genes.Out, high)
		same(t, "moments", moments.Out, want)
	})
}

// TestWriteSparse follows what is written: all genes or some, as stored or
// normalised, with the pieces in order.
func TestWriteSparse(t *testing.T) {
	to, cols := someGenes()
	everyWay(t, func(t *testing.T, g grid, src chunk.Source, workers int) {
		norm := &normal{total: make([]float64, len(g)), target: 1e4}
		for r, row := range g {
			norm.total[r] = total(row, nil)
		}
		var got [4]grid
		write := func(i int, m []int32, cols int, values bool) *WriteSparse {
			next := int64(0)
			return &WriteSparse{
				Map: m, Cols: cols, Values: values, Log1p: true,
				Put: func(_ context.Context, c *chunk.Chunk, v []float32) error {
					if (v != nil) != values && c.NNZ() > 0 || c.Row0 != next {
						t.Errorf("rows from %d on after %d, %d values", c.Row0, next, len(v))
					}
					next += int64(c.Rows)
					got[i] = append(got[i], full(c, v)...)
					return nil
				},
			}
		}
		err := run(t, src, workers, &UseScale{Total: norm.total, Target: 1e4},
			write(0, nil, 24, false), write(1, nil, 24, true), write(2, to, cols, false), write(3, to, cols, true))
		if err != nil {
			t.Fatal(err)
		}
		if len(g) == 0 {
			return
		}
		same(t, "as stored", got[0], g)
		same(t, "normalised", got[1], norm.values(g))
		same(t, "some genes", got[2], g.pick(to, cols))
		same(t, "some genes normalised", got[3], norm.values(g).pick(to, cols))
	})
}

func TestWriteDense(t *testing.T) {
	to, cols := someGenes()
	everyWay(t, func(t *testing.T, g grid, src chunk.Source, workers int) {
		norm := &normal{total: make([]float64, len(g)), target: 100}
		for r, row := range g {
			norm.total[r] = total(row, nil)
		}
		for _, s := range []WriteDense{
			{Map: to, Cols: cols, Centre: true, Max: 1.2},
			{Map: to, Cols: cols, Max: 1.2},
			{Cols: 24, Centre: true},
		} {
			want, mean, std := make([]float32, 0, len(g)*s.Cols), make([]float64, s.Cols), make([]float64, s.Cols)
			for c := range mean {
				mean[c], std[c] = float64(c%5)/3, 0.3+float64(c%4)
			}
			narrow := g
			if s.Map != nil {
				narrow = g.pick(to, cols)
			}
			for r, row := range narrow {
				for c, x := range row {
					z := norm.at(r, x)
					if s.Centre {
						z -= mean[c]
					}
					if z /= std[c]; s.Max > 0 {
						z = min(z, s.Max)
						if s.Centre {
							z = max(z, -s.Max)
						}
					}
					want = append(want, float32(z))
				}
			}
			got := make([]float32, 0, len(want))
			s.Log1p, s.Mean, s.Std = true, mean, std
			s.Put = func(_ context.Context, v []float32) error { got = append(got, v...); return nil }
			if err := run(t, src, workers, &UseScale{Total: norm.total, Target: 100}, &s); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) {
				t.Errorf("centre %v, max %v: %d values, want %d, or they differ", s.Centre, s.Max, len(got), len(want))
			}
		}
	})
}

// TestPick follows the selected genes with their moments.
func TestPick(t *testing.T) {
	to, cols := someGenes()
	everyWay(t, func(t *testing.T, g grid, src chunk.Source, workers int) {
		norm, narrow := &normal{total: make([]float64, len(g)), target: 100}, g.pick(to, cols)
		want, cells := NewGeneSums(cols, 1, true, false), make([]int64, cols)
		for r, row := range g {
			norm.total[r] = total(row, nil)
			for c, x := range narrow[r] {
				if x != 0 {
					cells[c]++
				}
			}
		}
		narrow.add(want, func(int) int { return 0 }, norm.at)
		for _, withMoments := range []bool{true, false} {
			got, next := grid{}, int64(0)
			pick := &Pick{Map: to, Cols: cols, Cells: make([]int64, cols), Put: func(_ context.Context, c *chunk.Chunk) error {
				if c.Row0 != next {
					t.Errorf("rows from %d on after %d", c.Row0, next)
				}
				next += int64(c.Rows)
				got = append(got, full(c, nil)...)
				return nil
			}}
			if withMoments {
				pick.Moments = &AddMoments{Log1p: true, Out: NewGeneSums(cols, 1, true, false)}
			}
			if err := run(t, src, workers, &UseScale{Total: norm.total, Target: 100}, pick); err != nil {
				t.Fatal(err)
			}
			same(t, "selected genes", got, narrow)
			same(t, "cells", pick.Cells, cells)
			if withMoments {
				same(t, "moments", pick.Moments.Out, want)
			}
		}
	})
}

// TestProject follows the scores, one fused multiply-add after the other.
func TestProject(t *testing.T) {
	const k, stride = 5, 8
	mean, std, w, offset := make([]float64, 24), make([]float64, 24), make([]float64, 24*stride), []float64{1, -2, 0.5, 0, 3, 0, 0, 0}
	for c := range mean {
		mean[c], std[c] = float64(c%5)/3, 0.3+float64(c%4)
		for j := range k {
			w[c*stride+j] = math.Sin(float64(c*k + j))
		}
	}
	everyWay(t, func(t *testing.T, g grid, src chunk.Source, workers int) {
		norm := &normal{total: make([]float64, len(g)), target: 100}
		for r, row := range g {
			norm.total[r] = total(row, nil)
		}
		for _, s := range []Project{{}, {Scaled: true, Max: 1.5}, {Scaled: true, Max: 1.5, NoCentre: true}} {
			z := func(v float64, c int) float64 {
				if !s.Scaled {
					return v
				}
				if !s.NoCentre {
					v -= mean[c]
				}
				v = min(v/std[c], s.Max)
				if !s.NoCentre {
					v = max(v, -s.Max)
				}
				return v
			}
			var want, got []float32
			for r, row := range g {
				for j := range k {
					sum := -offset[j]
					for c, x := range row {
						if x != 0 {
							sum = math.FMA(z(norm.at(r, x), c)-z(0, c), w[c*stride+j], sum)
						}
					}
					want = append(want, float32(sum))
				}
			}
			s.Log1p, s.Mean, s.Std, s.K, s.Stride, s.W, s.Offset = true, mean, std, k, stride, w, offset
			s.Put = func(_ context.Context, v []float32) error { got = append(got, v...); return nil }
			if err := run(t, src, workers, &UseScale{Total: norm.total, Target: 100}, &s); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) {
				t.Errorf("scaled %v, no centre %v: %d scores, want %d, or they differ", s.Scaled, s.NoCentre, len(got), len(want))
			}
		}
	})
}

// TestStepErrors: a Put that fails ends the sweep with its error, and a filter
// that cannot be with that of the filter.
func TestStepErrors(t *testing.T) {
	broken := errors.New("broken")
	to, cols := someGenes()
	g := newGrid(40, 24, 2)
	fail := func() error { return broken }
	mean, std := make([]float64, 24), slices.Repeat([]float64{1}, 24)
	for _, err := range []error{
		run(t, g.source(t, 7), 3, &Pick{Map: to, Cols: cols, Cells: make([]int64, cols), Put: func(context.Context, *chunk.Chunk) error { return fail() }}),
		run(t, g.source(t, 7), 3, &WriteSparse{Put: func(context.Context, *chunk.Chunk, []float32) error { return fail() }}),
		run(t, g.source(t, 7), 3, &WriteDense{Cols: 24, Mean: mean, Std: std, Put: func(context.Context, []float32) error { return fail() }}),
	} {
		if !errors.Is(err, broken) {
			t.Errorf("%v", err)
		}
	}
	qc := &RowQC{Out: NewQCObs(40, nil, nil, Float64Counts)}
	filter := CellFilter{MaxPct: map[string]float64{"mt": 5}}
	if err := run(t, g.source(t, 7), 3, qc, &FilterRows{Filter: filter, Of: qc.Out, Out: make([]bool, 40)}); !errors.Is(err, errs.Usage) {
		t.Errorf("a filter on a group that is not there: %v", err)
	}
}
