package cpu_test

import (
	"encoding/binary"
	"fmt"

	"github.com/gpusc/gpusc/cpu"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/kernels"
	"github.com/gpusc/gpusc/memory"
)

// Totals of two cells with three genes, within a budget of 1 MiB.
func ExampleOpen() {
	ledger := memory.New(1 << 20)
	dev, err := cpu.Open(cpu.Options{Ledger: ledger})
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := dev.Stream()
	if err != nil {
		fmt.Println(err)
		return
	}
	// fill makes a buffer of the numbers, in staging memory that kernels read
	// where it lies.
	var used []interface{ Free() }
	fill := func(what string, numbers any) (device.Buffer, device.Host) {
		h, err := dev.HostAlloc(int64(binary.Size(numbers)), what)
		if err != nil {
			panic(err)
		}
		_, _ = binary.Encode(h.Bytes(), binary.LittleEndian, numbers)
		b, _ := dev.Share(h)
		used = append(used, b, h)
		return b, h
	}
	x := kernels.CSR{Rows: 2, Cols: 3, NNZ: 4, Kind: kernels.Counts}
	x.Indptr, _ = fill("indptr", []int64{0, 1, 4})
	x.Indices, _ = fill("indices", []uint32{1, 0, 1, 2})
	x.Values, _ = fill("values", []uint32{7, 1, 2, 3})
	total, totals := fill("totals", make([]float64, 2))
	detected, genes := fill("detected", make([]uint32, 2))

	_ = s.Launch(&kernels.RowStats{X: x, Total: total, Detected: detected})
	if err := s.Sync(); err != nil {
		fmt.Println(err)
	}
	sums, counts := make([]float64, 2), make([]uint32, 2)
	_, _ = binary.Decode(totals.Bytes(), binary.LittleEndian, sums)
	_, _ = binary.Decode(genes.Bytes(), binary.LittleEndian, counts)
	fmt.Println(sums, counts)

	for _, u := range used {
		u.Free()
	}
	fmt.Println(s.Close(), dev.Close(), ledger.Leaks())
	// Output:
	// [7 6] [1 3]
	// <nil> <nil> []
}
