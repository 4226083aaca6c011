// Rows and genes taken out of a chunk: kernels.Select.
//
// Layout: CSR in and out. Out.Indptr[i+1] first holds how many values stay ahead of
// row i among the ROWS rows of its block of select_count; sums[b] how many stay in
// that block, then how many ahead of it. select_* brings both together.
// Grid: select_count, blocks of 256 threads: the first ones look at Map (256 genes
// each), the others count ROWS rows each, a warp a row. select_scan, one block.
// select_*, a warp for each row of Out, which packs 32 values at a time by a ballot.
// Order: Out's places follow from the counts alone.
// Bytes: 8 a value of X in (twice the index), 4 (8) for each value that stays, and
// 8 (12) for it out; Map comes from the cache. Bound by memory.
#include "common.cuh"

#define AHEAD 4 // loads that a lane has under way
#define ROWS 32 // rows of Out for a block of select_count; the lanes of a warp

// look_at_map checks 256 genes: what stays must rise over all genes. What stands
// before a warp's first gene that stays is searched for backwards, where a largest
// value will do: if that is not the nearest one, Map falls somewhere ahead, and
// whoever looks there tells.
static __device__ void look_at_map(const i32 *map, i64 cols, i64 outCols, Status *st, u64 seq) {
    i64 g = (i64)blockIdx.x * 256 + threadIdx.x;
    int lane = threadIdx.x & 31;
    i32 to = g < cols ? map[g] : -1;
    u32 stay = __ballot_sync(FULL, to >= 0);
    if (!stay) return; // the whole warp
    i32 last = -1;
#pragma unroll 1
    for (i64 at = g - lane; at > 0 && last < 0; at -= 128) {
        i32 most = -1;
        for (int k = 1; k <= 4; k++)
            if (at >= k * 32) most = max(most, map[at - k * 32 + lane]);
        last = __reduce_max_sync(FULL, most);
    }
    u32 ahead = stay & ((1u << lane) - 1);
    i32 near = __shfl_sync(FULL, to, ahead ? 31 - __clz((int)ahead) : lane);
    if (ahead) last = near;
    if (to >= 0 && (to <= last || to >= outCols)) fail(st, seq, BAD_MAP, g, to, 0);
}

// row_taken is the row of X that row i of Out is, -1 where there is none such.
static __device__ i64 row_taken(const i32 *rowsOf, i64 i, i64 rows, Status *st, u64 seq) {
    if (!rowsOf) return i;
    i64 r = rowsOf[i];
    if (r < 0 || r >= rows || (i > 0 && r <= rowsOf[i - 1])) {
        fail(st, seq, BAD_ROWS, i, r, 0);
        return -1;
    }
    return r;
}

// staying counts the values of row i of Out.
static __device__ i64 staying(const i64 *indptr, const u32 *idx, i64 i, i64 rows, i64 cols, i64 room, const i32 *rowsOf,
                              const i32 *map, Status *st, u64 seq) {
    i64 r = row_taken(rowsOf, i, rows, st, seq), lo, hi;
    if (r < 0) return 0;
    row_of(indptr, r, room, st, seq, lo, hi);
    if (!map) return hi - lo;
    u32 n = 0;
#pragma unroll 1
    for (i64 at = lo + (threadIdx.x & 31); at < hi; at += 32 * AHEAD) {
        i64 c[AHEAD]; // -1: none
        for (int k = 0; k < AHEAD; k++) c[k] = at + 32 * k < hi ? (i64)idx[at + 32 * k] : -1;
        for (int k = 0; k < AHEAD; k++)
            if (c[k] >= cols) {
                fail(st, seq, BAD_GENE, r, c[k], 0);
                c[k] = -1;
            }
        for (int k = 0; k < AHEAD; k++) n += c[k] >= 0 && map[c[k]] >= 0;
    }
    return __reduce_add_sync(FULL, n);
}

static __device__ __forceinline__ i64 scan_warp(i64 v) {
    int lane = threadIdx.x & 31;
    for (int o = 1; o < 32; o *= 2) {
        i64 w = __shfl_up_sync(FULL, v, o);
        if (lane >= o) v += w;
    }
    return v;
}

