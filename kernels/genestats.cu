// Sums and detections of each gene: kernels.GeneStats.
//
// Layout: CSR; Sum Fixed[groups*cols], Cells u64[groups*cols].
// Counts are whole numbers, so only the high halves of Sum change, and sum and number
// of cells are added to in one go, packed into one word. Three ways, chosen in
// cuda/genestats.go by the shape of the chunk:
//   genestats_own   words of 32 bits in a block's shared memory (cells above bit 20),
//                   flushed by the block; a block takes at most OWN_ROWS rows in
//                   sequence, so that counts up to OWN_TOP fit; others go to Sum and
//                   Cells at once. The grid is a block for each multiprocessor, so
//                   that there are few flushes. No L2 atomics but theirs: it reads at
//                   the speed of memory.
//   genestats_u32   with acc: words of 64 bits in scratch (cells above bit 40), one
//                   atomic without an answer a value; genestats_flush adds them up.
//                   Without acc: two atomics a value on Sum and Cells.
// Floats (genestats_f32, _f64; rare, as whole numbers are kept as counts whatever
// their file calls them) are added as Fixed: up to three atomics a value.
// Grid: a warp for each row, eight rows to a block (own: 32 warps to a block).
// Order: integers only, so none.
// Bytes: 8 (12 for f64) a value in; 24 a gene and flush in and out.
#include "genesums.cuh"

#define CELL_SHIFT 40
#define TOP 16777216u // SLICE counts below it fit below CELL_SHIFT
#define OWN_SHIFT 20
#define OWN_TOP 256u   // OWN_ROWS counts of it fit below OWN_SHIFT
#define OWN_ROWS 4095 // and as many cells fit above; ownRows in cuda/genestats.go

// count_one adds a count to the caller's sums.
static __device__ __forceinline__ void count_one(Fixed *sum, u64 *cells, u32 x) {
    add_hi(sum, x);
    atomicAdd(cells, (u64)(x > 0));
}

extern "C" __global__ void genestats_u32(Status *st, u64 seq, const i64 *indptr, const u32 *idx, const u32 *val, i64 from,
                                         i64 to, i64 cols, i64 room, const i32 *group, i64 groups, u64 *acc, Fixed *sum,
                                         u64 *cells) {
    if (skipped(st, seq)) return;
    i64 r, lo, hi, base;
    if (!my_row(indptr, from, to, cols, room, group, groups, st, seq, r, lo, hi, base)) return;
    i64 i = lo + (threadIdx.x & 31);
    u32 nextC = 0, nextX = 0; // loaded while the last ones are added, as loads are not moved ahead of atomics
    if (i < hi) nextC = idx[i], nextX = val[i];
    for (; i < hi; i += 32) {
        u32 c = nextC, x = nextX;
        if (i + 32 < hi) nextC = idx[i + 32], nextX = val[i + 32];
        if (c >= cols) {
            fail(st, seq, BAD_GENE, r, c, 0);
        } else if (acc && x < TOP) {
            atomicAdd(acc + base + c, (u64)(x > 0) << CELL_SHIFT | x);
        } else {
            count_one(sum + base + c, cells + base + c, x);
        }
    }
}
GPUSC_KERNEL(genestats_u32)

// genestats_flush adds n words to the caller's sums, a thread for each.
extern "C" __global__ void genestats_flush(Status *st, u64 seq, const u64 *acc, i64 n, Fixed *sum, u64 *cells) {
    if (skipped(st, seq)) return;
    i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n || !acc[i]) return;
    sum[i].hi += acc[i] & ((1ull << CELL_SHIFT) - 1);
    cells[i] += acc[i] >> CELL_SHIFT;
}
GPUSC_KERNEL(genestats_flush)

// own_count adds a count to the block's words, or where it does not fit to the caller's sums.
static __device__ __forceinline__ void own_count(u32 *own, Fixed *sum, u64 *cells, i64 at, u32 x) {
    if (x <= OWN_TOP)
        atomicAdd(own + at, 1u << OWN_SHIFT | x);
    else
        count_one(sum + at, cells + at, x);
}

