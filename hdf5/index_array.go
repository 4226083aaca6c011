package hdf5

import (
	"math"
	"math/bits"
)

// placer turns the number of an array element into a chunk's place. Arrays
// number chunks row-major over the largest extent, not the present one, with
// the unlimited axis, if any, first.
type placer struct {
	most  []uint64
	axis  int // the unlimited axis, -1 if none
	total uint64
	out   []uint64
}

func newPlacer(most []uint64, axis int) *placer {
	p := &placer{most: most, axis: axis, total: 1, out: make([]uint64, len(most))}
	for _, m := range most {
		hi, lo := bits.Mul64(p.total, m)
		if hi != 0 {
			lo = math.MaxUint64
		}
		p.total = lo
	}
	return p
}

// place gives the place of element n; the slice is used again.
func (p *placer) place(n uint64) []uint64 {
	for i := len(p.most) - 1; i >= 0; i-- {
		if i == p.axis {
			continue
		}
		p.out[i] = n % p.most[i]
		n /= p.most[i]
	}
	if p.axis >= 0 {
		p.out[p.axis] = n
	}
	return p.out
}

// arrayReader reads the elements of a fixed or extensible array.
type arrayReader struct {
	b        *indexBuilder
	p        *placer
	filtered bool
	elem     int    // bytes of an element
	end      uint64 // elements that matter
	page     uint64 // elements of a page
	n        uint64 // number of the next element
}

func (b *indexBuilder) array(filtered bool, elem int, axis int) (*arrayReader, error) {
	r := &arrayReader{b: b, p: newPlacer(b.most, axis), filtered: filtered, elem: elem}
	if filtered && (elem < 13 || elem > 20) || !filtered && elem != 8 {
		return nil, corrupt(b.d.at.addr, "chunk index has elements of %d bytes", elem)
	}
	for _, m := range b.most {
		if m == 0 {
			return nil, corrupt(b.d.at.addr, "chunk index of an axis of no extent")
		}
	}
	return r, nil
}

// elements takes the chunks in e, whose first is element r.n.
func (r *arrayReader) elements(e []byte) error {
	for ; len(e) >= r.elem && r.n < r.end; e = e[r.elem:] {
		n := r.n
		r.n++
		addr := le.Uint64(e)
		if addr == undef {
			continue
		}
		size, mask := r.b.ix.whole, uint32(0)
		if r.filtered {
			size, mask = leUint(e[8:r.elem-4]), le.Uint32(e[r.elem-4:])
		}
		if err := r.b.add(r.p.place(n), addr, size, mask); err != nil {
			return err
		}
	}
	return nil
}

// block reads n elements at addr, followed by a checksum over them and the
// head bytes in front of them.
func (r *arrayReader) block(addr, head, n uint64, sig, what string) error {
	if n > r.b.d.f.src.span()/uint64(r.elem) {
		return corrupt(addr, "%s of %d elements does not fit in the file", what, n)
	}
	size := head + n*uint64(r.elem) + 4
	if err := spend(&r.b.budget, int(size), addr); err != nil {
		return err
	}
	b, err := r.b.d.f.src.meta(addr, size, what)
	if err == nil && head > 0 && string(b[:4]) != sig {
		err = corrupt(addr, "%s: signature %q, want %q", what, b[:4], sig)
	}
	if err == nil {
		err = r.b.d.f.src.verify(addr, b, what)
	}
	if err != nil {
		return err
	}
	return r.elements(b[head : head+n*uint64(r.elem)])
}

// pages reads the n elements of a paged block, in pages that each have a
// checksum; present says which pages hold anything.
func (r *arrayReader) pages(addr, n uint64, present func(page uint64) bool, what string) error {
	start := r.n
	for i := uint64(0); i*r.page < n && start+i*r.page < r.end; i++ {
		k := min(r.page, n-i*r.page)
		r.n = start + i*r.page
		if present(i) {
			if err := r.block(addr, 0, k, "", what); err != nil {
				return err
			}
		}
		addr += r.page*uint64(r.elem) + 4
	}
	r.n = start + n
	return nil
}

// bit reads bit i of a map, high bits first, as page maps are stored.
func bit(b []byte, i uint64) bool { return i/8 < uint64(len(b)) && b[i/8]&(0x80>>(i%8)) != 0 }

// fixedArray reads a fixed array ("FAHD") of chunks.
func (b *indexBuilder) fixedArray() error {
	src, addr := b.d.f.src, b.d.at.addr
	h, err := src.signed(addr, 28, "FAHD", "chunk index", true)
	if err != nil {
		return err
	}
	if h[4] != 0 || h[5] > 1 || h[7] > 32 {
		return corrupt(addr, "chunk index of version %d, kind %d", h[4], h[5])
	}
	r, err := b.array(h[5] == 1, int(h[6]), -1)
	if err != nil {
		return err
	}
	n, block := le.Uint64(h[8:]), le.Uint64(h[16:])
	r.page, r.end = 1<<h[7], min(n, r.p.total)
	if block == undef {
		return nil
	}
	if n <= r.page {
		return r.block(block, 14, n, "FADB", "chunk index block")
	}
	if n > src.span()/uint64(r.elem) {
		return corrupt(block, "chunk index of %d elements does not fit in the file", n)
	}
	pages := (n + r.page - 1) / r.page
	head := 14 + (pages+7)/8 + 4
	m, err := src.signed(block, head, "FADB", "chunk index block", true)
	if err != nil {
		return err
	}
	present := func(i uint64) bool { return bit(m[14:], i) }
	return r.pages(block+head, n, present, "chunk index page")
}

