package hdf5

import (
	"path/filepath"
	"testing"

	scigo "github.com/scigolib/hdf5"
)

// The independent reader scigolib/hdf5 gives the same numbers where it can
// read a file at all.
func TestAgainstScigolib(t *testing.T) {
	compared := 0
	for _, p := range append(sharedFiles(t), matching(t, "types_earliest")...) {
		s, err := scigo.Open(p)
		if err != nil {
			t.Logf("%s: scigolib: %v", filepath.Base(p), err)
			continue
		}
		f, err := Open(p)
		if err != nil {
			t.Error(err)
			continue
		}
		s.Walk(func(path string, o scigo.Object) {
			sd, ok := o.(*scigo.Dataset)
			if !ok {
				return
			}
			compared += compareScigo(t, f, path, sd)
		})
		_, _ = s.Close(), f.Close()
	}
	if compared < 50 {
		t.Errorf("only %d datasets compared", compared)
	}
	t.Logf("%d datasets compared", compared)
}

func compareScigo(t *testing.T, f *File, path string, sd *scigo.Dataset) int {
	d, err := f.Root().Dataset(path)
	if err != nil {
		t.Error(err)
		return 0
	}
	if c := d.Type().Class; c != ClassInt && c != ClassFloat || d.Type().BigEndian || d.Type().Size < 4 {
		return 0
	}
	for _, x := range d.Layout().Filters {
		if x.ID == FilterLZF { // scigolib 0.14 decodes some LZF chunks wrong; h5py agrees with us
			return 0
		}
	}
	want, err := sd.Read()
	if err != nil || len(want) == 0 {
		return 0
	}
	got, err := d.ReadFloat64s(0)
	if err != nil || len(got) != len(want) {
		t.Errorf("%s: %d values, want %d: %v", path, len(got), len(want), err)
		return 0
	}
	for i, w := range want {
		if g := got[i]; g != w && (g == g || w == w) {
			t.Errorf("%s: element %d is %v, scigolib says %v", path, i, g, w)
			return 0
		}
	}
	return 1
}
