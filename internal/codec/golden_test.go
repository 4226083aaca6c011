package codec

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"os"
	"strings"
	"testing"
)

// goldenValues are the numbers that testdata/golden.txt encodes.
func goldenValues() []byte {
	var b []byte
	x := uint32(0)
	for i := range uint32(600) {
		x += (i*i*7 + 3) % 11
		b = binary.LittleEndian.AppendUint32(b, x)
	}
	return b
}

// golden reads testdata/golden.txt: a name and base64 on each line.
func golden(t testing.TB) map[string][]byte {
	text, err := os.ReadFile("testdata/golden.txt")
	if err != nil {
		t.Fatal(err)
	}
	m := map[string][]byte{}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 2 {
			if m[f[0]], err = base64.StdEncoding.DecodeString(f[1]); err != nil {
				t.Fatal(err)
			}
		}
	}
	return m
}

// decoder gives the decoder for a name in golden.txt.
func decoder(name string) func(dst, src []byte) (int, error) {
	switch {
	case strings.HasPrefix(name, "zlib"):
		return new(Inflater).Zlib
	case strings.HasPrefix(name, "blosc"):
		return new(Blosc).Decode
	case strings.HasPrefix(name, "zstd"):
		return new(Zstd).Decode
	}
	return LZF
}

func TestGolden(t *testing.T) {
	want := goldenValues()
	for name, src := range golden(t) {
		dst := make([]byte, len(want))
		decode := decoder(name)
		n, err := decode(dst, src)
		if name == "lzfshuffle" {
			plain := make([]byte, n)
			Unshuffle(plain, dst[:n], 4)
			dst = plain
		}
		if err != nil || n != len(want) || !bytes.Equal(dst, want) {
			t.Errorf("%s: %d bytes of %d, %v", name, n, len(want), err)
		}
		if _, err := decode(make([]byte, len(want)-1), src); err == nil {
			t.Errorf("%s: decoded into too small a buffer", name)
		}
		for cut := 1; cut < len(src); cut += 1 + cut/8 {
			n, err := decode(dst, src[:len(src)-cut])
			if err == nil && n == len(want) {
				t.Errorf("%s: decoded with %d bytes missing", name, cut)
			}
		}
	}
	if got := Fletcher32(want); got != 0x9d6342bf { // the last four bytes of h5py's chunk
		t.Errorf("Fletcher32 %08x", got)
	}
}

// checkDecoder decodes src into buffers with guarded ends: no panic, no write
// past the end, and the same answer twice.
func checkDecoder(t *testing.T, decode func(dst, src []byte) (int, error), src []byte, most int) {
	a := bytes.Repeat([]byte{0xa5}, most+64)
	b := make([]byte, most)
	n, err := decode(a[:most:most], bytes.Clone(src))
	m, err2 := decode(b, src)
	if n > most || n != m || (err == nil) != (err2 == nil) || err == nil && !bytes.Equal(a[:n], b[:n]) {
		t.Fatalf("%d, %v; %d, %v", n, err, m, err2)
	}
	for _, c := range a[most:] {
		if c != 0xa5 {
			t.Fatal("wrote past the end")
		}
	}
}

func fuzzDecoder(f *testing.F, prefix string) {
	for name, src := range golden(f) {
		if strings.HasPrefix(name, prefix) {
			f.Add(src, uint16(2400))
		}
	}
	decode := decoder(prefix)
	f.Fuzz(func(t *testing.T, src []byte, most uint16) { checkDecoder(t, decode, src, int(most)) })
}

func FuzzBlosc(f *testing.F) { fuzzDecoder(f, "blosc") }
func FuzzZstd(f *testing.F)  { fuzzDecoder(f, "zstd") }