// extArray is the shape of an extensible array, from its header ("EAHD").
type extArray struct {
	*arrayReader
	offBytes uint64 // bytes of an element number
	first    int    // elements held in the index block
	minElems uint64 // elements of the smallest data block
	minPtrs  uint64 // data block pointers of the smallest super block
	supers   int    // number of super blocks
	home     uint64 // address of the index block
}

func (b *indexBuilder) extHeader() (*extArray, error) {
	addr := b.d.at.addr
	h, err := b.d.f.src.signed(addr, 72, "EAHD", "chunk index", true)
	if err != nil {
		return nil, err
	}
	axis := -1
	for i, m := range b.d.space.maxDims {
		if m < 0 {
			axis = i
		}
	}
	a := &extArray{
		first: int(h[8]), minElems: uint64(h[9]), minPtrs: uint64(h[10]),
		offBytes: (uint64(h[7]) + 7) / 8, home: le.Uint64(h[60:]),
	}
	pow2 := func(v uint64) bool { return v != 0 && v&(v-1) == 0 }
	if h[4] != 0 || h[5] > 1 || axis < 0 || h[7] > 64 || h[11] > 32 ||
		!pow2(a.minElems) || !pow2(a.minPtrs) || int(h[7]) < log2(a.minElems) {
		return nil, corrupt(addr, "chunk index of version %d, kind %d has an impossible shape", h[4], h[5])
	}
	if a.arrayReader, err = b.array(h[5] == 1, int(h[6]), axis); err != nil {
		return nil, err
	}
	a.supers = 1 + int(h[7]) - log2(a.minElems)
	a.page = 1 << h[11]
	a.end = le.Uint64(h[44:]) // the highest element ever set, plus one
	return a, nil
}

// extensibleArray reads an extensible array of chunks: an index block that
// holds the first elements, the addresses of small data blocks, and of super
// blocks that hold the addresses of larger ones.
func (b *indexBuilder) extensibleArray() error {
	a, err := b.extHeader()
	if err != nil || a.home == undef {
		return err
	}
	direct := 2 * (a.minPtrs - 1)
	directSupers := min(2*log2(a.minPtrs), a.supers)
	size := 14 + uint64(a.first*a.elem) + 8*direct + 8*uint64(a.supers-directSupers)
	x, err := b.d.f.src.signed(a.home, size+4, "EAIB", "chunk index block", true)
	if err != nil {
		return err
	}
	c := &cursor{b: x, pos: 14}
	if err := a.elements(c.bytes(a.first * a.elem)); err != nil {
		return err
	}
	a.n = uint64(a.first)
	blocks := &cursor{b: c.bytes(int(8 * direct))}
	for s := 0; s < a.supers && a.n < a.end; s++ {
		if s < directSupers {
			err = a.dataBlocks(blocks, s, nil)
		} else {
			err = a.superBlock(c.u64(), s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// shape gives the number of data blocks of a super block and their elements.
func (a *extArray) shape(s int) (blocks, elems uint64) {
	return 1 << (s / 2), a.minElems << ((s + 1) / 2)
}

// superBlock reads a super block ("EASB").
func (a *extArray) superBlock(addr uint64, s int) error {
	blocks, elems := a.shape(s)
	if addr == undef {
		a.n += blocks * elems
		return nil
	}
	src := a.b.d.f.src
	if blocks > src.span()/8 {
		return corrupt(addr, "chunk index super block of %d blocks does not fit in the file", blocks)
	}
	bitmap := uint64(0)
	if elems > a.page {
		bitmap = blocks * ((elems/a.page + 7) / 8)
	}
	head := 14 + a.offBytes
	x, err := src.signed(addr, head+bitmap+8*blocks+4, "EASB", "chunk index super block", true)
	if err != nil {
		return err
	}
	return a.dataBlocks(&cursor{b: x[head+bitmap : len(x)-4]}, s, x[head:head+bitmap])
}

// dataBlocks reads the data blocks ("EADB") of super block s. The map of the
// pages that hold anything counts through all of them.
func (a *extArray) dataBlocks(addrs *cursor, s int, pageMap []byte) error {
	blocks, elems := a.shape(s)
	head := 14 + a.offBytes
	for i := uint64(0); i < blocks && a.n < a.end; i++ {
		addr := addrs.u64()
		if addrs.bad {
			return corrupt(a.home, "chunk index has too few data blocks")
		}
		next := a.n + elems
		var err error
		switch {
		case addr == undef:
		case elems <= a.page:
			err = a.block(addr, head, elems, "EADB", "chunk index block")
		default:
			if _, err = a.b.d.f.src.signed(addr, head+4, "EADB", "chunk index block", true); err == nil {
				first := i * (elems / a.page)
				present := func(p uint64) bool { return pageMap == nil || bit(pageMap, first+p) }
				err = a.pages(addr+head+4, elems, present, "chunk index page")
			}
		}
		if err != nil {
			return err
		}
		a.n = next
	}
	return nil
}
