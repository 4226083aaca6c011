// Package decomp finds principal components of cells x genes matrices that do
// not fit in memory, by the covariance of the selected genes.
//
// # Steps
//
// Gram makes one pass over the cells and adds up products of genes, in float64
// totals of float32 partial sums over centred values; see kernels.GramTile for
// how a tile is laid out. PlanGram decides which genes are held in full. Moments
// are corrected for the exact means afterwards, so nothing is densified to be
// centred. TopEigen finds the leading eigenvectors by thick-restart block
// Lanczos; PCA puts the two together; Result.Weights is what the step pp.Project
// computes the scores with.
//
// # Scaling
//
// Without clipping, scaling genes to unit variance is a factor on rows and
// columns of the covariance. With clipping, values are z(v) = clip((v-m)/s), and
// the pass adds up u = z(v) - z(0), which is 0 where nothing is stored and has
// the same covariance as z.
//
// # Bits
//
// Results do not depend on the number of threads or streams. They do depend on
// the tiles, which are a function of the row index and the number of genes.
//
// References: scanpy.pp.pca, scanpy.pp.scale.
package decomp
