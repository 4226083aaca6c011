// Transformed values as float32: kernels.Values.
//
// Layout: CSR in, its indices unread; out one float32 a value in the same order.
// Grid: a warp for each row, eight rows to a block. With counts, lane t first works
// out count t+1 for the row's factor; a count up to 32 is then a shuffle, and only
// what lies above is worked out where it stands.
// Order: each value is by itself.
// Bytes: 4 a value in (8 of float64) and 4 out, which bounds counts; floats are
// bound by float64 arithmetic (some 80 instructions for a logarithm).
#include "common.cuh"

template <class T>
static __device__ void row_values(const T *val, i64 n, double scale, u64 how, double base, float *out) {
#pragma unroll 1
    for (i64 i = threadIdx.x & 31; i < n; i += 32) out[i] = (float)transformed((double)val[i], scale, how, base);
}

#define AHEAD 4 // loads that a lane has under way

static __device__ void row_values(const u32 *val, i64 n, double scale, u64 how, double base, float *out) {
    int lane = threadIdx.x & 31;
    float table = 0;
#pragma unroll 1
    for (i64 at = lane - 32 * AHEAD; at - lane < n; at += 32 * AHEAD) { // the first round fills the table
        bool first = at < 0;
        u32 x[AHEAD];
        for (int k = 0; k < AHEAD; k++) x[k] = !first && at + 32 * k < n ? val[at + 32 * k] : (u32)lane + 1;
#ifdef GPUSC_BUG_READ_BEYOND
        for (int k = 0; !first && k < AHEAD; k++) x[k] = val[at + 32 * k];
#endif
#pragma unroll 1
        for (int k = 0; k < AHEAD; k++) {
            u32 y = x[0];
            for (int j = 1; j < AHEAD; j++) y = j == k ? x[j] : y;
            float v = __shfl_sync(FULL, table, (int)(y - 1));
            if (first || y - 1 >= 32) v = (float)transformed((double)y, scale, how, base);
            if (first) {
                table = v;
                break; // the whole warp
            }
            if (at + 32 * k < n) out[at + 32 * k] = v;
        }
    }
}

#define M(suffix, T)                                                                                                   \
    extern "C" __global__ void values_##suffix(Status *st, u64 seq, const i64 *indptr, const T *val, i64 rows,         \
                                               i64 room, const double *scale, u64 how, double base, i64 outRoom,       \
                                               float *out) {                                                           \
        if (skipped(st, seq)) return;                                                                                  \
        i64 r = ((i64)blockIdx.x * blockDim.x + threadIdx.x) >> 5, lo, hi;                                             \
        if (r >= rows) return; /* the whole warp */                                                                    \
        row_of(indptr, r, room, st, seq, lo, hi);                                                                      \
        if (hi > outRoom) {                                                                                            \
            fail(st, seq, NO_ROOM, r, hi, 0);                                                                          \
            return;                                                                                                    \
        }                                                                                                              \
        if (lo < hi) row_values(val + lo, hi - lo, scale ? scale[r] : 1, how, base, out + lo);                         \
    }                                                                                                                  \
    GPUSC_KERNEL(values_##suffix)
GPUSC_KINDS(M)
