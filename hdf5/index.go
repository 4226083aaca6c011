package hdf5

import (
	"fmt"
	"math"
	"sort"

	"github.com/gpusc/gpusc/internal/errs"
)

// chunkIndex is where the stored chunks of a dataset are, sorted by their
// place in the grid of chunks (row-major). It takes 8 to 24 bytes per chunk:
// what can be derived is not kept.
type chunkIndex struct {
	addr  []uint64
	size  []uint32 // stored bytes, nil: all are whole
	mask  []uint32 // filters skipped, nil: none
	lin   []uint64 // place in the grid, nil: chunk i is at place i
	whole uint64   // bytes of an unfiltered chunk
	grid  []int64  // chunks along each axis
	cells uint64   // product of grid
}

func (x *chunkIndex) stored(i int) uint64 {
	if x.size == nil {
		return x.whole
	}
	return uint64(x.size[i])
}

func (x *chunkIndex) skipped(i int) uint32 {
	if x.mask == nil {
		return 0
	}
	return x.mask[i]
}

func (x *chunkIndex) place(i int) uint64 {
	if x.lin == nil {
		return uint64(i)
	}
	return x.lin[i]
}

// at gives the chunk at a place of the grid, -1 if it is not stored.
func (x *chunkIndex) at(place uint64) int {
	if x.lin == nil {
		if place < uint64(len(x.addr)) {
			return int(place)
		}
		return -1
	}
	i := sort.Search(len(x.lin), func(i int) bool { return x.lin[i] >= place })
	if i < len(x.lin) && x.lin[i] == place {
		return i
	}
	return -1
}

// sort.Interface, for indexes whose order is not that of the grid.
func (x *chunkIndex) Len() int           { return len(x.addr) }
func (x *chunkIndex) Less(i, j int) bool { return x.lin[i] < x.lin[j] }
func (x *chunkIndex) Swap(i, j int) {
	x.addr[i], x.addr[j] = x.addr[j], x.addr[i]
	x.lin[i], x.lin[j] = x.lin[j], x.lin[i]
	if x.size != nil {
		x.size[i], x.size[j] = x.size[j], x.size[i]
	}
	if x.mask != nil {
		x.mask[i], x.mask[j] = x.mask[j], x.mask[i]
	}
}

// load reads the chunk index once.
func (d *Dataset) load() (*chunkIndex, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.index != nil {
		return d.index, nil
	}
	b := &indexBuilder{d: d, ix: &chunkIndex{whole: uint64(d.chunkBytes), cells: 1}}
	err := b.build()
	if err != nil {
		return nil, d.fail(err)
	}
	d.index = b.ix
	return d.index, nil
}

// indexBuilder collects chunks from whichever index the dataset has.
type indexBuilder struct {
	d        *Dataset
	ix       *chunkIndex
	most     []uint64 // chunks along each axis at the dataset's largest extent
	unsorted bool
	budget   int64 // bytes of nodes still allowed
	total    uint64
}

func (b *indexBuilder) build() error {
	d := b.d
	if d.at.class != Chunked || d.space.null {
		b.ix.cells = 0
		return nil
	}
	for i, c := range d.at.chunk {
		n := d.space.dims[i] / c
		if d.space.dims[i]%c != 0 {
			n++
		}
		b.ix.grid = append(b.ix.grid, n)
		m := uint64(math.MaxInt64)
		if d.space.maxDims[i] >= 0 {
			m = (uint64(d.space.maxDims[i]) + uint64(c) - 1) / uint64(c)
		}
		b.most = append(b.most, m)
		b.ix.cells *= uint64(n) // at most the number of elements, which fits
	}
	if d.at.addr == undef || b.ix.cells == 0 {
		return nil
	}
	b.budget = int64(d.f.src.span())
	if err := b.read(); err != nil {
		return err
	}
	return b.finish()
}

func (b *indexBuilder) read() error {
	d := b.d
	switch d.at.index {
	case indexTree1:
		return b.tree1(d.at.addr, 256)
	case indexSingle:
		size, mask := b.ix.whole, uint32(0)
		if d.at.single {
			size, mask = d.at.singleSize, d.at.singleMask
		}
		return b.add(make([]uint64, len(b.most)), d.at.addr, size, mask)
	case indexImplicit:
		return b.implicit()
	case indexFixed:
		return b.fixedArray()
	case indexExtensible:
		return b.extensibleArray()
	}
	return b.tree2()
}

// add takes one chunk, by its place counted in chunks along each axis. Chunks
// outside the dataset's extent are left by a writer that shrank it.
func (b *indexBuilder) add(place []uint64, addr, size uint64, mask uint32) error {
	if addr == undef {
		return nil
	}
	x := b.ix
	var lin uint64
	for i, p := range place {
		if p >= uint64(x.grid[i]) {
			return nil
		}
		lin = lin*uint64(x.grid[i]) + p
	}
	i := len(x.addr)
	if b.d.at.rawEdges && b.edge(place) {
		size, mask = x.whole, ^uint32(0)
	}
	if err := b.plausible(i, addr, size, mask); err != nil {
		return err
	}
	if int64(i)*24 > b.d.f.limits.MaxAlloc {
		return errs.New(errs.Limit, "the index of more than %d chunks takes more memory than the limit", i).
			Do("raise the limit or rechunk the file")
	}
	// Chunks do not share bytes in a sound file. The check bounds the work
	// that a small file can ask for.
	if b.total += size; b.total > b.d.f.src.span() {
		return corrupt(addr, "chunks overlap: %d of them take more bytes than the file has", i+1)
	}
	x.addr = append(x.addr, addr)
	if size != x.whole && x.size == nil {
		x.size = make([]uint32, i, i+1)
		for k := range x.size {
			x.size[k] = uint32(x.whole)
		}
	}
	if x.size != nil {
		x.size = append(x.size, uint32(size))
	}
	if mask != 0 && x.mask == nil {
		x.mask = make([]uint32, i, i+1)
	}
	if x.mask != nil {
		x.mask = append(x.mask, mask)
	}
	b.addPlace(i, lin)
	return nil
}

