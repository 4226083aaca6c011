package hdf5

import (
	"io"
	"os"

	"github.com/gpusc/gpusc/internal/errs"
)

// Limits bounds what a file can make the reader allocate. Zero values stand
// for the defaults.
type Limits struct {
	MaxChunkBytes int64 // decoded bytes of one chunk; 1 GiB
	MaxAlloc      int64 // any other single result: a chunk index, a column of strings; 8 GiB
}

func (l Limits) withDefaults() Limits {
	if l.MaxChunkBytes <= 0 {
		l.MaxChunkBytes = 1 << 30
	}
	if l.MaxAlloc <= 0 {
		l.MaxAlloc = 8 << 30
	}
	return l
}

// File is an open HDF5 file. Its methods are safe for concurrent use.
type File struct {
	name   string
	src    *source
	closer io.Closer
	limits Limits
	sb     superblock
	shared []sharedIndex // the shared message table, usually empty
	cache  linkCache
	root   *Group
}

// Open opens the file at path for reading.
func Open(path string) (*File, error) { return OpenLimits(path, Limits{}) }

// OpenLimits is Open with other limits than the defaults.
func OpenLimits(path string, l Limits) (*File, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, errs.At(errs.Resource, path, "", "cannot open").Because(err)
	}
	st, err := r.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = errs.At(errs.Usage, path, "", "is not a regular file")
	}
	var f *File
	if err == nil {
		f, err = NewFileLimits(r, st.Size(), path, l)
	}
	if err != nil {
		_ = r.Close()
		return nil, err
	}
	f.closer = r
	return f, nil
}

// NewFile reads an HDF5 file of size bytes from r, which must allow concurrent
// calls. The name is only for messages.
func NewFile(r io.ReaderAt, size int64, name string) (*File, error) {
	return NewFileLimits(r, size, name, Limits{})
}

// NewFileLimits is NewFile with other limits than the defaults.
func NewFileLimits(r io.ReaderAt, size int64, name string, l Limits) (*File, error) {
	return openSource(&source{r: r, size: size}, name, l)
}

func openSource(src *source, name string, l Limits) (*File, error) {
	f := &File{name: name, src: src, limits: l.withDefaults()}
	if err := f.readSuperblock(); err != nil {
		return nil, f.locate("", err)
	}
	o, err := f.open(f.sb.root, "/")
	if err != nil {
		return nil, err
	}
	g, ok := o.(*Group)
	if !ok {
		return nil, f.locate("/", corrupt(f.sb.root, "the root is not a group"))
	}
	f.root = g
	return f, nil
}

// Close closes the file if Open opened it.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// Root is the root group.
func (f *File) Root() *Group { return f.root }

// Path is the path or name that the file was opened with.
func (f *File) Path() string { return f.name }

// Size is the file's size in bytes.
func (f *File) Size() int64 { return f.src.size }

// Lookup finds an object by its path from the root, "a/b/c".
func (f *File) Lookup(path string) (Object, error) { return f.root.Lookup(path) }

// Deref opens the object that an object reference points to. The address is
// what Attr.Refs gives. The object's Path is the address, as a reference has
// no name.
func (f *File) Deref(addr uint64) (Object, error) {
	if addr == 0 || addr == undef {
		return nil, errs.At(errs.Data, f.name, "", "the reference is null")
	}
	return f.open(addr, "<object "+atHex(addr)+">")
}
