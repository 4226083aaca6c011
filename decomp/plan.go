package decomp

import (
	"github.com/gpusc/gpusc/kernels"
)

// TileRows returns how many rows a tile of the Gram matrix has: it is a function
// of the number of genes only, because sums are rounded tile by tile and must
// not depend on the machine. Tile i holds rows [i*TileRows, (i+1)*TileRows).
func TileRows(genes int) int {
	switch {
	case genes <= 4096:
		return 4096
	case genes <= 16384:
		return 2048
	}
	return 1024
}

// Rates of the three kinds of products, in multiply-adds per nanosecond of one
// thread with AVX-512: dense 50, sparse by dense 16, sparse by sparse 0.8. Only
// their proportions matter here, and what else a dense column costs: 0.35 ns a
// row to write it out.
const (
	rateDense  = 50.0
	rateAxpy   = 16.0
	rateSparse = 0.8
	costFill   = 0.35
	// A cell with many genes detected has more of every gene: the mean square of
	// the number of sparse entries is about this times the squared mean.
	spread = 1.3
)

// Plan says how genes are laid out in a tile; see kernels.GramTile.
type Plan struct {
	Rank []uint32 // of each gene: below Hot, it is held in full
	Hot  int
	// Common marks the genes that more than half of the cells express. In a dense
	// column they are centred, which keeps sums small. Others keep their zeros:
	// thousands of equal small terms would all be rounded the same way.
	Common []bool
}

// PlanGram chooses which genes are worth holding in full. cells[g] of n cells
// express gene g. Dense are the genes that most cells express, ties to the lower
// index. The result is a function of its arguments only.
func PlanGram(cells []int64, n int64) Plan {
	p := len(cells)
	byCount := sortedDown(cells)
	rest := 0.0 // mean number of sparse entries of a cell
	for _, c := range cells {
		rest += float64(c)
	}
	rest /= float64(max(n, 1))
	best, bestCost := 0, 0.0
	for h := 0; ; h++ {
		if h%kernels.GramGroup == 0 || h == p {
			hf := float64((h + kernels.GramGroup - 1) / kernels.GramGroup * kernels.GramGroup)
			cost := hf*(hf+kernels.GramGroup)/2/rateDense + hf*costFill +
				rest*hf/rateAxpy + spread*rest*rest/2/rateSparse
			if h == 0 || cost < bestCost {
				best, bestCost = h, cost
			}
		}
		if h == p {
			break
		}
		rest -= float64(cells[byCount[h]]) / float64(max(n, 1))
	}
	plan := Plan{Rank: ranks(byCount, best), Hot: best, Common: make([]bool, p)}
	for g, c := range cells {
		plan.Common[g] = c > n/2
	}
	return plan
}

// ranks gives the first hot genes of the list the lowest ranks, in gene order,
// and the others the rest, in gene order.
func ranks(byCount []int32, hot int) []uint32 {
	rank := make([]uint32, len(byCount))
	for _, g := range byCount[:hot] {
		rank[g] = 1
	}
	dense, sparse := uint32(0), uint32(hot)
	for g, isDense := range rank {
		if isDense == 1 {
			rank[g] = dense
			dense++
		} else {
			rank[g] = sparse
			sparse++
		}
	}
	return rank
}

// GramMemory returns the bytes of buffers and staging memory that Gram needs for
// a number of genes and streams, on a device that works in host memory, besides
// its result (8*genes*genes), when every gene is held in full and one value in
// eight is stored. Tiles that store more make it grow, within the budget.
func GramMemory(genes, threads int) int64 {
	host, dev := gramParts(genes, threads)
	return host + dev + int64(numReaders(threads)+1)*gramSlot(genes)
}

// GramDeviceMemory is GramMemory for devices with memory of their own, when that
// many threads read: the staging memory that each device needs on the host, and
// the memory on each device with that many streams. What PCA needs there
// (PCAOptions.Device) is less and comes later.
func GramDeviceMemory(genes, streams, threads int) (host, dev int64) {
	host, dev = gramParts(genes, streams)
	slots := int64(numReaders(threads)+2) * gramSlot(genes)
	rows, w := int64(TileRows(genes)), int64(genes+kernels.GramGroup)
	// An entry's place in its column is found with a bit for each row and gene.
	scratch := int64(streams) * (rows*w/8*5/4 + 8*w)
	return host + slots, dev + slots + (sets+1)*gramSlot(genes) + scratch
}

// gramParts are the bytes of staging memory and on the device, but for chunks.
func gramParts(genes, threads int) (host, dev int64) {
	t := kernels.GramTile{Rows: TileRows(genes), Genes: genes, Hot: genes}
	rows, w := int64(t.Rows), int64(t.Width())
	nnz := firstNNZ(t.Rows, genes)
	tile := rows*w*4 + rows*4 + nnz*20 + rows/kernels.GramBlock*(w*8+4)
	stripe := 8 * w * int64(stripeRows(int(w)))
	const rounding = 128 << 10 // backends hand out whole pages
	return stripe + 5*8*w + rounding, w*w*8 + sets*tile + 5*8*w + rounding
}

// gramSlot is the bytes of a chunk.
func gramSlot(genes int) int64 {
	rows := TileRows(genes)
	return int64(rows)*16 + 8 + firstNNZ(rows, genes)*8
}

// firstNNZ is the number of stored values that room is made for at first.
func firstNNZ(rows, genes int) int64 { return int64(rows)*int64(genes)/8 + 1024 }

// sets is the number of tiles in work: one is filled while the last is multiplied.
const sets = 2

// numReaders is the number of tiles that are read ahead.
func numReaders(threads int) int { return min(max(threads/2, 1), 8) }

// stripeRows is the number of rows of the accumulator that come back at a time.
func stripeRows(width int) int { return max(1, min(width, 1<<20/(8*max(width, 1)))) }