func (b *indexBuilder) addPlace(i int, lin uint64) {
	x := b.ix
	if lin != uint64(i) && x.lin == nil {
		x.lin = make([]uint64, i, i+1)
		for k := range x.lin {
			x.lin[k] = uint64(k)
		}
	}
	if x.lin == nil {
		return
	}
	if i > 0 && lin <= x.lin[i-1] {
		b.unsorted = true
	}
	x.lin = append(x.lin, lin)
}

// edge reports whether a chunk reaches beyond the dataset's extent.
func (b *indexBuilder) edge(place []uint64) bool {
	for i, p := range place {
		if int64(p+1)*b.d.at.chunk[i] > b.d.space.dims[i] {
			return true
		}
	}
	return false
}

// finish sorts the chunks and refuses two at one place.
func (b *indexBuilder) finish() error {
	x := b.ix
	if !b.unsorted {
		return nil
	}
	sort.Sort(x)
	dense := true
	for i := range x.lin {
		if i > 0 && x.lin[i] == x.lin[i-1] {
			return corrupt(x.addr[i], "two chunks for one place, %d", b.d.offset(x, i))
		}
		dense = dense && x.lin[i] == uint64(i)
	}
	if dense {
		x.lin = nil
	}
	return nil
}

// plausible checks a chunk's stored size: that it lies in the file, and that
// what it is decoded to can come from so few bytes. After this a caller may
// allocate ChunkBytes without fear.
func (b *indexBuilder) plausible(i int, addr, size uint64, mask uint32) error {
	d := b.d
	if err := d.f.src.check(addr, size, "chunk"); err != nil {
		return chunkError(i, err)
	}
	if size > math.MaxUint32 {
		return errs.At(errs.Limit, "", atHex(addr), "chunk %d of %d stored bytes", i, size)
	}
	want, bound := d.decodedBounds(size, mask)
	if want >= 0 && want != int64(size) {
		return corrupt(addr, "chunk %d has %d stored bytes, want %d", i, size, want)
	}
	if bound >= 0 && d.chunkBytes > bound {
		return corrupt(addr, "chunk %d of %d stored bytes cannot hold %d bytes", i, size, d.chunkBytes)
	}
	return nil
}

// chunkError numbers the chunk in a "chunk truncated" error.
func chunkError(i int, err error) error {
	if e, ok := err.(*errs.E); ok && len(e.Msg) > 6 && e.Msg[:6] == "chunk " {
		e.Msg = fmt.Sprintf("chunk %d%s", i, e.Msg[5:])
	}
	return err
}

// tree1 reads a version 1 B-tree of chunks.
func (b *indexBuilder) tree1(addr uint64, parent int) error {
	rank := len(b.most)
	keySize := 8 + 8*(rank+1)
	level, e, err := b.d.f.tree1(addr, 1, parent, keySize)
	if err == nil {
		err = spend(&b.budget, 24+len(e), addr)
	}
	if err != nil {
		return err
	}
	place := make([]uint64, rank)
	for ; len(e) >= keySize+8; e = e[keySize+8:] {
		child := le.Uint64(e[keySize:])
		if level > 0 {
			if err := b.tree1(child, level); err != nil {
				return err
			}
			continue
		}
		for i := range place {
			off, c := le.Uint64(e[8+8*i:]), uint64(b.d.at.chunk[i])
			if off%c != 0 {
				return corrupt(addr, "a chunk at %d along axis %d, which is no multiple of %d", off, i, c)
			}
			place[i] = off / c
		}
		if err := b.add(place, child, uint64(le.Uint32(e)), le.Uint32(e[4:])); err != nil {
			return err
		}
	}
	return nil
}

// tree2 reads a version 2 B-tree of chunks: records of kind 10 (unfiltered)
// or 11 (filtered).
func (b *indexBuilder) tree2() error {
	rank := len(b.most)
	place := make([]uint64, rank)
	addr := b.d.at.addr
	return b.d.f.btree2(addr, func(kind int, rec []byte) error {
		c := &cursor{b: rec}
		at, size, mask := c.u64(), b.ix.whole, uint32(0)
		switch kind {
		case 10:
		case 11:
			size, mask = c.uint(len(rec)-12-8*rank), c.u32()
		default:
			return corrupt(addr, "B-tree of chunks has records of kind %d", kind)
		}
		for i := range place {
			place[i] = c.u64()
		}
		if c.bad || c.left() != 0 {
			return corrupt(addr, "B-tree of chunks has records of %d bytes", len(rec))
		}
		return b.add(place, at, size, mask)
	})
}

// implicit makes the index of chunks that lie one after the other.
func (b *indexBuilder) implicit() error {
	p := newPlacer(b.most, -1)
	for i := uint64(0); i < p.total; i++ {
		if i > b.d.f.src.span()/b.ix.whole {
			return corrupt(b.d.at.addr, "chunks truncated (%d of %d bytes do not fit in the file)", p.total, b.ix.whole)
		}
		if err := b.add(p.place(i), b.d.at.addr+i*b.ix.whole, b.ix.whole, 0); err != nil {
			return err
		}
	}
	return nil
}
