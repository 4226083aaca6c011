// Sums of the largest values of each row: kernels.TopSums.
//
// Layout: CSR values in (the indices are not read); out[r*stride+i] is the sum of
// the n_i largest of row r, for up to eight n a launch.
//
// topsums_u32, for sums below 2^53, which are free of order. Grid: a warp for each
// row, eight rows to a block. One pass counts the values below BINS in shared memory
// and adds up the larger ones; where an n takes all of those, its sum follows from
// the counts. Else the n-th largest value is found byte by byte (four more passes
// over the row, out of the cache) and what lies above it is added up.
//
// topsums_sorted_*, for floats, whose sum has an order. Grid: a block of 128 threads
// for each row, or fewer that take rows in turn when they need scratch memory. The
// n-th largest key is found byte by byte, the keys above it are gathered, sorted,
// and added up from the largest down by one thread. A key is the bits of a number,
// changed so that keys rise with numbers; what is not a number counts as the
// largest.
//
// Order: counts are integers; gathered keys are sorted, so where they lay does not
// matter.
// Bytes: 4 (8) a value in, from memory once; 8 a row and n out. Counts are bound by
// shared atomics and memory alike.
#include "common.cuh"

#define BINS 256
#define AHEAD 4      // loads that a lane has under way
#define SORTED 2048  // keys that are sorted in shared memory
#define NS 8         // sums of a launch

struct Sizes {
    i64 n[NS]; // rising
    i64 count;
};

// Spot is where, counted from the largest down, the need-th value lies.
struct Spot {
    int bin;   // -1: there are fewer
    i64 ahead; // values in the bins above
    u64 sum;   // number of bin times count, over those bins
};

// Falling is a warp's view of a histogram from the last bin down: lane t holds bins
// 255-8t to 248-8t.
struct Falling {
    i64 ahead, own; // values in the bins of the lanes before, and of this lane
    u64 sum, ownSum;
};

static __device__ Falling falling(const u32 *hist) {
    int lane = threadIdx.x & 31;
    Falling f = {0, 0, 0, 0};
#pragma unroll 1
    for (int k = 0; k < 8; k++) {
        u32 bin = 255 - 8 * lane - k, n = hist[bin];
        f.own += n;
        f.ownSum += (u64)n * bin;
    }
    f.ahead = f.own;
    f.sum = f.ownSum;
#pragma unroll 1
    for (int o = 1; o < 32; o *= 2) {
        i64 n = __shfl_up_sync(FULL, f.ahead, o);
        u64 s = __shfl_up_sync(FULL, f.sum, o);
        if (lane >= o) f.ahead += n, f.sum += s;
    }
    f.ahead -= f.own;
    f.sum -= f.ownSum;
    return f;
}

// spot finds the need-th value, need >= 1, for all lanes alike.
static __device__ Spot spot(const u32 *hist, const Falling &f, i64 need) {
    int lane = threadIdx.x & 31;
    Spot p = {-1, f.ahead + f.own, f.sum + f.ownSum};
    u32 here = __ballot_sync(FULL, f.ahead < need && need <= f.ahead + f.own);
    if (here && lane == __ffs((int)here) - 1) {
        p.bin = 255 - 8 * lane;
        p.ahead = f.ahead;
        p.sum = f.sum;
#pragma unroll 1
        while (p.ahead + hist[p.bin] < need) {
            p.ahead += hist[p.bin];
            p.sum += (u64)hist[p.bin] * p.bin;
            p.bin--;
        }
    }
    int from = here ? __ffs((int)here) - 1 : 31; // the last lane knows what all bins hold
    p.bin = __shfl_sync(FULL, p.bin, from);
    p.ahead = __shfl_sync(FULL, p.ahead, from);
    p.sum = __shfl_sync(FULL, p.sum, from);
    return p;
}

// clear empties a warp's histogram.
static __device__ __forceinline__ void clear(u32 *hist) {
    __syncwarp();
#pragma unroll 1
    for (int b = threadIdx.x & 31; b < BINS; b += 32) hist[b] = 0;
    __syncwarp();
}

static __device__ __forceinline__ u64 all_lanes(u64 v) {
#pragma unroll 1
    for (int o = 16; o > 0; o >>= 1) v += __shfl_xor_sync(FULL, v, o);
    return v;
}

