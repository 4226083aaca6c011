package cpu

import (
	"math"
	"unsafe"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/kernels"
)

// check gathers the first thing that is wrong with an operation's buffers.
type check struct{ err error }

func (c *check) fail(format string, a ...any) {
	if c.err == nil {
		c.err = errs.New(errs.Usage, format, a...)
	}
}

// product returns a*b for an array of a times b elements.
func (c *check) product(a, b int, what string) int64 {
	if a < 0 || b < 0 || b > 0 && int64(a) > math.MaxInt64/64/int64(b) {
		c.fail("%s: %d times %d elements cannot be", what, a, b)
		return 0
	}
	return int64(a) * int64(b)
}

// slice views the first n elements of b; field names it in an error.
func slice[T any](c *check, b device.Buffer, n int64, field string) []T {
	if c.err != nil || n == 0 {
		return nil
	}
	k, ok := b.(*buffer)
	if !ok || k == nil {
		c.fail("%s is not a buffer of the cpu backend (%T)", field, b)
		return nil
	}
	size := int64(unsafe.Sizeof(*new(T)))
	switch {
	case k.freed.Load():
		c.fail("%s: buffer %q is used after it was freed", field, k.what)
	case n < 0 || n > math.MaxInt64/size || n*size > k.size:
		c.fail("%s needs %d elements of %d bytes, buffer %q has %d bytes", field, n, size, k.what, k.size)
	default:
		return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(k.data))), n)
	}
	return nil
}

// optional is slice for a field that may be nil.
func optional[T any](c *check, b device.Buffer, n int64, field string) []T {
	if b == nil {
		return nil
	}
	return slice[T](c, b, n, field)
}

// matrix is a kernels.CSR as slices.
type matrix struct {
	rows, cols int
	kind       kernels.ValueKind
	ptr        []int64
	idx        []uint32
	u32        []uint32  // Counts
	f32        []float32 // Float32
	f64        []float64 // Float64
}

// number is the type of a stored value.
type number interface{ uint32 | float32 | float64 }

// room views the arrays of x without looking at what is in them.
func (c *check) room(x kernels.CSR, field string) matrix {
	m := matrix{rows: x.Rows, cols: x.Cols, kind: x.Kind}
	if x.Rows < 0 || x.Cols < 0 || x.Cols > math.MaxInt32 || x.NNZ < 0 {
		c.fail("%s: a matrix of %d x %d with %d values cannot be", field, x.Rows, x.Cols, x.NNZ)
		return m
	}
	m.ptr = slice[int64](c, x.Indptr, int64(x.Rows)+1, field+".Indptr")
	m.idx = slice[uint32](c, x.Indices, x.NNZ, field+".Indices")
	switch x.Kind {
	case kernels.Counts:
		m.u32 = slice[uint32](c, x.Values, x.NNZ, field+".Values")
	case kernels.Float32:
		m.f32 = slice[float32](c, x.Values, x.NNZ, field+".Values")
	case kernels.Float64:
		m.f64 = slice[float64](c, x.Values, x.NNZ, field+".Values")
	default:
		c.fail("%s: no such kind of values: %d", field, x.Kind)
	}
	return m
}

// wide returns values [lo, hi) of a float kind as float64. Narrow ones are
// converted a row at a time into private memory: within a loop that computes,
// the conversion would make each value wait for the one before (the instruction
// keeps half of its target register).
func (w *work) wide(m *matrix, lo, hi int64) []float64 {
	if m.kind == kernels.Float64 {
		return m.f64[lo:hi]
	}
	val := m.f32[lo:hi]
	w.row = grow(w.row, len(val))
	for i, x := range val {
		w.row[i] = float64(x)
	}
	return w.row
}

// csr views x and checks its row offsets.
func (c *check) csr(x kernels.CSR) matrix {
	m := c.room(x, "X")
	if c.err != nil {
		return m
	}
	at := int64(0)
	for r, p := range m.ptr {
		if p < at || r == 0 && p != 0 || p > x.NNZ {
			c.err = errs.New(errs.Data, "X.Indptr[%d] is %d after %d, with %d values", r, p, at, x.NNZ)
			return m
		}
		at = p
	}
	return m
}

// groups views the group of each row; nil stands for all rows in group 0.
func (c *check) groups(b device.Buffer, rows, groups int) []int32 {
	if groups < 1 {
		c.fail("Groups is %d, at least 1 is needed", groups)
		return nil
	}
	g := optional[int32](c, b, int64(rows), "Group")
	for r, q := range g {
		if q < -1 || int(q) >= groups {
			c.fail("Group[%d] is %d, with %d groups", r, q, groups)
			return nil
		}
	}
	return g
}
