package gpusc

import (
	"context"
	"os"

	"github.com/gpusc/gpusc/anndata"
	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/decomp"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
	"github.com/gpusc/gpusc/pass"
	"github.com/gpusc/gpusc/pp"
)

// budget is how a job divides the memory that it may use.
type budget struct {
	workers int // of a sweep; see pass.Workers
	spanNNZ int64
	cache   int64 // of the packed cache of all genes
	tiles   int64 // of the packed cache of the selected genes
	cells   int64 // of figures of cells
	parts   []MemoryPart
	need    int64
	pca     int64 // what would be needed without the graph steps
	// On each device that has memory of its own, 0 where none has:
	device   int64 // what is needed at once
	resident int64 // what may be kept there of the packed cache
}

// The values of a piece: large enough that its overheads do not count, small
// enough that it stays in the processor's caches between the steps.
const (
	mostNNZ  = 384 << 10
	leastNNZ = 16 << 10
	// A device with memory of its own wants larger pieces: a launch and a wait
	// cost it as much as some 100,000 values.
	apartNNZ = 2 << 20
	// perValue is what a value costs in a worker: the slot, and the narrow
	// copies that a step makes of it.
	perValue = 20 + 16
	// perDeviceValue is what it costs on a device with memory of its own.
	perDeviceValue = 8 + 16 + packedPerValue
	// packedPerValue is the usual size of a value in the packed cache, rounded up.
	packedPerValue = 2
	// nameBytes is the usual cost of a cell's name.
	nameBytes = 48
)

// divide opens the source and plans the memory. It fails when the budget cannot
// do, before anything is read. With planOnly nothing is done that takes long.
func (j *job) divide(ctx context.Context, planOnly bool) (err error) {
	j.e.trim()
	total := j.e.ledger.Free()
	b := &budget{workers: pass.Workers(j.e.backends, j.e.o.Threads)}
	most := int64(mostNNZ)
	if j.e.apart() {
		most = apartNNZ
	}
	b.spanNNZ = min(most, max(leastNNZ, total/8/int64(b.workers)/perValue))
	room, narrow := j.deviceRoom()
	if room > 0 { // half of it for the pieces in work
		b.spanNNZ = min(b.spanNNZ, max(leastNNZ, room/2/b.perDevice(j)/perDeviceValue))
	}
	j.mem = b
	var rows, nnz int64
	var src chunk.Source
	if planOnly && j.m.Format == "csc" {
		// Cutting it into rows means turning all of it: a plan takes the mean row.
		rows = max(1, b.spanNNZ*j.nobs/max(j.m.NNZ, 1))
		nnz = b.spanNNZ
	} else {
		if src, err = j.sourceOf(ctx, pass.Input); err != nil {
			return err
		}
		for _, s := range src.Spans() {
			rows, nnz = max(rows, s.Rows), max(nnz, s.NNZ)
		}
		b.workers = max(1, min(b.workers, len(src.Spans())))
	}
	measure := func() {
		b.measure(j, src, rows, nnz)
		b.devices(j, room, rows, nnz)
	}
	measure()
	// Fewer workers when each of them costs much.
	for (b.need > total || b.device > room) && b.workers > 1 {
		b.workers--
		measure()
	}
	if b.device > room {
		if err := j.leaveGPUs(room, narrow); err != nil {
			return err
		}
		return j.divide(ctx, planOnly)
	}
	if b.need > total {
		return j.tooSmall(total)
	}
	if j.perCell, err = j.e.ledger.Reserve(memory.Host, "figures of cells", b.cells); err != nil {
		return err
	}
	free := total - b.need
	b.cache = free * 3 / 4
	b.tiles = free - b.cache
	if b.resident > 0 {
		j.resident = &pass.Resident{Cap: b.resident}
	}
	return nil
}

// leaveGPUs goes on with the processor where the plan does not fit into the room on a
// device, unless a GPU was asked for: then it says what would do.
func (j *job) leaveGPUs(room int64, narrow string) error {
	err := errs.At(errs.Budget, j.path, j.m.Path, "%s are needed at once on %s, which may use %s",
		memory.Bytes(j.mem.device), narrow, memory.Bytes(room)).Do("use --device cpu")
	if limit := j.e.o.DeviceMemory; limit > 0 && limit <= room {
		err = err.Do("give --device-memory %s or more, or --device cpu", memory.Arg(j.mem.device))
	}
	if !j.e.mayLeaveGPUs() {
		return err
	}
	return j.e.leaveGPUs(err.Msg)
}

