package codec

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/gpusc/gpusc/internal/errs"
)

// countChunk makes the bytes of a chunk of a sparse count matrix: column
// indices rising within rows, or float32 counts that are mostly one.
func countChunk(kind string, seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]byte, 0, 4*n)
	col := uint32(0)
	popular := make([]uint32, 1500) // genes detected in most cells, as in real data
	for i := range popular {
		popular[i] = uint32(i*9 + r.IntN(9))
	}
	for p := 0; len(out) < 4*n; p++ {
		if kind == "indices" {
			if p == len(popular) || col > 13600 {
				p, col = 0, 0
			}
			if r.IntN(3) != 0 {
				continue
			}
			col = popular[p]
			if r.IntN(8) == 0 {
				col += uint32(r.IntN(9))
			}
			out = binary.LittleEndian.AppendUint32(out, col)
			continue
		}
		v := uint32(0x3f800000) // 1
		for b := r.IntN(100); b >= 70; b = r.IntN(100) {
			switch {
			case v == 0x3f800000:
				v = 0x40000000
			case v < 0x40800000:
				v += 0x00400000
			default:
				v += 0x00200000
			}
		}
		out = binary.LittleEndian.AppendUint32(out, v)
	}
	return out
}

func text(n int) []byte {
	r := rand.New(rand.NewPCG(7, 7))
	words := []string{"AAACATACAACCAC-1", "ENSG00000", "gene", "MT-", "RPL", "\n", "cell ", "0123"}
	var b []byte
	for len(b) < n {
		b = append(b, words[r.IntN(len(words))]...)
	}
	return b[:n]
}

func noise(n int) []byte {
	r := rand.New(rand.NewPCG(3, 3))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func samples() map[string][]byte {
	m := map[string][]byte{
		"empty": {}, "one": {42}, "text": text(70000), "noise": noise(70000), "zeros": make([]byte, 100000),
		"indices": countChunk("indices", 1, 12000), "values": countChunk("values", 1, 12000),
	}
	sh := make([]byte, len(m["indices"]))
	Shuffle(sh, m["indices"], 4)
	m["shuffled"] = sh
	for d := 1; d < 40; d++ { // every small distance
		p := noise(d)
		m["period"+string(rune('0'+d))] = bytes.Repeat(p, 2000/d)
	}
	return m
}

func deflated(t testing.TB, b []byte, level int) []byte {
	var buf bytes.Buffer
	w, err := flate.NewWriter(&buf, level)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(b)
	w.Close()
	return buf.Bytes()
}

func TestInflateRoundTrip(t *testing.T) {
	var f Inflater
	for name, want := range samples() {
		for level := -2; level <= 9; level++ {
			src := deflated(t, want, level)
			for _, extra := range []int{0, 1, 9, 500, 501, 502} {
				// The buffers lie inside larger ones, to see writes past the end.
				dst := bytes.Repeat([]byte{0xa5}, len(want)+extra+64)
				in := append(bytes.Clone(src), bytes.Repeat([]byte{0xff}, extra)...)
				f.loop = (f.loop + 1) % 3
				n, used, err := f.Raw(dst[:len(want)+extra], in)
				if err != nil || n != len(want) || used != len(src) || !bytes.Equal(dst[:n], want) {
					t.Fatalf("%s level %d: n %d of %d, used %d of %d, %v", name, level, n, len(want), used, len(src), err)
				}
				for _, c := range dst[len(want)+extra:] {
					if c != 0xa5 {
						t.Fatalf("%s level %d: wrote past the end", name, level)
					}
				}
			}
			if len(want) > 0 {
				if _, _, err := f.Raw(make([]byte, len(want)-1), src); !errors.Is(err, errs.Corrupt) {
					t.Fatalf("%s level %d: short dst: %v", name, level, err)
				}
			}
			for _, cut := range []int{1, 2, 9, len(src) / 2, len(src)} {
				if cut > len(src) {
					continue
				}
				if _, _, err := f.Raw(make([]byte, len(want)), src[:len(src)-cut]); !errors.Is(err, errs.Corrupt) {
					t.Fatalf("%s level %d: cut %d: %v", name, level, cut, err)
				}
			}
		}
	}
}

// sameAsFlate decodes src with both decoders into at most most bytes.
func sameAsFlate(t *testing.T, f *Inflater, src []byte, most int) {
	r := bytes.NewReader(src)
	want, err := io.ReadAll(io.LimitReader(flate.NewReader(r), int64(most)+1))
	if len(want) > most {
		err = io.ErrShortBuffer
	}
	for f.loop = range 3 {
		dst := bytes.Repeat([]byte{0xa5}, most+64)
		n, used, got := f.Raw(dst[:most:most], src)
		if (err == nil) != (got == nil) {
			t.Fatalf("compress/flate: %d bytes, %v; Raw: %d bytes, %v", len(want), err, n, got)
		}
		if err == nil && (!bytes.Equal(dst[:n], want) || used != len(src)-r.Len()) {
			t.Fatalf("bytes differ: %d %d, used %d %d", n, len(want), used, len(src)-r.Len())
		}
		for _, c := range dst[most:] {
			if c != 0xa5 {
				t.Fatal("wrote past the end")
			}
		}
	}
}

func TestInflateFlips(t *testing.T) {
	var f Inflater
	r := rand.New(rand.NewPCG(5, 5))
	for _, name := range []string{"text", "indices", "values", "shuffled"} {
		b := samples()[name][:6000]
		src := deflated(t, b, 6)
		for range 300 {
			c := bytes.Clone(src)
			for range 1 + r.IntN(3) {
				c[r.IntN(min(len(c), 1+r.IntN(len(c))))] ^= 1 << r.IntN(8)
			}
			sameAsFlate(t, &f, c, 20000)
		}
	}
}

func FuzzInflate(f *testing.F) {
	for _, b := range samples() {
		for _, level := range []int{-2, 1, 6} {
			f.Add(deflated(f, b[:min(len(b), 3000)], level), uint16(min(len(b), 3000)))
		}
	}
	f.Add([]byte{0x05, 0xe0, 0x81, 0x08, 0, 0, 0, 0, 0x20, 0x7f, 0xeb, 0x0b, 0, 0}, uint16(300)) // one distance code
	var d Inflater
	f.Fuzz(func(t *testing.T, src []byte, most uint16) { sameAsFlate(t, &d, src, int(most)) })
}