// top_large adds up the need largest of a row's values from BINS on; there are as many.
static __device__ u64 top_large(const u32 *val, i64 len, i64 need, u32 *hist) {
    int lane = threadIdx.x & 31;
    u64 prefix = 0; // the upper bytes of the need-th largest
#pragma unroll 1
    for (int shift = 24; shift >= 0; shift -= 8) {
        clear(hist);
#pragma unroll 1
        for (i64 i = lane; i < len; i += 32) {
            u32 x = val[i];
            if (x >= BINS && (u64)x >> (shift + 8) == prefix) atomicAdd(&hist[x >> shift & 255], 1u);
        }
#ifndef GPUSC_BUG_TOP_LARGE
        __syncwarp();
#endif
        Spot p = spot(hist, falling(hist), need);
        need -= p.ahead;
        prefix = prefix << 8 | (u64)p.bin;
    }
    u64 sum = 0;
#pragma unroll 1
    for (i64 i = lane; i < len; i += 32)
        if (val[i] > prefix) sum += val[i];
    return all_lanes(sum) + prefix * (u64)need;
}

static __device__ void top_counts(const u32 *val, i64 len, const Sizes &s, u32 *hist, double *out) {
    int lane = threadIdx.x & 31;
    clear(hist);
    u64 sum = 0; // of the large values
    u32 large = 0;
#pragma unroll 1
    for (i64 at = lane; at < len; at += 32 * AHEAD) {
        u32 x[AHEAD];
        for (int k = 0; k < AHEAD; k++) x[k] = at + 32 * k < len ? val[at + 32 * k] : 0;
        for (int k = 0; k < AHEAD; k++) {
            if (x[k] >= BINS) {
                sum += x[k];
                large++;
            } else if (x[k]) { // what is 0 adds nothing
                atomicAdd(&hist[x[k]], 1u);
            }
        }
    }
    sum = all_lanes(sum);
    i64 larger = __reduce_add_sync(FULL, large);
    __syncwarp();
    Falling f = falling(hist);
#pragma unroll 1
    for (int i = 0; i < s.count; i++) {
        i64 need = s.n[i] - larger;
        if (need < 0) continue;
        u64 top = sum;
        if (need > 0) {
            Spot p = spot(hist, f, need);
            top += p.sum;
            if (p.bin >= 0) top += (u64)p.bin * (u64)(need - p.ahead);
        }
        if (lane == 0) out[i] = (double)top;
    }
#pragma unroll 1
    for (int i = 0; i < s.count && s.n[i] < larger; i++) { // the histogram is used up now
        u64 top = s.n[i] > 0 ? top_large(val, len, s.n[i], hist) : 0;
        if (lane == 0) out[i] = (double)top;
    }
}

extern "C" __global__ void topsums_u32(Status *st, u64 seq, const i64 *indptr, const u32 *val, i64 rows, i64 room,
                                       i64 stride, double *out, i64 count, i64 n0, i64 n1, i64 n2, i64 n3, i64 n4, i64 n5,
                                       i64 n6, i64 n7) {
    __shared__ u32 hist[8][BINS];
    if (skipped(st, seq)) return;
    i64 r = ((i64)blockIdx.x * blockDim.x + threadIdx.x) >> 5, lo, hi;
    if (r >= rows) return; // the whole warp
    row_of(indptr, r, room, st, seq, lo, hi);
    Sizes s = {{n0, n1, n2, n3, n4, n5, n6, n7}, count};
    top_counts(val + lo, hi - lo, s, hist[threadIdx.x >> 5], out + r * stride);
}
GPUSC_KERNEL(topsums_u32)

template <class T>
static __device__ __forceinline__ u64 key_of(T x) {
    double d = (double)x;
    u64 b = (u64)__double_as_longlong(d);
    if (d != d) b &= ~0ull >> 1;
    return b >> 63 ? ~b : b | 1ull << 63;
}

static __device__ __forceinline__ double number_of(u64 k) {
    return __longlong_as_double((i64)(k >> 63 ? k ^ 1ull << 63 : ~k));
}

// Shared memory of a block that sorts.
struct Block {
    u64 keys[SORTED];
    u32 hist[BINS];
    u64 nth;     // the n-th largest key
    i64 copies;  // of it that are among the n largest
    u32 taken;
};

// nth_key finds the n-th largest key of a row, 1 <= n <= len. bits: how many upper
// bits of a key differ.
template <class T>
static __device__ void nth_key(const T *val, i64 len, i64 n, int bits, Block *b) {
    u64 prefix = 0;
#pragma unroll 1
    for (int shift = 56; shift >= 64 - bits; shift -= 8) {
#pragma unroll 1
        for (int i = threadIdx.x; i < BINS; i += 128) b->hist[i] = 0;
        __syncthreads();
#pragma unroll 1
        for (i64 i = threadIdx.x; i < len; i += 128) {
            u64 k = key_of(val[i]);
            if (shift == 56 || k >> (shift + 8) == prefix) atomicAdd(&b->hist[k >> shift & 255], 1u);
        }
        __syncthreads();
        Spot p = spot(b->hist, falling(b->hist), n); // in each warp
        n -= p.ahead;
        prefix = prefix << 8 | (u64)p.bin;
        __syncthreads();
    }
#pragma unroll 1
    for (i64 i = threadIdx.x; i < len; i += 128) {
        u64 k = key_of(val[i]);
        if (k >> (64 - bits) == prefix) b->nth = k; // they are all equal
    }
    if (threadIdx.x == 0) b->copies = n;
    __syncthreads();
}

