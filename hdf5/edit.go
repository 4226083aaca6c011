package hdf5

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/gpusc/gpusc/internal/errs"
)

// Edit adds to an existing file, in place and without touching what it holds:
// new objects, and new headers of the groups that change, go to the end of the
// file; after a sync, one write of the superblock (at most 96 bytes, within one
// sector) makes them the file's content. A crash at any time leaves the file
// with either its old or its new content, whole.
//
// Root gives the existing root group; groups opened below it keep their
// children and attributes. The space of what is deleted, and of the old
// headers, is not used again (see Leaked). Object references to a changed group
// keep its old content, as does a second hard link to it. The order in which
// links and attributes were made is not kept.
//
// The file is locked meanwhile, as the HDF5 library locks it (advisory). Refused
// are, as errs.Unsupported, a file that another program left open for writing,
// one with a user block, or one that keeps free space across sessions, and as
// errs.Resource a file that cannot be written, is locked, or changes underneath.
func Edit(path string, o Options) (*Writer, error) {
	o = o.withDefaults()
	if err := o.Context.Err(); err != nil {
		return nil, err
	}
	e, err := openEdit(path, o.sys)
	if err != nil {
		return nil, err
	}
	w := newWriter(path, o, e, e.size, e.super.trees)
	w.fate = e
	if err := e.load(w); err != nil {
		return nil, errors.Join(errs.InFile(err, path), e.Close())
	}
	return w, nil
}

// editedFile is a file being added to. It is the storage of its Writer, so as to
// notice at the first write that the file has changed since it was opened.
type editedFile struct {
	storage
	path     string
	size     int64 // when opened
	modified time.Time
	super    editSuper
	old      *File
	written  bool
	closed   bool
	final    bool // the superblock may be written: the end must stay
	leaked   int64
}

func openEdit(path string, sys system) (*editedFile, error) {
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		return nil, errs.At(errs.Usage, path, "", "is a folder, not a file")
	} else if errors.Is(err, fs.ErrNotExist) {
		return nil, errs.At(errs.Usage, path, "", "no such file")
	}
	st, err := sys.edit(path)
	if err != nil {
		return nil, ioError(path, "cannot be opened for writing", err)
	}
	e := &editedFile{storage: st, path: path}
	if err := e.open(); err != nil {
		return nil, errors.Join(ioError(path, "cannot be read", err), st.Close())
	}
	return e, nil
}

func (e *editedFile) open() error {
	st, err := e.Stat()
	if err != nil {
		return err
	}
	e.size, e.modified = st.Size(), st.ModTime()
	b := make([]byte, min(superblockMax, e.size))
	if _, err := e.ReadAt(b, 0); err != nil {
		return err
	}
	if e.super, err = parseSuperblock(b); err != nil {
		return errs.InFile(err, e.path)
	}
	if e.super.end > e.size {
		return errs.At(errs.Corrupt, e.path, "", "the file is cut off: %d of %d bytes", e.size, e.super.end)
	}
	if e.old, err = NewFile(e.storage, e.size, e.path); err != nil {
		return err
	}
	return e.super.checkExtension(e.old)
}

// load makes the root of the Writer out of that of the file.
func (e *editedFile) load(w *Writer) error {
	var err error
	w.root, err = w.loadGroup(e.old.Root(), "/", nil)
	return err
}

// loadGroup takes over an existing group.
func (w *Writer) loadGroup(old *Group, path string, parent *GroupWriter) (*GroupWriter, error) {
	g := newGroupWriter(w, path)
	g.dirty, g.old, g.parent = false, old, parent
	links, err := old.Links()
	if err != nil {
		return nil, err
	}
	for _, l := range links {
		switch l.Kind {
		case Hard:
			g.kids[l.Name] = &child{addr: int64(l.Addr)}
		case Soft:
			g.kids[l.Name] = &child{soft: l.Target}
		default:
			return nil, g.fault(errs.Unsupported, "cannot change a group with the external link %s", l.Name).
				Do("write to a new file")
		}
	}
	attrs, err := old.Attrs()
	if err != nil {
		return nil, err
	}
	for _, a := range attrs {
		aw, err := w.rawAttr(a)
		if err != nil {
			return nil, err
		}
		g.attrs = append(g.attrs, aw)
	}
	return g, nil
}

