package hdf5

import (
	"os"

	"golang.org/x/sys/unix"
)

// willNeed asks the kernel to bring a part of the file into its cache.
func willNeed(f *os.File, off, n int64) {
	_ = unix.Fadvise(int(f.Fd()), off, n, unix.FADV_WILLNEED) // a hint: nothing depends on it
}