// gather puts the n largest keys of a row at the front of keys, in any order.
template <class T>
static __device__ void gather(const T *val, i64 len, i64 n, int bits, Block *b, u64 *keys) {
    if (n == len) {
#pragma unroll 1
        for (i64 i = threadIdx.x; i < len; i += 128) keys[i] = key_of(val[i]);
        return;
    }
    nth_key(val, len, n, bits, b);
    if (threadIdx.x == 0) b->taken = 0;
#ifndef GPUSC_BUG_TOP_GATHER
    __syncthreads();
#endif
    u64 nth = b->nth;
#pragma unroll 1
    for (i64 i = threadIdx.x; i < len; i += 128) {
        u64 k = key_of(val[i]);
        if (k > nth) keys[atomicAdd(&b->taken, 1u)] = k;
    }
#pragma unroll 1
    for (i64 i = n - b->copies + threadIdx.x; i < n; i += 128) keys[i] = nth;
}

// sort_falling sorts n keys, n a power of two, by a bitonic network.
static __device__ void sort_falling(u64 *keys, i64 n) {
    __syncthreads();
#pragma unroll 1
    for (i64 k = 2; k <= n; k *= 2)
#pragma unroll 1
        for (i64 j = k / 2; j > 0; j /= 2) {
#pragma unroll 1
            for (i64 t = threadIdx.x; t < n / 2; t += 128) {
                i64 i = 2 * t - (t & (j - 1));
                u64 x = keys[i], y = keys[i + j];
                if ((x < y) == ((i & k) == 0)) {
                    keys[i] = y;
                    keys[i + j] = x;
                }
            }
#ifndef GPUSC_BUG_TOP_SORT
            __syncthreads();
#endif
        }
}

template <class T>
static __device__ void top_sorted(const T *val, i64 len, int bits, const Sizes &s, Block *b, u64 *scratch, double *out) {
    i64 n = s.n[s.count - 1] < len ? s.n[s.count - 1] : len, size = 1;
    while (size < n) size *= 2;
    u64 *keys = size <= SORTED ? b->keys : scratch;
    if (n > 0) gather(val, len, n, bits, b, keys);
#pragma unroll 1
    for (i64 i = n + threadIdx.x; i < size; i += 128) keys[i] = 0; // below all keys
    sort_falling(keys, size);
    if (threadIdx.x != 0) return;
    double sum = 0;
    i64 i = 0;
#pragma unroll 1
    for (int k = 0; k < s.count; k++) {
        i64 end = s.n[k] < n ? s.n[k] : n;
#pragma unroll 4
        for (; i < end; i++) sum += number_of(keys[i]);
        out[k] = sum;
    }
}

// The keys of a float32 differ in 32+3 bits (sign, exponent and fraction of a
// float64), those of a count in 12+31.
#define SORTED_KERNEL(suffix, T, bits)                                                                                  \
    extern "C" __global__ void topsums_sorted_##suffix(Status *st, u64 seq, const i64 *indptr, const T *val, i64 rows,  \
                                                       i64 room, i64 stride, double *out, i64 count, i64 n0, i64 n1,    \
                                                       i64 n2, i64 n3, i64 n4, i64 n5, i64 n6, i64 n7, u64 *scratch,    \
                                                       i64 keys) {                                                      \
        __shared__ Block b;                                                                                             \
        if (skipped(st, seq)) return;                                                                                   \
        Sizes s = {{n0, n1, n2, n3, n4, n5, n6, n7}, count};                                                            \
        for (i64 r = blockIdx.x; r < rows; r += gridDim.x) {                                                            \
            i64 lo, hi;                                                                                                 \
            row_of(indptr, r, room, st, seq, lo, hi);                                                                   \
            top_sorted(val + lo, hi - lo, bits, s, &b, scratch + blockIdx.x * keys, out + r * stride);                  \
            __syncthreads();                                                                                            \
        }                                                                                                               \
    }                                                                                                                   \
    GPUSC_KERNEL(topsums_sorted_##suffix)
SORTED_KERNEL(u32, u32, 48)
SORTED_KERNEL(f32, float, 40)
SORTED_KERNEL(f64, double, 64)
