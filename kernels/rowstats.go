package kernels

import "github.com/gpusc/gpusc/device"

// RowStats computes totals and the number of detected genes of each row.
//
//	Total[r*(1+Groups)]     = sum of the row's values
//	Total[r*(1+Groups)+1+q] = sum over the genes of group q
//	Detected[r]             = number of values > 0
//
// Only genes with Mask set take part, in all three.
// Reference: scanpy.pp.calculate_qc_metrics, scanpy.pp.filter_cells.
type RowStats struct {
	X        CSR
	Mask     device.Buffer // uint8[Cols], nil: all genes
	Groups   int           // 0..32
	GroupOf  device.Buffer // uint32[Cols], bit q set: the gene is in group q, bits from Groups on mean nothing; nil when Groups is 0
	Total    device.Buffer // out: float64[Rows*(1+Groups)]
	Detected device.Buffer // out: uint32[Rows]
}

// Kernel implements device.Op.
func (*RowStats) Kernel() string { return "rowstats" }

// TopSums adds up the N[i] largest values of each row; a row with fewer values
// gives all of them. Values are added in float64 from the largest down; one that
// is not a number counts as the largest.
// Reference: percent_top of scanpy.pp.calculate_qc_metrics.
type TopSums struct {
	X   CSR
	N   []int         // rising, from 0 on
	Out device.Buffer // out: float64[Rows*len(N)]
}

// Kernel implements device.Op.
func (*TopSums) Kernel() string { return "topsums" }

// HighFraction marks the genes that hold more than Fraction of any row's total:
//
//	Flags[c] = 1 where x > Fraction * Total[r]   (the product rounded to float64)
//
// A flag is only ever set, never cleared.
// Reference: exclude_highly_expressed of scanpy.pp.normalize_total.
type HighFraction struct {
	X        CSR
	Total    device.Buffer // float64[Rows]
	Fraction float64
	Flags    device.Buffer // in and out: uint32[Cols]
}

// Kernel implements device.Op.
func (*HighFraction) Kernel() string { return "highfraction" }
