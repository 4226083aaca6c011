package codec

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
	"testing"

	"github.com/gpusc/gpusc/internal/errs"
)

func TestShuffle(t *testing.T) {
	for _, elem := range []int{0, 1, 2, 3, 4, 7, 8, 12, 16} {
		for _, n := range []int{0, 1, 3, 8, 31, 32, 64, 100, 257, 1000, 4099, 9999} {
			src := noise(n)
			want := bytes.Clone(src)
			if elem > 1 && n >= 2*elem {
				k := 0
				for j := range elem {
					for i := range n / elem {
						want[k] = src[i*elem+j]
						k++
					}
				}
			}
			got, back := make([]byte, n), make([]byte, n)
			Shuffle(got, src, elem)
			Unshuffle(back, got, elem)
			if count := n / max(elem, 1); elem > 1 && n >= 2*elem { // the portable twins
				twin := bytes.Repeat([]byte{0xa5}, n)
				copy(twin[count&^7*elem:], back[count&^7*elem:])
				if elem != 2 && elem != 4 && elem != 8 {
					copy(twin, back)
				}
				switch elem {
				case 2:
					unshuffle2(twin, got, count, 0)
				case 4:
					unshuffle4(twin, got, count, 0)
				case 8:
					unshuffle8(twin, got, count, 0)
				}
				if !bytes.Equal(twin, src) {
					t.Fatalf("portable, elem %d, %d bytes", elem, n)
				}
			}
			if !bytes.Equal(got, want) || !bytes.Equal(back, src) {
				t.Fatalf("elem %d, %d bytes", elem, n)
			}
		}
	}
}

func BenchmarkUnshuffle(b *testing.B) {
	src := noise(48 << 10)
	dst := make([]byte, len(src))
	for _, elem := range []int{2, 4, 8, 3} {
		b.Run(string(rune('0'+elem)), func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				Unshuffle(dst, src, elem)
			}
		})
	}
}

func TestLZFRoundTrip(t *testing.T) {
	for name, want := range samples() {
		enc := make([]byte, len(want)+len(want)/16+64)
		n := LZFEncode(enc, want)
		if n == 0 {
			if name == "text" || name == "zeros" || name == "values" {
				t.Errorf("%s does not shrink", name)
			}
			continue
		}
		dst := make([]byte, len(want))
		if m, err := LZF(dst, enc[:n]); err != nil || !bytes.Equal(dst[:m], want) {
			t.Errorf("%s: %v", name, err)
		}
		if LZFEncode(enc[:n], want) != n || LZFEncode(enc[:n-1], want) != 0 {
			t.Errorf("%s: the bound of dst is not kept", name)
		}
	}
}

func FuzzLZF(f *testing.F) {
	for _, b := range samples() {
		f.Add(b[:min(len(b), 2000)], uint16(2000))
	}
	f.Add(golden(f)["lzf"], uint16(2400))
	f.Fuzz(func(t *testing.T, b []byte, most uint16) {
		checkDecoder(t, LZF, b, int(most))
		enc := make([]byte, len(b))
		if n := LZFEncode(enc, b); n > 0 {
			dst := make([]byte, len(b))
			if m, err := LZF(dst, enc[:n]); err != nil || m != len(b) || !bytes.Equal(dst, b) {
				t.Fatalf("round trip: %d of %d, %v", m, len(b), err)
			}
		}
	})
}

func TestZlibRoundTrip(t *testing.T) {
	var f Inflater
	for level := -2; level <= 9; level++ {
		d, fresh := Deflater{Level: level}, Deflater{Level: level}
		for name, want := range samples() {
			enc, err := d.Zlib([]byte("head"), want)
			if err != nil || string(enc[:4]) != "head" {
				t.Fatal(name, err)
			}
			enc = enc[4:]
			again, _ := fresh.Zlib(nil, want)
			if fresh = (Deflater{Level: level}); !bytes.Equal(enc, again) {
				t.Fatalf("%s level %d: output depends on history", name, level)
			}
			dst := make([]byte, len(want))
			if n, err := f.Zlib(dst, append(enc, 0, 0)); err != nil || n != len(want) || !bytes.Equal(dst, want) {
				t.Fatalf("%s level %d: %d of %d, %v", name, level, n, len(want), err)
			}
			enc[len(enc)-1]++
			if _, err := f.Zlib(dst, enc); !errors.Is(err, errs.Corrupt) {
				t.Fatalf("%s level %d: wrong checksum accepted", name, level)
			}
		}
	}
	if _, err := (&Deflater{Level: 10}).Zlib(nil, nil); !errors.Is(err, errs.Usage) {
		t.Fatal(err)
	}
}

func FuzzZlib(f *testing.F) {
	var d Deflater
	for _, b := range samples() {
		enc, _ := d.Zlib(nil, b[:min(len(b), 2000)])
		f.Add(enc, uint16(2000))
	}
	f.Add([]byte{0x78, 0xbb, 1, 2, 3, 4, 5, 6}, uint16(9))
	var inf Inflater
	f.Fuzz(func(t *testing.T, src []byte, most uint16) {
		checkDecoder(t, inf.Zlib, src, int(most))
		r, err := zlib.NewReader(bytes.NewReader(src))
		var want []byte
		if err == nil {
			want, err = io.ReadAll(io.LimitReader(r, int64(most)+1))
		}
		if len(want) > int(most) {
			err = io.ErrShortBuffer
		}
		dst := make([]byte, most)
		n, got := inf.Zlib(dst, src)
		if (err == nil) != (got == nil) || err == nil && !bytes.Equal(dst[:n], want) {
			t.Fatalf("compress/zlib: %d bytes, %v; Zlib: %d bytes, %v", len(want), err, n, got)
		}
	})
}

func TestZstdRoundTrip(t *testing.T) {
	var z Zstd
	for name, want := range samples() {
		for _, level := range []int{1, 3, 9, 19} {
			enc, err := z.Encode([]byte("head"), want, level)
			if err != nil {
				t.Fatal(err)
			}
			dst := make([]byte, len(want))
			n, err := z.Decode(dst, enc[4:])
			if err != nil || n != len(want) || !bytes.Equal(dst, want) {
				t.Fatalf("%s level %d: %d of %d, %v", name, level, n, len(want), err)
			}
			if len(want) > 0 {
				if _, err := z.Decode(dst[:len(want)-1], enc[4:]); !errors.Is(err, errs.Corrupt) {
					t.Fatalf("%s level %d: short dst: %v", name, level, err)
				}
			}
		}
	}
}

func TestBloscRefusals(t *testing.T) {
	g := golden(t)["blosc_lz4_1"]
	dst := make([]byte, 2400)
	var z Blosc
	snappy := bytes.Clone(g)
	snappy[2] = snappy[2]&31 | 2<<5
	blosc2 := bytes.Clone(g)
	blosc2[0] = 5
	for _, src := range [][]byte{snappy, blosc2} {
		if _, err := z.Decode(dst, src); !errors.Is(err, errs.Unsupported) {
			t.Error(err)
		}
	}
	for i := range 16 { // every header byte
		for _, v := range []byte{0, 1, 0x7f, 0x80, 0xff} {
			src := bytes.Clone(g)
			src[i] = v
			checkDecoder(t, z.Decode, src, len(dst))
		}
	}
	if n := testing.AllocsPerRun(10, func() { z.Decode(dst, g) }); n != 0 {
		t.Errorf("%v allocations per chunk", n)
	}
}
