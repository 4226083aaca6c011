package codec

import (
	"hash/adler32"
	"testing"
)

func TestAdler32(t *testing.T) {
	full := make([]byte, 20000)
	for i := range full {
		full[i] = 0xff // the largest sums
	}
	for _, b := range [][]byte{full, noise(20000), text(20000)} {
		for n := 0; n <= len(b); n += 1 + n/40 {
			if got, want := Adler32(b[:n]), adler32.Checksum(b[:n]); got != want {
				t.Fatalf("%d bytes: %08x, want %08x", n, got, want)
			}
		}
		for _, n := range []int{adlerBlock - 1, adlerBlock, adlerBlock + 1, adlerBlock + 32, 2 * adlerBlock} {
			if got, want := Adler32(b[1:n]), adler32.Checksum(b[1:n]); got != want {
				t.Fatalf("%d bytes: %08x, want %08x", n, got, want)
			}
		}
	}
}

// fletcherWords is the definition, word by word.
func fletcherWords(b []byte) uint32 {
	var s1, s2 uint32
	add := func(w uint32) {
		s1 += w
		s2 += s1
		s1, s2 = s1&0xffff+s1>>16, s2&0xffff+s2>>16
	}
	for ; len(b) > 1; b = b[2:] {
		add(uint32(b[0])<<8 | uint32(b[1]))
	}
	if len(b) == 1 {
		add(uint32(b[0]) << 8)
	}
	s1, s2 = s1&0xffff+s1>>16, s2&0xffff+s2>>16
	return s2<<16 | s1
}

func TestFletcher32(t *testing.T) {
	full := make([]byte, 300001)
	for i := range full {
		full[i] = 0xff
	}
	for _, b := range [][]byte{full, noise(300001), make([]byte, 5000)} {
		for n := 0; n <= len(b); n += 1 + n/20 {
			if got, want := Fletcher32(b[:n]), fletcherWords(b[:n]); got != want {
				t.Fatalf("%d bytes: %08x, want %08x", n, got, want)
			}
		}
	}
	if !Fletcher32Matches(0x11223344, 0x11223344) || !Fletcher32Matches(0x11223344, 0x22114433) || Fletcher32Matches(1, 2) {
		t.Fatal("Fletcher32Matches")
	}
}

func TestLookup3(t *testing.T) {
	// The values of the driver of lookup3.c, and the empty key.
	for _, c := range []struct {
		in   string
		want uint32
	}{{"", 0xdeadbeef}, {"Four score and seven years ago", 0x17770551}} {
		if got := Lookup3([]byte(c.in)); got != c.want {
			t.Errorf("Lookup3(%q) = %08x, want %08x", c.in, got, c.want)
		}
	}
}

func BenchmarkChecksums(b *testing.B) {
	p := noise(48 << 10)
	for name, f := range map[string]func([]byte) uint32{
		"Adler32": Adler32, "stdlibAdler32": adler32.Checksum, "Fletcher32": Fletcher32, "Lookup3": Lookup3,
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(p)))
			for b.Loop() {
				f(p)
			}
		})
	}
}
