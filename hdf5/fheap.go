package hdf5

import (
	"github.com/gpusc/gpusc/internal/errs"
)

// fractalHeap is the heap ("FRHP") that holds the links or attributes of
// objects that have many, and shared messages.
type fractalHeap struct {
	f         *File
	addr      uint64
	idLen     int
	checked   bool // direct blocks carry checksums
	maxDirect uint64
	width     uint64 // columns of the doubling table
	start     uint64 // bytes of a block of row 0
	offBytes  int    // bytes of an offset within the heap
	lenBytes  int
	root      uint64
	rows      int // rows of the root indirect block, 0 if the root is direct
	hugeTree  uint64

	huge   map[uint64]extent   // by id, read when first asked for
	blocks map[uint64][]byte   // direct blocks read so far
	tables map[uint64][]uint64 // children of the indirect blocks read so far
	held   uint64              // bytes in blocks
}

// fractalHeap reads a heap's header.
func (f *File) fractalHeap(addr uint64) (*fractalHeap, error) {
	const size = 146
	b, err := f.src.signed(addr, size, "FRHP", "fractal heap", false)
	if err != nil {
		return nil, err
	}
	c := &cursor{b: b, pos: 4}
	version := c.u8()
	h := &fractalHeap{f: f, addr: addr, blocks: map[uint64][]byte{}, tables: map[uint64][]uint64{}}
	h.idLen = c.u16()
	filters := c.u16()
	h.checked = c.u8()&2 != 0
	maxManaged := c.u32()
	c.u64()
	h.hugeTree = c.u64()
	c.skip(10 * 8)
	h.width = uint64(c.u16())
	h.start, h.maxDirect = c.u64(), c.u64()
	bits := c.u16()
	c.u16()
	h.root = c.u64()
	h.rows = c.u16()
	if version != 0 {
		return nil, unsupported(addr, "fractal heap version %d is not known", version)
	}
	if filters != 0 {
		return nil, unsupported(addr, "fractal heap with filters").Do("rewrite the file with h5repack")
	}
	if err := f.src.verify(addr, b, "fractal heap"); err != nil {
		return nil, err
	}
	pow2 := func(v uint64) bool { return v != 0 && v&(v-1) == 0 }
	if !pow2(h.width) || !pow2(h.start) || !pow2(h.maxDirect) || h.start > h.maxDirect ||
		h.maxDirect > maxMeta || bits == 0 || bits > 64 || h.rows > 64 || h.idLen < 1 {
		return nil, corrupt(addr, "fractal heap: impossible block sizes")
	}
	h.offBytes = (bits + 7) / 8
	h.lenBytes = min((log2(h.maxDirect)+7)/8, encSize(uint64(maxManaged)))
	return h, nil
}

// object gives the bytes that a heap id stands for. They may alias the heap's
// cache and must not be changed.
func (h *fractalHeap) object(id []byte) ([]byte, error) {
	if len(id) < h.idLen {
		return nil, corrupt(h.addr, "heap id of %d bytes, want %d", len(id), h.idLen)
	}
	id = id[:h.idLen]
	if id[0]>>6 != 0 {
		return nil, unsupported(h.addr, "heap id version %d is not known", id[0]>>6)
	}
	switch id[0] >> 4 & 3 {
	case 0:
		c := &cursor{b: id, pos: 1}
		off, n := c.uint(h.offBytes), c.uint(h.lenBytes)
		if c.bad {
			return nil, corrupt(h.addr, "heap id of %d bytes is too short", h.idLen)
		}
		return h.managed(off, n)
	case 1:
		return h.hugeObject(id[1:])
	case 2:
		return h.tiny(id)
	}
	return nil, corrupt(h.addr, "heap id of unknown kind")
}

// tiny reads an object that is held in its own id.
func (h *fractalHeap) tiny(id []byte) ([]byte, error) {
	n, at := int(id[0]&15)+1, 1
	if len(id) > 17 {
		n, at = (int(id[0]&15)<<8|int(id[1]))+1, 2
	}
	if n > len(id)-at {
		return nil, corrupt(h.addr, "tiny heap object of %d bytes in an id of %d", n, len(id))
	}
	return id[at : at+n], nil
}

