// Rows of a tile for the Gram matrix: kernels.GramFill.
//
// Layout: CSR in; dense columns in groups of 48, sparse entries by row and, within a
// block of 512 rows, by column.
// Launches, each over the blocks of this part:
//   ranks  a thread for a gene: the row of Dense where nothing is stored
//   count  a warp for a row: its sparse entries, as their number and as a bit each in
//          a map of 512 bits for each sparse column
//   ends   512 threads for a block: the numbers become offsets, of rows and columns
//   rows   a warp for a row: values, written where they belong. An entry's place in its
//          column is the number of bits before its own, so no thread waits for another
//   sums   a thread for a column: sums in row order
// Order: places are counted and sums taken in row order; the only atomics set bits. In a
// dense column the sum passes over what equals the background, which would add 0.
// Bytes: 4 a value for count, 4 + 4 and 12 to 20 a value for rows; Dense is written once
// and read once (16 KB a row at 2,048 dense columns), which is what bounds it; 64 bytes a
// sparse column and block for the bits, which stay in the L2 cache.
#include "gram.cuh"

#define BIT_WORDS (GRAM_BLOCK / 32)

// Part tells which blocks of rows a launch works on: block number `part + i*parts`.
struct Place {
    i64 local, block, inBlock, row;
};

static __device__ __forceinline__ Place place_of(i64 warp, i64 part, i64 parts) {
    Place p;
    p.local = warp / GRAM_BLOCK;
    p.inBlock = warp % GRAM_BLOCK;
    p.block = part + p.local * parts;
    p.row = p.block * GRAM_BLOCK + p.inBlock;
    return p;
}

extern "C" __global__ void gramfill_ranks(Status *st, u64 seq, const u32 *rank, const double *center, i64 genes, i64 hot,
                                          i64 padded, float *zero) {
    if (skipped(st, seq)) return;
    i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < genes) {
        u32 k = rank[i];
        if (k >= genes)
            fail(st, seq, BAD_RANK, i, k, 0);
        else if (k < hot)
            zero[k] = (float)(0 - center[i]);
    }
    if (i >= hot && i < padded) zero[i] = 0;
}
GPUSC_KERNEL(gramfill_ranks)

extern "C" __global__ void gramfill_count(Status *st, u64 seq, const i64 *indptr, const u32 *idx, i64 rows, i64 genes, i64 room,
                                          const u32 *rank, i64 hot, i64 part, i64 parts, u32 *rowEnd, u32 *bits) {
    if (skipped(st, seq)) return;
    Place p = place_of(((i64)blockIdx.x * blockDim.x + threadIdx.x) >> 5, part, parts);
    int lane = threadIdx.x & 31;
    if (p.row >= rows) return; // the whole warp
    i64 lo, hi;
    row_of(indptr, p.row, room, st, seq, lo, hi);
    u32 *mine = bits + p.local * (genes - hot) * BIT_WORDS + p.inBlock / 32;
    u32 n = 0;
    for (i64 i = lo + lane; i < hi; i += 32) {
        u32 g = idx[i];
        if (g >= genes) {
            fail(st, seq, BAD_GENE, p.row, g, 0);
            continue;
        }
        u32 k = rank[g];
        if (k < hot) continue;
        n++;
        atomicOr(mine + (k - hot) * BIT_WORDS, 1u << (p.inBlock % 32));
    }
    for (int o = 16; o > 0; o >>= 1) n += __shfl_xor_sync(FULL, n, o);
    if (lane == 0) rowEnd[p.row] = n;
}
GPUSC_KERNEL(gramfill_count)

// scan gives the sum of v up to this thread of 512, and the sum of all.
static __device__ u32 scan(u32 v, u32 *totals, u32 &all) {
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    for (int o = 1; o < 32; o <<= 1) {
        u32 below = __shfl_up_sync(FULL, v, o);
        if (lane >= o) v += below;
    }
#ifndef GPUSC_BUG_FILL_SCAN
    __syncthreads(); // totals have been read
#endif
    if (lane == 31) totals[warp] = v;
    __syncthreads();
    all = 0;
    for (int i = 0; i < GRAM_BLOCK / 32; i++) {
        if (i < warp) v += totals[i];
        all += totals[i];
    }
    return v;
}

