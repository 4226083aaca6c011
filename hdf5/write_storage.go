package hdf5

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/gpusc/gpusc/internal/errs"
)

// storage is the part of *os.File that a writer needs. Tests put a layer in
// between that records, fails or loses writes.
type storage interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
	Truncate(size int64) error
	Stat() (fs.FileInfo, error)
	Close() error
}

// system is the part of the file system that a writer needs.
type system interface {
	// create makes a new file that must not exist.
	create(path string) (storage, error)
	// edit opens an existing file for reading and writing and locks it.
	edit(path string) (storage, error)
	// rename moves a file; unless replace, it fails where the target exists.
	rename(from, to string, replace bool) error
	remove(path string) error
	syncDir(path string) error
}

type osSystem struct{}

func (osSystem) create(path string) (storage, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
}

func (osSystem) edit(path string) (storage, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (osSystem) rename(from, to string, replace bool) error {
	if replace {
		return os.Rename(from, to)
	}
	return renameNew(from, to)
}

func (osSystem) remove(path string) error { return os.Remove(path) }

func (osSystem) syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil // some file systems cannot sync a folder
	}
	return errors.Join(err, d.Close())
}

// newFile is a new file on its way to its place.
type newFile struct {
	sys     system
	path    string // where it goes, symbolic links resolved
	temp    string
	replace bool
	file    storage
}

// startFile checks that path can be written and opens its temporary sibling.
func startFile(sys system, path string, replace bool) (*newFile, error) {
	final := path
	if st, err := os.Lstat(path); err == nil && st.Mode()&fs.ModeSymlink != 0 {
		if p, err := filepath.EvalSymlinks(path); err == nil {
			final = p
		}
	}
	switch st, err := os.Stat(final); {
	case path == "" || (err == nil && st.IsDir()):
		return nil, errs.At(errs.Usage, path, "", "is a folder, not a file").Do("give the name of a file")
	case err == nil && !replace:
		return nil, errs.At(errs.Usage, path, "", "exists already").Do("choose another name or allow overwriting")
	case err == nil && !st.Mode().IsRegular():
		return nil, errs.At(errs.Usage, path, "", "is not a regular file").Do("write to a regular file")
	}
	t := &newFile{sys: sys, path: final, replace: replace}
	dir, base := filepath.Split(final)
	var err error
	for range 100 {
		t.temp = filepath.Join(dir, "."+base+"."+strconv.FormatUint(uint64(rand.Uint32()), 36)+".tmp")
		if t.file, err = sys.create(t.temp); !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	if err != nil {
		return nil, ioError(path, "cannot create a file here", err)
	}
	return t, nil
}

// commit writes the superblock, makes the file durable and gives it its name.
func (t *newFile) commit(w *Writer, end int64) error {
	if _, err := t.file.WriteAt(superblock2(end, w.root.addr), 0); err != nil {
		return ioError(w.path, "cannot write", err)
	}
	if err := t.file.Truncate(end); err != nil {
		return ioError(w.path, "cannot set the length", err)
	}
	if err := t.file.Sync(); err != nil {
		return ioError(w.path, "cannot flush to disk", err)
	}
	err := t.file.Close()
	t.file = nil
	if err != nil {
		return ioError(w.path, "cannot close", err)
	}
	if old, err := os.Stat(t.path); err == nil && t.replace {
		// A replaced file keeps its permissions. Failing at this is no loss of data.
		_ = os.Chmod(t.temp, old.Mode().Perm())
	}
	if err := t.sys.rename(t.temp, t.path, t.replace); err != nil {
		return ioError(w.path, "cannot put the finished file in place", err)
	}
	t.temp = ""
	if err := t.sys.syncDir(filepath.Dir(t.path)); err != nil {
		return ioError(w.path, "the file is in place, but its folder cannot be flushed to disk", err)
	}
	return nil
}

// undo removes the temporary file.
func (t *newFile) undo(w *Writer) error {
	var err error
	if t.file != nil {
		err = t.file.Close()
		t.file = nil
	}
	if t.temp != "" {
		err = errors.Join(err, t.sys.remove(t.temp))
		t.temp = ""
	}
	if err != nil {
		return ioError(w.path, "cannot remove the temporary file", err)
	}
	return nil
}

// ioError tells a failed file operation as errs.Resource. What is already
// told with a kind of ours passes through.
func ioError(path, what string, err error) error {
	var e *errs.E
	if err == nil || errors.As(err, &e) {
		return err
	}
	r := errs.At(errs.Resource, path, "", "%s", what).Because(err)
	switch {
	case errors.Is(err, syscall.ENOSPC):
		r.Remedy = "free space on the disk or write elsewhere"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		r.Remedy = "check the permissions or write elsewhere"
	case errors.Is(err, fs.ErrNotExist):
		r.Remedy = "make the folder first"
	}
	return r
}