// hugeObject reads an object that lies in the file by itself, whose place is
// in the id or, where the id is too short for it, in a B-tree.
func (h *fractalHeap) hugeObject(id []byte) ([]byte, error) {
	if len(id) >= 16 {
		return h.f.src.meta(le.Uint64(id), le.Uint64(id[8:]), "heap object")
	}
	if h.huge == nil {
		h.huge = map[uint64]extent{}
		err := h.f.btree2(h.hugeTree, func(kind int, rec []byte) error {
			if kind != 1 || len(rec) < 24 {
				return corrupt(h.hugeTree, "B-tree of huge objects has records of kind %d", kind)
			}
			h.huge[le.Uint64(rec[16:])] = extent{le.Uint64(rec), le.Uint64(rec[8:])}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	e, ok := h.huge[leUint(id[:min(8, len(id))])]
	if !ok {
		return nil, corrupt(h.addr, "huge heap object is not in its B-tree")
	}
	return h.f.src.meta(e.addr, e.n, "heap object")
}

// rowSize is the bytes of each block in a row of the doubling table.
func (h *fractalHeap) rowSize(row int) uint64 {
	if row == 0 {
		return h.start
	}
	if row-1+log2(h.start) > 62 {
		return 1 << 63
	}
	return h.start << (row - 1)
}

// directRows is how many rows of an indirect block hold direct blocks.
func (h *fractalHeap) directRows() int { return log2(h.maxDirect) - log2(h.start) + 2 }

// managed reads n bytes at a heap offset by walking down the indirect blocks.
func (h *fractalHeap) managed(off, n uint64) ([]byte, error) {
	addr, rows := h.root, h.rows
	size := h.start
	pos := off
	for depth := 0; rows > 0; depth++ {
		if depth > 16 {
			return nil, corrupt(addr, "fractal heap is nested too deep")
		}
		kids, err := h.indirect(addr, rows)
		if err != nil {
			return nil, err
		}
		row, col := h.cell(pos)
		i := uint64(row)*h.width + col
		if row >= rows || i >= uint64(len(kids)) || kids[i] == undef {
			return nil, corrupt(addr, "heap offset %#x is not allocated", off)
		}
		size = h.rowSize(row)
		pos -= h.cellStart(row, col)
		addr = kids[i]
		rows = 0
		if row >= h.directRows() {
			rows = log2(size) - log2(h.start*h.width) + 1
			if rows < 1 {
				return nil, corrupt(addr, "fractal heap: impossible block sizes")
			}
		}
	}
	b, err := h.direct(addr, size, off-pos)
	if err != nil {
		return nil, err
	}
	if pos > size || n > size-pos {
		return nil, corrupt(addr, "heap object of %d bytes at %d of a block of %d", n, pos, size)
	}
	return b[pos : pos+n], nil
}

// cell finds the block of the doubling table that holds an offset.
func (h *fractalHeap) cell(off uint64) (row int, col uint64) {
	first := h.start * h.width
	if off < first {
		return 0, off / h.start
	}
	row = log2(off) - log2(first) + 1
	return row, (off - h.cellStart(row, 0)) / h.rowSize(row)
}

// cellStart is the offset at which a block of the doubling table starts.
func (h *fractalHeap) cellStart(row int, col uint64) uint64 {
	if row == 0 {
		return col * h.start
	}
	return h.start*h.width<<(row-1) + col*h.rowSize(row)
}

// indirect reads the children of an indirect block ("FHIB").
func (h *fractalHeap) indirect(addr uint64, rows int) ([]uint64, error) {
	if t, ok := h.tables[addr]; ok {
		return t, nil
	}
	n := uint64(rows) * h.width
	head := uint64(13 + h.offBytes)
	b, err := h.f.src.signed(addr, head+8*n+4, "FHIB", "fractal heap block", true)
	if err != nil {
		return nil, err
	}
	t := make([]uint64, n)
	for i := range t {
		t[i] = le.Uint64(b[head+8*uint64(i):])
	}
	h.tables[addr] = t
	return t, nil
}

// direct reads a direct block ("FHDB") and checks where it says it is.
func (h *fractalHeap) direct(addr, size, start uint64) ([]byte, error) {
	if b, ok := h.blocks[addr]; ok && uint64(len(b)) == size {
		return b, nil
	}
	if h.held += size; h.held > h.f.src.span() {
		return nil, errs.At(errs.Corrupt, "", atHex(addr), "fractal heap is larger than the file")
	}
	b, err := h.f.src.signed(addr, size, "FHDB", "fractal heap block", false)
	if err != nil {
		return nil, err
	}
	head := 13 + h.offBytes
	if len(b) < head+4 || leUint(b[13:head]) != start {
		return nil, corrupt(addr, "fractal heap block is not the one for offset %#x", start)
	}
	if h.checked {
		// The checksum is taken with its own field zero.
		sum := le.Uint32(b[head:])
		le.PutUint32(b[head:], 0)
		if got := lookup3(b); got != sum && !h.f.src.blind {
			return nil, corrupt(addr, "fractal heap block: checksum is %#08x, the bytes give %#08x", sum, got)
		}
	}
	h.blocks[addr] = b
	return b, nil
}
