// CUDA C++ for g++: what kernels/common.cuh includes under GPUSC_EMU.
//
// A kernel becomes a plain function and a CUDA thread a call of it; a thread that
// has to wait gets a stack of its own (launch.cc). Names that CUDA has and this
// header lacks fail to compile, so a new kernel tells what is missing. Left out on
// purpose: __activemask (what it returns is not defined enough to test) and
// __noinline__ (its name breaks the headers of the C++ library).
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <math.h>
#include <type_traits>
#include <utility>

struct uint3 {
    unsigned x, y, z;
};

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};

namespace emu {

// Self is a CUDA thread's place in its block.
struct Self {
    uint3 tid;
    unsigned lane, warp;
};

extern const Self *self;    // the running thread
extern uint3 blockAt;       // its block
extern dim3 blockSize, gridSize;
extern char *dynamicShared; // dynamic shared memory of the running block
extern int budget;          // atomics until the running thread must let others run

// BlockOp and WarpOp name the barriers; all who meet must ask for the same one.
enum BlockOp { blockSync, blockCount, blockAnd, blockOr };
enum WarpOp { warpSync, warpShuffle, warpBallot, warpMatch, warpAdd, warpMin, warpMax, warpMinSigned, warpMaxSigned, warpAnd, warpOr, warpXor };

// syncBlock waits for all threads of the block and returns op over their values.
int syncBlock(BlockOp op, int value, int line);

// syncWarp waits for the lanes of mask. A shuffle returns the value of lane source
// as it was when all had come, or poison where that lane took no part.
uint64_t syncWarp(WarpOp op, unsigned mask, uint64_t value, unsigned source, int line);

// trap ends the process, as __trap ends a program.
[[noreturn]] void trap(int line);

// yield lets another thread of the block run.
void yield();

// preempt is called at each atomic: with a seed, threads change places there.
inline void preempt() {
    if (--budget <= 0) yield();
}

// Kernel is what GPUSC_KERNEL registers: arguments are read from 64-bit slots.
struct Kernel {
    const char *name;
    void (*run)(const uint64_t *args);
    int params;
    char *sharedBegin, *sharedEnd; // static shared memory of the source file
};

template <class A> inline A argument(const uint64_t &slot) {
    static_assert(sizeof(A) == 8 && std::is_trivially_copyable<A>::value, "a kernel's parameters are 64 bits wide");
    A a;
    memcpy(&a, &slot, sizeof a);
    return a;
}

template <class... A, size_t... I>
inline void apply(void (*f)(A...), const uint64_t *args, std::index_sequence<I...>) {
    f(argument<A>(args[I])...);
}

template <class... A> inline void apply(void (*f)(A...), const uint64_t *args) {
    apply(f, args, std::index_sequence_for<A...>{});
}

template <class... A> constexpr int arity(void (*)(A...)) { return sizeof...(A); }

} // namespace emu

#define __global__
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))

// Static shared memory: one section for each source file, so that a launch poisons
// no more than its own. Blocks run one after another and can share it. A template or
// inline function that has some must be static or in an unnamed namespace: g++ keeps
// the variables of the others in sections of their own.
#ifndef GPUSC_EMU_UNIT
#define GPUSC_EMU_UNIT none
#endif
#define EMU_TEXT2(x) #x
#define EMU_TEXT(x) EMU_TEXT2(x)
#define EMU_JOIN2(a, b) a##b
#define EMU_JOIN(a, b) EMU_JOIN2(a, b)
#define EMU_SHARED_BEGIN EMU_JOIN(__start_emu_shared_, GPUSC_EMU_UNIT)
#define EMU_SHARED_END EMU_JOIN(__stop_emu_shared_, GPUSC_EMU_UNIT)
extern "C" {
extern char EMU_SHARED_BEGIN[] __attribute__((weak, visibility("hidden")));
extern char EMU_SHARED_END[] __attribute__((weak, visibility("hidden")));
}
#define __shared__ static __attribute__((section("emu_shared_" EMU_TEXT(GPUSC_EMU_UNIT))))
#define GPUSC_DYNSHARED(T, name) T *name = reinterpret_cast<T *>(emu::dynamicShared)

// The table of kernels is a section of pointers: no constructors, no order.
#define GPUSC_KERNEL(k)                                                                            \
    static const emu::Kernel emu_kernel_##k = {#k, [](const uint64_t *a) { emu::apply(k, a); },    \
                                               emu::arity(k), EMU_SHARED_BEGIN, EMU_SHARED_END};   \
    __attribute__((section("emu_kernels"), used)) static const emu::Kernel *const emu_entry_##k = &emu_kernel_##k;

#define threadIdx (emu::self->tid)
#define blockIdx (emu::blockAt)
#define blockDim (emu::blockSize)
#define gridDim (emu::gridSize)
static constexpr int warpSize = 32;

// The line of the call is part of a barrier: threads that meet from different
// lines are divergent, which a GPU need not notice.
static inline void __syncthreads(int line = __builtin_LINE()) { emu::syncBlock(emu::blockSync, 0, line); }
static inline int __syncthreads_count(int p, int line = __builtin_LINE()) { return emu::syncBlock(emu::blockCount, p != 0, line); }
static inline int __syncthreads_and(int p, int line = __builtin_LINE()) { return emu::syncBlock(emu::blockAnd, p != 0, line); }
static inline int __syncthreads_or(int p, int line = __builtin_LINE()) { return emu::syncBlock(emu::blockOr, p != 0, line); }

[[noreturn]] static inline void __trap(int line = __builtin_LINE()) { emu::trap(line); }

#include "cuda_emu_math.h"
#include "cuda_emu_warp.h"
