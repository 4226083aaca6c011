package ptx

import (
	"bytes"
	"testing"
)

// TestImages: each generation gets its machine code first, and every device PTX.
func TestImages(t *testing.T) {
	for compute, n := range map[string]int{"sm_80": 2, "sm_86": 2, "sm_89": 2, "sm_90": 2, "sm_100": 2, "sm_103": 2, "sm_120": 1, "sm_70": 1, "": 1} {
		images := Images("rowstats", compute)
		if len(images) != n {
			t.Errorf("%s has %d images, want %d", compute, len(images), n)
			continue
		}
		if !bytes.Contains(images[n-1], []byte(".version 7.0\n.target sm_80")) {
			t.Errorf("%s: the last image is no PTX of version 7.0", compute)
		}
		if n == 2 && !bytes.HasPrefix(images[0], []byte("\x7fELF")) {
			t.Errorf("%s: the first image is no machine code", compute)
		}
	}
	if len(Images("no such", "sm_90")) != 0 {
		t.Error("images of a kernel that is not there")
	}
}