// tooSmall says what would do instead of a budget of which total bytes are free.
func (j *job) tooSmall(total int64) error {
	b, or := j.mem, ""
	if b.pca < b.need && b.pca <= total {
		or = ", or --until pca"
	}
	return errs.At(errs.Budget, j.path, j.m.Path, "%s are needed at once, and the budget is %s", memory.Bytes(b.need), memory.Bytes(j.e.budget)).
		Do("give --memory %s or more%s; gpusc plan shows what for", memory.Arg((b.need+b.need/8+16<<20)&^(16<<20-1)), or)
}

// devices plans the memory of the devices that have their own: whatever a worker
// holds as staging memory lies there once more, beside the piece as it is packed,
// and then what PCA works on. Of what they have beyond, a part is left to the
// pool's gaps and to other processes.
func (b *budget) devices(j *job, room, rows, nnz int64) {
	b.device, b.resident = 0, 0
	if room == 0 {
		return
	}
	w := b.perDevice(j)
	b.device = w*(j.slotBytes(rows, nnz)+packedPerValue*nnz) + j.nvars*int64(j.nBatches())*j.geneBytes(w)
	if j.do.write == "scaled" {
		b.device += w * pp.DenseBytes(int(j.nvars))
	}
	b.resident = max(0, room-b.device) * 3 / 4
	if j.do.pca { // comes when the cache is gone, and takes its place
		_, pca := decomp.GramDeviceMemory(j.expectedGenes(), gramStreams, j.e.o.Threads)
		b.device = max(b.device, pca)
	}
}

// deviceRoom is how much memory of its own each device may use, at least, and which
// has so little; 0 where none has memory of its own.
func (j *job) deviceRoom() (room int64, narrow string) {
	for _, d := range j.e.backends {
		i := d.Info()
		if i.Unified {
			continue
		}
		has := i.Memory
		if i.Room > 0 {
			has = i.Room
		}
		if limit := j.e.o.DeviceMemory; limit > 0 {
			has = min(has, limit)
		}
		if room == 0 || has < room {
			room, narrow = has, i.Name
		}
	}
	return room, narrow
}

// perDevice is how many workers a device has, at most.
func (b *budget) perDevice(j *job) int64 {
	n := int64(len(j.e.backends))
	return (int64(b.workers) + n - 1) / n
}

// slotBytes is what a worker holds for a piece, in one kind of memory.
func (j *job) slotBytes(rows, nnz int64) int64 {
	return pass.SlotBytes(int(rows), nnz) + 16*nnz + rows*int64(64+8*(len(j.groupNames)+len(j.topN)))
}

// measure fills in the parts and their sum. Reading and PCA are not at once:
// the larger counts.
func (b *budget) measure(j *job, src chunk.Source, rows, nnz int64) {
	w := int64(b.workers)
	// QC, what is made of it for obs, and the names of the cells.
	cells := 2*pp.QCObsBytes(j.nobs, len(j.groupNames), len(j.topN)) + j.nobs*(1+8+8+8+4+nameBytes)
	b.cells = cells
	read := []MemoryPart{
		{"pieces in work", w * j.slotBytes(rows, nnz)},
		{"sums of genes", j.nvars * int64(j.nBatches()) * j.geneBytes(w)},
	}
	if s, ok := src.(anndata.Source); ok {
		read = append(read, MemoryPart{"decoding", s.Memory(min(b.workers, j.e.o.Threads))})
	}
	if j.do.write == "scaled" {
		read = append(read, MemoryPart{"dense rows", w * pp.DenseBytes(int(j.nvars))})
	}
	if j.do.write != "" {
		read = append(read, MemoryPart{"compression", int64(j.e.o.Threads+2) * 3 << 20})
	}
	var pca []MemoryPart
	if j.do.pca {
		p := int64(j.expectedGenes())
		pca = append(pca, MemoryPart{"covariance and components", j.gramHost(int(p)) + 8*p*p})
	}
	sum := func(ps []MemoryPart) (n int64) {
		for _, p := range ps {
			n += p.Bytes
		}
		return n
	}
	b.parts = append([]MemoryPart{{"figures of cells", cells}}, read...)
	b.parts = append(b.parts, pca...)
	b.need = cells + max(sum(read), sum(pca))
	b.pca = b.need
	if scores, steps := j.graphParts(); steps != nil {
		b.parts = append(append(b.parts, MemoryPart{"scores of cells", scores}), steps...)
		graph := int64(0)
		for _, s := range steps { // one after another
			graph = max(graph, s.Bytes)
		}
		b.need = cells + scores + max(sum(read), sum(pca), graph)
	}
}

