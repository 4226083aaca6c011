package hdf5

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
)

// countLike gives the indices and values of a matrix of counts with about 6 %
// of its entries stored, most of them 1 or 2, as single-cell data have.
func countLike(n int) (indices, values []byte) {
	r := rand.New(rand.NewPCG(5, 6))
	col := int32(0)
	var ix []int32
	var vs []float32
	for len(ix) < n {
		col += 1 + int32(r.ExpFloat64()*15)
		if col >= 30_000 {
			col = int32(r.IntN(30))
		}
		ix = append(ix, col)
		v := float32(1)
		for r.IntN(3) == 0 && v < 500 {
			v += float32(r.IntN(1 + int(v)*2))
		}
		vs = append(vs, v)
	}
	return i32bytes(ix), f32bytes(vs)
}

// BenchmarkGzip measures writing with two threads. On one core pair, MB/s of
// input and size of the result for indices, then values, with shuffle:
// see DefaultGzipLevel for what follows from it.
func BenchmarkGzip(b *testing.B) {
	indices, values := countLike(2_000_000)
	run := func(name string, data []byte, ty *Datatype, c Compression) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			var size int64
			for range b.N {
				w := must(Create(filepath.Join(b.TempDir(), "x.h5"), Options{Threads: 2}))(b)
				d := must(w.Root().Dataset("d", Spec{Type: ty, Dims: []int64{-1}, Chunk: []int64{1 << 16}, Compression: c}))(b)
				ok(b, d.Append(data))
				ok(b, d.Close())
				size = w.space.pos
				ok(b, w.Abort())
			}
			b.ReportMetric(float64(size)/float64(len(data)), "ratio")
		})
	}
	for level := range 7 {
		c := Compression{Kind: Gzip, Level: level, Shuffle: true}
		if level == 0 {
			c.Kind = None
		}
		run(fmt.Sprintf("indices/%d", level), indices, Int32(), c)
		run(fmt.Sprintf("values/%d", level), values, Float32(), c)
	}
	for _, kind := range []CompressionKind{LZF, Zstd} {
		c := Compression{Kind: kind, Shuffle: true}
		run(fmt.Sprintf("indices/kind%d", kind), indices, Int32(), c)
		run(fmt.Sprintf("values/kind%d", kind), values, Float32(), c)
	}
}
