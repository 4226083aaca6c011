// Package bench measures gpusc from file to file. Its Go benchmarks run the
// stages of the pipeline on a small file of made-up counts, for benchstat;
// scripts/bench.sh compares with scanpy and Dask, scripts/scale.sh shows time and
// memory as cells grow. See the comments on top of each. Type Pipeline is gpusc bench
// pipeline: the same file on several devices in turn. The operations on their own are
// in package bench/ops, a peer on the GPU in gpu_peer.py.
package bench