// openOld opens an existing child group for changes.
func (g *GroupWriter) openOld(name string, c *child) (*GroupWriter, error) {
	o, err := g.old.Lookup(name)
	if err != nil {
		return nil, err
	}
	og, is := o.(*Group)
	if !is {
		return nil, g.fault(errs.Usage, "%s is not a group", name)
	}
	k, err := g.w.loadGroup(og, childPath(g.path, name), g)
	if err != nil {
		return nil, errs.InFile(err, g.w.path)
	}
	k.addr = c.addr
	g.kids[name] = &child{group: k}
	return k, nil
}

// WriteAt checks before the first write that nobody else changed the file.
func (e *editedFile) WriteAt(b []byte, at int64) (int, error) {
	if !e.written {
		st, err := e.Stat()
		if err != nil {
			return 0, err
		}
		if st.Size() != e.size || !st.ModTime().Equal(e.modified) {
			return 0, e.changed()
		}
		e.written = true
	}
	return e.storage.WriteAt(b, at)
}

func (e *editedFile) changed() error {
	return errs.At(errs.Resource, e.path, "", "the file was changed by another program").Do("run it again")
}

// Close closes the file, once.
func (e *editedFile) Close() error {
	if e.closed {
		return nil
	}
	e.closed = true
	return e.storage.Close()
}

// commit makes the new content durable, then current.
func (e *editedFile) commit(w *Writer, end int64) error {
	if !w.root.dirty {
		return e.Close()
	}
	if err := e.Truncate(end); err != nil {
		return ioError(e.path, "cannot set the length", err)
	}
	if err := e.Sync(); err != nil {
		return ioError(e.path, "cannot flush to disk", err)
	}
	now := make([]byte, len(e.super.raw))
	if _, err := e.ReadAt(now, 0); err != nil {
		return ioError(e.path, "cannot be read", err)
	}
	if mine, err := e.Stat(); err != nil || !bytes.Equal(now, e.super.raw) || mine.Size() != end {
		return e.changed()
	}
	e.final = true
	if _, err := e.storage.WriteAt(e.super.with(end, w.root.addr), 0); err != nil {
		return e.uncertain(err)
	}
	if err := e.Sync(); err != nil {
		return e.uncertain(err)
	}
	return ioError(e.path, "cannot close", e.Close())
}

// uncertain tells that the last write failed. All that it points to is on
// disk, so that either superblock is good.
func (e *editedFile) uncertain(err error) error {
	return ioError(e.path, "cannot flush the last write; the file has its old or its new content, whole", err)
}

// undo gives the file its old length back.
func (e *editedFile) undo(*Writer) error {
	var err error
	if e.written && !e.final {
		if err = e.Truncate(e.size); err == nil {
			err = e.Sync()
		}
	}
	err = errors.Join(err, e.Close())
	return ioError(e.path, "the additions are not part of the file, but cannot be cut off", err)
}

// Leaked returns about how many bytes of an edited file are no longer reached:
// the stored data of the elements that were deleted or replaced. Copying the
// file's elements to a new file wins them back.
func (w *Writer) Leaked() int64 {
	if e, is := w.fate.(*editedFile); is {
		return e.leaked
	}
	return 0
}

// countLeak adds the data of a child that is deleted. What cannot be read has
// no say in this: it is an estimate.
func (w *Writer) countLeak(g *GroupWriter, name string, c *child) {
	e, is := w.fate.(*editedFile)
	if !is || g.old == nil || (c.addr == 0 && (c.group == nil || c.group.old == nil)) {
		return
	}
	if o, err := g.old.Lookup(name); err == nil {
		e.leaked += storedBytes(o, 0)
	}
}

// storedBytes sums the data of all datasets at and below o.
func storedBytes(o Object, depth int) int64 {
	switch o := o.(type) {
	case *Dataset:
		return o.StoredBytes()
	case *Group:
		links, err := o.Links()
		if err != nil || depth > maxDepth {
			return 0
		}
		var sum int64
		for _, l := range links {
			if l.Kind != Hard {
				continue
			}
			if k, err := o.Lookup(l.Name); err == nil {
				sum += storedBytes(k, depth+1)
			}
		}
		return sum
	}
	return 0
}
