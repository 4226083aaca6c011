package hdf5

// symTable is the place of a symbol table: a local heap with the names, nodes
// of entries sorted by name, and a version 1 B-tree over the nodes. Every
// reader of HDF5 knows it and finds a name in logarithmic time.
type symTable struct {
	heap, tree int64
	names      []uint64 // offsets in the heap, by sorted name
	softs      []uint64 // offsets of the targets of soft links
	heapData   []byte
	nodes      int64 // address of the first node of entries
	leaves     int
	levels     []tableLevel // of the tree, lowest first
}

type tableLevel struct {
	at    int64
	count int
}

const (
	localHeapHeader = 32
	tableEntryLen   = 40
)

// pad8 appends zeros up to the next multiple of 8.
func pad8(b []byte) []byte { return append(b, make([]byte, -len(b)&7)...) }

// planTable gives every part of the table its place.
func planTable(g *GroupWriter) symTable {
	t := symTable{heapData: make([]byte, 8)} // the empty name, at offset 0
	for _, n := range g.sorted {
		t.names = append(t.names, uint64(len(t.heapData)))
		t.heapData = pad8(append(append(t.heapData, n...), 0))
		soft := uint64(0)
		if s := g.kids[n].soft; s != "" {
			soft = uint64(len(t.heapData))
			t.heapData = pad8(append(append(t.heapData, s...), 0))
		}
		t.softs = append(t.softs, soft)
	}
	k := g.w.trees
	t.heap = g.w.space.alloc(int64(localHeapHeader + len(t.heapData)))
	t.leaves = (len(g.sorted) + 2*k.leafK - 1) / (2 * k.leafK)
	t.nodes = g.w.space.alloc(int64(t.leaves * tableNodeLen(k)))
	for n := t.leaves; ; {
		n = (n + 2*k.groupK - 1) / (2 * k.groupK)
		t.levels = append(t.levels, tableLevel{at: g.w.space.alloc(int64(n * groupTreeLen(k))), count: n})
		if n == 1 {
			break
		}
	}
	t.tree = t.levels[len(t.levels)-1].at
	return t
}

func tableNodeLen(k treeShape) int { return 8 + 2*k.leafK*tableEntryLen }
func groupTreeLen(k treeShape) int { return 24 + 2*k.groupK*16 + 8 }

// write stores the planned table.
func (t *symTable) write(g *GroupWriter) error {
	u64 := le.AppendUint64
	h := append([]byte("HEAP"), 0, 0, 0, 0)
	h = u64(h, uint64(len(t.heapData)))
	h = u64(h, 1) // no free blocks
	h = u64(h, uint64(t.heap)+localHeapHeader)
	if err := g.w.space.write(t.heap, append(h, t.heapData...)); err != nil {
		return err
	}
	k := g.w.trees
	for i := range t.leaves {
		if err := g.w.space.write(t.nodes+int64(i*tableNodeLen(k)), t.leaf(g, i)); err != nil {
			return err
		}
	}
	// last(i) is the heap offset of the largest name in child i of a level.
	per := 2 * k.leafK
	below, belowLen, count := t.nodes, tableNodeLen(k), t.leaves
	for level, l := range t.levels {
		last := func(i int) uint64 { return t.names[min((i+1)*per, len(t.names))-1] }
		for i := range l.count {
			b := treeNode(level, i, l, groupTreeLen(k), min(2*k.groupK, count-i*2*k.groupK))
			first := i * 2 * k.groupK
			key := uint64(0)
			if first > 0 {
				key = last(first - 1)
			}
			b = u64(b, key)
			for c := first; c < min(first+2*k.groupK, count); c++ {
				b = u64(u64(b, uint64(below)+uint64(c*belowLen)), last(c))
			}
			if err := g.w.space.write(l.at+int64(i*groupTreeLen(k)), padTo(b, groupTreeLen(k))); err != nil {
				return err
			}
		}
		per *= 2 * k.groupK
		below, belowLen, count = l.at, groupTreeLen(k), l.count
	}
	return nil
}

// leaf gives node i of entries.
func (t *symTable) leaf(g *GroupWriter, i int) []byte {
	k := g.w.trees
	lo := i * 2 * k.leafK
	hi := min(lo+2*k.leafK, len(g.sorted))
	b := append([]byte("SNOD"), 1, 0)
	b = le.AppendUint16(b, uint16(hi-lo))
	for j := lo; j < hi; j++ {
		c := g.kids[g.sorted[j]]
		b = le.AppendUint64(b, t.names[j])
		var scratch [16]byte
		addr, cache := uint64(c.address()), uint32(0)
		if c.soft != "" {
			addr, cache = undef, 2
			le.PutUint32(scratch[:], uint32(t.softs[j]))
		}
		b = le.AppendUint64(b, addr)
		b = le.AppendUint32(b, cache)
		b = append(b, 0, 0, 0, 0)
		b = append(b, scratch[:]...)
	}
	return padTo(b, tableNodeLen(k))
}

// treeNode begins node i of a group tree's level, up to the first key.
func treeNode(level, i int, l tableLevel, nodeLen, entries int) []byte {
	left, right := undef, undef
	if i > 0 {
		left = uint64(l.at) + uint64((i-1)*nodeLen)
	}
	if i < l.count-1 {
		right = uint64(l.at) + uint64((i+1)*nodeLen)
	}
	b := append(make([]byte, 0, nodeLen), "TREE\x00"...)
	b = append(b, byte(level))
	b = le.AppendUint16(b, uint16(entries))
	b = le.AppendUint64(b, left)
	return le.AppendUint64(b, right)
}

// padTo lengthens b to n bytes with zeros.
func padTo(b []byte, n int) []byte { return append(b, make([]byte, n-len(b))...) }
