package manifold

// UMAPMemory returns the most bytes that UMAP reserves in its ledger for n cells and a
// graph of that many stored edges (each counted in both directions), with components
// dimensions and threads: 56 bytes for each cell and 12 for each edge in a plane, about
// 360 MiB for a million cells with 25 edges each. The graph, the scores and the positions
// that are handed in come on top.
func UMAPMemory(n, edges int64, components, threads int) int64 {
	return max(startBytes(n), layoutBytes(n, edges, components, threads)) + resultBytes(n, components)
}

func resultBytes(n int64, components int) int64 { return 4 * n * int64(components) }

// layoutBytes is what optimize takes: the field and the cells' places in memory.
func layoutBytes(n, edges int64, components, threads int) int64 {
	return fieldBytes(n, n, edges, components, threads) + 4*n
}
