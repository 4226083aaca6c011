// Package neighbors finds the nearest neighbours of cells and makes the weighted
// graph that layouts and clusterings start from, as scanpy.pp.neighbors does.
//
// # Search
//
// Find takes the scores of a PCA, or any matrix of cells, and gives each cell's K-1
// nearest others. Up to 50,000 cells it compares all pairs. Above, it puts cells into
// sqrt(n) clusters and looks into as many clusters for each cell as reach the recall
// asked for on a sample; the recall is part of the result. Hard data costs more
// clusters and in the end an exact search, never neighbours lost in silence.
//
// Pairs are compared twice. A tile of inner products, in the fastest instructions
// there are, only says which pairs may belong to a list; both sides of that test are
// widened by a bound on its rounding errors, so no pair that belongs is lost. The few
// that pass get their canonical distance, a sum in one fixed order. Lists rank by that
// and by a total order of ties. So results have the same bits on every processor and
// for any number of threads.
//
// # Metrics
//
//   - euclidean: sqrt(sum (x-y)^2).
//   - cosine: 1 - x.y/(|x||y|), computed as half the squared distance of the rows
//     divided by their norms. A row of zeros is at distance 1 from all others and 0
//     from other rows of zeros, as in pynndescent.
//   - correlation: the same of rows less their mean.
//   - inner_product: the largest x.y are nearest. The distance is M - x.y, where M is
//     the largest x.x of the data, so that it is never negative; of rows of norm 1 it
//     is pynndescent's "dot", 1 - x.y. The cell itself is left out wherever it ranks.
//
// # Connectivities
//
// Connectivities weighs the edges: "umap" as umap-learn's fuzzy simplicial set
// (McInnes et al. 2018), "gauss" as scanpy's Gaussian kernel of local widths
// (Haghverdi et al. 2016), "jaccard" as PhenoGraph's shared neighbours (Levine et al.
// 2015).
package neighbors
