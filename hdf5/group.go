package hdf5

import (
	"errors"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/gpusc/gpusc/internal/errs"
)

// Object is a *Group, a *Dataset or a *NamedType.
type Object interface {
	// Path is the path that the object was opened by, without a leading
	// slash; "/" for the root.
	Path() string
	// Addr is the address of the object's header: two objects of a file are
	// the same if their addresses are.
	Addr() uint64
	// Attr gives an attribute; ok is false if there is none of the name.
	Attr(name string) (a *Attr, ok bool, err error)
	// Attrs gives all attributes, sorted by name.
	Attrs() ([]*Attr, error)
}

// object is what groups, datasets and named datatypes have in common.
type object struct {
	f    *File
	path string
	h    *header
}

func (o *object) Path() string { return o.path }
func (o *object) Addr() uint64 { return o.h.addr }

// fail completes an error with the object's path.
func (o *object) fail(err error) error { return o.f.locate(o.path, err) }

// Group is an open group. It is safe for concurrent use.
type Group struct{ object }

// NamedType is a datatype that is stored as an object of its own.
type NamedType struct {
	object
	Type *Datatype
}

// LinkKind says what a link points to.
type LinkKind uint8

// The kinds of link.
const (
	Hard LinkKind = iota
	Soft
	External
	UserDefined
)

// Link is one name in a group.
type Link struct {
	Name   string
	Kind   LinkKind
	Target string // Soft: a path; External: FILE:PATH
	Addr   uint64 // Hard: the object's header
}

// maxSoft bounds the soft links followed for one lookup.
const maxSoft = 32

// open opens the object whose header is at addr.
func (f *File) open(addr uint64, path string) (Object, error) {
	o, err := f.openHeader(addr, path)
	return o, f.locate(path, err)
}

func (f *File) openHeader(addr uint64, path string) (Object, error) {
	h, err := f.header(addr)
	if err != nil {
		return nil, err
	}
	o := object{f, path, h}
	switch {
	case h.find(msgLayout) != nil:
		return newDataset(o)
	case h.find(msgSymbolTable) != nil, h.find(msgLinkInfo) != nil, h.find(msgGroupInfo) != nil, h.find(msgLink) != nil:
		return &Group{o}, nil
	case h.find(msgDatatype) != nil:
		t, err := f.datatypeOf(h)
		if err != nil {
			return nil, err
		}
		return &NamedType{o, t}, nil
	}
	return nil, corrupt(addr, "the object is neither a group nor a dataset nor a datatype")
}

// datatypeOf reads the datatype message of a header.
func (f *File) datatypeOf(h *header) (*Datatype, error) {
	m := h.find(msgDatatype)
	if m == nil {
		return nil, corrupt(h.addr, "the object has no datatype")
	}
	b, err := f.body(m)
	if err != nil {
		return nil, err
	}
	t, err := decodeDatatype(b)
	return t, atAddr(err, m.addr)
}

// atAddr puts an address on an error that has no place yet.
func atAddr(err error, addr uint64) error {
	var e *errs.E
	if errors.As(err, &e) && e.Place == "" {
		e.Place = atHex(addr)
	}
	return err
}

// Links lists the group's links, sorted by name.
func (g *Group) Links() ([]Link, error) {
	l, err := g.sorted()
	return slices.Clone(l), err
}

