package hdf5_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gpusc/gpusc/hdf5"
)

// A dataset that grows while its values come in, then an edit that adds to the
// finished file without moving what it holds.
func ExampleCreate() {
	dir, err := os.MkdirTemp("", "hdf5")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "a.h5")
	if err := create(path); err != nil {
		fmt.Println(err)
	}
	if err := edit(path); err != nil {
		fmt.Println(err)
	}
	f, err := hdf5.Open(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	d, err := f.Root().Dataset("X/data")
	if err != nil {
		fmt.Println(err)
		return
	}
	v, err := d.ReadInt64s(0)
	title, _, _ := d.Attr("title")
	s, _ := title.String()
	has, _ := f.Root().Has("note")
	fmt.Println(s, len(v), v[999], has, err)
	// Output: squares 1000 998001 true <nil>
}

func create(path string) error {
	w, err := hdf5.Create(path, hdf5.Options{Threads: 2})
	if err != nil {
		return err
	}
	defer w.Abort() // does nothing after Commit
	x, err := w.Root().Group("X")
	if err != nil {
		return err
	}
	d, err := x.Dataset("data", hdf5.Spec{
		Type:        hdf5.Int32(),
		Dims:        []int64{-1},
		Chunk:       hdf5.AutoChunk(4),
		Compression: hdf5.Compression{Kind: hdf5.Gzip, Shuffle: true},
	})
	if err != nil {
		return err
	}
	for i := range 1000 {
		if err := d.Append(binary.LittleEndian.AppendUint32(nil, uint32(i*i))); err != nil {
			return err
		}
	}
	if err := d.SetAttr("title", "squares"); err != nil {
		return err
	}
	return w.Commit()
}

func edit(path string) error {
	w, err := hdf5.Edit(path, hdf5.Options{})
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := w.Root().Scalar("note", "added later"); err != nil {
		return err
	}
	return w.Commit()
}