// gramHost is the host memory for the covariance of p genes, its result apart.
func (j *job) gramHost(p int) int64 {
	if j.e.backends[0].Info().Unified {
		return decomp.GramMemory(p, j.e.o.Threads)
	}
	host, _ := decomp.GramDeviceMemory(p, gramStreams, j.e.o.Threads)
	return int64(len(j.e.backends)) * host
}

// geneBytes is what a gene of a batch takes: the sums of each of w workers, their
// result, and what is made of it (float64 moments). The flavours of two looks
// hold both.
func (j *job) geneBytes(w int64) int64 {
	switch j.p.HVG.Flavor {
	case pp.FlavorSeuratV3, pp.FlavorSeuratPaper, pp.FlavorPearson:
		if j.do.hvg {
			return 48*w + 144
		}
	}
	return 40*w + 72
}

// expectedGenes guesses how many genes PCA will work on.
func (j *job) expectedGenes() int {
	n := int(j.nvars)
	switch {
	case len(j.p.Genes) > 0:
		n = len(j.p.Genes)
	case !j.do.hvg, j.p.HVG.Flavor == "none":
	case j.p.HVG.NTopGenes > 0:
		n = j.p.HVG.NTopGenes
	default:
		n = 3000
	}
	return min(n, int(j.nvars), maxPCAGenes)
}

// describe turns the job into a plan without running it.
func (j *job) describe(ctx context.Context) (*Plan, error) {
	if err := j.divide(ctx, true); err != nil {
		return nil, err
	}
	planned, err := j.arrange()
	if err != nil {
		return nil, err
	}
	p := &Plan{
		Input: j.inputReport(), Counts: j.m.Path, Why: j.why, Memory: j.mem.parts, Need: j.mem.need,
		Budget: j.e.budget, Tmp: j.e.o.Tmp, Device: j.mem.device, Resident: j.mem.resident,
	}
	nnz := j.m.NNZ
	for _, pl := range planned {
		pass1 := PlanPass{On: pl.On.String()}
		for _, i := range pl.Nodes {
			pass1.Steps = append(pass1.Steps, j.nodes[i].Name)
		}
		switch pl.On {
		case pass.Input:
			pass1.Read, pass1.Decoded = j.m.StoredBytes(), j.m.DecodedBytes()
		case pass.Cache:
			p.Cache = nnz * packedPerValue
			pass1.Read, pass1.Decoded = p.Cache, nnz*8
		case pass.Tiles:
			pass1.Read = nnz * packedPerValue / 8
			pass1.Decoded = pass1.Read * 4
		}
		p.Passes = append(p.Passes, pass1)
	}
	if names := j.graphNames(); names != nil {
		p.Passes = append(p.Passes, PlanPass{On: pass.None.String(), Steps: names})
	}
	p.InMemory = min(p.Cache, j.mem.cache)
	switch j.do.write {
	case "lognorm":
		p.Output = nnz * 3
	case "counts", "asis":
		p.Output = nnz * 2
	case "scaled":
		p.Output = j.nobs * j.nvars * 4
	}
	if j.do.pca {
		p.Output += j.nobs * int64(j.p.NComps) * 4
	}
	if j.do.neighbors {
		p.Output += j.nobs * int64(max(j.p.Neighbors.K, defaultK)) * 2 * 8
	}
	return p, nil
}

func (j *job) inputReport() InputReport {
	r := InputReport{Path: j.path, Obs: j.nobs, Vars: j.nvars, NNZ: j.m.NNZ}
	if st, err := os.Stat(j.path); err == nil {
		r.Bytes = st.Size()
	}
	return r
}
