// Package test runs gpusc as a whole, from file to file, and compares what it
// writes with what scanpy, Seurat and Cell Ranger compute.
//
//   - reference_test.go: the tables of other programs on real data.
//   - scanpy_test.go with parity.py: a live scanpy in float64 on made-up data of
//     odd shapes, and what must be refused.
//   - open_test.go with open.py: scanpy opens every output and goes on from it.
//   - carry_test.go with carry.py: what the input holds beside is carried over.
//   - identical_test.go: the same bytes whatever the threads, budget and chunks;
//     nothing left behind after success, errors and cancellation.
//
// GPUSC_PYTHON names a Python with the packages of requirements.txt; tests that
// need it, or data beside the repository, say so when they are left out.
package test
