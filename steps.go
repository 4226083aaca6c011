package gpusc

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/kernels"
	"github.com/gpusc/gpusc/pass"
	"github.com/gpusc/gpusc/pp"
)

func (j *job) checkStep() (pass.Step, error) {
	j.check = &pp.Check{
		Place: j.m.Path, AnySign: !j.countsWanted(),
		Cell: func(i int64) string {
			obs, _ := j.in.ObsNames() // read only for an error
			return nameAt(obs, i)
		},
		Gene: func(i int64) string { return nameAt(j.genes, i) },
	}
	return j.check, nil
}

func nameAt(names []string, i int64) string {
	if i < int64(len(names)) {
		return names[i]
	}
	return fmt.Sprint(i)
}

// countsWanted tells whether the values that are read must be counts.
func (j *job) countsWanted() bool {
	if j.do.qc || j.do.filter || j.do.normalize {
		return true
	}
	f := j.p.HVG.Flavor
	return j.do.hvg && (f == pp.FlavorSeuratV3 || f == pp.FlavorSeuratPaper || f == pp.FlavorPearson)
}

func (j *job) rowQCStep() (pass.Step, error) {
	j.cells = pp.NewQCObs(j.nobs, j.groupNames, j.topN, j.countType())
	s := &pp.RowQC{Out: j.cells}
	if len(j.groupNames) > 0 {
		s.GroupOf = j.groupOf
	}
	return s, nil
}

// countType says which type scanpy's sums of this matrix would have.
func (j *job) countType() pp.CountType {
	switch {
	case j.m.DType == "float64":
		return pp.Float64Counts
	case strings.HasPrefix(j.m.DType, "float"):
		return pp.Float32Counts
	}
	return pp.IntCounts
}

func (j *job) filterStep() (pass.Step, error) {
	j.keep = make([]bool, j.nobs)
	return &pp.FilterRows{Filter: j.p.cellFilter(), Of: j.cells, Out: j.keep}, nil
}

func (j *job) geneQCStep() (pass.Step, error) {
	j.geneSums = pp.NewGeneSums(int(j.nvars), 2, false, true)
	return &pp.GeneQC{Out: j.geneSums}, nil
}

func (j *job) packStep() (pass.Step, error) {
	src, err := j.sourceOf(context.Background(), pass.Input)
	if err != nil {
		return nil, err
	}
	j.cacheIn = chunk.NewCache(chunk.CacheOptions{
		Ledger: j.e.ledger, Tmp: j.e.o.Tmp, MemoryLimit: j.mem.cache, Spans: len(src.Spans()), Cols: j.nvars,
	})
	return &pp.Pack{To: j.cacheIn}, nil
}

// filterGenes decides which genes stay, from the cells that stay.
func (j *job) filterGenes(context.Context) error {
	j.qcVar = j.geneFigures(0)
	keep, err := j.p.geneFilter().Keep(j.qcVar)
	if err != nil {
		return err
	}
	j.geneKeep = keep
	j.geneMap = make([]int32, j.nvars)
	n := int32(0)
	for g := range j.geneKeep {
		j.geneMap[g] = -1
		if keep[g] {
			j.geneMap[g] = n
			n++
		}
	}
	if n == 0 {
		return errs.At(errs.Data, j.path, j.m.Path, "no gene is within the limits").Do("lower --min-cells")
	}
	return nil
}

// geneFigures are the sums of QC over the cells that stay, or with all 1 over
// all cells.
func (j *job) geneFigures(all int) *pp.QCVar {
	n := int(j.nvars)
	q := &pp.QCVar{N: j.nKept(), Cells: make([]int64, n), Total: j.geneSums.Float(j.geneSums.Sum, 0), Type: j.countType()}
	for g := range q.Cells {
		q.Cells[g] = int64(j.geneSums.Cells[g])
		if all == 1 {
			q.N = j.nobs
			q.Cells[g] += int64(j.geneSums.Cells[n+g])
			q.Total[g] = j.geneSums.Sum[g].Add(j.geneSums.Sum[n+g]).Float64()
		}
	}
	return q
}

// mask is 1 for each gene that counts for totals.
func (j *job) mask(without []bool) []uint8 {
	if j.geneKeep == nil && without == nil {
		return nil
	}
	m := make([]uint8, j.nvars)
	for g := range m {
		if (j.geneKeep == nil || j.geneKeep[g]) && (without == nil || !without[g]) {
			m[g] = 1
		}
	}
	return m
}

// rowsOf is the number of cells that a sweep over the matrix would see now.
func (j *job) rowsOf() int64 {
	if j.inputDone {
		return j.nKept()
	}
	return j.nobs
}

func (j *job) totalsStep() (pass.Step, error) {
	j.totals = make([]float64, j.rowsOf())
	return &pp.Totals{Mask: j.mask(j.high), Target: j.target, Out: j.totals}, nil
}

func (j *job) rawTotalsStep() (pass.Step, error) {
	j.rawTotals = make([]float64, j.rowsOf())
	return &pp.Totals{Mask: j.mask(nil), Out: j.rawTotals}, nil
}

func (j *job) highStep() (pass.Step, error) {
	j.high = make([]bool, j.nvars)
	return &pp.HighGenes{Fraction: j.p.MaxFraction, Total: j.rawTotals, Out: j.high}, nil
}

