package hdf5

import (
	"bytes"

	"github.com/gpusc/gpusc/internal/errs"
)

// editSuper is what an edit needs of a file's first bytes.
type editSuper struct {
	raw     []byte
	version byte
	end     int64 // end of the file as it states it
	ext     int64 // address of the extension, 0 for none
	trees   treeShape
}

const (
	superblockMax = 104 // version 1
	endAt0        = 40  // version 0: address of the end of the file
	rootEntryAt0  = 56  // version 0: symbol table entry of the root
)

// parseSuperblock reads the superblock of a file that is to be edited, and
// refuses what an edit would break.
func parseSuperblock(b []byte) (editSuper, error) {
	s := editSuper{trees: defaultTrees}
	if len(b) < superblockLen || !bytes.Equal(b[:8], []byte("\x89HDF\r\n\x1a\n")) {
		return s, errs.New(errs.Unsupported, "not an HDF5 file that begins at its first byte").
			Do("write to a new file")
	}
	s.version = b[8]
	var err error
	switch s.version {
	case 0, 1:
		err = s.parse0(b)
	case 2, 3:
		err = s.parse2(b)
	default:
		err = errs.New(errs.Unsupported, "superblock version %d", s.version)
	}
	return s, err
}

func (s *editSuper) parse0(b []byte) error {
	// Version 1 has 4 bytes more before the addresses.
	shift := 4 * int(s.version)
	if len(b) < 96+shift {
		return errs.New(errs.Corrupt, "the superblock is cut off")
	}
	if b[13] != 8 || b[14] != 8 {
		return errs.New(errs.Unsupported, "addresses of %d and sizes of %d bytes cannot be edited", b[13], b[14])
	}
	s.trees.leafK, s.trees.groupK = int(le.Uint16(b[16:])), int(le.Uint16(b[18:]))
	if s.version == 1 {
		s.trees.chunkK = int(le.Uint16(b[24:]))
	}
	if s.trees.leafK == 0 || s.trees.groupK == 0 || s.trees.chunkK == 0 {
		return errs.New(errs.Corrupt, "the superblock gives trees of no width")
	}
	base, end, driver := le.Uint64(b[24+shift:]), le.Uint64(b[endAt0+shift:]), le.Uint64(b[48+shift:])
	if base != 0 || driver != undef {
		return errs.New(errs.Unsupported, "a file with a user block or a driver block cannot be edited").
			Do("write to a new file")
	}
	s.raw, s.end = b[:96+shift], int64(min(end, 1<<62))
	return nil
}

func (s *editSuper) parse2(b []byte) error {
	b = b[:superblockLen]
	if lookup3(b[:44]) != le.Uint32(b[44:]) {
		return errs.New(errs.Corrupt, "the superblock's checksum is wrong")
	}
	if b[9] != 8 || b[10] != 8 {
		return errs.New(errs.Unsupported, "addresses of %d and sizes of %d bytes cannot be edited", b[9], b[10])
	}
	if b[11] != 0 {
		return errs.New(errs.Unsupported, "the file is marked as open for writing by another program").
			Do("close it there, or, after a crash, clear the mark with h5clear -s")
	}
	if le.Uint64(b[12:]) != 0 {
		return errs.New(errs.Unsupported, "a file with a user block cannot be edited").Do("write to a new file")
	}
	if ext := le.Uint64(b[20:]); ext != undef {
		s.ext = int64(min(ext, 1<<62))
	}
	s.raw, s.end = b, int64(min(le.Uint64(b[28:]), 1<<62))
	return nil
}

// with gives the superblock that makes root current and end the end.
func (s *editSuper) with(end, root int64) []byte {
	b := append([]byte(nil), s.raw...)
	if s.version >= 2 {
		le.PutUint64(b[28:], uint64(end))
		le.PutUint64(b[36:], uint64(root))
		le.PutUint32(b[44:], lookup3(b[:44]))
		return b
	}
	shift := 4 * int(s.version)
	le.PutUint64(b[endAt0+shift:], uint64(end))
	entry := b[rootEntryAt0+shift:]
	le.PutUint64(entry[8:], uint64(root))
	clear(entry[16:]) // nothing cached: the header says what kind of group it is
	return b
}

// checkExtension reads the superblock's extension: the widths of trees, which
// must be kept to, and ways to manage space that an edit would upset.
func (s *editSuper) checkExtension(f *File) error {
	const treeWidths, fileSpace = 0x13, 0x17
	if s.ext == 0 {
		return nil
	}
	h, err := f.header(uint64(s.ext))
	if err != nil {
		return errs.InFile(err, f.Path())
	}
	for _, m := range h.msgs {
		b := m.body
		switch {
		case m.kind == msgSharedTable:
			// New messages need not be shared.
		case m.kind == treeWidths && len(b) >= 7 && b[0] == 0:
			s.trees = treeShape{chunkK: int(le.Uint16(b[1:])), groupK: int(le.Uint16(b[3:])), leafK: int(le.Uint16(b[5:]))}
			if s.trees.chunkK == 0 || s.trees.groupK == 0 || s.trees.leafK == 0 {
				return errs.At(errs.Corrupt, f.Path(), "", "the superblock gives trees of no width")
			}
		case m.kind == fileSpace && len(b) >= 3 && b[0] == 0 && b[1] != 1:
		case m.kind == fileSpace && len(b) >= 3 && b[0] == 1 && b[1] != 1 && b[2] == 0:
		default:
			return errs.At(errs.Unsupported, f.Path(), "",
				"the file keeps its free space, or more, in a superblock extension (message %#x)", m.kind).
				Do("write to a new file, or rewrite this one with h5repack -S AGGR")
		}
	}
	return nil
}
