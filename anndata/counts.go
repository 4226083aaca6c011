package anndata

import (
	"context"
	"fmt"
	"math"

	"github.com/gpusc/gpusc/hdf5"
	"github.com/gpusc/gpusc/internal/errs"
)

// Counts chooses the matrix that holds counts.
//
// choice "auto" takes X when the values sampled from it are whole and not
// negative, else raw/X when those are; "yes" takes raw/X, "no" takes X, without
// looking. reason says in words what was chosen and why. The sample is the
// first, a middle and the last run of values: the pass that reads the matrix
// checks them all.
//
// An X with a negative, NaN or infinite value is chosen all the same where there
// is no raw/X: the pass that meets the value names its cell and gene, which a
// sample cannot.
//
// Errors: errs.Data when neither holds counts, or raw/X is asked for and absent.
func (f *File) Counts(ctx context.Context, choice string) (m *Matrix, reason string, err error) {
	switch choice {
	case "", "auto":
		return f.autoCounts(ctx)
	case "yes":
		m, err = f.Matrix("raw/X")
		reason = "raw/X, as asked"
	case "no":
		m, err = f.Matrix("X")
		reason = "X, as asked"
	default:
		return nil, "", errs.New(errs.Usage, "%q does not say where the counts are", choice).Do("use auto, yes or no")
	}
	if err == nil {
		err = f.aligned(m)
	}
	return m, reason, err
}

func (f *File) autoCounts(ctx context.Context) (*Matrix, string, error) {
	var why []string
	var spoilt *Matrix // X, where it holds what no matrix of counts or logs can
	for _, path := range []string{"X", "raw/X"} {
		m, err := f.find(path)
		if err != nil {
			return nil, "", errs.InFile(err, f.path)
		}
		if m == nil {
			why = append(why, "there is no "+path)
			if spoilt != nil {
				return spoilt, fmt.Sprintf("%s, and %s", why[0], why[1]), f.aligned(spoilt)
			}
			continue
		}
		odd, ok, err := m.sample(ctx)
		if err != nil {
			return nil, "", errs.InFile(err, f.path)
		}
		if ok {
			reason := path + " holds whole numbers"
			if len(why) > 0 {
				reason = fmt.Sprintf("%s (%s)", reason, why[0])
			}
			return m, reason, f.aligned(m)
		}
		why = append(why, fmt.Sprintf("%s holds %v", path, odd))
		if !(odd >= 0) || math.IsInf(odd, 0) {
			spoilt = m
		}
	}
	return nil, "", f.errorf(errs.Data, "", "no counts: %s, and %s", why[0], why[1]).
		Do("name the layer that holds counts with --layer, or take X as it is with --raw no")
}

// Whole tells whether all values of a sample are whole numbers that are not
// negative: the matrix looks like counts.
func (m *Matrix) Whole(ctx context.Context) (bool, error) {
	_, ok, err := m.sample(ctx)
	return ok, errs.InFile(err, m.file.path)
}

// sampleRun is how many values are looked at in each place.
const sampleRun = 1 << 16

// sample looks at values from the start, the middle and the end. ok tells that
// all were counts; odd is the first that was not.
func (m *Matrix) sample(ctx context.Context) (odd float64, ok bool, err error) {
	if t := numNamed(m.DType); t >= u8 && t <= u64 {
		return 0, true, nil
	}
	var r *run1
	if ds, dense := m.obj.(*hdf5.Dataset); dense {
		return m.sampleDense(ctx, ds)
	}
	if r, _, _, err = m.lists(); err != nil {
		return 0, false, err
	}
	if err := m.mustFit(3 * r.scratchBytes()); err != nil {
		return 0, false, err
	}
	sc := &scratch{dec: hdf5.NewDecoder()}
	for k := range int64(5) {
		lo := max(r.n-sampleRun, 0) / 4 * k
		hi := min(lo+sampleRun, r.n)
		found := false
		err := r.each(ctx, sc, 0, lo, hi, nil, func(raw []byte) error {
			if v, bad := notCount(r.t, raw); bad && !found {
				odd, found = v, true
			}
			return nil
		})
		if err != nil || found {
			return odd, false, err
		}
	}
	return 0, true, nil
}

// sampleDense is sample for a dense matrix: some rows of each place.
func (m *Matrix) sampleDense(ctx context.Context, ds *hdf5.Dataset) (odd float64, ok bool, err error) {
	t := numOf(ds.Type())
	rowBytes := m.Cols * int64(t.Size())
	if rowBytes == 0 || m.Rows == 0 {
		return 0, true, nil
	}
	rows := min(max(sampleRun/m.Cols, 1), m.Rows)
	if err := m.mustFit(rows*rowBytes + 3*ds.ChunkBytes()); err != nil {
		return 0, false, err
	}
	dec := hdf5.NewDecoder()
	b := alloc(nil, int(rows*rowBytes))
	for k := range int64(5) {
		lo := (m.Rows - rows) / 4 * k
		if err := ds.ReadRows(ctx, dec, b, lo, lo+rows); err != nil {
			return 0, false, err
		}
		toHost(b, t.Size(), ds.Type().BigEndian)
		if v, bad := notCount(t, b); bad {
			return v, false, nil
		}
	}
	return 0, true, nil
}

// notCount finds the first value that is no count.
func notCount(t num, raw []byte) (float64, bool) {
	var v values
	v.u = make([]uint32, len(raw)/t.Size())
	v.put(t, raw)
	if v.kind == 0 {
		return 0, false
	}
	v.d = make([]float64, 0)
	// Again, value by value: this is the rare end of the search.
	size := t.Size()
	for i := 0; i+size <= len(raw); i += size {
		one := values{u: make([]uint32, 1)}
		one.put(t, raw[i:i+size])
		switch one.kind {
		case 1:
			return float64(asFloats(one.u)[0]), true
		case 2:
			return one.d[0], true
		}
	}
	return 0, false
}
