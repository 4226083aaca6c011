// Package pp holds the steps of preprocessing, named after scanpy.pp: quality
// control, filters, normalisation, highly variable genes, scaling.
//
// Two halves. The arithmetic on one vector per gene or per cell is pure
// functions that read no file and start no pass (qcmath*.go, cut.go, hvg*.go,
// scalemath.go); they give the same bits on any machine. The steps stream a
// file to get the sums that those functions need.
//
// Semantics are those of scanpy 1.12 in float64. Where scanpy leaves an order
// among ties open, ours is the order of the genes.
package pp
