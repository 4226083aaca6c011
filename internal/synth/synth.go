// Package synth makes counts that look like those of a droplet experiment, of
// any size and in any order, with known clusters and batches.
//
// A cell is drawn as a droplet is filled: it has a cluster, a batch, a place on
// the way from its cluster to a neighbouring one, a share of mitochondrial
// transcripts and a number of transcripts (log-normal, as library sizes are);
// each transcript is then one draw from a distribution over the genes. So counts
// are overdispersed, most are 0 or 1, and a few genes lead in every cell.
//
// Cell i depends only on the seed and i: any piece can be made by any thread.
package synth

import (
	"context"
	"fmt"
	"math"
	"math/bits"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/internal/errs"
)

// Options says what to make. The zero value of a field means its default.
type Options struct {
	Cells    int64
	Genes    int    // 28000
	Seed     uint64 // 0 is a seed like any other
	Clusters int    // 12
	Batches  int    // 3
	// Counts is the median number of transcripts of a cell (5600, which is about
	// 2,000 detected genes of 28,000).
	Counts float64
	// SpanRows is the number of cells in a piece (512).
	SpanRows int
}

func (o *Options) ensureDefaults() {
	set := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	set(&o.Genes, 28000)
	set(&o.Clusters, 12)
	set(&o.Batches, 3)
	set(&o.SpanRows, 512)
	if o.Counts == 0 {
		o.Counts = 5600
	}
}

// Source is the made-up matrix, a chunk.Source.
type Source struct {
	o      Options
	spans  []chunk.Span
	tables []alias // one for each cluster and batch
	mito   alias
	nMito  int
	names  []string
	marker []int32 // cluster that the gene is a marker of, -1: none
}

// maxDraws bounds the transcripts of a cell, so that a piece has a known size.
const maxDraws = 60000

// maxProfiles bounds the distributions: one value for each gene in each cluster
// of each batch, 8 to 16 bytes.
const maxProfiles = 1 << 25

// New prepares the distributions. It takes a few milliseconds for each cluster.
func New(o Options) (*Source, error) {
	o.ensureDefaults()
	if o.Cells < 0 || o.Genes < 20 || o.Clusters < 1 || o.Batches < 1 || o.SpanRows < 1 || !(o.Counts >= 1) || o.Genes > 1<<24 || o.Counts > maxDraws/4 {
		return nil, errs.New(errs.Usage, "cannot make %d cells x %d genes in %d clusters and %d batches with %g counts a cell",
			o.Cells, o.Genes, o.Clusters, o.Batches, o.Counts).Do("give at least 20 genes, 1 cluster, 1 batch and 1 to %d counts", maxDraws/4)
	}
	if float64(o.Genes)*float64(o.Clusters)*float64(o.Batches) > maxProfiles {
		return nil, errs.New(errs.Usage, "%d clusters x %d batches x %d genes are too many to draw from", o.Clusters, o.Batches, o.Genes).
			Do("give fewer clusters or batches")
	}
	s := &Source{o: o}
	for r := int64(0); r < o.Cells; r += int64(o.SpanRows) {
		n := min(int64(o.SpanRows), o.Cells-r)
		s.spans = append(s.spans, chunk.Span{Row0: r, Rows: n, NNZ: n * int64(min(o.Genes, maxDraws))})
	}
	s.profiles()
	return s, nil
}

// profiles draws the expression of every gene in every cluster and batch.
func (s *Source) profiles() {
	g, o := s.o.Genes, s.o
	r := newRNG(o.Seed, math.MaxUint64)
	s.nMito = min(13, g/20)
	s.names = make([]string, g)
	s.marker = make([]int32, g)
	base := make([]float64, g)
	for i := range g {
		s.names[i] = fmt.Sprintf("GENE%05d", i+1)
		s.marker[i] = -1
		base[i] = math.Exp(2.5 * r.normal())
	}
	first := g - s.nMito
	mito := make([]float64, g)
	for i := range s.nMito {
		s.names[first+i] = fmt.Sprintf("MT-G%02d", i+1)
		mito[first+i] = math.Exp(0.7 * r.normal())
		base[first+i] = 0
	}
	s.mito = newAlias(mito)
	for c := range o.Clusters {
		p := append([]float64(nil), base...)
		for i := range first {
			switch u := r.float(); {
			case u < 0.015: // a marker of this cluster, a few of them strong
				p[i] = (p[i] + 1) * math.Exp(1.5+0.8*r.normal())
				s.marker[i] = int32(c)
			default:
				p[i] *= math.Exp(0.25 * r.normal())
			}
		}
		for b := range o.Batches {
			q := append([]float64(nil), p...)
			rb := newRNG(o.Seed+1, uint64(b))
			for i := range first {
				q[i] *= math.Exp(0.15 * rb.normal())
			}
			s.tables = append(s.tables, newAlias(q))
		}
	}
}

