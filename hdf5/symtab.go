package hdf5

import (
	"bytes"
)

// symtab walks the symbol table of an old group: a version 1 B-tree of nodes
// ("SNOD") whose names lie in a local heap.
type symtab struct {
	f      *File
	names  []byte
	budget int64 // bytes of nodes still allowed
	links  []Link
}

// symbolTable appends the links of a symbol table message to l.
func (f *File) symbolTable(m *message, l []Link) ([]Link, error) {
	if len(m.body) < 16 {
		return nil, corrupt(m.addr, "symbol table message of %d bytes", len(m.body))
	}
	tree, heap := le.Uint64(m.body), le.Uint64(m.body[8:])
	b, err := f.src.signed(heap, 32, "HEAP", "local heap", false)
	if err != nil {
		return nil, err
	}
	s := &symtab{f: f, links: l, budget: int64(f.src.span())}
	if s.names, err = f.src.meta(le.Uint64(b[24:]), le.Uint64(b[8:]), "local heap"); err != nil {
		return nil, err
	}
	if err := s.node(tree, 256); err != nil {
		return nil, err
	}
	return s.links, nil
}

// name reads a NUL-ended string of the local heap.
func (s *symtab) name(at, off uint64) (string, error) {
	if off >= uint64(len(s.names)) {
		return "", corrupt(at, "name at %d of a local heap of %d bytes", off, len(s.names))
	}
	b := s.names[off:]
	n := bytes.IndexByte(b, 0)
	if n < 0 {
		return "", corrupt(at, "name at %d of the local heap has no end", off)
	}
	return string(b[:n]), nil
}

// node visits a B-tree node; levels must fall from parent to child.
func (s *symtab) node(addr uint64, parent int) error {
	level, kids, err := s.f.tree1(addr, 0, parent, 8)
	if err == nil {
		err = spend(&s.budget, 24+len(kids), addr)
	}
	if err != nil {
		return err
	}
	for i := 0; i+16 <= len(kids); i += 16 {
		child := le.Uint64(kids[i+8:])
		if level > 0 {
			err = s.node(child, level)
		} else {
			err = s.leaf(child)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// spend takes the bytes of a node from the budget of a tree. Nodes do not
// overlap in a sound file, so that all of them are smaller than the file; a
// tree that points in a circle is not.
func spend(budget *int64, n int, addr uint64) error {
	if *budget -= int64(n); *budget < 0 {
		return corrupt(addr, "B-tree has more nodes than fit in the file: it points in a circle")
	}
	return nil
}

// tree1 reads a version 1 B-tree node: its level, which must be below the
// parent's, and its entries of a key of keySize bytes and an 8 byte address.
func (f *File) tree1(addr uint64, kind, parent, keySize int) (level int, entries []byte, err error) {
	h, err := f.src.signed(addr, 24, "TREE", "B-tree node", false)
	if err != nil {
		return 0, nil, err
	}
	level = int(h[5])
	if int(h[4]) != kind {
		return 0, nil, corrupt(addr, "B-tree node of kind %d, want %d", h[4], kind)
	}
	if level >= parent {
		return 0, nil, corrupt(addr, "B-tree node of level %d below one of level %d", level, parent)
	}
	n := uint64(le.Uint16(h[6:])) * uint64(keySize+8)
	entries, err = f.src.meta(addr+24, n, "B-tree node")
	return level, entries, err
}

// leaf reads a symbol table node.
func (s *symtab) leaf(addr uint64) error {
	h, err := s.f.src.signed(addr, 8, "SNOD", "symbol table node", false)
	if err != nil {
		return err
	}
	n := uint64(le.Uint16(h[6:]))
	b, err := s.f.src.meta(addr+8, 40*n, "symbol table node")
	if err == nil {
		err = spend(&s.budget, 8+len(b), addr)
	}
	if err != nil {
		return err
	}
	for ; len(b) >= 40; b = b[40:] {
		l := Link{Addr: le.Uint64(b[8:])}
		if l.Name, err = s.name(addr, le.Uint64(b)); err != nil {
			return err
		}
		if l.Name == "" {
			return corrupt(addr, "a link has no name")
		}
		if le.Uint32(b[16:]) == 2 { // the scratch pad holds a soft link
			l.Kind, l.Addr = Soft, undef
			if l.Target, err = s.name(addr, uint64(le.Uint32(b[24:]))); err != nil {
				return err
			}
		}
		s.links = append(s.links, l)
	}
	return nil
}
