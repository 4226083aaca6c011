package main

import (
	"github.com/spf13/cobra"

	"github.com/gpusc/gpusc"
)

func newNeighbors(g *globals) *cobra.Command {
	return stepCommand{
		name: "neighbors", short: "nearest neighbours and their graph (neighbors)", parts: partNeighbors | partRep | partOut,
		long: `Finds the nearest neighbours of each cell in obsm/X_pca and weighs them, as
scanpy.pp.neighbors does: obsp/distances, obsp/connectivities, uns/neighbors.
Exact up to 50,000 cells; above, clusters of cells are searched until a sample
shows the recall that --recall asks for, and the report tells it.` + "\n" + inPlace,
		example: `  gpusc neighbors pca.h5ad
  gpusc neighbors pca.h5ad -o graph.h5ad --n-neighbors 30 --metric cosine`,
		run: (*gpusc.Engine).Neighbors,
	}.command(g)
}

func newUMAP(g *globals) *cobra.Command {
	return stepCommand{
		name: "umap", short: "a layout in the plane (umap)", parts: partUMAP | partOut,
		long: `Lays cells out from obsp/connectivities, which gpusc neighbors or scanpy has
made: obsm/X_umap. The same file gives the same layout, whatever the threads.` + "\n" + inPlace,
		example: `  gpusc umap graph.h5ad
  gpusc umap graph.h5ad -o umap.h5ad --min-dist 0.3 --components 3`,
		run: (*gpusc.Engine).UMAP,
	}.command(g)
}

func newLeiden(g *globals) *cobra.Command {
	return stepCommand{
		name: "leiden", short: "clusters of cells (leiden)", parts: partLeiden | partRestrict | partOut,
		long: `Clusters cells by the Leiden method from obsp/connectivities, which gpusc
neighbors or scanpy has made: obs/leiden, with colours and modularity in uns.
Cluster 0 is the largest.` + "\n" + inPlace,
		example: `  gpusc leiden graph.h5ad --resolution 0.5,1,2
  gpusc leiden graph.h5ad --restrict-to leiden,3 --resolution 0.4`,
		run: (*gpusc.Engine).Leiden,
	}.command(g)
}
