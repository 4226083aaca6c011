package hdf5

import (
	"context"
	"errors"
	"runtime"

	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// Options governs Create and Edit. The zero value is useful.
type Options struct {
	// Threads is the number of goroutines that compress chunks; 0 means one
	// for each processor. The bytes of the file do not depend on it.
	Threads int
	// Overwrite lets Create replace an existing file, at Commit and not before.
	Overwrite bool
	// Context, when it ends, makes every later call fail with its error.
	// nil means context.Background().
	Context context.Context
	// Ledger accounts for the chunk buffers; nil means no account.
	Ledger *memory.Ledger

	// sys replaces the operating system in tests; nil means the real one.
	sys system
}

func (o Options) withDefaults() Options {
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	if o.Context == nil {
		o.Context = context.Background()
	}
	if o.sys == nil {
		o.sys = osSystem{}
	}
	return o
}

// Writer writes one HDF5 file, or adds to one. It belongs to one goroutine at
// a time; the goroutines that compress are its own and end with Commit or
// Abort, one of which must be called.
//
// The first failure of any call undoes the whole write at once (a new file's
// temporary is removed, an edited file gets its old length back) and is
// returned by that call and all later ones.
type Writer struct {
	o     Options
	path  string // the target, for errors
	space outSpace
	heap  heapWriter
	pipe  *pipeline
	root  *GroupWriter
	open  []*DatasetWriter // not yet closed, in order of creation
	fate  fate
	err   error
	done  bool
	trees treeShape
	// copied finds the new place of an object taken from another file.
	copied map[sourceKey]*outObject
}

// fate is how a write ends: as a new file or as an edit of an old one.
type fate interface {
	// commit makes the new root visible. end is the address after the last byte.
	commit(w *Writer, end int64) error
	// undo leaves the disk as if nothing had happened.
	undo(w *Writer) error
}

// treeShape holds the half-widths of version 1 trees that the superblock fixes.
type treeShape struct{ leafK, groupK, chunkK int }

// defaultTrees are the values that hold where a superblock does not tell.
var defaultTrees = treeShape{leafK: 4, groupK: 16, chunkK: 32}

// Create starts a new file. It is written beside path under a temporary name
// and appears at path, whole and on disk, when Commit returns nil. A missing or
// unwritable folder (errs.Resource), a path that is a folder, or an existing
// file without Options.Overwrite (errs.Usage) is found here, before any work.
func Create(path string, o Options) (*Writer, error) {
	o = o.withDefaults()
	if err := o.Context.Err(); err != nil {
		return nil, err
	}
	t, err := startFile(o.sys, path, o.Overwrite)
	if err != nil {
		return nil, err
	}
	w := newWriter(path, o, t.file, superblockLen, defaultTrees)
	w.fate = t
	w.root = newGroupWriter(w, "/")
	return w, nil
}

// superblockLen is the length of a version 2 superblock, the first bytes of a new file.
const superblockLen = 48

func newWriter(path string, o Options, st storage, end int64, trees treeShape) *Writer {
	w := &Writer{o: o, path: path, trees: trees, copied: map[sourceKey]*outObject{}}
	w.space = outSpace{st: st, pos: end, flushed: end}
	w.heap.w = w
	w.pipe = newPipeline(w)
	return w
}

// Root returns the root group.
func (w *Writer) Root() *GroupWriter { return w.root }

// Path returns the path given to Create or Edit.
func (w *Writer) Path() string { return w.path }

// ready reports the failure that ended the writer, or the end of its context.
func (w *Writer) ready() error {
	if w.err != nil {
		return w.err
	}
	if w.done {
		return errs.At(errs.Usage, w.path, "", "the writer is already committed or aborted")
	}
	if err := w.o.Context.Err(); err != nil {
		return w.fail(err)
	}
	return nil
}

// fail records the first failure and undoes the write.
func (w *Writer) fail(err error) error {
	if err == nil || w.done {
		return err
	}
	if !errors.Is(err, w.o.Context.Err()) {
		err = ioError(w.path, "cannot write", err)
	}
	w.err = errs.InFile(err, w.path)
	w.stop()
	if uerr := w.fate.undo(w); uerr != nil {
		w.err = errors.Join(w.err, uerr)
	}
	return w.err
}

// stop ends the goroutines and gives the memory back.
func (w *Writer) stop() {
	w.done = true
	w.pipe.stop()
	for _, d := range w.open {
		d.drop()
	}
	w.open = nil
}

// Abort gives the write up: nothing of it stays. After Commit, or after a
// failure, which has already undone everything, it does nothing.
func (w *Writer) Abort() error {
	if w.done {
		return nil
	}
	w.err = errs.At(errs.Usage, w.path, "", "the writer was aborted")
	w.stop()
	return w.fate.undo(w)
}

// Commit closes the open datasets, writes the headers and makes the result
// durable: data first, then, after a sync, the one write that makes it visible.
func (w *Writer) Commit() error {
	if err := w.ready(); err != nil {
		return err
	}
	for len(w.open) > 0 {
		if err := w.open[0].Close(); err != nil {
			return w.fail(err)
		}
	}
	if err := w.finish(); err != nil {
		return w.fail(err)
	}
	if err := w.fate.commit(w, w.space.pos); err != nil {
		return w.fail(err)
	}
	w.stop()
	return nil
}

// finish places every header, then writes them: two steps, since references
// may point from any object to any other.
func (w *Writer) finish() error {
	if err := w.pipe.drain(); err != nil {
		return err
	}
	if err := w.heap.flush(); err != nil {
		return err
	}
	var nodes []outNode
	w.root.collect(&nodes)
	for _, n := range nodes {
		if err := n.plan(); err != nil {
			return err
		}
	}
	// A copied reference may have its strings re-homed while it is planned.
	if err := w.heap.flush(); err != nil {
		return err
	}
	for _, n := range nodes {
		if err := n.emit(); err != nil {
			return err
		}
	}
	return w.space.flush()
}
