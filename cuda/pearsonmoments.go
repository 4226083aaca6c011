//go:build cuda

package cuda

import (
	"math"

	"github.com/gpusc/gpusc/kernels"
)

func pearsonMoments(s *stream, op *kernels.PearsonMoments) error {
	c := check{s: s}
	m := c.csr(op.X, "X")
	g := c.geneSums(m, c.groups(op.Group, m.rows, op.Groups), op.Groups)
	total := c.need(op.Total, int64(m.rows), 8, "Total")
	share := c.need(op.Share, g.sums, 8, "Share")
	clip := c.need(op.Clip, int64(op.Groups), 8, "Clip")
	sum := c.need(op.Sum, g.sums, 16, "Sum")
	sq := c.need(op.SumSq, g.sums, 16, "SumSq")
	if c.err != nil {
		return c.err
	}
	return s.inPairs(&g, "pearsonmoments", []any{total, share, clip, op.Theta, !math.IsInf(op.Theta, 0)}, sum, sq)
}