extern "C" __global__ void gramfill_ends(Status *st, u64 seq, const i64 *indptr, i64 rows, i64 sparse, i64 part, i64 parts,
                                         u32 *rowEnd, u32 *colPtr, const u32 *bits) {
    if (skipped(st, seq)) return;
    __shared__ u32 totals[GRAM_BLOCK / 32];
    i64 block = part + (i64)blockIdx.x * parts, row = block * GRAM_BLOCK + threadIdx.x;
    u32 start = (u32)indptr[block * GRAM_BLOCK], all;
    u32 end = scan(row < rows ? rowEnd[row] : 0, totals, all);
    if (row < rows) rowEnd[row] = start + end;
    bits += (i64)blockIdx.x * sparse * BIT_WORDS;
    colPtr += block * (sparse + 1);
    for (i64 c0 = 0; c0 < sparse; c0 += GRAM_BLOCK) {
        i64 c = c0 + threadIdx.x;
        u32 n = 0;
        if (c < sparse) {
            const uint4 *w = (const uint4 *)(bits + c * BIT_WORDS);
            for (int i = 0; i < BIT_WORDS / 4; i++) n += __popc(w[i].x) + __popc(w[i].y) + __popc(w[i].z) + __popc(w[i].w);
        }
        u32 upTo = scan(n, totals, all);
        if (c < sparse) colPtr[c] = start + upTo - n;
        start += all;
    }
    if (threadIdx.x == 0) colPtr[sparse] = start;
}
GPUSC_KERNEL(gramfill_ends)

// Tile is the output, see kernels.GramTile.
struct Tile {
    i64 rows, hot, groups, sparse;
    float *dense;
    u32 *rowIdx;
    float *rowVal;
    const u32 *rowEnd, *colPtr;
    u32 *colAt;
    float *colVal;
    u32 *colPos;
};

// entry writes the sparse entry of column c in row p at position pos of its block's rows.
static __device__ __forceinline__ void entry(const Tile &t, const Place &p, const u32 *bits, u32 c, u32 pos, float y) {
    const u32 *w = bits + (p.local * t.sparse + c) * BIT_WORDS;
    u32 q = t.colPtr[p.block * (t.sparse + 1) + c];
    int word = (int)p.inBlock / 32;
    for (int i = 0; i < word; i++) q += __popc(w[i]);
    q += __popc(w[word] & ((1u << (p.inBlock % 32)) - 1));
    t.rowIdx[pos] = c;
    t.rowVal[pos] = y;
    t.colAt[q] = (u32)(p.row * GRAM_GROUP);
    t.colVal[q] = y;
    t.colPos[q] = pos;
}

template <class T>
static __device__ void write_row(const Place &p, const i64 *indptr, const u32 *idx, const T *val, const Values &how,
                                 const u32 *rank, const double *center, const Tile &t, const float *zero, const u32 *bits) {
    int lane = threadIdx.x & 31;
    const float4 *zero4 = (const float4 *)zero;
    const int quads = GRAM_GROUP / 4;
    for (i64 q = lane; q < t.groups * quads; q += 32)
        *(float4 *)(t.dense + ((q / quads) * t.rows + p.row) * GRAM_GROUP + q % quads * 4) = zero4[q];
#ifndef GPUSC_BUG_FILL_ROW
    __syncwarp(); // the background is there before values go over it
#endif
    i64 lo = indptr[p.row], hi = indptr[p.row + 1];
    u32 at = p.inBlock == 0 ? (u32)lo : t.rowEnd[p.row - 1];
    double scale = how.scale ? how.scale[p.row] : 1;
    for (i64 base = lo; base < hi; base += 32) {
        i64 i = base + lane;
        bool isSparse = false;
        u32 k = 0;
        float y = 0;
        if (i < hi) {
            u32 g = idx[i];
            double u = u_of(how, (double)val[i], scale, g);
            k = rank[g];
            if (k < t.hot) {
                t.dense[(k / GRAM_GROUP * t.rows + p.row) * GRAM_GROUP + k % GRAM_GROUP] = (float)(u - center[g]);
            } else {
                isSparse = true;
                y = (float)u;
            }
        }
        u32 mask = __ballot_sync(FULL, isSparse);
        if (isSparse) entry(t, p, bits, k - (u32)t.hot, at + __popc(mask & ((1u << lane) - 1)), y);
        at += __popc(mask);
    }
}

