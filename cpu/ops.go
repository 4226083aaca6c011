package cpu

import (
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
)

// kernel runs one operation with a stream's private memory.
type kernel func(*work, device.Op) error

// kernelOf is the list of operations. It returns nil for a name that is not in it.
func kernelOf(name string) kernel {
	switch name {
	case "rowstats":
		return as(rowStats)
	case "topsums":
		return as(topSums)
	case "highfraction":
		return as(highFraction)
	case "genestats":
		return as(geneStats)
	case "moments":
		return as(moments)
	case "clippedmoments":
		return as(clippedMoments)
	case "pearsonmoments":
		return as(pearsonMoments)
	case "select":
		return as(selectRows)
	case "values":
		return as(values)
	case "dense":
		return as(dense)
	case "gramfill":
		return as(gramFill)
	case "grammultiply":
		return as(gramMultiply)
	case "project":
		return as(project)
	case "symmul":
		return as(symMul)
	case "unpack":
		return as(unpack)
	}
	return nil
}

// as makes a kernel of the function that runs operations of type T.
func as[T any](run func(*work, *T) error) kernel {
	return func(w *work, op device.Op) error {
		p, ok := any(op).(*T)
		if !ok || p == nil {
			return errs.New(errs.Usage, "an operation of type %T under that name", op)
		}
		return run(w, p)
	}
}
