// The part of the driver's interface that the test programs use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

typedef unsigned long long u64;
typedef void *Handle;

extern "C" {
int cuInit(unsigned);
int cuDriverGetVersion(int *);
int cuDeviceGetCount(int *);
int cuDeviceGet(int *, int);
int cuDeviceGetName(char *, int, int);
int cuDeviceTotalMem_v2(size_t *, int);
int cuDeviceGetAttribute(int *, int, int);
int cuDeviceCanAccessPeer(int *, int, int);
int cuDevicePrimaryCtxRetain(Handle *, int);
int cuDevicePrimaryCtxRelease_v2(int);
int cuDevicePrimaryCtxGetState(int, unsigned *, int *);
int cuCtxSetCurrent(Handle);
int cuCtxGetCurrent(Handle *);
int cuCtxPushCurrent_v2(Handle);
int cuCtxPopCurrent_v2(Handle *);
int cuCtxGetDevice(int *);
int cuCtxSynchronize();
int cuCtxEnablePeerAccess(Handle, unsigned);
int cuMemGetInfo_v2(size_t *, size_t *);
int cuMemAlloc_v2(u64 *, size_t);
int cuMemFree_v2(u64);
int cuMemAllocAsync(u64 *, size_t, Handle);
int cuMemFreeAsync(u64, Handle);
int cuMemHostAlloc(void **, size_t, unsigned);
int cuMemFreeHost(void *);
int cuMemHostRegister_v2(void *, size_t, unsigned);
int cuMemHostUnregister(void *);
int cuMemcpyHtoD_v2(u64, const void *, size_t);
int cuMemcpyDtoH_v2(void *, u64, size_t);
int cuMemcpyDtoD_v2(u64, u64, size_t);
int cuMemcpyHtoDAsync_v2(u64, const void *, size_t, Handle);
int cuMemcpyDtoHAsync_v2(void *, u64, size_t, Handle);
int cuMemcpyDtoDAsync_v2(u64, u64, size_t, Handle);
int cuMemcpyPeerAsync(u64, Handle, u64, Handle, size_t, Handle);
int cuMemsetD8Async(u64, unsigned char, size_t, Handle);
int cuMemsetD32_v2(u64, unsigned, size_t);
int cuMemsetD32Async(u64, unsigned, size_t, Handle);
int cuStreamCreate(Handle *, unsigned);
int cuStreamCreateWithPriority(Handle *, unsigned, int);
int cuStreamDestroy_v2(Handle);
int cuStreamSynchronize(Handle);
int cuStreamQuery(Handle);
int cuStreamWaitEvent(Handle, Handle, unsigned);
int cuStreamGetCtx(Handle, Handle *);
int cuEventCreate(Handle *, unsigned);
int cuEventDestroy_v2(Handle);
int cuEventRecord(Handle, Handle);
int cuEventSynchronize(Handle);
int cuEventQuery(Handle);
int cuEventElapsedTime(float *, Handle, Handle);
int cuLaunchHostFunc(Handle, void (*)(void *), void *);
int cuModuleLoadData(Handle *, const void *);
int cuModuleUnload(Handle);
int cuModuleGetFunction(Handle *, Handle, const char *);
int cuFuncGetAttribute(int *, int, Handle);
int cuFuncSetAttribute(Handle, int, int);
int cuLaunchKernel(Handle, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Handle, void **, void **);
int cuOccupancyMaxActiveBlocksPerMultiprocessor(int *, Handle, int, size_t);
int cuGetErrorName(int, const char **);
int cuGetErrorString(int, const char **);
}

// WANT ends the program with a message when a call does not answer as it should.
#define WANT(code, call)                                                                     \
    do {                                                                                     \
        int got_ = (call);                                                                   \
        if (got_ != (code)) {                                                                \
            printf("%s:%d: %s gave %d, not %d\n", __FILE__, __LINE__, #call, got_, (code));  \
            exit(1);                                                                         \
        }                                                                                    \
    } while (0)
#define OK(call) WANT(0, call)
#define TRUE(x)                                                    \
    do {                                                           \
        if (!(x)) {                                                \
            printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #x); \
            exit(1);                                               \
        }                                                          \
    } while (0)

// Machine is what most cases begin with: a context, two streams, the module.
struct Machine {
    Handle context, module;
    Handle a, b; // streams that do not wait for the null stream
};

Machine machine(int device = 0);
Handle kernel(const Machine &m, const char *name);
u64 onDevice(const std::vector<u64> &v);
std::vector<u64> toHost(u64 at, size_t n);

// launch passes 64-bit arguments.
template <class... A> int launch(Handle f, unsigned grid, unsigned block, unsigned shared, Handle stream, A... args) {
    u64 slots[] = {u64(args)..., 0};
    void *p[sizeof...(A) + 1];
    for (size_t i = 0; i < sizeof...(A); i++) p[i] = &slots[i];
    return cuLaunchKernel(f, grid, 1, 1, block, 1, 1, shared, stream, p, nullptr);
}

// Cases by name: main runs the one it is asked for.
struct Case {
    const char *name;
    void (*run)(int argc, char **argv);
};
extern const Case kernelCases[], streamCases[], memoryCases[], blasCases[], mathCases[];
