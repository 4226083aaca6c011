//go:build cuda

package cuda

import (
	"math"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/kernels"
)

// check gathers the first thing that is wrong with an operation's buffers. What is
// in them is looked at by the kernels.
type check struct {
	s   *stream
	err error
}

func (c *check) fail(format string, a ...any) {
	if c.err == nil {
		c.err = errs.New(errs.Usage, format, a...)
	}
}

// product returns a*b for an array of a times b elements.
func (c *check) product(a, b int, field string) int64 {
	if a < 0 || b < 0 || b > 0 && int64(a) > math.MaxInt64/64/int64(b) {
		c.fail("%s: %d times %d elements cannot be", field, a, b)
		return 0
	}
	return int64(a) * int64(b)
}

// need returns the address of n elements of a size in b; field names it in an error.
// It is 0 for no elements.
func (c *check) need(b device.Buffer, n, size int64, field string) ptr {
	if c.err != nil || n == 0 {
		return 0
	}
	k, ok := b.(*buffer)
	switch {
	case !ok || k == nil || k.b != c.s.b:
		c.fail("%s is not a buffer of %s (%T)", field, c.s.b.name, b)
	case k.freed.Load():
		c.fail("%s: buffer %q is used after it was freed", field, k.what)
	case n < 0 || n > math.MaxInt64/size || n*size > k.size:
		c.fail("%s needs %d elements of %d bytes, buffer %q has %d bytes", field, n, size, k.what, k.size)
	default:
		return k.at
	}
	return 0
}

// optional is need for a field that may be nil: its address is 0 then. A buffer of
// no elements has an address that is not 0 and must not be read.
func (c *check) optional(b device.Buffer, n, size int64, field string) ptr {
	if b == nil {
		return 0
	}
	if p := c.need(b, n, size, field); n > 0 || c.err != nil {
		return p
	}
	return 1
}

// upTo is need for an array of which a kernel finds out how much it fills: it may
// have less than n elements, and how many is returned too.
func (c *check) upTo(b device.Buffer, n, size int64, field string) (ptr, int64) {
	if b == nil {
		return 0, 0
	}
	if k, ok := b.(*buffer); ok && k != nil {
		n = min(n, k.size/size)
	}
	return c.need(b, n, size, field), n
}

// csr is a kernels.CSR as addresses.
type csr struct {
	rows, cols              int
	nnz                     int64 // room
	kind                    kernels.ValueKind
	indptr, indices, values ptr
}

// suffix is the part of a kernel's name that tells the kind of values.
func (m *csr) suffix() string { return suffix(m.kind) }

func suffix(k kernels.ValueKind) string {
	switch k {
	case kernels.Counts:
		return "u32"
	case kernels.Float32:
		return "f32"
	}
	return "f64"
}

// csr views the arrays of x. Kernels check the row offsets (row_of).
func (c *check) csr(x kernels.CSR, field string) csr {
	m := csr{rows: x.Rows, cols: x.Cols, nnz: x.NNZ, kind: x.Kind}
	switch {
	case x.Rows < 0 || x.Cols < 0 || x.Rows > math.MaxInt32 || x.Cols > math.MaxInt32 || x.NNZ < 0:
		c.fail("%s: a matrix of %d x %d with %d values cannot be", field, x.Rows, x.Cols, x.NNZ)
	case x.Kind > kernels.Float64:
		c.fail("%s: no such kind of values: %d", field, x.Kind)
	}
	if c.err != nil {
		return m
	}
	m.indptr = c.need(x.Indptr, int64(x.Rows)+1, 8, field+".Indptr")
	m.indices = c.need(x.Indices, x.NNZ, 4, field+".Indices")
	m.values = c.need(x.Values, x.NNZ, x.Kind.Bytes(), field+".Values")
	return m
}

// groups views the group of each row; 0 stands for all rows in group 0. Kernels
// check what is in it (group_of).
func (c *check) groups(b device.Buffer, rows, groups int) ptr {
	if groups < 1 {
		c.fail("Groups is %d, at least 1 is needed", groups)
		return 0
	}
	return c.optional(b, int64(rows), 4, "Group")
}

// transform is a kernels.Transform as kernels take it: three parameters.
type transform struct {
	scale ptr    // 0: 1 for each row
	how   uint64 // T_LOG1P and so on of kernels/common.cuh
	base  float64
}

func (c *check) transform(t kernels.Transform, rows int) transform {
	const log1p, expm1, base = 1, 2, 4
	out := transform{scale: c.optional(t.Scale, int64(rows), 8, "T.Scale"), base: t.LnBase}
	if t.Log1p && t.Expm1 {
		c.fail("T has both Log1p and Expm1")
	}
	if t.Log1p {
		out.how |= log1p
	}
	if t.Expm1 {
		out.how |= expm1
	}
	if t.LnBase != 0 {
		out.how |= base
	}
	return out
}
