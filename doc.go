// Package gpusc takes a file of counts, cells x genes, through the steps that
// single-cell analyses begin with (QC, filters, normalisation, log1p, highly
// variable genes, scaling, PCA) without loading it into memory, with scanpy's
// numbers, and on to neighbours, UMAP and Leiden clusters.
//
// # Use
//
//	e, err := gpusc.Open(ctx, gpusc.Options{Device: "auto", Memory: 4 << 30})
//	defer e.Close()
//	report, err := e.Run(ctx, "counts.h5ad", "out.h5ad", gpusc.DefaultPipeline())
//
// Run does the whole pipeline in as few passes over the data as its steps allow;
// Plan says beforehand which passes these are and what memory they take. The
// single steps (QC, HVG, PCA, Filter, Normalize, Scale) are pipelines too, with
// fewer steps; Neighbors, UMAP and Leiden work on the scores and the graph of a file.
//
// Memory is a promise: everything large is reserved from a ledger of
// Options.Memory bytes before it is allocated. Results do not depend on threads,
// budget, chunk size or device: the same input and parameters give the same bytes.
//
// Errors can be told apart with errors.Is: ErrCorrupt, ErrUnsupported, ErrData,
// ErrLimit, ErrBudget, ErrUsage, ErrResource.
package gpusc
