package memory

import (
	"fmt"
	"testing"
)

// BenchmarkSlab gives back and takes blocks of mixed sizes with n of them live.
func BenchmarkSlab(b *testing.B) {
	for _, n := range []int{10, 1000, 100_000} {
		for _, on := range []string{"Free", "FreeOn"} {
			b.Run(fmt.Sprintf("%s/live=%d", on, n), func(b *testing.B) { benchSlab(b, n, on == "FreeOn") })
		}
	}
}

func benchSlab(b *testing.B, n int, on bool) {
	s := NewSlab(SlabOptions{})
	must(b, s.Add(1<<32, int64(n)*128<<10))
	live, ev := make([]*Block, n), &flag{reached: true}
	h := uint32(1)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		at := &live[i%n]
		switch {
		case *at == nil:
		case on:
			must(b, s.FreeOn(*at, 1, ev))
		default:
			must(b, s.Free(*at))
		}
		h = h*1664525 + 1013904223
		var err error
		if *at, err = s.Alloc(int64(h>>16), "x", 1); err != nil {
			b.Fatal(err)
		}
	}
}

// point is an event of a made-up stream.
type point struct{ reached bool }

func (p *point) Done() bool { return p.reached }
func (p *point) Release()   {}

func ExampleSlab() {
	const copies, sums = Queue(1), Queue(2)
	s := NewSlab(SlabOptions{Cap: 1 << 20})
	if err := s.Add(0x7000000, 1<<20); err != nil {
		fmt.Println(err)
	}
	tile, err := s.Alloc(1<<20, "tile", copies)
	fmt.Printf("%#x %v\n", tile.Addr, err)

	// The stream of copies is not done with it; the other one must wait.
	err = s.FreeOn(tile, copies, &point{})
	again, err2 := s.Alloc(1000, "sums", sums)
	fmt.Printf("%#x, %d event to wait for, %v %v\n", again.Addr, len(again.After), err, err2)

	_, err = s.Alloc(1<<20, "gram", sums)
	fmt.Println(err)
	fmt.Println(s.Leaks())
	// Output:
	// 0x7000000 <nil>
	// 0x7000000, 1 event to wait for, <nil> <nil>
	// gram needs 1.0 MiB of device memory, but 1.0 KiB of the pool's 1.0 MiB are in use (largest free run 1023 KiB, 1 extent; most: sums 1.0 KiB); give --device-memory 16MiB or more, or a device with more memory
	// [sums 1000]
}
