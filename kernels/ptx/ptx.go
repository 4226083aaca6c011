// Package ptx holds the compiled kernels, one file for each operation of package
// kernels, as PTX that drivers of CUDA 11.8 and later take. make ptx makes them.
package ptx

import "embed"

// Files are the images: FILE.ptx for kernels/FILE.cu.
//
//go:embed *.ptx
var Files embed.FS