// Shape implements chunk.Source.
func (s *Source) Shape() (rows, cols int64) { return s.o.Cells, int64(s.o.Genes) }

// Spans implements chunk.Source.
func (s *Source) Spans() []chunk.Span { return s.spans }

// Close implements chunk.Source.
func (s *Source) Close() error { return nil }

// Genes returns the names of the genes; MT- marks the mitochondrial ones.
func (s *Source) Genes() []string { return s.names }

// MarkerOf returns for each gene the cluster it is a marker of, or -1.
func (s *Source) MarkerOf() []int32 { return s.marker }

// Truth is what is known of a cell.
type Truth struct{ Cluster, Batch int32 }

// Truth returns what is known of cell i.
func (s *Source) Truth(i int64) Truth {
	r := newRNG(s.o.Seed, uint64(i))
	return s.truth(&r)
}

func (s *Source) truth(r *rng) Truth {
	// Cluster sizes fall off: the square of a uniform number.
	u := r.float()
	return Truth{int32(u * u * float64(s.o.Clusters)), int32(r.float() * float64(s.o.Batches))}
}

// Read implements chunk.Source.
func (s *Source) Read(ctx context.Context, i int, dst *chunk.Chunk) error {
	sp := s.spans[i]
	dst.Row0, dst.Rows, dst.Cols, dst.Kind = sp.Row0, int(sp.Rows), s.o.Genes, chunk.Counts
	dst.Indptr = append(dst.Indptr[:0], 0)
	idx, val := dst.Indices[:0], dst.Counts[:0]
	count := make([]uint32, s.o.Genes)
	seen := make([]uint64, (s.o.Genes+63)/64)
	for r := range sp.Rows {
		if r%64 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		s.cell(sp.Row0+r, count, seen)
		for w, m := range seen {
			for ; m != 0; m &= m - 1 {
				g := w*64 + bits.TrailingZeros64(m)
				idx = append(idx, uint32(g))
				val = append(val, count[g])
				count[g] = 0
			}
			seen[w] = 0
		}
		dst.Indptr = append(dst.Indptr, int64(len(idx)))
	}
	dst.Indices, dst.Counts = idx, val
	return nil
}

// cell draws cell i into count and marks the genes in seen.
func (s *Source) cell(i int64, count []uint32, seen []uint64) {
	r := newRNG(s.o.Seed, uint64(i))
	t := s.truth(&r)
	next := (int(t.Cluster) + 1) % s.o.Clusters
	a := s.tables[int(t.Cluster)*s.o.Batches+int(t.Batch)]
	b := s.tables[next*s.o.Batches+int(t.Batch)]
	// A cell lies near its own cluster, rarely half way to the next.
	toNext := 0.5 * math.Pow(r.float(), 4)
	// Mitochondrial share: a few per cent, up to a half in broken cells.
	share := 0.03 * math.Exp(0.6*r.normal())
	if r.float() < 0.03 {
		share = 0.15 + 0.35*r.float()
	}
	n := min(maxDraws, s.o.Counts*math.Exp(0.45*r.normal()))
	nm, nb := 0, 0
	if s.nMito > 0 {
		nm = r.around(n * min(share, 0.6))
	}
	nb = r.around((n - float64(nm)) * toNext)
	draw := func(t alias, n int) {
		for range n {
			g := t.draw(r.next())
			count[g]++
			seen[g>>6] |= 1 << (g & 63)
		}
	}
	draw(s.mito, nm)
	draw(b, nb)
	draw(a, int(n)-nm-nb)
}