// genestats_own: rows [blockIdx.x*each, +each) of a block, each at most OWN_ROWS.
// Shared: u32[groups*cols].
extern "C" __global__ void __launch_bounds__(1024)
    genestats_own(Status *st, u64 seq, const i64 *indptr, const u32 *idx, const u32 *val, i64 rows, i64 cols, i64 room,
                  const i32 *group, i64 groups, i64 each, Fixed *sum, u64 *cells) {
    GPUSC_DYNSHARED(u32, own);
    if (skipped(st, seq)) return;
    i64 n = groups * cols;
    for (i64 i = threadIdx.x; i < n; i += blockDim.x) own[i] = 0;
#ifndef GPUSC_BUG_OWN
    __syncthreads();
#endif
    i64 first = blockIdx.x * each, last = first + each < rows ? first + each : rows;
    for (i64 r = first + (threadIdx.x >> 5); r < last; r += blockDim.x >> 5) {
        i64 lo, hi;
        row_of(indptr, r, room, st, seq, lo, hi);
        i64 g = group_of(group, r, groups, st, seq);
        if (g < 0) continue;
        // Four loads are under way before the first is used.
        for (i64 at = lo + (threadIdx.x & 31); at < hi; at += 128) {
            u32 c[4], x[4];
#pragma unroll
            for (int k = 0; k < 4; k++) {
                i64 i = at + 32 * k;
                c[k] = i < hi ? idx[i] : 0;
                x[k] = i < hi ? val[i] : 0;
            }
#pragma unroll
            for (int k = 0; k < 4; k++) {
                if (!x[k]) continue;
                if (c[k] >= cols)
                    fail(st, seq, BAD_GENE, r, c[k], 0);
                else
                    own_count(own, sum, cells, g * cols + c[k], x[k]);
            }
        }
    }
    __syncthreads();
    for (i64 i = threadIdx.x; i < n; i += blockDim.x) {
        u32 w = own[i];
        if (!w) continue;
        add_hi(sum + i, w & ((1u << OWN_SHIFT) - 1));
        atomicAdd(cells + i, (u64)(w >> OWN_SHIFT));
    }
}
GPUSC_KERNEL(genestats_own)

template <class T>
static __device__ void gene_floats(Status *st, u64 seq, const i64 *indptr, const u32 *idx, const T *val, i64 from, i64 to,
                                   i64 cols, i64 room, const i32 *group, i64 groups, Fixed *sum, u64 *cells) {
    i64 r, lo, hi, base;
    if (!my_row(indptr, from, to, cols, room, group, groups, st, seq, r, lo, hi, base)) return;
    for (i64 i = lo + (threadIdx.x & 31); i < hi; i += 32) {
        u32 c = idx[i];
        double x = (double)val[i];
        if (c >= cols) {
            fail(st, seq, BAD_GENE, r, c, 0);
        } else if (!addable(x)) {
            fail(st, seq, BAD_TERM, 0, 0, x);
        } else {
            add_fixed(sum + base + c, to_fixed(x));
            if (x > 0) atomicAdd(cells + base + c, 1ull);
        }
    }
}

#define M(suffix, T)                                                                                                      \
    extern "C" __global__ void genestats_##suffix(Status *st, u64 seq, const i64 *indptr, const u32 *idx, const T *val,   \
                                                  i64 from, i64 to, i64 cols, i64 room, const i32 *group, i64 groups,     \
                                                  Fixed *sum, u64 *cells) {                                               \
        if (skipped(st, seq)) return;                                                                                     \
        gene_floats(st, seq, indptr, idx, val, from, to, cols, room, group, groups, sum, cells);                          \
    }                                                                                                                     \
    GPUSC_KERNEL(genestats_##suffix)
M(f32, float) M(f64, double)
