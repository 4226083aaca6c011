package hdf5

import (
	"github.com/gpusc/gpusc/internal/errs"
)

const signature = "\x89HDF\r\n\x1a\n"

// superblock is what the reader needs of the file's first block.
type superblock struct {
	version int
	at      int64 // file offset of the superblock
	root    uint64
	ext     uint64 // superblock extension, undef if none
	eof     uint64
}

// readSuperblock finds the superblock at 0, 512, 1024, ... and reads it.
func (f *File) readSuperblock() error {
	for off := int64(0); off+9 <= f.src.size; off = max(512, 2*off) {
		b, err := f.src.meta(uint64(off), 9, "signature")
		if err != nil {
			return err
		}
		if string(b[:8]) != signature {
			continue
		}
		f.sb = superblock{version: int(b[8]), at: off, ext: undef}
		switch f.sb.version {
		case 0, 1:
			err = f.superblock0()
		case 2, 3:
			err = f.superblock2()
		default:
			err = unsupported(uint64(off), "superblock version %d is not known", f.sb.version)
		}
		if err == nil {
			err = f.superblockExtension()
		}
		return err
	}
	return errs.New(errs.Corrupt, "not an HDF5 file (no signature in %d bytes)", f.src.size).
		Do("give a .h5ad or .h5 file")
}

// widths refuses addresses and lengths of other than 8 bytes, which no
// library has written by default since 1998.
func widths(offset, length int) error {
	if offset != 8 || length != 8 {
		return errs.New(errs.Unsupported, "addresses of %d and lengths of %d bytes (only 8 and 8 are read)", offset, length).
			Do("rewrite the file with h5repack")
	}
	return nil
}

func (f *File) superblock0() error {
	at := uint64(f.sb.at)
	n := uint64(96)
	if f.sb.version == 1 {
		n = 100
	}
	b, err := f.src.meta(at, n, "superblock")
	if err != nil {
		return err
	}
	if err := widths(int(b[13]), int(b[14])); err != nil {
		return err
	}
	c := &cursor{b: b, pos: int(n) - 72}
	base := c.u64()
	c.u64() // free space
	f.sb.eof = c.u64()
	driver := c.u64()
	c.u64() // name of the root
	f.sb.root = c.u64()
	if driver != undef {
		return unsupported(at, "the file is one part of a split or family file").
			Do("join it with h5repart or h5repack")
	}
	return f.rebase(base)
}

func (f *File) superblock2() error {
	at := uint64(f.sb.at)
	b, err := f.src.meta(at, 48, "superblock")
	if err != nil {
		return err
	}
	if err := f.src.verify(at, b, "superblock"); err != nil {
		return err
	}
	if err := widths(int(b[9]), int(b[10])); err != nil {
		return err
	}
	if f.sb.version == 3 && b[11]&5 != 0 {
		return errs.New(errs.Corrupt, "a writer has the file open, or ended without closing it").
			Do("wait for the writer, or run h5clear -s on a copy")
	}
	c := &cursor{b: b, pos: 12}
	base := c.u64()
	f.sb.ext = c.u64()
	f.sb.eof = c.u64()
	f.sb.root = c.u64()
	return f.rebase(base)
}

// rebase makes addresses relative to the base address and compares the end
// that the file states with the end that it has.
func (f *File) rebase(base uint64) error {
	if base > uint64(f.src.size) {
		return errs.New(errs.Corrupt, "base address %#x is outside the file of %d bytes", base, f.src.size)
	}
	// The two differ where a user block was put in front later without
	// rewriting the superblock: where it was found counts.
	if at := uint64(f.sb.at); base != at {
		f.sb.eof += at - base
		base = at
	}
	if f.sb.eof > uint64(f.src.size) {
		return errs.New(errs.Corrupt, "truncated (have %d of %d bytes)", f.src.size, f.sb.eof).
			Do("the copy or download stopped early: fetch the file again")
	}
	f.src.base = base
	return nil
}

// superblockExtension reads the messages that version 2 and 3 keep apart: of
// interest are the shared message table and the driver.
func (f *File) superblockExtension() error {
	if f.sb.ext == undef {
		return nil
	}
	h, err := f.header(f.sb.ext)
	if err != nil {
		return err
	}
	for _, m := range h.msgs {
		switch m.kind {
		case msgSharedTable:
			if err := f.readSharedTable(m); err != nil {
				return err
			}
		case msgDriverInfo:
			return unsupported(m.addr, "the file is one part of a split or family file").
				Do("join it with h5repart or h5repack")
		}
	}
	return nil
}
