// Kernels that try the emulator itself. Where there is a parameter bug, 1 takes out a
// barrier.
#include "cuda_emu.h"

typedef unsigned long long u64;

// fill: y[i] = a*i, no barrier.
extern "C" __global__ void t_fill(double *y, long long n, double a) {
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = a * double(i);
}
GPUSC_KERNEL(t_fill)

// copy: y[i] = x[i], 64 bits each.
extern "C" __global__ void t_copy(const u64 *x, u64 *y, long long n) {
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = x[i];
}
GPUSC_KERNEL(t_copy)

// sum: the sum of blockDim.x values by warps, then over warps, then to all threads.
extern "C" __global__ void __launch_bounds__(256) t_sum(const u64 *x, u64 *y, long long n, long long bug) {
    __shared__ u64 part[8];
    __shared__ u64 whole;
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    u64 v = i < n ? x[i] : 0;
    for (int d = 16; d; d >>= 1) v += __shfl_down_sync(0xffffffffu, v, d);
    if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = v;
    if (!bug) __syncthreads();
    if (threadIdx.x == 0) {
        u64 s = 0;
        for (unsigned w = 0; w < blockDim.x / 32; w++) s += part[w];
        whole = s;
    }
    __syncthreads();
    if (i < n) y[i] = whole;
}
GPUSC_KERNEL(t_sum)

// reuse: shared memory is written again after it was read; the bug leaves out the
// barrier between, which not every order shows.
extern "C" __global__ void t_reuse(u64 *y, long long rounds, long long bug) {
    GPUSC_DYNSHARED(u64, s);
    unsigned t = threadIdx.x, n = blockDim.x;
    u64 sum = 0;
    for (long long r = 0; r < rounds; r++) {
        s[t] = u64(r) * n + t;
        __syncthreads();
        sum += s[(t + 1) % n];
        if (!bug) __syncthreads();
    }
    y[blockIdx.x * n + t] = sum;
}
GPUSC_KERNEL(t_reuse)

// diverge: threads meet from different lines (how 1), lanes of a warp differ (2, 3),
// a mask lacks its own lane (4).
extern "C" __global__ void t_diverge(u64 *y, long long how) {
    unsigned t = threadIdx.x;
    if (how == 1) {
        if (t % 2) {
            __syncthreads();
        } else {
            __syncthreads();
        }
    }
    if (how == 2) {
        if (t % 2) {
            y[t] = __shfl_sync(0xffffffffu, t, 0);
        } else {
            y[t] = __ballot_sync(0xffffffffu, 1);
        }
    }
    if (how == 3) {
        if (t % 2) {
            __syncthreads();
        } else {
            __syncwarp();
        }
    }
    if (how == 4) __syncwarp(1);
}
GPUSC_KERNEL(t_diverge)

// lanes: one row of results for each warp function, 32 lanes; see driver.cc.
extern "C" __global__ void t_lanes(u64 *y) {
    unsigned l = threadIdx.x;
    const unsigned all = 0xffffffffu;
    int row = 0;
    auto put = [&](u64 v) { y[32 * row++ + l] = v; };
    put(__shfl_sync(all, l * 3, 5));
    put(__shfl_sync(all, l * 3, 5, 8));
    put(__shfl_up_sync(all, l, 3));
    put(__shfl_up_sync(all, l, 3, 16));
    put(__shfl_down_sync(all, l, 30));
    put(__shfl_down_sync(all, l, 2, 4));
    put(__shfl_xor_sync(all, l, 17));
    put(__shfl_xor_sync(all, l, 5, 4));
    put(__ballot_sync(all, l % 3 == 0));
    put(u64(__any_sync(all, l == 7)) | u64(__all_sync(all, l < 32)) << 1 | u64(__all_sync(all, l < 31)) << 2);
    put(__match_any_sync(all, l / 4));
    put(__reduce_add_sync(all, l));
    put(u64(unsigned(__reduce_min_sync(all, int(l) - 9))));
    // Two groups at once, each with its own mask.
    unsigned mask = l < 12 ? 0xfffu : ~0xfffu;
    put(l < 12 ? __shfl_sync(mask, l, 2) : __shfl_sync(mask, l, 20));
    put(l < 12 ? __ballot_sync(mask, 1) : __ballot_sync(mask, 1));
    // A source outside of the mask is poison.
    put(l < 12 ? __shfl_sync(mask, l, 20) : 0);
    put(l >= 12 ? __double_as_longlong(__shfl_sync(mask, 1.0, 3)) : 0);
}
GPUSC_KERNEL(t_lanes)

