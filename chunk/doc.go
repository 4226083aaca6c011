// Package chunk is the form in which cells travel: a run of rows as CSR, the
// Source they are read from and the Sink they are written to, and the packed
// cache that keeps a whole matrix at about two bytes per stored value, in
// memory or in a scratch file, so that the input is decompressed only once.
package chunk
