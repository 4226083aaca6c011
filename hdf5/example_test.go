package hdf5_test

import (
	"context"
	"fmt"
	"log"

	"github.com/gpusc/gpusc/hdf5"
)

// Open lists what is in the root of a file and reads a matrix chunk by chunk.
func ExampleOpen() {
	f, err := hdf5.Open("counts.h5ad")
	if err != nil {
		log.Print(err)
		return
	}
	defer f.Close()
	links, err := f.Root().Links()
	if err != nil {
		log.Print(err)
		return
	}
	for _, l := range links {
		fmt.Println(l.Name)
	}
	x, err := f.Root().Dataset("X/data")
	if err != nil {
		log.Print(err)
		return
	}
	n, err := x.NumChunks()
	if err != nil {
		log.Print(err)
		return
	}
	dec, buf := hdf5.NewDecoder(), make([]byte, x.ChunkBytes())
	for i := range n {
		if err := x.DecodeChunk(dec, i, buf); err != nil {
			log.Print(err)
			return
		}
		fmt.Println("chunk", i, "starts at element", x.Chunk(i).Offset[0])
	}
}

// Verify reads all of a file and reports every fault that it finds.
func ExampleFile_Verify() {
	f, err := hdf5.Open("counts.h5ad")
	if err != nil {
		log.Print(err)
		return
	}
	defer f.Close()
	err = f.Verify(context.Background(), hdf5.VerifyOptions{Threads: 4})
	if err != nil {
		fmt.Println("damaged:", err)
	}
}
