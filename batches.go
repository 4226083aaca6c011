package gpusc

import (
	"slices"

	"github.com/gpusc/gpusc/anndata"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/pp"
)

// numberBatches gives each cell the number of its batch. A cell without one gets
// -1: scanpy's seurat and cell_ranger leave it out, its other flavours fail.
func (j *job) numberBatches(c *anndata.Column) error {
	names, err := c.Strings()
	if err != nil {
		return err
	}
	data, err := c.Values()
	if err != nil {
		return err
	}
	missing := func(int) bool { return false }
	switch d := data.(type) {
	case *anndata.Categorical:
		missing = func(i int) bool { return d.Codes[i] < 0 }
	case *anndata.NullableString:
		missing = func(i int) bool { return d.Mask[i] }
	}
	number := map[string]int32{}
	without := 0
	for i, n := range names {
		if missing(i) {
			without++
		} else {
			number[n] = 0
		}
	}
	place := "obs/" + j.p.BatchKey
	f := j.p.HVG.Flavor
	switch {
	case len(number) > maxBatches:
		return errs.At(errs.Data, j.path, place, "%d batches are more than %d", len(number), maxBatches).Do("is this the right column?")
	case len(number) == 0:
		return errs.At(errs.Data, j.path, place, "no cell has a batch").Do("is this the right column?")
	case without > 0 && f != pp.FlavorSeurat && f != pp.FlavorCellRanger:
		return errs.At(errs.Data, j.path, place, "%d cells have no batch, which %s cannot do with", without, f).
			Do("give them one, or drop them first")
	case without > 0:
		j.warn("%d cells have no batch in %s: they do not count for the choice of genes", without, place)
	}
	for n := range number {
		j.batchNames = append(j.batchNames, n)
	}
	slices.Sort(j.batchNames)
	for i, n := range j.batchNames {
		number[n] = int32(i)
	}
	j.batchOf = make([]int32, len(names))
	for i, n := range names {
		j.batchOf[i] = -1
		if !missing(i) {
			j.batchOf[i] = number[n]
		}
	}
	return nil
}
