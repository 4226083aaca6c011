package hdf5

import (
	"sort"

	"github.com/gpusc/gpusc/internal/errs"
)

// Dense attribute storage. A header message holds at most 64 KiB, which is a
// list of 4,095 strings: too little for the column order of a wide table. Where
// an object has a longer attribute, or very many, all its attributes go to a
// fractal heap, each as a "huge" object of it, that is, at an address of its
// own, which spares the heap's blocks. One version 2 B-tree finds a huge object
// by its number, a second one an attribute by the hash of its name. Both have
// one leaf, made as large as it must be. HDF5 reads this since 1.8.0.

const (
	attrInfoLen     = 18
	maxCompactAttrs = 512
	maxCompactBytes = 1 << 20
	maxDenseAttrs   = 1<<16 - 1 // of one leaf
	hugeRecord      = 24
	nameRecord      = 17
	btree2Header    = 38
	btree2Extra     = 10 // of a leaf: signature, version, type, checksum
	btree2MinNode   = 512
	heapIDLen       = 8
)

func (o *outObject) attrsAreDense() bool {
	total := 0
	for _, a := range o.attrs {
		n := a.size()
		if n > maxMessage {
			return true
		}
		total += n
	}
	return len(o.attrs) > maxCompactAttrs || total > maxCompactBytes
}

// denseLayout holds the offsets of the parts within the storage of n attributes.
type denseLayout struct {
	heap, hugeTree, hugeLeaf, nameTree, nameLeaf int
	hugeNode, nameNode                           int
	objects                                      int // where the first huge object begins
}

func denseParts(n int) denseLayout {
	round := func(x int) int { return (x + 7) &^ 7 }
	node := func(record int) int { return max(btree2MinNode, round(btree2Extra+n*record)) }
	d := denseLayout{hugeNode: node(hugeRecord), nameNode: node(nameRecord)}
	d.hugeTree = round(fractalHeapLen)
	d.hugeLeaf = d.hugeTree + round(btree2Header)
	d.nameTree = d.hugeLeaf + d.hugeNode
	d.nameLeaf = d.nameTree + round(btree2Header)
	d.objects = d.nameLeaf + d.nameNode
	return d
}

func (o *outObject) denseSize() (int, error) {
	if len(o.attrs) > maxDenseAttrs {
		return 0, o.fault(errs.Limit, "%d attributes are more than can be written to one object", len(o.attrs))
	}
	n := denseParts(len(o.attrs)).objects
	for _, a := range o.attrs {
		n += (a.size() + 7) &^ 7
	}
	return n, nil
}

// attrInfo writes dense storage, if there is any, and gives the body of the
// message that leads to it.
func (o *outObject) attrInfo() ([]byte, error) {
	heap, names := undef, undef
	if o.dense != 0 {
		b, err := o.denseStorage()
		if err != nil {
			return nil, err
		}
		if err := o.w.space.write(o.dense, b); err != nil {
			return nil, err
		}
		heap = uint64(o.dense)
		names = heap + uint64(denseParts(len(o.attrs)).nameTree)
	}
	b := le.AppendUint64([]byte{0, 0}, heap)
	return le.AppendUint64(b, names), nil
}

func (o *outObject) denseStorage() ([]byte, error) {
	size, err := o.denseSize()
	if err != nil {
		return nil, err
	}
	n := len(o.attrs)
	parts := denseParts(n)
	out := make([]byte, parts.objects, size)
	base := uint64(o.dense)
	var huge []byte
	var total uint64
	order := make([]int, n)
	for i, a := range o.attrs {
		order[i] = i
		b, err := a.encode(o.w)
		if err != nil {
			return nil, err
		}
		huge = le.AppendUint64(huge, base+uint64(len(out)))
		huge = le.AppendUint64(huge, uint64(len(b)))
		huge = le.AppendUint64(huge, uint64(i+1))
		total += uint64(len(b))
		out = append(out, b...)
		out = append(out, make([]byte, -len(b)&7)...)
	}
	sort.Slice(order, func(i, j int) bool {
		a, b := o.attrs[order[i]].name, o.attrs[order[j]].name
		if x, y := lookup3([]byte(a)), lookup3([]byte(b)); x != y {
			return x < y
		}
		return a < b
	})
	var names []byte
	for _, i := range order {
		names = append(names, 0x10) // a huge object, found by number
		names = append(names, le.AppendUint64(nil, uint64(i+1))[:heapIDLen-1]...)
		names = append(names, 0)
		names = le.AppendUint32(names, uint32(i))
		names = le.AppendUint32(names, lookup3([]byte(o.attrs[i].name)))
	}
	copy(out[parts.heap:], heapHead(n, total, base+uint64(parts.hugeTree)))
	copy(out[parts.hugeTree:], denseTree(1, hugeRecord, parts.hugeNode, n, base+uint64(parts.hugeLeaf)))
	copy(out[parts.hugeLeaf:], denseLeaf(1, huge))
	copy(out[parts.nameTree:], denseTree(8, nameRecord, parts.nameNode, n, base+uint64(parts.nameLeaf)))
	copy(out[parts.nameLeaf:], denseLeaf(8, names))
	return out, nil
}

const fractalHeapLen = 146

// heapHead gives the header of a heap that holds n huge objects and no others.
func heapHead(n int, total, hugeTree uint64) []byte {
	u64 := le.AppendUint64
	u32 := le.AppendUint32
	u16 := le.AppendUint16
	b := append(make([]byte, 0, fractalHeapLen), "FRHP\x00"...)
	b = u16(b, heapIDLen)
	b = u16(b, 0)         // no filters
	b = append(b, 2)      // blocks are checksummed
	b = u32(b, 4096)      // largest managed object
	b = u64(b, uint64(n)) // number of the last huge object
	b = u64(b, hugeTree)  //
	b = u64(b, 0)         // free space in managed blocks
	b = u64(b, undef)     // its manager
	b = u64(b, 0)         // managed space
	b = u64(b, 0)         // of it allocated
	b = u64(b, 0)         // where the next block goes
	b = u64(b, 0)         // managed objects
	b = u64(b, total)     // bytes of huge objects
	b = u64(b, uint64(n)) // huge objects
	b = u64(b, 0)         // bytes of tiny objects
	b = u64(b, 0)         // tiny objects
	b = u16(b, 4)         // blocks in a row
	b = u64(b, 1024)      // first block
	b = u64(b, 64<<10)    // largest direct block
	b = u16(b, 40)        // bits of a heap offset
	b = u16(b, 1)         // rows of the first root
	b = u64(b, undef)     // the root
	b = u16(b, 0)         // its rows
	return u32(b, lookup3(b))
}

// denseTree gives the header of a version 2 B-tree with a single leaf.
func denseTree(kind byte, record, nodeSize, n int, leaf uint64) []byte {
	b := append([]byte("BTHD\x00"), kind)
	b = le.AppendUint32(b, uint32(nodeSize))
	b = le.AppendUint16(b, uint16(record))
	b = le.AppendUint16(b, 0) // depth
	b = append(b, 100, 40)    // when to split and merge, in percent
	b = le.AppendUint64(b, leaf)
	b = le.AppendUint16(b, uint16(n))
	b = le.AppendUint64(b, uint64(n))
	return le.AppendUint32(b, lookup3(b))
}

func denseLeaf(kind byte, records []byte) []byte {
	b := append(append([]byte("BTLF\x00"), kind), records...)
	return le.AppendUint32(b, lookup3(b))
}
