//go:build cuda

package cuda

import "github.com/gpusc/gpusc/kernels"

func clippedMoments(s *stream, op *kernels.ClippedMoments) error {
	c := check{s: s}
	m := c.csr(op.X, "X")
	g := c.geneSums(m, c.groups(op.Group, m.rows, op.Groups), op.Groups)
	clip := c.need(op.Clip, g.sums, 8, "Clip")
	sum := c.need(op.Sum, g.sums, 16, "Sum")
	sq := c.need(op.SumSq, g.sums, 16, "SumSq")
	clipped := c.need(op.Clipped, g.sums, 8, "Clipped")
	if c.err != nil {
		return c.err
	}
	if m.kind != kernels.Counts {
		return s.inPairs(&g, "clippedmoments", []any{clip}, sum, sq, clipped)
	}
	return s.inSlices(&g, 8, func(from, to int, words ptr) error {
		return s.launch("clippedmoments", "clippedmoments_u32", warps(to-from),
			append(g.rowArgs(from, to), clip, words, sum, sq, clipped)...)
	}, func(words ptr) error {
		return s.launch("clippedmoments", "clippedmoments_words", threads(g.sums), words, g.sums, sum, sq, clipped)
	})
}