// early: some threads end before the others' barriers.
extern "C" __global__ void t_early(u64 *y) {
    unsigned t = threadIdx.x;
    if (t % 3 == 0) return;
    __syncthreads();
    int n = __syncthreads_count(t % 2);
    y[t] = u64(n) << 32 | u64(__syncthreads_or(t == 1)) << 1 | u64(__syncthreads_and(t % 3 != 0));
}
GPUSC_KERNEL(t_early)

// order: who comes when, by a ticket.
extern "C" __global__ void t_order(u64 *ticket, u64 *y) {
    u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x;
    y[atomicAdd(ticket, 1ull)] = i;
}
GPUSC_KERNEL(t_order)

// lost: a read and a write with an atomic between them; loses updates when threads
// change places at atomics.
extern "C" __global__ void t_lost(u64 *y) {
    u64 old = y[0];
    atomicAdd(y + 1, 1ull);
    y[0] = old + 1;
}
GPUSC_KERNEL(t_lost)

// poison: what shared memory holds at the start of a block; leaves a mark behind.
extern "C" __global__ void t_poison(u64 *y) {
    __shared__ u64 fixed[32];
    GPUSC_DYNSHARED(u64, free);
    y[blockIdx.x * 64 + threadIdx.x] = fixed[threadIdx.x];
    y[blockIdx.x * 64 + 32 + threadIdx.x] = free[threadIdx.x];
    fixed[threadIdx.x] = free[threadIdx.x] = 1; // for the next block to find
}
GPUSC_KERNEL(t_poison)

// shape: every thread of a grid of blocks of three dimensions writes where it is.
extern "C" __global__ void t_shape(u64 *y) {
    unsigned t = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    unsigned b = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    u64 lane = __shfl_sync(0xffffffffu, t, 0); // the warp's first thread
    y[b * (blockDim.x * blockDim.y * blockDim.z) + t] += u64(b) << 32 | (lane == t / 32 * 32 ? t : 0xffffu);
}
GPUSC_KERNEL(t_shape)

// overrun: writes one value at x[n].
extern "C" __global__ void t_overrun(unsigned char *x, long long n) { x[n] = 1; }
GPUSC_KERNEL(t_overrun)

// overshared: writes behind dynamic (which 0) or static (1) shared memory.
extern "C" __global__ void t_overshared(long long at, long long which) {
    __shared__ unsigned char fixed[64];
    GPUSC_DYNSHARED(unsigned char, s);
    if (which) {
        *(volatile unsigned char *)(fixed + at) = 1;
    } else {
        s[at] = 1;
    }
}
GPUSC_KERNEL(t_overshared)

// shuffles and calls are for measuring.
extern "C" __global__ void t_shuffles(u64 *y, long long n) {
    unsigned v = threadIdx.x;
    for (long long i = 0; i < n; i++) v += __shfl_xor_sync(0xffffffffu, v, 1 + int(i & 15));
    y[(u64)blockIdx.x * blockDim.x + threadIdx.x] = v;
}
GPUSC_KERNEL(t_shuffles)

extern "C" __global__ void t_syncs(u64 *y, long long n) {
    __shared__ unsigned s[1024];
    unsigned t = threadIdx.x, v = t;
    for (long long i = 0; i < n; i++) {
        s[t] = v;
        __syncthreads();
        v += s[(t + 1) % blockDim.x];
        __syncthreads();
    }
    y[(u64)blockIdx.x * blockDim.x + t] = v;
}
GPUSC_KERNEL(t_syncs)

// drift has one parameter more than the PTX says; hidden is not in the PTX.
extern "C" __global__ void t_drift(u64 *, u64 *) {}
GPUSC_KERNEL(t_drift)
extern "C" __global__ void t_hidden(u64 *) {}
GPUSC_KERNEL(t_hidden)
