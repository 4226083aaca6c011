package pack

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"

	"github.com/gpusc/gpusc/internal/errs"
)

// The kinds of values; the numbers are those of chunk.Kind.
const (
	Counts uint8 = iota
	Float32
	Float64
)

// The bounds of what can be packed. They keep all offsets within 32 bits and
// leave the gap between two indices one bit to spare.
const (
	MaxRows = 1<<31 - 1
	MaxNNZ  = 1<<31 - 1
	MaxCols = 1 << 30
)

// Sizes of the format; see the package comment.
const (
	blockLen   = 256                 // values of a block
	lanes      = 8                   // 32-bit lanes of a block
	superLen   = 4096                // values of a superblock
	perSuper   = superLen / blockLen // blocks of a superblock
	headerLen  = 128
	sectionPad = 32 // bytes that a reader may read past the last block
	align      = 64 // of sections
	magic      = 'G' | 'P'<<8 | 'S'<<16 | 'K'<<24
	version    = 1
)

// Matrix is a canonical run of rows in CSR form, as chunk.Chunk without its
// place in the source: within a row the indices rise strictly, no count is 0.
type Matrix struct {
	Rows, Cols int
	Kind       uint8
	Indptr     []int64   // Rows+1 offsets, the first 0
	Indices    []uint32  // column of each stored value, < Cols
	Counts     []uint32  // values when Kind == Counts
	F32        []float32 // values when Kind == Float32
	F64        []float64 // values when Kind == Float64
}

// NNZ returns the number of stored values.
func (m *Matrix) NNZ() int64 {
	if m.Rows == 0 || len(m.Indptr) <= m.Rows {
		return 0
	}
	return m.Indptr[m.Rows]
}

// Header is what the first bytes of a packed matrix tell.
type Header struct {
	Kind            uint8
	Rows, Cols      int
	NNZ             int64
	Size            int64  // bytes in all
	Lens, Idx, Vals int64  // offsets of the three sections
	Sum             uint64 // checksum that Verify compares
}

// Scratch is the working memory of one goroutine's packing or unpacking, some
// 40 KiB and 6 bytes per 256 values. Its zero value is ready for use.
type Scratch struct {
	goOnly bool // tests: leave the assembly out
	buf    [superLen]uint32
	more   [superLen]uint32
	ptrs   []int64     // DecodeSelect: row pointers of all columns
	desc   [3][]uint16 // per block, of the three streams
	base   [3][]uint32 // per superblock: running value before it
	offs   [3][]uint32 // per superblock: payload offset in words
}

func (s *Scratch) simd() bool { return hasAVX2 && !s.goOnly }

// Bound returns the largest size that rows rows with nnz values can pack to,
// or -1 where they cannot be packed at all.
func Bound(rows, nnz int64, kind uint8) int64 {
	if rows < 0 || nnz < 0 || rows > MaxRows || nnz > MaxNNZ || kind > Float64 {
		return -1
	}
	n := headerLen + streamBound(rows) + streamBound(nnz)
	switch kind {
	case Counts:
		n += streamBound(nnz)
	case Float32:
		n += alignUp(nnz * 4)
	default:
		n += alignUp(nnz * 8)
	}
	return n
}

func streamBound(n int64) int64 {
	nb := (n + blockLen - 1) / blockLen
	return alignUp(tableLen(n) + nb*blockLen*4 + sectionPad)
}

// tableLen is the size of a stream's tables, after which its payload starts.
func tableLen(n int64) int64 {
	nb := (n + blockLen - 1) / blockLen
	ns := (n + superLen - 1) / superLen
	return (ns*8 + nb*2 + 31) &^ 31
}

func alignUp(n int64) int64 { return (n + align - 1) &^ (align - 1) }

// ReadHeader reads and checks the header of a packed matrix. b may end after
// the header; that it holds Header.Size bytes is for Decode to check. All
// errors are errs.Corrupt or, for another version, errs.Unsupported.
func ReadHeader(b []byte) (Header, error) {
	var h Header
	if len(b) < headerLen {
		return h, corrupt("%d bytes are too few for a header", len(b))
	}
	le := binary.LittleEndian
	if le.Uint32(b) != magic {
		return h, corrupt("no packed matrix: magic %#x", le.Uint32(b))
	}
	if v := le.Uint16(b[4:]); v != version {
		return h, errs.New(errs.Unsupported, "packed matrix of version %d, not %d", v, version)
	}
	var f [7]int64
	for i := range f {
		u := le.Uint64(b[16+8*i:])
		if u > 1<<40 {
			return h, corrupt("header field %d is %d", i, u)
		}
		f[i] = int64(u)
	}
	h = Header{
		Kind: b[6], Size: f[0], Rows: int(f[1]), Cols: int(f[2]), NNZ: f[3],
		Lens: f[4], Idx: f[5], Vals: f[6], Sum: le.Uint64(b[8:]),
	}
	return h, h.check()
}

// check tells whether the fields agree with each other: sections in order,
// aligned, and large enough for their tables, or for the values themselves.
func (h *Header) check() error {
	if h.Kind > Float64 || int64(h.Rows) > MaxRows || h.NNZ > MaxNNZ || h.Cols > MaxCols {
		return corrupt("kind %d, %d x %d with %d values", h.Kind, h.Rows, h.Cols, h.NNZ)
	}
	if h.NNZ > int64(h.Rows)*int64(h.Cols) {
		return corrupt("%d values in %d x %d", h.NNZ, h.Rows, h.Cols)
	}
	vals := alignUp(tableLen(h.NNZ) + sectionPad)
	switch h.Kind {
	case Float32:
		vals = alignUp(h.NNZ * 4)
	case Float64:
		vals = alignUp(h.NNZ * 8)
	}
	ok := h.Lens == headerLen && (h.Lens|h.Idx|h.Vals|h.Size)%align == 0 &&
		h.Idx >= h.Lens+alignUp(tableLen(int64(h.Rows))+sectionPad) &&
		h.Vals >= h.Idx+alignUp(tableLen(h.NNZ)+sectionPad) &&
		h.Size >= h.Vals+vals && (h.Kind == Counts || h.Size == h.Vals+vals)
	if !ok {
		return corrupt("sections at %d, %d, %d of %d bytes", h.Lens, h.Idx, h.Vals, h.Size)
	}
	return nil
}

func (h *Header) put(b []byte) {
	le := binary.LittleEndian
	clear(b[:headerLen])
	le.PutUint32(b, magic)
	le.PutUint16(b[4:], version)
	b[6] = h.Kind
	for i, v := range [...]int64{h.Size, int64(h.Rows), int64(h.Cols), h.NNZ, h.Lens, h.Idx, h.Vals} {
		le.PutUint64(b[16+8*i:], uint64(v))
	}
}

// checksum covers all bytes but itself: the eight before it are the seed.
func checksum(b []byte) uint64 {
	return xxh3.HashSeed(b[16:], binary.LittleEndian.Uint64(b))
}

// Verify compares the checksum of a packed matrix; a difference is
// errs.Corrupt. Decode does not do it, as bytes that never left memory do not
// need it.
func Verify(b []byte) error {
	b, h, err := whole(b)
	if err != nil {
		return err
	}
	if got := checksum(b); got != h.Sum {
		return corrupt("checksum is %#x, not %#x", got, h.Sum)
	}
	return nil
}

func corrupt(format string, a ...any) error {
	e := errs.New(errs.Corrupt, format, a...)
	e.Place = "packed chunk"
	return e
}