func (j *job) nBatches() int { return max(1, len(j.batchNames)) }

// batchesNow are the batches of the cells that a sweep sees now.
func (j *job) batchesNow() []int32 {
	if j.inputDone {
		return j.batch
	}
	return j.batchOf
}

func (j *job) momentsStep() (pass.Step, error) {
	j.moments = pp.NewGeneSums(int(j.nvars), j.nBatches(), true, false)
	s := &pp.AddMoments{Batch: j.batchesNow(), Out: j.moments, LnBase: j.logBase}
	cellRanger := j.p.HVG.Flavor == pp.FlavorCellRanger
	switch {
	case j.do.normalize:
		// seurat goes back from log1p(x) to x: the logarithm is never taken.
		s.Log1p = cellRanger
		if !cellRanger {
			s.LnBase = 0
		}
	case cellRanger:
		s.LnBase = 0
	default:
		s.Expm1 = true
	}
	return s, nil
}

func (j *job) rawMomentsStep() (pass.Step, error) {
	j.moments = pp.NewGeneSums(int(j.nvars), j.nBatches(), true, false)
	return &pp.AddMoments{Batch: j.batchesNow(), Out: j.moments}, nil
}

func (j *job) logMomentsStep() (pass.Step, error) {
	j.logs = pp.NewGeneSums(int(j.nvars), 1, true, false)
	return &pp.AddMoments{Out: j.logs, Log1p: j.do.normalize, LnBase: j.logBaseOf()}, nil
}

func (j *job) clippedStep() (pass.Step, error) {
	j.clipped = pp.NewGeneSums(int(j.nvars), j.nBatches(), true, true)
	return &pp.AddClipped{Clip: j.v3.clip, Batch: j.batchesNow(), Out: j.clipped}, nil
}

func (j *job) pearsonStep() (pass.Step, error) {
	j.clipped = pp.NewGeneSums(int(j.nvars), j.nBatches(), true, false)
	return &pp.AddPearson{
		Total: j.rawTotals, Share: j.v3.share, Clip: j.v3.bound, Theta: j.theta(), Batch: j.batchesNow(), Out: j.clipped,
	}, nil
}

func (j *job) theta() float64 {
	if j.p.HVG.Theta == 0 {
		return 100
	}
	return j.p.HVG.Theta
}

// logBaseOf is the base for steps that take the logarithm themselves.
func (j *job) logBaseOf() float64 {
	if !j.do.normalize {
		return 0
	}
	return j.logBase
}

func (j *job) writeSparseStep() (pass.Step, error) {
	w, err := j.out.CSR("X", j.nGenes(), j.xType(), j.m.NNZ)
	if err != nil {
		return nil, err
	}
	j.closers = append(j.closers, w)
	s := &pp.WriteSparse{Cols: int(j.nGenes())}
	if j.geneKeep != nil {
		s.Map = j.geneMap
	}
	if j.do.write == "lognorm" && j.do.normalize {
		s.Values, s.Log1p, s.LnBase = true, true, j.logBase
	}
	s.Put = func(_ context.Context, c *chunk.Chunk, v []float32) error { return w.Put(c, v) }
	return s, nil
}

func (j *job) writeDenseStep() (pass.Step, error) {
	w, err := j.out.Dense("X", j.nGenes(), "float32")
	if err != nil {
		return nil, err
	}
	j.closers = append(j.closers, w)
	m := j.momentsOf(j.logs, 0, j.nKept())
	s := &pp.WriteDense{
		Cols: int(j.nGenes()), Log1p: j.do.normalize, LnBase: j.logBaseOf(), Mean: m.Mean, Std: pp.ScaleStd(m.Var),
		Centre: true, Max: j.p.MaxValue,
		Put: func(_ context.Context, v []float32) error { return w.Put(v) },
	}
	if j.geneKeep != nil {
		s.Map = j.geneMap
	}
	j.tileStats = nil
	return s, nil
}

// momentsOf returns mean and variance of the genes that stay, in group g of n cells.
func (j *job) momentsOf(s *pp.GeneSums, g int, n int64) pp.Moments {
	sum := keptGenes(j, s.Float(s.Sum, g))
	return pp.MomentsOf(n, sum, keptGenes(j, s.Float(s.SumSq, g)))
}

// keptGenes returns the entries of the genes that stay.
func keptGenes[T any](j *job, v []T) []T {
	if j.geneKeep == nil {
		return v
	}
	out := make([]T, 0, j.nGenes())
	for g, k := range j.geneKeep {
		if k {
			out = append(out, v[g])
		}
	}
	return out
}

// spread puts values of the genes that stay back at their places among all.
func spread[T any](j *job, v []T) []T {
	if j.geneKeep == nil {
		return v
	}
	out := make([]T, j.nvars)
	for g, m := range j.geneMap {
		if m >= 0 {
			out[g] = v[m]
		}
	}
	return out
}

// overflowed tells whether a sum of squares has left its range.
func overflowed(s []kernels.Fixed) bool {
	return slices.ContainsFunc(s, func(f kernels.Fixed) bool { return f.Hi < 0 })
}
