package gpusc

import (
	"context"

	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/pp"
)

// fits refuses, before anything is read, what could only fail at the end or
// leave a file that does not hold together.
func (j *job) fits(context.Context) error {
	if n := j.in.NObs(); n != j.nobs {
		return errs.At(errs.Corrupt, j.path, j.m.Path, "has %d rows, obs %d", j.nobs, n)
	}
	if err := j.besideX(); err != nil {
		return err
	}
	flavor := j.p.HVG.Flavor
	choose := j.do.hvg && flavor != "none" && len(j.p.Genes) == 0
	if choose {
		if err := j.p.HVG.Check(); err != nil {
			return err
		}
	}
	if !j.do.pca {
		return nil
	}
	most := min(j.nobs, j.nvars)
	switch {
	case len(j.p.Genes) > 0:
		most = min(most, int64(len(j.p.Genes)))
	case choose && j.p.HVG.NTopGenes > 0:
		most = min(most, int64(j.p.HVG.NTopGenes))
	}
	if k := int64(j.p.NComps); k > 0 && k > most-1 {
		return errs.At(errs.Usage, j.path, j.m.Path, "%d components of at most %d cells or genes", k, most).
			Do("give --n-comps %d or fewer, one less than the smaller of cells and genes", max(most-1, 1))
	}
	return nil
}

// besideX holds that results have the genes of the X they will stand beside.
// Where raw/X has other genes, a new file gets raw/X as its X, as run does it,
// and nothing can be added to the old one.
func (j *job) besideX() error {
	if j.m.Path != "raw/X" || j.do.write != "" && j.do.write != "copy" {
		return nil
	}
	same, err := j.sameGenes()
	if err != nil || same {
		return err
	}
	if j.do.write == "" && j.addTo {
		return errs.At(errs.Data, j.path, "raw/X", "has other genes than X: results on them cannot be added to this file").
			Do("give -o OUT, where X is then raw/X, or --raw no or --layer to use the genes of X")
	}
	if j.do.write == "copy" {
		j.do.write = "asis"
		j.warn("X of the output is raw/X, which has other genes than X")
	}
	return nil
}

// looksLikeCounts tells that a flavour which wants logarithms was given whole
// numbers.
func (j *job) looksLikeCounts(ctx context.Context) bool {
	f := j.p.HVG.Flavor
	if !j.do.hvg || !j.do.lognorm || f != pp.FlavorSeurat && f != pp.FlavorCellRanger || len(j.p.Genes) > 0 {
		return false
	}
	ok, err := j.m.Whole(ctx)
	return err == nil && ok
}
