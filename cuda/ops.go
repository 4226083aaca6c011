//go:build cuda

package cuda

import (
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
)

// operation queues one operation of the catalogue.
type operation func(*stream, device.Op) error

// operationOf is the list of operations. It returns nil for a name that is not in it.
func operationOf(name string) operation {
	switch name {
	case "rowstats":
		return as(rowStats)
	case "genestats":
		return as(geneStats)
	case "moments":
		return as(moments)
	case "clippedmoments":
		return as(clippedMoments)
	case "pearsonmoments":
		return as(pearsonMoments)
	case "topsums":
		return as(topSums)
	case "highfraction":
		return as(highFraction)
	case "select":
		return as(selectRows)
	case "values":
		return as(values)
	case "dense":
		return as(dense)
	case "unpack":
		return as(unpack)
	case "gramfill":
		return as(gramFill)
	case "grammultiply":
		return as(gramMultiply)
	case "project":
		return as(project)
	case "symmul":
		return as(symMul)
	}
	return nil
}

// as makes an operation of the function that queues operations of type T.
func as[T any](run func(*stream, *T) error) operation {
	return func(s *stream, op device.Op) error {
		p, ok := any(op).(*T)
		if !ok || p == nil {
			return errs.New(errs.Usage, "an operation of type %T under that name", op)
		}
		return run(s, p)
	}
}
