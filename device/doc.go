// Package device says what a place that runs kernels must do. Two kinds of
// places exist: the processor (package cpu, the executable specification) and
// CUDA devices. A backend has memory (Buffer), queues that run asynchronously
// (Stream), and runs the operations of package kernels.
//
// The conformance suite in device/devicetest is what a backend must pass.
package device
