package chunk

import "os"

// unlinked is a file that loses its name as early as the system allows: at once,
// or, where open files cannot be removed, when it is closed.
type unlinked struct {
	*os.File
	gone bool
}

func openUnlinked(dir string) (scratchFile, error) {
	f, err := os.CreateTemp(dir, "gpusc-scratch-*")
	if err != nil {
		return nil, err
	}
	return &unlinked{File: f, gone: os.Remove(f.Name()) == nil}, nil
}

func (u *unlinked) Close() error {
	err := u.File.Close()
	if !u.gone {
		if e := os.Remove(u.Name()); err == nil {
			err = e
		}
	}
	return err
}
