package chunk

import (
	"os"

	"golang.org/x/sys/unix"
)

// openScratch makes a file in dir that has no name. File systems that cannot
// do it at once get a name that is taken away again.
func openScratch(dir string) (scratchFile, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC|unix.O_EXCL, 0o600)
	if err == nil {
		return os.NewFile(uintptr(fd), dir+"/(scratch)"), nil
	}
	return openUnlinked(dir)
}

// newSlab takes address space, in large pages where the machine has them.
func newSlab(n int64) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, int(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err == nil {
		_ = unix.Madvise(b, unix.MADV_HUGEPAGE) // only a wish
	}
	return b, err
}

func freeSlab(b []byte) { _ = unix.Munmap(b) }
