// Package ptx holds the compiled kernels, one image for each operation of package
// kernels. make ptx makes them.
package ptx

import (
	"embed"
	"strings"
)

//go:embed *.ptx sm_*/*.cubin
var files embed.FS

// Images returns the images of kernels/STEM.cu that a device of that compute
// capability ("sm_89") may take, best first: machine code for its generation, where
// there is some, then PTX, which drivers of CUDA 11.8 and later compile.
func Images(stem, compute string) [][]byte {
	var out [][]byte
	// Machine code runs on later devices of the same generation: sm_80 on sm_89.
	if generation := strings.TrimPrefix(compute, "sm_"); len(generation) >= 2 {
		if b, err := files.ReadFile("sm_" + generation[:len(generation)-1] + "0/" + stem + ".cubin"); err == nil {
			out = append(out, b)
		}
	}
	if b, err := files.ReadFile(stem + ".ptx"); err == nil {
		out = append(out, b)
	}
	return out
}
