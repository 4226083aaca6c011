package hdf5

import (
	"sort"
	"strings"

	"github.com/gpusc/gpusc/internal/errs"
)

// GroupWriter is a group of the file under construction.
type GroupWriter struct {
	outObject
	parent *GroupWriter
	kids   map[string]*child
	dirty  bool   // must be written: new, or changed
	old    *Group // in the edited file, nil if new
	listed bool   // collect has been here
	table  symTable
	sorted []string // names, fixed by plan
}

// child is what a name in a group leads to: one of the first four, or the
// target of a soft link.
type child struct {
	group *GroupWriter
	data  *DatasetWriter
	typ   *typeWriter
	addr  int64 // an object of the edited file that stays as it is
	soft  string
}

func newGroupWriter(w *Writer, path string) *GroupWriter {
	return &GroupWriter{outObject: outObject{w: w, path: path}, kids: map[string]*child{}, dirty: true}
}

// Path returns the path of the group within the file, "/" for the root.
func (g *GroupWriter) Path() string { return g.path }

// Ref returns a reference to the group, for SetAttr.
func (g *GroupWriter) Ref() Ref { return Ref{&g.outObject} }

// touch marks the group and those above it as changed.
func (g *GroupWriter) touch() {
	for ; g != nil && !g.dirty; g = g.parent {
		g.dirty = true
	}
}

// Has tells whether the group has a child of that name.
func (g *GroupWriter) Has(name string) bool { return g.kids[name] != nil }

// Names returns the names of the children, sorted.
func (g *GroupWriter) Names() []string {
	names := make([]string, 0, len(g.kids))
	for n := range g.kids {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Group returns the child group of that name, made if it is not there. A
// child of another kind is an errs.Usage error. name is one link, not a path.
func (g *GroupWriter) Group(name string) (*GroupWriter, error) {
	if err := g.w.ready(); err != nil {
		return nil, err
	}
	if c := g.kids[name]; c != nil {
		switch {
		case c.group != nil:
			return c.group, nil
		case c.addr != 0:
			return g.openOld(name, c)
		}
		return nil, g.fault(errs.Usage, "%s is not a group", name)
	}
	if err := g.vacant(name); err != nil {
		return nil, err
	}
	k := newGroupWriter(g.w, childPath(g.path, name))
	k.parent = g
	g.touch()
	g.kids[name] = &child{group: k}
	return k, nil
}

// Delete removes the child of that name, with all below it; a name that is not
// there is no error. In an edited file the space is not used again, see Leaked.
func (g *GroupWriter) Delete(name string) error {
	if err := g.w.ready(); err != nil {
		return err
	}
	c := g.kids[name]
	if c == nil {
		return nil
	}
	g.w.countLeak(g, name, c)
	c.close(0)
	g.touch()
	delete(g.kids, name)
	return nil
}

// close gives back the buffers of open datasets at and below a deleted child.
func (c *child) close(depth int) {
	if c.data != nil && !c.data.closed {
		c.data.w.forget(c.data)
	}
	if c.group != nil && depth < maxDepth {
		for _, k := range c.group.kids {
			k.close(depth + 1)
		}
	}
}

// vacant checks that a child of that name can be made.
func (g *GroupWriter) vacant(name string) error {
	if name == "" || name == "." || len(name) > 1<<15 || strings.ContainsAny(name, "/\x00") {
		return g.fault(errs.Usage, "%q cannot be the name of an element", name)
	}
	if g.Has(name) {
		return g.fault(errs.Usage, "%s exists already", name).Do("delete it first")
	}
	return nil
}

func childPath(path, name string) string {
	if path == "/" {
		return "/" + name
	}
	return path + "/" + name
}

// collect lists what must be written, children first.
func (g *GroupWriter) collect(nodes *[]outNode) {
	if !g.dirty || g.listed {
		return
	}
	g.listed = true
	for _, n := range g.Names() {
		switch c := g.kids[n]; {
		case c.group != nil:
			c.group.collect(nodes)
		case c.data != nil && !c.data.listed:
			c.data.listed = true
			*nodes = append(*nodes, c.data)
		case c.typ != nil && !c.typ.listed:
			c.typ.listed = true
			*nodes = append(*nodes, c.typ)
		}
	}
	*nodes = append(*nodes, g)
}

// address returns where a hard link leads.
func (c *child) address() int64 {
	switch {
	case c.group != nil:
		return c.group.addr
	case c.data != nil:
		return c.data.addr
	case c.typ != nil:
		return c.typ.addr
	}
	return c.addr
}

// maxCompactLinks is the number of links up to which a group keeps them in its
// header, where a reader scans them; a larger one has a symbol table, a tree.
const maxCompactLinks = 256

func (g *GroupWriter) usesTable() bool { return len(g.kids) > maxCompactLinks }

func (g *GroupWriter) plan() error {
	g.sorted = g.Names()
	n := 0
	if g.usesTable() {
		g.table = planTable(g)
		n += 4 + 16
	} else {
		n += len(groupMessages())
		for _, name := range g.sorted {
			n += 4 + linkLen(name, g.kids[name])
		}
	}
	return g.place(n)
}

func (g *GroupWriter) emit() error {
	var m []byte
	if g.usesTable() {
		if err := g.table.write(g); err != nil {
			return err
		}
		b := le.AppendUint64(nil, uint64(g.table.tree))
		m = appendMessage(m, msgSymbolTable, 0, le.AppendUint64(b, uint64(g.table.heap)))
		return g.writeHeader(m)
	}
	m = append(m, groupMessages()...)
	for _, name := range g.sorted {
		m = appendMessage(m, msgLink, 0, encodeLink(name, g.kids[name]))
	}
	return g.writeHeader(m)
}

// groupMessages are those of every group with links in its header.
func groupMessages() []byte {
	info := le.AppendUint64([]byte{0, 0}, undef)
	m := appendMessage(nil, msgLinkInfo, 0, le.AppendUint64(info, undef))
	return appendMessage(m, msgGroupInfo, 0, []byte{0, 0})
}

func linkLen(name string, c *child) int {
	if c.soft != "" {
		return 6 + len(name) + 2 + len(c.soft)
	}
	return 5 + len(name) + 8
}

// encodeLink gives the body of a link message with a 2-byte length of the name.
func encodeLink(name string, c *child) []byte {
	const wideName, hasType, hasCharset = 0x01, 0x08, 0x10
	b := []byte{1, wideName | hasCharset}
	if c.soft != "" {
		b = []byte{1, wideName | hasCharset | hasType, 1}
	}
	b = append(b, nameCharset(name))
	b = le.AppendUint16(b, uint16(len(name)))
	b = append(b, name...)
	if c.soft != "" {
		b = le.AppendUint16(b, uint16(len(c.soft)))
		return append(b, c.soft...)
	}
	return le.AppendUint64(b, uint64(c.address()))
}
