package codec

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"io"
	"os"
	"testing"

	kflate "github.com/klauspost/compress/flate"
)

type packedChunk struct{ src, want []byte }

// benchChunks are zlib chunks of 35 KiB, or those of a file of CODEC_CHUNKS
// (folder with indices.zz and data.zz: decoded size, stored size, bytes).
func benchChunks(b *testing.B, kind string) (cs []packedChunk, total int64) {
	if dir := os.Getenv("CODEC_CHUNKS"); dir != "" {
		name := map[string]string{"indices": "indices", "values": "data"}[kind]
		raw, err := os.ReadFile(dir + "/" + name + ".zz")
		if err != nil {
			b.Fatal(err)
		}
		for len(raw) > 8 {
			n, c := binary.LittleEndian.Uint32(raw), binary.LittleEndian.Uint32(raw[4:])
			cs = append(cs, packedChunk{src: raw[8 : 8+c], want: make([]byte, n)})
			total += int64(n)
			raw = raw[8+c:]
		}
		return cs, total
	}
	for i := range 64 {
		p := packedChunk{want: countChunk(kind, uint64(i), 8918)}
		var err error
		if p.src, err = (&Deflater{Level: 5}).Zlib(nil, p.want); err != nil {
			b.Fatal(err)
		}
		cs = append(cs, p)
		total += int64(len(p.want))
	}
	return cs, total
}

func BenchmarkInflate(b *testing.B) {
	for _, kind := range []string{"indices", "values"} {
		cs, total := benchChunks(b, kind)
		dst := make([]byte, 1<<20)
		run := func(name string, f func(c packedChunk) error) {
			b.Run(kind+"/"+name, func(b *testing.B) {
				b.SetBytes(total)
				for b.Loop() {
					for _, c := range cs {
						if err := f(c); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
		var d Inflater
		run("zlib", func(c packedChunk) error { _, err := d.Zlib(dst[:len(c.want)], c.src); return err })
		for loop, name := range []string{"rawBest", "rawAVX2", "rawGo"} {
			d := Inflater{loop: loop}
			run(name, func(c packedChunk) error { _, _, err := d.Raw(dst[:len(c.want)], c.src[2:]); return err })
		}
		k := kflate.NewReader(bytes.NewReader(nil))
		run("klauspost", func(c packedChunk) error {
			k.(kflate.Resetter).Reset(bytes.NewReader(c.src[2:]), nil)
			_, err := io.ReadFull(k, dst[:len(c.want)])
			return err
		})
		std := flate.NewReader(bytes.NewReader(nil))
		run("stdlib", func(c packedChunk) error {
			std.(flate.Resetter).Reset(bytes.NewReader(c.src[2:]), nil)
			_, err := io.ReadFull(std, dst[:len(c.want)])
			return err
		})
	}
}
