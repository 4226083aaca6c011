//go:build !linux

package chunk

func openScratch(dir string) (scratchFile, error) { return openUnlinked(dir) }

func newSlab(n int64) ([]byte, error) { return make([]byte, n), nil }

func freeSlab([]byte) {}
