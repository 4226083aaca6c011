// Package codec holds the byte-level filters that HDF5 and zarr put between a
// chunk on disk and its values: deflate, shuffle, LZF, zstd, blosc, and the
// checksums of HDF5.
//
// Every filter works on whole buffers, because a container knows how large a
// decoded chunk may be before it decodes it. A decoder never writes past
// len(dst), never allocates in proportion to a size that the input declares,
// and answers hostile input with an error of kind errs.Corrupt (or
// errs.Unsupported for a feature that is refused by name), never with a panic.
//
// The types Inflater, Deflater, Zstd and Blosc carry scratch memory. Their zero
// values are ready to use; one value serves one goroutine at a time.
package codec