#define M(suffix, T)                                                                                                        \
    extern "C" __global__ void gramfill_rows_##suffix(                                                                      \
        Status *st, u64 seq, const i64 *indptr, const u32 *idx, const T *val, i64 rows, const double *scale, u64 how,       \
        double base, const double *mean, const double *std, u64 centre, double max, const u32 *rank, const double *center,  \
        i64 part, i64 parts, i64 room, i64 hot, i64 groups, i64 sparse, float *dense, u32 *rowIdx, float *rowVal,           \
        const u32 *rowEnd, const u32 *colPtr, u32 *colAt, float *colVal, u32 *colPos, const float *zero, const u32 *bits) { \
        if (skipped(st, seq)) return;                                                                                       \
        Place p = place_of(((i64)blockIdx.x * blockDim.x + threadIdx.x) >> 5, part, parts);                                 \
        if (p.row >= rows) return;                                                                                          \
        Values v = {scale, how, base, mean, std, centre, max};                                                              \
        Tile t = {room, hot, groups, sparse, dense, rowIdx, rowVal, rowEnd, colPtr, colAt, colVal, colPos};                 \
        write_row(p, indptr, idx, val, v, rank, center, t, zero, bits);                                                     \
    }                                                                                                                       \
    GPUSC_KERNEL(gramfill_rows_##suffix)
GPUSC_KINDS(M)

// in_order adds up what a dense column of n rows differs from its background. The rows
// are loaded 16 at a time, so that the additions wait for each other only.
static __device__ double in_order(const float *col, i64 n, float background) {
    const int ahead = 16;
    double sum = (double)n * (double)background;
    for (i64 r = 0; r < n; r += ahead) {
        float y[ahead];
#pragma unroll
        for (int i = 0; i < ahead; i++) y[i] = r + i < n ? col[(r + i) * GRAM_GROUP] : background;
#pragma unroll
        for (int i = 0; i < ahead; i++)
            if (y[i] != background) sum += (double)y[i] - (double)background;
    }
    return sum;
}

extern "C" __global__ void gramfill_sums(Status *st, u64 seq, i64 rows, i64 part, i64 parts, i64 room, i64 groups, i64 sparse,
                                         const float *dense, const u32 *colPtr, const float *colVal, const float *zero,
                                         double *sums) {
    if (skipped(st, seq)) return;
    i64 c = (i64)blockIdx.x * blockDim.x + threadIdx.x, padded = groups * GRAM_GROUP, width = padded + sparse;
    if (c >= width) return;
    i64 block = part + (i64)blockIdx.y * parts, first = block * GRAM_BLOCK;
    i64 n = rows - first < GRAM_BLOCK ? rows - first : GRAM_BLOCK;
    double sum = 0;
    if (c < padded) {
        sum = in_order(dense + (c / GRAM_GROUP * room + first) * GRAM_GROUP + c % GRAM_GROUP, n, zero[c]);
    } else {
        const u32 *ptr = colPtr + block * (sparse + 1) + (c - padded);
        for (u32 e = ptr[0]; e < ptr[1]; e++) sum += (double)colVal[e];
    }
    sums[block * width + c] = sum;
}
GPUSC_KERNEL(gramfill_sums)
