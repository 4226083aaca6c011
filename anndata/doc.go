// Package anndata reads and writes AnnData files (.h5ad): annotations of cells
// and genes as frames, matrices of cells x genes as streams, and everything else
// kept as it stands.
//
// # Reading
//
// Open reads the outline of a file only. Obs and Var give frames whose columns
// are read when asked for. Matrix names a matrix (X, raw/X, layers/NAME) and its
// Source cuts it into spans of rows that several goroutines read at once, each
// into a chunk.Chunk of its own:
//
//	file -> HDF5 chunk, decoded once -> narrowed in place -> chunk.Chunk
//
// The three layouts differ in how rows are found:
//
//   - csr: a span is a run of rows; indptr was checked from end to end when the
//     spans were planned. An HDF5 chunk that two spans share is decoded once and
//     lent to both (straddle.go).
//   - dense: spans keep to the rows of HDF5 chunks where they can; zeros are
//     dropped.
//   - csc: the matrix is turned once, through buckets of rows in a scratch file.
//
// Values become counts when every value of the span is whole and not negative,
// else the narrowest float that holds them exactly, whatever type the file had.
// Rows come out canonical: sorted, duplicates added up, explicit zeros dropped.
//
// # Writing
//
// Create streams a new file, Edit adds to one in place with X untouched; both
// become visible in one step on Commit. The bytes of a file depend on its
// content only, not on threads or on how rows were grouped into calls.
//
// # Forms
//
// The reader takes what anndata 0.5 to 0.13 wrote: frames as compound datasets
// with their categories in uns, categories behind object references, sparse
// matrices marked h5sparse_format, raw.X at the root, and the present encodings.
// The writer writes the present encodings that every anndata since 0.8 reads.
package anndata
