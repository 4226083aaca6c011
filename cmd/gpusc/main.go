// Command gpusc takes a file of single-cell counts to QC, filters,
// normalisation, highly variable genes and PCA in one streamed read.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/gpusc/gpusc"
)

// version is set by the linker.
var version = "dev"

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// signalError is the cause of a context that a signal has ended.
type signalError struct{ s syscall.Signal }

func (e signalError) Error() string { return "stopped by " + e.s.String() }

// run is the whole program; it returns the exit status.
func run(args []string, out, errw io.Writer) (code int) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(errw, "gpusc: internal error: %v\n%s", p, debug.Stack())
			code = 1
		}
	}()
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	sigs := make(chan os.Signal, 2)
	signal.Notify(sigs, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(sigs)
	go func() {
		select {
		case s := <-sigs:
			cancel(signalError{s.(syscall.Signal)})
			<-sigs // the second one does not wait
			os.Exit(128 + int(s.(syscall.Signal)))
		case <-ctx.Done():
		}
	}()
	root := newRoot(out, errw)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if cause := context.Cause(ctx); err != nil && errors.As(cause, new(signalError)) {
		err = cause
	}
	if err == nil {
		return 0
	}
	fmt.Fprintln(errw, "gpusc: "+oneLine(err.Error()))
	return exitCode(err)
}

// oneLine keeps an error on one line, whatever a library put into it.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), " ")
}

// exitCode is the exit status that goes with an error.
func exitCode(err error) int {
	var sig signalError
	switch {
	case errors.As(err, &sig):
		return 128 + int(sig.s)
	case errors.Is(err, gpusc.ErrUsage):
		return 2
	case errors.Is(err, gpusc.ErrCorrupt), errors.Is(err, gpusc.ErrUnsupported), errors.Is(err, gpusc.ErrData):
		return 3
	case errors.Is(err, gpusc.ErrBudget), errors.Is(err, gpusc.ErrLimit), errors.Is(err, gpusc.ErrResource):
		return 4
	}
	return 1
}
