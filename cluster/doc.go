// Package cluster finds groups of cells in a graph of connectivities: Leiden, and
// Louvain, with modularity or the constant Potts model.
//
// The method is that of Traag, Waltman and van Eck, "From Louvain to Leiden" (2019),
// as scanpy.tl.leiden(flavor="igraph") runs it. An iteration goes through levels. On
// a level every vertex of the graph moves to the neighbouring community that gains
// most, until none wants to (move.go). Every community is then split into parts that
// are well connected (refine.go), and every part becomes one vertex of the graph of
// the next level (aggregate.go), which starts from the communities found. When every
// community is one vertex the iteration ends. A vertex of a level is always a
// connected part of the one below, so every community is connected: that, and not
// refinement alone, is why the levels go on to the end.
//
// # Weights
//
// The graph is undirected: the sum over a row is the strength of the cell, k, and the
// sum over all rows is 2m. An edge from a cell to itself counts once in its row and
// binds the cell to nobody. Edges of weight zero are no edges: a cell with no others
// is a community by itself. The gain of vertex v in community C is
//
//	w(v, C) - resolution k(v) k(C) / 2m       modularity
//	w(v, C) - resolution cells(v) cells(C)    constant Potts model
//
// in float64. A move must gain more than 1e-10 of what was added up, so that rounding
// can never send vertices round in circles, and a vertex with no edge into its own
// community always leaves it.
//
// # Determinism
//
// Moving is serial; refinement runs in parallel over communities and aggregation over
// parts, and each part's numbers are computed by one worker in a fixed order. Random
// numbers are hashes of the seed, the purpose, the iteration, the level and the
// vertex. Nothing depends on the number of threads nor on the kind of processor: no
// products are fused with sums, and the exponential is our own.
//
// # Order
//
// A visit to a vertex reads the communities of its neighbours. Where neighbours lie
// together these reads hit the caches, which makes large graphs about twice as fast:
// Options.Order says how to lay the cells out. Vertices are visited tile by tile of
// that layout, so the order is an input as the seed is: another order gives another,
// equally good, result.
package cluster
