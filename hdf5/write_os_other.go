//go:build !linux

package hdf5

import (
	"io/fs"
	"os"
)

// renameNew moves a file to a name that must be free; the check comes just
// before the move.
func renameNew(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: fs.ErrExist}
	}
	return os.Rename(from, to)
}