// sorted gives the links by name, from the cache if the group was listed
// before. The slice is shared.
func (g *Group) sorted() ([]Link, error) {
	if l, ok := g.f.cache.get(g.h.addr); ok {
		return l, nil
	}
	l, err := g.links()
	if err != nil {
		return nil, g.fail(err)
	}
	slices.SortFunc(l, func(a, b Link) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(l); i++ {
		if l[i].Name == l[i-1].Name {
			return nil, g.fail(corrupt(g.h.addr, "two links are named %q", l[i].Name))
		}
	}
	g.f.cache.put(g.h.addr, l)
	return l, nil
}

// maxCached bounds the links that a File keeps.
const maxCached = 1 << 16

// linkCache keeps the sorted links of groups by their address, so that looking
// up every child of a group reads the group once. It is emptied when full.
type linkCache struct {
	mu    sync.Mutex
	links map[uint64][]Link
	n     int
}

func (c *linkCache) get(addr uint64) ([]Link, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l, ok := c.links[addr]
	return l, ok
}

func (c *linkCache) put(addr uint64, l []Link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cost := len(l) + 1
	if c.links == nil || c.n+cost > maxCached {
		c.links, c.n = map[uint64][]Link{}, 0
	}
	if cost <= maxCached {
		c.links[addr] = l
		c.n += cost
	}
}

func (g *Group) links() (l []Link, err error) {
	for i := range g.h.msgs {
		m := &g.h.msgs[i]
		switch m.kind {
		case msgLink:
			var one Link
			if one, err = decodeLink(m.body); err == nil {
				l = append(l, one)
			}
			err = atAddr(err, m.addr)
		case msgSymbolTable:
			l, err = g.f.symbolTable(m, l)
		case msgLinkInfo:
			l, err = g.f.denseLinks(m, l)
		}
		if err != nil {
			return nil, err
		}
	}
	return l, nil
}

// denseLinks reads the links of a group that keeps them in a fractal heap.
func (f *File) denseLinks(m *message, l []Link) ([]Link, error) {
	c := &cursor{b: m.body}
	version, flags := c.u8(), c.u8()
	if flags&1 != 0 {
		c.u64()
	}
	heap, tree := c.u64(), c.u64()
	if c.bad || version != 0 {
		return nil, corrupt(m.addr, "link info message of version %d, %d bytes", version, len(m.body))
	}
	if heap == undef {
		return l, nil
	}
	h, err := f.fractalHeap(heap)
	if err != nil {
		return nil, err
	}
	err = f.btree2(tree, func(kind int, rec []byte) error {
		if kind != 5 || len(rec) < 4+h.idLen {
			return corrupt(tree, "B-tree of links has records of kind %d", kind)
		}
		b, err := h.object(rec[4:])
		if err != nil {
			return err
		}
		one, err := decodeLink(b)
		if err != nil {
			return atAddr(err, heap)
		}
		l = append(l, one)
		return nil
	})
	return l, err
}

// decodeLink reads a link message.
func decodeLink(b []byte) (Link, error) {
	c := &cursor{b: b}
	version, flags := c.u8(), c.u8()
	kind := 0
	if flags&8 != 0 {
		kind = c.u8()
	}
	if flags&4 != 0 {
		c.u64()
	}
	if flags&16 != 0 {
		c.u8()
	}
	n := c.uint(1 << (flags & 3))
	l := Link{Name: string(c.bytes(int(min(n, 1<<32)))), Addr: undef}
	switch kind {
	case 0:
		l.Addr = c.u64()
	case 1:
		l.Kind, l.Target = Soft, string(c.bytes(c.u16()))
	case 64:
		l.Kind = External
		c2 := &cursor{b: c.bytes(c.u16())}
		c2.u8()
		parts := strings.Split(strings.TrimRight(string(c2.bytes(c2.left())), "\x00"), "\x00")
		l.Target = strings.Join(parts, ":")
	default:
		l.Kind = UserDefined
	}
	if c.bad || version != 1 || l.Name == "" {
		return l, errs.New(errs.Corrupt, "link message of version %d, %d bytes", version, len(b))
	}
	return l, nil
}

// Has reports whether the group has a link of the name, whatever it points to.
func (g *Group) Has(name string) (bool, error) {
	_, ok, err := g.link(name)
	return ok, err
}

func (g *Group) link(name string) (Link, bool, error) {
	l, err := g.sorted()
	if err != nil {
		return Link{}, false, err
	}
	i := sort.Search(len(l), func(i int) bool { return l[i].Name >= name })
	if i < len(l) && l[i].Name == name {
		return l[i], true, nil
	}
	return Link{}, false, nil
}

// Lookup finds an object by a path from the group, or from the root if the
// path starts with a slash. Soft links are followed within the file; external
// links are refused. A name that is not there gives an errs.Data error.
func (g *Group) Lookup(path string) (Object, error) {
	left := maxSoft
	return g.lookup(path, &left)
}

func (g *Group) lookup(path string, left *int) (Object, error) {
	var at Object = g
	if strings.HasPrefix(path, "/") {
		at = g.f.root
	}
	for name := range strings.SplitSeq(path, "/") {
		if name == "" || name == "." {
			continue
		}
		in, ok := at.(*Group)
		if !ok {
			return nil, g.f.locate(at.Path(), errs.New(errs.Data, "is not a group, so it has no %q", name))
		}
		next, err := in.child(name, left)
		if err != nil {
			return nil, err
		}
		at = next
	}
	return at, nil
}

// child opens what one link of the group points to.
func (g *Group) child(name string, left *int) (Object, error) {
	l, ok, err := g.link(name)
	if err != nil {
		return nil, err
	}
	path := g.join(name)
	if !ok {
		return nil, errs.At(errs.Data, g.f.name, path, "there is no such object")
	}
	return g.follow(l, path, left)
}

func (g *Group) join(name string) string {
	if g.path == "/" {
		return name
	}
	return g.path + "/" + name
}

// follow opens the target of a link.
func (g *Group) follow(l Link, path string, left *int) (Object, error) {
	switch l.Kind {
	case Hard:
		return g.f.open(l.Addr, path)
	case Soft:
		if *left--; *left < 0 {
			return nil, errs.At(errs.Corrupt, g.f.name, path, "more than %d soft links in a row: they point in a circle", maxSoft)
		}
		o, err := g.lookup(l.Target, left)
		if err != nil && errors.Is(err, errs.Data) {
			return nil, errs.At(errs.Data, g.f.name, path, "is a soft link to %s, which does not exist", l.Target)
		}
		return o, err
	case External:
		return nil, errs.At(errs.Unsupported, g.f.name, path, "is an external link to %s", l.Target).
			Do("open that file itself")
	}
	return nil, errs.At(errs.Unsupported, g.f.name, path, "is a user-defined link")
}

// Group opens a group by path.
func (g *Group) Group(path string) (*Group, error) {
	o, err := g.Lookup(path)
	if err != nil {
		return nil, err
	}
	if sub, ok := o.(*Group); ok {
		return sub, nil
	}
	return nil, errs.At(errs.Data, g.f.name, o.Path(), "is not a group")
}

// Dataset opens a dataset by path.
func (g *Group) Dataset(path string) (*Dataset, error) {
	o, err := g.Lookup(path)
	if err != nil {
		return nil, err
	}
	if d, ok := o.(*Dataset); ok {
		return d, nil
	}
	return nil, errs.At(errs.Data, g.f.name, o.Path(), "is not a dataset")
}
