package hdf5

// tree2 walks a version 2 B-tree ("BTHD").
type tree2 struct {
	f        *File
	kind     int
	nodeSize uint64
	recSize  int
	nrecSize int   // bytes of a child's record count
	cumSize  []int // bytes of a child's total count, by the child's depth
	budget   int64 // bytes of nodes still allowed
	visit    func(kind int, rec []byte) error
}

// btree2 calls visit with every record of a version 2 B-tree, in order. The
// record is only valid during the call.
func (f *File) btree2(addr uint64, visit func(kind int, rec []byte) error) error {
	b, err := f.src.signed(addr, 38, "BTHD", "B-tree", true)
	if err != nil {
		return err
	}
	c := &cursor{b: b, pos: 4}
	version := c.u8()
	t := &tree2{f: f, visit: visit, kind: c.u8()}
	t.nodeSize, t.recSize = uint64(c.u32()), c.u16()
	depth := c.u16()
	c.skip(2)
	root, nroot, total := c.u64(), c.u16(), c.u64()
	if version != 0 {
		return unsupported(addr, "B-tree version %d is not known", version)
	}
	if total == 0 {
		return nil
	}
	if t.recSize == 0 || depth > 16 || t.nodeSize < uint64(10+t.recSize) || t.nodeSize > maxMeta {
		return corrupt(addr, "B-tree: depth %d, nodes of %d and records of %d bytes", depth, t.nodeSize, t.recSize)
	}
	if total > f.src.span()/uint64(t.recSize) {
		return corrupt(addr, "B-tree of %d records does not fit in the file", total)
	}
	t.budget = int64(f.src.span())
	t.sizes(depth)
	return t.node(root, nroot, depth)
}

// sizes works out the widths of the counts beside child pointers, which the
// format derives from how many records a node can hold.
func (t *tree2) sizes(depth int) {
	leaf := (t.nodeSize - 10) / uint64(t.recSize)
	t.nrecSize = encSize(leaf)
	cum := leaf
	t.cumSize = []int{0}
	for d := 1; d <= depth; d++ {
		ptr := uint64(8 + t.nrecSize + t.cumSize[d-1])
		n := uint64(0)
		if t.nodeSize > 10+ptr {
			n = (t.nodeSize - 10 - ptr) / (uint64(t.recSize) + ptr)
		}
		if cum > 1<<56/(n+1) { // more than any file holds; the width is at its most
			cum = 1 << 63
		} else {
			cum = (n+1)*cum + n
		}
		t.cumSize = append(t.cumSize, encSize(cum))
	}
}

// node visits a node of n records; depth 0 is a leaf.
func (t *tree2) node(addr uint64, n, depth int) error {
	sig, ptr := "BTLF", 0
	if depth > 0 {
		sig = "BTIN"
		ptr = 8 + t.nrecSize + t.cumSize[depth-1]
	}
	size := 6 + n*t.recSize + 4
	if depth > 0 {
		size += (n + 1) * ptr
	}
	if uint64(size) > t.nodeSize {
		return corrupt(addr, "B-tree node of %d records is larger than %d bytes", n, t.nodeSize)
	}
	if err := spend(&t.budget, size, addr); err != nil {
		return err
	}
	b, err := t.f.src.signed(addr, uint64(size), sig, "B-tree node", true)
	if err != nil {
		return err
	}
	if int(b[5]) != t.kind {
		return corrupt(addr, "B-tree node of kind %d in a tree of kind %d", b[5], t.kind)
	}
	recs, kids := b[6:6+n*t.recSize], b[6+n*t.recSize:]
	for i := 0; i <= n; i++ {
		if depth > 0 {
			k := kids[i*ptr:]
			if err := t.node(le.Uint64(k), int(leUint(k[8:8+t.nrecSize])), depth-1); err != nil {
				return err
			}
		}
		if i < n {
			if err := t.visit(t.kind, recs[i*t.recSize:(i+1)*t.recSize]); err != nil {
				return err
			}
		}
	}
	return nil
}
