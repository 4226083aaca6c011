// Package hdf5 reads and writes the HDF5 container format in pure Go. It knows
// groups, links, attributes, datasets, chunks and filters, and nothing of what
// they mean.
//
// The reader is made for files larger than memory: a dataset's chunk index is
// held in a few bytes per chunk, chunks are decoded one at a time into memory
// that the caller owns, and any number of goroutines may decode at once, each
// with its own Decoder. Nothing that a file says is believed before it is
// checked: every address against the file's size, every size against a limit,
// every checksum that the format has.
//
// The format is "HDF5 File Format Specification Version 3.0 and 4.0" of The
// HDF Group. What is refused (virtual datasets, external files, unknown
// filters) is refused by name, with the path of the object that needs it.
package hdf5
