package kernels

import "github.com/gpusc/gpusc/device"

// Sizes that the numbers of a Gram matrix depend on. A backend must keep them.
const (
	GramGroup = 48  // dense columns that lie side by side
	GramBlock = 512 // rows whose sparse by dense products are summed in float32
	GramSum   = 64  // rows whose dense products are summed in float32
)

// GramTile is the selected genes of a run of rows, laid out for multiplication.
// GramFill writes it, GramMultiply reads it; all buffers are given by the caller.
//
// The matrix Y of the tile has the rows of X and, for gene g, the column with
// rank Rank[g]. The first Hot ranks are dense columns, held in full as float32;
// the others are sparse and hold only their entries. Hot is Genes, or a multiple
// of GramGroup. Within the dense and within the sparse ranks, ranks rise with
// genes, so that rows stay sorted.
//
// Rows are taken in blocks of GramBlock; the entries of block b lie from
// Indptr[b*GramBlock] on, in both orders.
type GramTile struct {
	Rows  int // room for rows, a multiple of GramBlock
	Genes int
	Hot   int
	NNZ   int64         // room for entries
	Rank  device.Buffer // uint32[Genes]
	Dense device.Buffer // float32[Groups()*Rows*GramGroup]: column c of row r at ((c/GramGroup)*Rows+r)*GramGroup + c%GramGroup

	RowIdx device.Buffer // uint32[NNZ]: sparse column (rank-Hot), row after row
	RowVal device.Buffer // float32[NNZ]
	RowEnd device.Buffer // uint32[Rows]: where the row's entries end

	ColPtr device.Buffer // uint32[Rows/GramBlock * (Sparse()+1)]: where the column's entries begin, for each block
	ColAt  device.Buffer // uint32[NNZ]: row in the tile, times GramGroup, column after column
	ColVal device.Buffer // float32[NNZ]
	ColPos device.Buffer // uint32[NNZ]: where the entry is in RowIdx

	Sum device.Buffer // float64[Rows/GramBlock * Width()]: column sums of each block
}

// Groups returns the number of groups of dense columns.
func (t *GramTile) Groups() int { return (t.Hot + GramGroup - 1) / GramGroup }

// Sparse returns the number of sparse columns.
func (t *GramTile) Sparse() int { return t.Genes - t.Hot }

// Width returns the number of rows and columns of the accumulator: the dense
// columns filled up to whole groups, then the sparse ones.
func (t *GramTile) Width() int { return t.Groups()*GramGroup + t.Sparse() }

// GramFill writes rows of a tile. With v the transformed value of gene g,
//
//	z(v) = the value that Dense would write, before it is rounded to float32
//	u    = z(v) - z(0); u = v when Mean and Std are nil
//	y    = float32(u - Center[g]) in a dense column
//	y    = float32(u) in a sparse column
//
// u is 0 where nothing is stored, so sparse columns stay sparse whatever the
// scaling, and covariances of u are those of z. A dense column holds
// float32(0 - Center[g]) where nothing is stored. Sum is the sum of y of each
// block, in float64: over a block's entries in row order, what a dense column's
// y differs from that, to which the rows' share of it is added first.
//
// Parts share the blocks; each writes its own.
type GramFill struct {
	X      CSR
	T      Transform
	Mean   device.Buffer // float64[Genes], nil: no scaling here
	Std    device.Buffer // float64[Genes], none 0; nil: no scaling here
	Centre bool          // as in Dense
	Max    float64       // as in Dense
	Center device.Buffer // float64[Genes], used for dense columns
	Tile   GramTile      // out

	Part, Parts int
}

// Kernel implements device.Op.
func (*GramFill) Kernel() string { return "gramfill" }

// GramMultiply adds Y^T Y of a tile to Acc, and the column sums to ColSum.
//
//	dense i <= j:          Acc[i*Width+j]
//	sparse i, dense j:     Acc[i*Width+j]
//	sparse i <= sparse j:  Acc[i*Width+j]
//
// What else is in Acc must not be used. Products of two dense columns are summed
// in float32 with one fused multiply-add for each row, from zero, over
// GramSum rows; products of a sparse and a dense column likewise over the
// entries of a block; each such sum is added to the float64. Products of two
// sparse columns are added in float64 at once.
//
// Parts share the elements of Acc; each adds to its own and leaves the others as
// they are, in row order, so the number of parts does not change a bit. Which
// elements are a part's is up to the kind of backend: parts of one accumulator can
// run on several devices, each with an Acc of its own, if they are of one kind.
type GramMultiply struct {
	Tile   GramTile
	Rows   int           // rows in the tile
	Acc    device.Buffer // in and out: float64[Width*Width]
	ColSum device.Buffer // in and out: float64[Width]

	Part, Parts int
}

// Kernel implements device.Op.
func (*GramMultiply) Kernel() string { return "grammultiply" }

// Project writes the scores of the rows: with u as in GramFill,
//
//	Out[r*K+k] = float32(sum over g of u[r,g] * W[g*Stride+k] - Offset[k])
//
// The sum starts at -Offset[k] and takes one fused multiply-add in float64 for
// each stored value, in gene order.
type Project struct {
	X      CSR
	T      Transform
	Mean   device.Buffer // as in GramFill
	Std    device.Buffer
	Centre bool
	Max    float64
	K      int
	Stride int           // at least K, a multiple of 8
	W      device.Buffer // float64[Cols*Stride], 0 beyond K
	Offset device.Buffer // float64[Stride], 0 beyond K; nil: 0
	Out    device.Buffer // out: float32[Rows*K]
}

// Kernel implements device.Op.
func (*Project) Kernel() string { return "project" }
