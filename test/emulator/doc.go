// Package emulator tests the stand-in libcuda.so.1 of folder emulator: small C++
// programs (emulator/testdata) drive it as a user of the CUDA driver would, one case
// to a process, since what it finds ends the process.
package emulator
