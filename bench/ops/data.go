package ops

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/chunk/pack"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/internal/synth"
)

const (
	maxSelected = 2000  // genes of the operations that work on selected ones
	packedRows  = 16384 // most rows in the packed chunk
)

// matrix is counts in plain slices.
type matrix struct {
	rows, cols int
	ptr        []int64
	idx, val   []uint32
}

func (m *matrix) nnz() int64 { return int64(len(m.idx)) }

// source returns made-up cells that store about this share of the genes: the
// number of transcripts is sought by halving, on a few cells.
func source(ctx context.Context, o Options) (*synth.Source, error) {
	const tries, sample = 12, 128
	lo, hi := 1.0, 15000.0
	dense := func(counts float64) (float64, error) {
		s, err := synth.New(synth.Options{Cells: sample, Genes: o.Genes, Seed: o.Seed, Counts: counts})
		if err != nil {
			return 0, err
		}
		var c chunk.Chunk
		if err := s.Read(ctx, 0, &c); err != nil {
			return 0, err
		}
		return float64(c.NNZ()) / float64(sample*o.Genes), nil
	}
	most, err := dense(hi)
	if err != nil {
		return nil, err
	}
	if o.Density > most {
		return nil, errs.New(errs.Usage, "cells of %d genes cannot be made with a density of %g", o.Genes, o.Density).
			Do("give %.2g or less, or fewer genes", most)
	}
	for range tries {
		mid := (lo + hi) / 2
		d, err := dense(mid)
		if err != nil {
			return nil, err
		}
		if d < o.Density {
			lo = mid
		} else {
			hi = mid
		}
	}
	return synth.New(synth.Options{Cells: int64(o.Rows), Genes: o.Genes, Seed: o.Seed, Counts: hi})
}

// counts draws all cells.
func counts(ctx context.Context, s *synth.Source, threads int) (*matrix, error) {
	rows, cols := s.Shape()
	parts := make([]chunk.Chunk, len(s.Spans()))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(threads, 1))
	for i := range parts {
		g.Go(func() error { return s.Read(ctx, i, &parts[i]) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	m := &matrix{rows: int(rows), cols: int(cols), ptr: append(make([]int64, 0, rows+1), 0)}
	n := int64(0)
	for i := range parts {
		n += parts[i].NNZ()
	}
	m.idx, m.val = make([]uint32, 0, n), make([]uint32, 0, n)
	for i := range parts {
		p := &parts[i]
		for _, end := range p.Indptr[1:] {
			m.ptr = append(m.ptr, int64(len(m.idx))+end)
		}
		m.idx, m.val = append(m.idx, p.Indices...), append(m.val, p.Counts...)
		*p = chunk.Chunk{}
	}
	return m, nil
}

// chosen maps each gene to its place among the selected ones, -1 for the others:
// the markers of clusters, then as many others as there is room for.
func chosen(marker []int32, most int) (to []int32, n int) {
	to = make([]int32, len(marker))
	for _, wanted := range []bool{true, false} {
		for g, m := range marker {
			if (m >= 0) == wanted && n < most {
				to[g] = 1
				n++
			}
		}
	}
	k := int32(0)
	for g := range to {
		if to[g] == 0 {
			to[g] = -1
			continue
		}
		to[g] = k
		k++
	}
	return to, n
}

// pick is m with the selected genes only.
func (m *matrix) pick(to []int32, n int) *matrix {
	s := &matrix{rows: m.rows, cols: n, ptr: make([]int64, 1, m.rows+1)}
	for r := range m.rows {
		for i := m.ptr[r]; i < m.ptr[r+1]; i++ {
			if k := to[m.idx[i]]; k >= 0 {
				s.idx, s.val = append(s.idx, uint32(k)), append(s.val, m.val[i])
			}
		}
		s.ptr = append(s.ptr, int64(len(s.idx)))
	}
	return s
}

// head is the first rows of m.
func (m *matrix) head(rows int) *matrix {
	rows = min(rows, m.rows)
	n := m.ptr[rows]
	return &matrix{rows: rows, cols: m.cols, ptr: m.ptr[:rows+1], idx: m.idx[:n], val: m.val[:n]}
}

// detected counts the cells of each gene.
func (m *matrix) detected() []int64 {
	n := make([]int64, m.cols)
	for _, g := range m.idx {
		n[g]++
	}
	return n
}

// totals are the sums of the rows.
func (m *matrix) totals() []float64 {
	t := make([]float64, m.rows)
	for r := range t {
		for _, v := range m.val[m.ptr[r]:m.ptr[r+1]] {
			t[r] += float64(v)
		}
	}
	return t
}

// packed packs m as the cache does.
func (m *matrix) packed() ([]byte, error) {
	in := pack.Matrix{Rows: m.rows, Cols: m.cols, Indptr: m.ptr, Indices: m.idx, Counts: m.val}
	p, err := pack.Append(nil, in, &pack.Scratch{})
	return slices.Clip(p), err
}
