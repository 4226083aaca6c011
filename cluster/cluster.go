package cluster

import (
	"context"
	"math"
	"runtime"

	"github.com/gpusc/gpusc/graph"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// The objectives.
const (
	// ModularityObjective compares with a random graph of the same strengths; with a
	// resolution it is leidenalg's RBConfiguration.
	ModularityObjective = "modularity"
	// CPM is the constant Potts model: every pair of cells costs the resolution.
	CPM = "cpm"
)

// Options says how to cluster; the zero value is scanpy.tl.leiden with
// flavor="igraph", n_iterations=2.
type Options struct {
	// Resolution is the price of a community's size: more gives more, smaller
	// communities. 0: 1.
	Resolution float64
	// Objective is ModularityObjective or CPM; "" is ModularityObjective.
	Objective string
	// Iterations of the whole method, each from the communities of the one before.
	// 0: 2. -1: until an iteration changes nothing.
	Iterations int
	// Louvain leaves the refinement out. Communities may then be disconnected.
	Louvain bool
	// Theta is the spread of the random choice in refinement, in units of edge
	// weight: small is greedy. igraph calls it beta. 0: 0.01.
	Theta float64
	// Seed of the random numbers.
	Seed uint64
	// Threads to use at most; 0: GOMAXPROCS. Results do not depend on it.
	Threads int
	// Order lists every cell once, so that neighbours come close together, for
	// speed; nil: as they are. The result depends on it as on the seed.
	Order []int32
	// Ledger in which working memory is reserved; nil: in none.
	Ledger *memory.Ledger
}

// Result is a partition of the cells.
type Result struct {
	// Labels has the community of every cell: 0 is the largest; of equally large
	// ones the first has the smallest cell.
	Labels []int32
	// Clusters is the number of communities.
	Clusters int
	// Quality is what was optimised, divided by 2m: modularity with the resolution,
	// or the constant Potts model as igraph gives it. 0 for a graph without edges.
	Quality float64
	// Modularity is that of resolution 1.
	Modularity float64
	// Iterations is how many were run; 0 for a graph without edges.
	Iterations int
}

// Leiden finds communities in an undirected weighted graph such as the
// connectivities of package neighbors (scanpy.tl.leiden; scanpy.tl.louvain with
// o.Louvain). Every community is connected, and at the end of an iteration no
// community can be joined to another with a gain. With Iterations -1 no single
// vertex can be moved with a gain either.
//
// Errors: errs.Data for a graph that is malformed or not symmetric, errs.Usage for
// options that cannot be, errs.Budget where the ledger has too little memory, and the
// context's own error, within a second, when it ends.
func Leiden(ctx context.Context, g *graph.CSR, o Options) (*Result, error) {
	res, err := Several(ctx, g, []float64{o.Resolution}, o)
	if err != nil {
		return nil, err
	}
	return res[0], nil
}

// maxResolution keeps products in range; at 1e12 every cell is alone long since.
const maxResolution = 1e12

// maxThreads bounds what a silly number of threads can cost: 8 bytes for each of them
// and every cell.
const maxThreads = 256

// filled checks the options for a graph of n cells and puts defaults in.
func (o Options) filled(n int) (Options, error) {
	if o.Resolution == 0 {
		o.Resolution = 1
	}
	if !(o.Resolution > 0 && o.Resolution <= maxResolution) {
		return o, errs.New(errs.Usage, "a resolution of %g cannot be", o.Resolution).Do("give one above 0; 1 is usual")
	}
	switch o.Objective {
	case "":
		o.Objective = ModularityObjective
	case ModularityObjective, CPM:
	default:
		return o, errs.New(errs.Usage, "%q is not an objective", o.Objective).Do("take %q or %q", ModularityObjective, CPM)
	}
	if o.Iterations == 0 {
		o.Iterations = 2
	}
	if o.Iterations < -1 {
		return o, errs.New(errs.Usage, "%d iterations cannot be", o.Iterations).Do("give a number above 0, or -1 for as many as it takes")
	}
	if o.Theta == 0 {
		o.Theta = 0.01
	}
	if !(o.Theta > 0 && o.Theta <= math.MaxFloat32) {
		return o, errs.New(errs.Usage, "a theta of %g cannot be", o.Theta).Do("give one above 0; 0.01 is usual")
	}
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	o.Threads = min(o.Threads, maxThreads)
	return o, checkOrder(o.Order, n)
}

// checkOrder refuses an order that is not every cell once.
func checkOrder(order []int32, n int) error {
	if order == nil {
		return nil
	}
	if len(order) != n {
		return errs.New(errs.Usage, "the order has %d cells and the graph %d", len(order), n)
	}
	seen := make([]bool, n)
	for _, c := range order {
		if c < 0 || int(c) >= n || seen[c] {
			return errs.New(errs.Usage, "cell %d is not, or more than once, among the %d cells that are to be ordered", c, n)
		}
		seen[c] = true
	}
	return nil
}
