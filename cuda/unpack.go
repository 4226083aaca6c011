//go:build cuda

package cuda

import (
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/kernels"
)

// Sizes of a packed chunk (chunk/pack/doc.go) that kernels/unpack.cu knows too.
const (
	packSuper  = 4096
	packHeader = 128
)

func unpack(s *stream, op *kernels.Unpack) error {
	c := check{s: s}
	packed := c.need(op.Packed, op.Bytes, 1, "Packed")
	m := c.csr(op.X, "X")
	if c.err != nil {
		return c.err
	}
	if op.Bytes < packHeader {
		e := errs.New(errs.Corrupt, "%d bytes are too few for a header", op.Bytes)
		e.Place = "packed chunk"
		return e
	}
	blocks := func(n int64) int64 { return (n + packSuper - 1) / packSuper }
	err := s.launch("unpack", "unpack_lens", line(max(blocks(int64(m.rows)), 1), 256),
		packed, op.Bytes, m.rows, m.cols, m.nnz, uint64(m.kind), m.indptr)
	if err != nil {
		return err
	}
	supers := blocks(m.nnz)
	return s.launch("unpack", "unpack_values", line(2*supers, 256),
		packed, supers, uint64(m.kind), m.indptr, m.indices, m.values)
}
