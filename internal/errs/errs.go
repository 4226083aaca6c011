// Package errs holds the few kinds of failure that callers branch on, and the
// one form in which a failure is told: file, place, what is wrong, what to do.
//
// The kinds are plain sentinel errors, tested with errors.Is. The command line
// maps them to exit codes (corrupt, unsupported, data: 3; budget, limit: 4).
package errs

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// The kinds.
var (
	// Corrupt: the bytes contradict the format or a checksum, or the file ends early.
	Corrupt = errors.New("corrupt")
	// Unsupported: well formed, but a feature that is refused by name.
	Unsupported = errors.New("unsupported")
	// Data: the values cannot be worked with (NaN, negative counts, a missing column).
	Data = errors.New("bad data")
	// Limit: a bound that protects memory or time was met.
	Limit = errors.New("limit")
	// Budget: the memory budget is too small for the request.
	Budget = errors.New("memory budget")
	// Usage: the caller asked for something that cannot be (a flag, a parameter).
	Usage = errors.New("usage")
	// Resource: disk full, no permission, no device.
	Resource = errors.New("resource")
)

// E is one failure. Its text is one line:
//
//	FILE: PLACE: what is wrong; remedy
type E struct {
	Kind   error  // one of the sentinels above
	File   string // path, may be empty
	Place  string // element path and offset, for example "X/indptr at 0x1f40", may be empty
	Msg    string // what is wrong
	Remedy string // what to do, may be empty
	Err    error  // the cause, may be nil
}

func (e *E) Error() string {
	var b strings.Builder
	for _, s := range []string{e.File, e.Place} {
		if s != "" {
			b.WriteString(s)
			b.WriteString(": ")
		}
	}
	b.WriteString(e.Msg)
	if e.Err != nil {
		if e.Msg != "" {
			b.WriteString(": ")
		}
		b.WriteString(e.Err.Error())
	}
	if e.Remedy != "" {
		b.WriteString("; ")
		b.WriteString(e.Remedy)
	}
	return b.String()
}

// Unwrap gives the kind and the cause to errors.Is and errors.As.
func (e *E) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

// New makes an error of the kind with a formatted message and no place.
func New(kind error, format string, a ...any) *E {
	return &E{Kind: kind, Msg: fmt.Sprintf(format, a...)}
}

// At makes an error of the kind at a place of a file.
func At(kind error, file, place, format string, a ...any) *E {
	return &E{Kind: kind, File: file, Place: place, Msg: fmt.Sprintf(format, a...)}
}

// Do adds the remedy and returns e.
func (e *E) Do(format string, a ...any) *E {
	e.Remedy = fmt.Sprintf(format, a...)
	return e
}

// Because adds the cause and returns e.
func (e *E) Because(err error) *E {
	e.Err = err
	return e
}

// InFile fills in the file name of the first E in err's chain that lacks one,
// so that a container that does not know its path can still be told apart. Where
// err's words were fixed when E was wrapped, the file is put in front of them.
func InFile(err error, file string) error {
	var e *E
	if !errors.As(err, &e) || e.File != "" {
		return err
	}
	e.File = file
	if !strings.Contains(err.Error(), file) {
		return fmt.Errorf("%s: %w", file, err)
	}
	return err
}

// Also adds an error met while cleaning up to the one that led there, unless it only
// tells the same once more: a device that has failed fails at every later call.
func Also(err, more error) error {
	switch {
	case more == nil:
		return err
	case err == nil:
		return more
	case errors.Is(err, more) || strings.Contains(err.Error(), more.Error()) || sameCause(err, more):
		return err
	}
	return errors.Join(err, more)
}

// sameCause tells whether both say that something of one name has failed for one reason.
func sameCause(err, more error) bool {
	var a, b *E
	if !errors.As(err, &a) || !errors.As(more, &b) {
		return false
	}
	return a.File != "" && a.File == b.File && a.Err != nil && reflect.TypeOf(a.Err).Comparable() && a.Err == b.Err
}
