package hdf5

import (
	"context"
	"testing"

	"github.com/gpusc/gpusc/internal/testdata"
)

// BenchmarkReadRows decodes the nonzeros of a real matrix on one goroutine.
func BenchmarkReadRows(b *testing.B) {
	f, err := Open(testdata.Path(b, "counts/pbmc3k_counts_2700x13714.h5ad"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	d, err := f.Root().Dataset("X/indices")
	if err != nil {
		b.Fatal(err)
	}
	dec, out := NewDecoder(), make([]byte, d.Len()*d.RowBytes())
	b.SetBytes(int64(len(out)))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.ReadRows(context.Background(), dec, out, 0, d.Len()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen opens a file, walks all of it and reads every attribute.
func BenchmarkOpen(b *testing.B) {
	p := testdata.Path(b, "counts/pbmc3k_counts_2700x13714.h5ad")
	b.ReportAllocs()
	for b.Loop() {
		f, err := Open(p)
		if err != nil {
			b.Fatal(err)
		}
		err = f.Walk(func(o Object, err error) error {
			if err == nil {
				_, err = o.Attrs()
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		_ = f.Close()
	}
}
