package gpusc

import "github.com/gpusc/gpusc/internal/errs"

// The kinds of failure, for errors.Is. Every error's text names file, place and
// remedy.
var (
	ErrCorrupt     = errs.Corrupt     // the bytes contradict the format or a checksum
	ErrUnsupported = errs.Unsupported // well formed, but refused by name
	ErrData        = errs.Data        // values that cannot be worked with
	ErrLimit       = errs.Limit       // a bound that protects memory or time
	ErrBudget      = errs.Budget      // the memory budget is too small
	ErrUsage       = errs.Usage       // a parameter that cannot be
	ErrResource    = errs.Resource    // disk, permission, device
)
