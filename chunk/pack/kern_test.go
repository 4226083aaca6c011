package pack

import (
	"math/rand/v2"
	"testing"
)

// TestKernels compares each loop with its twin for every width.
func TestKernels(t *testing.T) {
	if !hasAVX2 {
		t.Skip("this machine has no AVX2")
	}
	rng := rand.New(rand.NewPCG(5, 6))
	fast, slow := &Scratch{}, &Scratch{goOnly: true}
	for w := range 33 {
		var blk, a, b [blockLen]uint32
		for i := range blk {
			blk[i] = rng.Uint32() >> rng.IntN(33) // shift by 32 gives 0
		}
		x, y := make([]byte, blockLen*4+sectionPad), make([]byte, blockLen*4+sectionPad)
		fast.pack(x, &blk, w)
		slow.pack(y, &blk, w)
		if string(x) != string(y) {
			t.Fatalf("pack %d", w)
		}
		for i := range x[w*32:] {
			x[w*32+i] = 0xff // what follows a block must not matter
		}
		fast.unpack(&a, x, w, 1)
		slow.unpack(&b, x, w, 1)
		if a != b || a[17] != blk[17]&(1<<w-1)+1 {
			t.Fatalf("unpack %d", w)
		}
		if fast.or(&blk) != slow.or(&blk) {
			t.Fatal("or")
		}
		if w < 32 {
			var m, n [4]uint64
			fast.mask(&blk, w, &m)
			slow.mask(&blk, w, &n)
			if m != n {
				t.Fatalf("mask %d", w)
			}
		}
		if w < 31 {
			for i := range blk {
				blk[i] &= 1<<31 - 1
			}
			var m, n [window]uint32
			fast.exceed(&blk, w, &m)
			slow.exceed(&blk, w, &n)
			if m != n {
				t.Fatalf("exceed %d: %v, not %v", w, m, n)
			}
		}
	}
}

func TestRunningKernels(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	fast, slow := &Scratch{}, &Scratch{goOnly: true}
	for n := range 300 {
		x := make([]uint32, n)
		for i := range x {
			x[i] = rng.Uint32()
		}
		a, b := make([]uint32, n), make([]uint32, n)
		p, q := fast.diff(a, x, 77), slow.diff(b, x, 77)
		if p != q || string32(a) != string32(b) {
			t.Fatalf("diff %d", n)
		}
		fast.lessOne(a, x)
		slow.lessOne(b, x)
		if string32(a) != string32(b) {
			t.Fatalf("lessOne %d", n)
		}
		l, m := fast.prefix(a, 12345)
		l2, m2 := slow.prefix(b, 12345)
		if l != l2 || m != m2 || string32(a) != string32(b) {
			t.Fatalf("prefix %d", n)
		}
	}
}

func string32(x []uint32) string {
	var s []byte
	for _, v := range x {
		s = append(s, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
	}
	return string(s)
}

func benchBoth(b *testing.B, f func(b *testing.B, s *Scratch)) {
	for name, s := range map[string]*Scratch{"asm": {}, "go": {goOnly: true}} {
		b.Run(name, func(b *testing.B) { f(b, s) })
	}
}

// BenchmarkAppend packs about a million values; Gv/s counts indices and counts.
func BenchmarkAppend(b *testing.B) {
	m := realistic(500, 28000, 2000, 1)
	benchBoth(b, func(b *testing.B, s *Scratch) {
		var dst []byte
		for b.Loop() {
			dst, _ = Append(dst[:0], m, s)
		}
		report(b, &m, len(dst))
	})
}

func BenchmarkDecode(b *testing.B) {
	m := realistic(500, 28000, 2000, 1)
	benchBoth(b, func(b *testing.B, s *Scratch) {
		p, err := Append(nil, m, s)
		if err != nil {
			b.Fatal(err)
		}
		var out Matrix
		for b.Loop() {
			if err := Decode(p, &out, s); err != nil {
				b.Fatal(err)
			}
		}
		report(b, &m, len(p))
	})
}

func report(b *testing.B, m *Matrix, size int) {
	n := float64(m.NNZ())
	b.ReportMetric(2*n*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gv/s")
	b.ReportMetric(float64(size)/n, "B/nnz")
	b.ReportMetric(n/float64(m.Rows), "nnz/row")
}
