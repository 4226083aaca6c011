package anndata

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/hdf5"
)

// benchPath is the file that GPUSC_BENCH_H5AD names, or one made for the
// benchmark: 2,000 cells x 400 genes, gzip.
func benchPath(b *testing.B, format string) string {
	if p := os.Getenv("GPUSC_BENCH_H5AD"); p != "" {
		return p
	}
	m := matrixFile{format: format, data: f32, index: i32, comp: hdf5.Gzip, chunk: 12000, chunkCols: 400, rows: 2000, cols: 400, sorted: true, whole: true}
	if format == "dense" {
		m.chunk = 100
	}
	p := filepath.Join(b.TempDir(), "x")
	m.write(b, p, m.random(1))
	return p
}

// BenchmarkSource reads X with two workers; the bytes are those of float32
// values and int32 places, decoded.
func BenchmarkSource(b *testing.B) {
	for _, format := range []string{"csr", "csc", "dense"} {
		b.Run(format, func(b *testing.B) {
			f, err := Open(context.Background(), benchPath(b, format), Options{})
			must(b, err)
			defer f.Close()
			m, err := f.Matrix("X")
			must(b, err)
			for b.Loop() {
				s, err := m.Source(context.Background(), SourceOptions{})
				must(b, err)
				n := sweep(b, s, 2)
				must(b, s.Close())
				b.SetBytes(n * 8)
			}
		})
	}
}

// sweep reads all spans and counts the values.
func sweep(b *testing.B, s Source, workers int) int64 {
	next := make(chan int)
	var wg sync.WaitGroup
	var mu sync.Mutex
	total := int64(0)
	for range workers {
		wg.Go(func() {
			var c chunk.Chunk
			n := int64(0)
			for i := range next {
				if err := s.Read(context.Background(), i, &c); err != nil {
					b.Error(err)
				}
				n += c.NNZ()
			}
			mu.Lock()
			total += n
			mu.Unlock()
		})
	}
	for i := range s.Spans() {
		next <- i
	}
	close(next)
	wg.Wait()
	return total
}
