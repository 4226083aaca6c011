package codec_test

import (
	"fmt"

	"github.com/gpusc/gpusc/internal/codec"
)

// A chunk of an HDF5 dataset goes through shuffle and gzip, and back.
func Example() {
	values := []byte{1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0}
	columns := make([]byte, len(values))
	codec.Shuffle(columns, values, 4)
	var enc codec.Deflater
	stored, err := enc.Zlib(nil, columns)
	if err != nil {
		fmt.Println(err)
		return
	}

	var dec codec.Inflater
	n, err := dec.Zlib(columns, stored)
	if err != nil {
		fmt.Println(err)
		return
	}
	codec.Unshuffle(values, columns[:n], 4)
	fmt.Println(values)
	// Output: [1 0 0 0 2 0 0 0 3 0 0 0 4 0 0 0]
}
