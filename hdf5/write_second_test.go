package hdf5

import (
	"path/filepath"
	"testing"

	second "github.com/scigolib/hdf5"
)

// TestSecondReader reads numbers back with an independent implementation. It
// knows only classic files and gives every number as float64, so this is all
// that it is asked.
func TestSecondReader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.h5")
	w := must(Create(path, Options{Threads: 2}))(t)
	g := must(w.Root().Group("g"))(t)
	want := make([]int32, 10_000)
	for i := range want {
		want[i] = int32(i * i)
	}
	for name, s := range map[string]Spec{
		"flat":  {Dims: []int64{10_000}},
		"grows": {Dims: []int64{-1}, Chunk: []int64{700}},
		"gzip":  {Dims: []int64{-1}, Chunk: []int64{700}, Compression: Compression{Kind: Gzip, Shuffle: true}},
		"tiles": {Dims: []int64{100, 100}, Chunk: []int64{7, 30}, Compression: Compression{Kind: Gzip}},
	} {
		s.Type = Int32()
		d := must(g.Dataset(name, s))(t)
		ok(t, d.Append(i32bytes(want)))
	}
	ok(t, w.Commit())
	f := must(second.Open(path))(t)
	defer f.Close()
	seen := 0
	f.Walk(func(_ string, o second.Object) {
		d, is := o.(*second.Dataset)
		if !is {
			return
		}
		seen++
		got, err := d.Read()
		if err != nil || len(got) != len(want) {
			t.Fatalf("%s: %d numbers, %v", d.Name(), len(got), err)
		}
		for i, x := range got {
			if x != float64(want[i]) {
				t.Fatalf("%s[%d] = %v, want %d", d.Name(), i, x, want[i])
			}
		}
	})
	if seen != 4 {
		t.Fatalf("%d datasets of 4", seen)
	}
}