extern "C" __global__ void select_count(Status *st, u64 seq, const i64 *indptr, const u32 *idx, i64 rows, i64 cols,
                                        i64 room, const i32 *rowsOf, const i32 *map, i64 outRows, i64 outCols,
                                        i64 mapBlocks, i64 *outIndptr, i64 *sums) {
    __shared__ i64 count[ROWS];
    if (skipped(st, seq)) return;
    if (blockIdx.x < mapBlocks) {
        look_at_map(map, cols, outCols, st, seq);
        return; // the whole block
    }
    i64 b = blockIdx.x - mapBlocks;
    int lane = threadIdx.x & 31;
#pragma unroll 1
    for (int k = threadIdx.x >> 5; k < ROWS; k += 8) {
        i64 i = b * ROWS + k, n = 0;
        if (i < outRows) n = staying(indptr, idx, i, rows, cols, room, rowsOf, map, st, seq);
        if (lane == 0) count[k] = n;
    }
#ifndef GPUSC_BUG_SELECT_COUNT
    __syncthreads();
#endif
    if (threadIdx.x >= 32) return;
    i64 n = count[lane], up = scan_warp(n);
    if (b * ROWS + lane < outRows) outIndptr[b * ROWS + lane + 1] = up - n;
    if (lane == 31) sums[b] = up;
}
GPUSC_KERNEL(select_count)

// select_scan turns the sums of n blocks into what lies ahead of each, and finds
// the first row that there is no room for.
extern "C" __global__ void __launch_bounds__(1024)
    select_scan(Status *st, u64 seq, i64 n, i64 outRows, i64 outRoom, i64 *outIndptr, i64 *sums) {
    __shared__ i64 part[32];
    if (skipped(st, seq)) return;
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    if (threadIdx.x == 0) outIndptr[0] = 0;
    i64 ahead = 0;
#pragma unroll 1
    for (i64 at = 0; at < n; at += 1024) {
        i64 b = at + threadIdx.x;
        i64 own = b < n ? sums[b] : 0, up = scan_warp(own);
        if (lane == 31) part[warp] = up;
        __syncthreads();
        i64 all = scan_warp(part[lane]);
        i64 end = ahead + up + (warp ? __shfl_sync(FULL, all, warp - 1) : 0);
        ahead += __shfl_sync(FULL, all, 31);
        if (b < n) sums[b] = end - own;
        if (end > outRoom && end - own <= outRoom) { // one thread, unless there is room for all
            i64 i = b * ROWS;
            while (i % ROWS < ROWS - 1 && i + 1 < outRows && end - own + outIndptr[i + 2] <= outRoom) i++;
            fail(st, seq, NO_ROOM, i, 0, 0);
        }
#ifndef GPUSC_BUG_SELECT_SCAN
        __syncthreads();
#endif
    }
}
GPUSC_KERNEL(select_scan)

template <class T>
static __device__ void pick(const u32 *idx, const T *val, i64 n, const i32 *map, u32 *outIdx, T *outVal, i64 &at) {
    int lane = threadIdx.x & 31;
#pragma unroll 1
    for (i64 from = 0; from < n; from += 32) {
        i64 i = from + lane;
        i32 to = -1;
        if (i < n) to = map ? map[idx[i]] : (i32)idx[i];
        bool stays = i < n && (!map || to >= 0);
        u32 stay = __ballot_sync(FULL, stays);
        if (stays) {
            i64 p = at + __popc(stay & ((1u << lane) - 1));
#ifdef GPUSC_BUG_SELECT_MASK
            p = at + __popc(stay & ((1u << (lane & 15)) - 1));
#endif
            outIdx[p] = (u32)to;
            outVal[p] = val[i];
        }
        at += __popc(stay);
    }
}

#define M(suffix, T)                                                                                                   \
    extern "C" __global__ void select_##suffix(Status *st, u64 seq, const i64 *indptr, const u32 *idx, const T *val,   \
                                               const i32 *rowsOf, const i32 *map, i64 outRows, const i64 *sums,        \
                                               i64 *outIndptr, u32 *outIdx, T *outVal) {                               \
        if (skipped(st, seq)) return;                                                                                  \
        i64 i = ((i64)blockIdx.x * blockDim.x + threadIdx.x) >> 5;                                                     \
        if (i >= outRows) return; /* the whole warp */                                                                 \
        i64 r = rowsOf ? rowsOf[i] : i, lo = indptr[r];                                                                \
        i64 at = sums[i / ROWS] + outIndptr[i + 1];                                                                    \
        pick(idx + lo, val + lo, indptr[r + 1] - lo, map, outIdx, outVal, at);                                         \
        __syncwarp();                                                                                                  \
        if ((threadIdx.x & 31) == 0) outIndptr[i + 1] = at;                                                            \
    }                                                                                                                  \
    GPUSC_KERNEL(select_##suffix)
GPUSC_KINDS(M)
