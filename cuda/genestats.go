//go:build cuda

package cuda

import "github.com/gpusc/gpusc/kernels"

// ownRows is the most rows that a block of genestats_own takes; OWN_ROWS there.
const ownRows = 4095

// ownShape is how rows are shared out to the blocks of genestats_own.
type ownShape struct {
	blocks int64
	each   int64 // rows to a block
	shared int   // bytes of shared memory of a block
}

// ownWords chooses the shape, or says that sums in blocks' own shared memory cannot be
// or do not pay. A block for each multiprocessor; fewer where a block's 32 warps would
// not all have a row, more where a block would have more rows than its words can count.
//
// Each word of each block is flushed with two atomics on the caller's sums, which lie
// beside those of its neighbours: about one sector of the L2. The way with words in
// scratch memory costs one sector a value. So there should be more values than words,
// twice as many to be sure.
func ownWords(rows int, nnz, sums int64, multiprocessors, shared int) (o ownShape, ok bool) {
	if rows == 0 || sums == 0 || sums > int64(shared)/4 {
		return o, false
	}
	n := int64(rows)
	blocks := max(min(int64(multiprocessors), (n+31)/32), (n+ownRows-1)/ownRows)
	o.each = (n + blocks - 1) / blocks
	o.blocks = (n + o.each - 1) / o.each
	o.shared = int(4 * sums)
	return o, nnz/2 >= o.blocks*sums
}

func geneStats(s *stream, op *kernels.GeneStats) error {
	c := check{s: s}
	m := c.csr(op.X, "X")
	g := c.geneSums(m, c.groups(op.Group, m.rows, op.Groups), op.Groups)
	sum := c.need(op.Sum, g.sums, 16, "Sum")
	cells := c.need(op.Cells, g.sums, 8, "Cells")
	if c.err != nil {
		return c.err
	}
	if m.kind != kernels.Counts {
		return s.launch("genestats", "genestats_"+m.suffix(), warps(m.rows), append(g.rowArgs(0, m.rows), sum, cells)...)
	}
	n, shared, err := s.multiprocessors()
	if err != nil {
		return err
	}
	if o, ok := ownWords(m.rows, m.nnz, g.sums, n, shared); ok {
		d := line(o.blocks, 1024)
		d.shared = o.shared
		return s.launch("genestats", "genestats_own", d,
			m.indptr, m.indices, m.values, m.rows, m.cols, m.nnz, g.group, g.groups, o.each, sum, cells)
	}
	return s.geneWords(&g, sum, cells)
}

// geneWords adds up counts in words of scratch memory, or without any.
func (s *stream) geneWords(g *geneSums, sum, cells ptr) error {
	return s.inSlices(g, 8, func(from, to int, words ptr) error {
		return s.launch("genestats", "genestats_u32", warps(to-from), append(g.rowArgs(from, to), words, sum, cells)...)
	}, func(words ptr) error {
		return s.launch("genestats", "genestats_flush", threads(g.sums), words, g.sums, sum, cells)
	})
}
