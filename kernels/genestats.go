package kernels

import "github.com/gpusc/gpusc/device"

// GeneStats adds up values and counts detections for each gene, apart for each
// group of rows (batches; kept and dropped cells).
//
//	Sum[g*Cols+c]   += x      (Fixed)
//	Cells[g*Cols+c] += 1 where x > 0
type GeneStats struct {
	X      CSR
	Group  device.Buffer // int32[Rows], -1: leave the row out; nil: all rows in group 0
	Groups int           // at least 1
	Sum    device.Buffer // in and out: Fixed[Groups*Cols]
	Cells  device.Buffer // in and out: uint64[Groups*Cols]
}

// Kernel implements device.Op.
func (*GeneStats) Kernel() string { return "genestats" }

// Moments adds up v and v*v (rounded to float64) of the transformed values, as
// Fixed, for each group of rows and gene. Cells that store nothing add nothing.
type Moments struct {
	X      CSR
	T      Transform
	Group  device.Buffer // int32[Rows], -1: leave the row out; nil: all rows in group 0
	Groups int
	Sum    device.Buffer // in and out: Fixed[Groups*Cols]
	SumSq  device.Buffer // in and out: Fixed[Groups*Cols]
}

// Kernel implements device.Op.
func (*Moments) Kernel() string { return "moments" }

// ClippedMoments adds up x and x*x of the values not above the gene's limit and
// counts those above it, for each group of rows and gene. The caller adds
// Clipped*limit and Clipped*limit^2 at the end.
// Reference: the clipped variance of seurat_v3.
type ClippedMoments struct {
	X       CSR
	Group   device.Buffer // int32[Rows], -1: leave the row out; nil: all rows in group 0
	Groups  int
	Clip    device.Buffer // float64[Groups*Cols]; x is clipped where x > Clip in float64
	Sum     device.Buffer // in and out: Fixed[Groups*Cols]
	SumSq   device.Buffer // in and out: Fixed[Groups*Cols]
	Clipped device.Buffer // in and out: uint64[Groups*Cols]
}

// Kernel implements device.Op.
func (*ClippedMoments) Kernel() string { return "clippedmoments" }

// PearsonMoments adds up, over the stored values, what the clipped Pearson
// residual z differs from z0, the residual that a zero would have had there:
//
//	mu    = Total[r] * Share[g*Cols+c]
//	res(y) = min(max((y-mu)/sqrt(mu + mu*mu/Theta), -Clip[g]), Clip[g])
//	Sum   += res(x) - res(0)
//	SumSq += res(x)^2 - res(0)^2
//
// each term rounded to float64 step by step in the order written, then to Fixed.
// An infinite Theta leaves the second term of the root out. res(x)^2 - res(0)^2 is
// two products and a difference.
// Reference: scanpy.experimental.pp.highly_variable_genes.
type PearsonMoments struct {
	X      CSR
	Group  device.Buffer // int32[Rows], -1: leave the row out; nil: all rows in group 0
	Groups int
	Total  device.Buffer // float64[Rows]
	Share  device.Buffer // float64[Groups*Cols]: the gene's sum over the group's sum
	Clip   device.Buffer // float64[Groups]
	Theta  float64
	Sum    device.Buffer // in and out: Fixed[Groups*Cols]
	SumSq  device.Buffer // in and out: Fixed[Groups*Cols]
}

// Kernel implements device.Op.
func (*PearsonMoments) Kernel() string { return "pearsonmoments" }
