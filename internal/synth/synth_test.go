package synth

import (
	"context"
	"slices"
	"testing"

	"github.com/gpusc/gpusc/chunk"
)

func read(t testing.TB, s *Source) (idx, val []uint32, ptr []int64) {
	t.Helper()
	for i := range s.Spans() {
		var c chunk.Chunk
		if err := s.Read(context.Background(), i, &c); err != nil {
			t.Fatal(err)
		}
		for _, p := range c.Indptr[:c.Rows] {
			ptr = append(ptr, int64(len(idx))+p)
		}
		idx, val = append(idx, c.Indices...), append(val, c.Counts...)
	}
	return idx, val, append(ptr, int64(len(idx)))
}

func TestPiecesDoNotMatter(t *testing.T) {
	var want []uint32
	for _, n := range []int{1, 7, 1000} {
		s, err := New(Options{Cells: 50, Genes: 500, Seed: 3, Counts: 200, SpanRows: n})
		if err != nil {
			t.Fatal(err)
		}
		idx, _, ptr := read(t, s)
		for r := range ptr[1:] {
			if row := idx[ptr[r]:ptr[r+1]]; !slices.IsSorted(row) {
				t.Fatalf("row %d is not sorted", r)
			}
		}
		if want == nil {
			want = idx
		} else if !slices.Equal(want, idx) {
			t.Fatalf("pieces of %d rows give other cells", n)
		}
	}
}

func TestLooksLikeData(t *testing.T) {
	s, err := New(Options{Cells: 400, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	idx, val, ptr := read(t, s)
	per := len(idx) / 400
	ones, mito, sum := 0, 0.0, 0.0
	for i, v := range val {
		if v == 1 {
			ones++
		}
		if s.Genes()[idx[i]][:2] == "MT" {
			mito += float64(v)
		}
		sum += float64(v)
	}
	t.Logf("%d genes a cell, %.0f%% of the values are 1, %.1f%% mitochondrial, %.0f counts a cell", per,
		100*float64(ones)/float64(len(val)), 100*mito/sum, sum/400)
	if per < 1700 || per > 2400 {
		t.Errorf("%d detected genes a cell, want about 2,000", per)
	}
	if f := mito / sum; f < 0.02 || f > 0.1 {
		t.Errorf("mitochondrial share %g", f)
	}
	_ = ptr
}

func BenchmarkRead(b *testing.B) {
	s, _ := New(Options{Cells: 512})
	var c chunk.Chunk
	for b.Loop() {
		if err := s.Read(context.Background(), 0, &c); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(512*float64(b.N)/b.Elapsed().Seconds(), "cells/s")
}
