//go:build unix

package hdf5

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/gpusc/gpusc/internal/errs"
)

// lockFile takes the advisory lock that the HDF5 library also takes, so that a
// file is not edited while a program that honours it has the file open. A file
// system without locks is let pass.
func lockFile(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return errs.At(errs.Resource, f.Name(), "", "another program has the file open").
			Do("close the file there and try again")
	}
	return nil
}
