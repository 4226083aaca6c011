// A packed chunk expanded to CSR: kernels.Unpack. The layout of the packed bytes,
// and the recipe that this follows, stand in chunk/pack/doc.go.
//
// Grid: unpack_lens, a block of 256 threads for each superblock of 4,096 rows, one at
// least: it looks at the header and makes Indptr. unpack_values: first a block for
// each superblock of indices, then one for each 4,096 values; there may be more
// blocks than the header tells of, as the caller only knows the room.
// A superblock lies in shared memory (17 KiB). Each warp unpacks two of its blocks of
// 256 numbers; lane t takes numbers t, t+32 and so on, so that eight neighbours read
// one sector. Then a thread sums up 16 numbers, and the sums are scanned.
// Order: integers only.
// Checks: each superblock looks whether what it ends with is what the next one says it
// begins with, so all together see what one reader from the front would see; where a
// block would lie is compared with its section before it is read.
// Bytes: the packed size in, 8 a value (12 of float64) and 8 a row out; bound by memory.
#include "common.cuh"

#define SUPER 4096
#define BLOCK 256 // numbers of a block; also the threads
#define PER 16    // blocks of a superblock; also the numbers that a thread adds up

// The sections, as an error names them; 0 is the header.
enum { LENS = 1, INDICES = 2, VALUES = 3 };

// The header's fields, in their order from byte 16.
struct Header {
    u64 size, rows, cols, nnz, lens, idx, vals;
};

static __device__ __forceinline__ u64 up_to(u64 n, u64 a) { return (n + a - 1) / a * a; }

// table is the size of a stream's tables, after which its blocks start.
static __device__ __forceinline__ u64 table(u64 n) {
    return up_to(up_to(n, SUPER) / SUPER * 8 + up_to(n, BLOCK) / BLOCK * 2, 32);
}

// agrees is pack.ReadHeader: what the fields must be to each other and to the bytes
// that there are.
static __device__ bool agrees(const Header &h, u64 kind, u64 bytes) {
    const u64 most = 1ull << 31;
    if (h.size > bytes || kind > 2 || h.rows >= most || h.nnz >= most || h.cols > 1u << 30) return false;
    if (h.nnz > h.rows * h.cols) return false;
    if (h.lens != 128 || (h.idx | h.vals | h.size) % 64 || h.idx > h.size || h.vals > h.size) return false;
    u64 vals = kind ? up_to(h.nnz * (kind == 1 ? 4 : 8), 64) : up_to(table(h.nnz) + 32, 64);
    return h.idx >= h.lens + up_to(table(h.rows) + 32, 64) && h.vals >= h.idx + up_to(table(h.nnz) + 32, 64) &&
           h.size >= h.vals + vals && (!kind || h.size == h.vals + vals);
}

static __device__ __forceinline__ const Header *header(const u8 *packed) { return (const Header *)(packed + 16); }

// look_at_header tells whether the chunk can be unpacked. One thread does it.
static __device__ bool look_at_header(const u8 *packed, i64 bytes, i64 rows, i64 cols, i64 room, u64 kind, Status *st,
                                      u64 seq) {
    u64 word = *(const u64 *)packed;
    u64 version = word >> 32 & 0xffff, k = word >> 48 & 0xff;
    const Header h = *header(packed);
    if ((u32)word != 0x4b535047) { // "GPSK"
        fail(st, seq, BAD_PACKED, 0, 0, 0);
    } else if (version != 1) {
        fail(st, seq, BAD_VERSION, (i64)version, 0, 0);
    } else if (!agrees(h, k, (u64)bytes)) {
        fail(st, seq, BAD_PACKED, 0, 16, 0);
    } else if (h.rows != (u64)rows || h.cols != (u64)cols || k != kind || h.nnz > (u64)room) {
        fail(st, seq, BAD_SHAPE, (i64)h.rows, (i64)h.nnz, (double)h.cols);
    } else {
        return true;
    }
    return false;
}

// A stream of n numbers in one section.
struct Stream {
    const u8 *at;
    u64 bytes;
    i64 n;
};

// Super is a superblock in shared memory. Number i lies at place(i), so that neither
// neighbours nor numbers 16 apart fall into one bank.
struct Super {
    u32 x[SUPER + SUPER / 32];
    u32 from[PER];   // where its blocks start, in words from the first block of the section
    u32 desc[PER];
    u32 base, next;  // running value ahead of it, and after it as its successor says
    u32 sums[8];
    u32 bad;
    i64 row;         // the first row that starts in it or later
};

static __device__ __forceinline__ int place(int i) { return i + (i >> 5); }

// high_bytes is the size of a high part of an exception, by class.
static __device__ __forceinline__ u32 high_bytes(u32 c) { return (1u << c) >> 1; }

// words is the size of a block; false where there is no such block.
static __device__ bool words(u32 d, u64 &n) {
    u32 w = d & 63, c = d >> 6 & 3, e = d >> 8;
    n = 8 * w + (e * (1 + high_bytes(c)) + 3) / 4;
    return w <= 32 && (c == 0) == (e == 0);
}

// open_super reads the tables of superblock s: where its blocks are. One warp does it.
static __device__ void open_super(const Stream &in, i64 s, Super *b) {
    int lane = threadIdx.x & 31;
    i64 supers = (in.n + SUPER - 1) / SUPER, blocks = (in.n + BLOCK - 1) / BLOCK;
    const u32 *own = (const u32 *)in.at + 2 * s;
    i64 block = s * PER + lane;
    u32 d = 0;
    u64 n = 0;
    bool ok = true;
    if (lane < PER && block < blocks) {
        d = *(const u16 *)(in.at + 8 * supers + 2 * block);
        ok = words(d, n);
    }
    u64 end = n;
    for (int o = 1; o < PER; o *= 2) {
        u64 before = __shfl_up_sync(FULL, end, o);
        if (lane >= o) end += before;
    }
    end += own[0];
    if (lane < PER) {
        b->desc[lane] = d;
        b->from[lane] = (u32)(end - n);
        // A reader looks up to 32 bytes beyond a block.
        ok = ok && table((u64)in.n) + 4 * end + 32 <= in.bytes;
    }
    bool last = s + 1 == supers;
    if (lane == PER - 1 && !last) ok = ok && own[2] == end;
    if (s == 0) ok = ok && own[0] == 0;
    ok = __all_sync(FULL, ok);
    if (lane == 0) {
        b->bad = !ok;
        b->base = own[1];
        b->next = last ? 0 : own[3];
    }
}

// unpack_block writes the numbers of a block plus add into shared memory; false where
// an exception cannot be. A warp does it.
static __device__ bool unpack_block(const Stream &in, int k, u32 add, u32 top, Super *b) {
    int lane = threadIdx.x & 31;
    u32 d = b->desc[k], w = d & 63, c = d >> 6 & 3, e = d >> 8;
    const u32 *word = (const u32 *)(in.at + table((u64)in.n)) + b->from[k];
    u32 mask = w < 32 ? (1u << w) - 1 : FULL;
    bool ok = w <= top;
    for (int i = lane; i < BLOCK; i += 32) {
        u32 x = 0;
        if (w) {
            u32 p = i / 8 * w;
            const u32 *at = word + 8 * (p / 32) + i % 8;
            x = __funnelshift_r(at[0], at[8], p % 32) & mask;
        }
        ok = ok && (add == 0 || x + add != 0);
        b->x[place(k * BLOCK + i)] = x + add;
    }
#ifndef GPUSC_BUG_UNPACK_HIGH
    __syncwarp();
#endif
    const u8 *high = (const u8 *)(word + 8 * w), *pos = high + e * high_bytes(c);
#pragma unroll 1
    for (u32 j = lane; j < e; j += 32) {
        u32 v = c == 1 ? high[j] : c == 2 ? ((const u16 *)high)[j] : ((const u32 *)high)[j];
        if (j > 0 && pos[j] <= pos[j - 1]) { // each place is one lane's
            ok = false;
            continue;
        }
        u32 *x = &b->x[place(k * BLOCK + pos[j])];
        *x += w < 32 ? v << w : 0;
        ok = ok && *x != 0 && (top == 32 || *x >> 31 == 0);
    }
    return ok;
}

// unpack_super brings superblock s into shared memory, each number plus add. No number
// plus add may have more than top bits. false, for all threads, where it cannot be.
static __device__ bool unpack_super(const Stream &in, i64 s, u32 add, u32 top, Super *b) {
    if (threadIdx.x < 32) open_super(in, s, b);
#ifndef GPUSC_BUG_UNPACK_OPEN
    __syncthreads();
#endif
    if (b->bad) return false;
    bool ok = true;
#pragma unroll 1
    for (int k = threadIdx.x / 32; k < PER; k += 8)
        if (s * PER + k < (in.n + BLOCK - 1) / BLOCK) ok = unpack_block(in, k, add, top, b) && ok;
    return __syncthreads_and(ok);
}

// scan_super turns the numbers into their running sums from base on, modulo 2^32.
static __device__ void scan_super(Super *b, u32 base) {
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, from = threadIdx.x * PER;
    u32 sum = 0;
    for (int i = 0; i < PER; i++) sum += b->x[place(from + i)];
    u32 up = sum;
    for (int o = 1; o < 32; o *= 2) {
        u32 v = __shfl_up_sync(FULL, up, o);
        if (lane >= o) up += v;
    }
    if (lane == 31) b->sums[warp] = up;
    __syncthreads();
    u32 run = base + up - sum;
    for (int i = 0; i < warp; i++) run += b->sums[i];
    for (int i = 0; i < PER; i++) {
        run += b->x[place(from + i)];
        b->x[place(from + i)] = run;
    }
#ifndef GPUSC_BUG_UNPACK_SCAN
    __syncthreads();
#endif
}

// numbers is how many of a stream's n numbers superblock s holds.
static __device__ __forceinline__ int numbers(i64 n, i64 s) { return n - s * SUPER < SUPER ? (int)(n - s * SUPER) : SUPER; }

extern "C" __global__ void unpack_lens(Status *st, u64 seq, const u8 *packed, i64 bytes, i64 rows, i64 cols, i64 room,
                                       u64 kind, i64 *indptr) {
    __shared__ Super b;
    __shared__ bool fits;
    if (skipped(st, seq)) return;
    if (threadIdx.x == 0) fits = look_at_header(packed, bytes, rows, cols, room, kind, st, seq);
    __syncthreads();
    if (!fits) return; // the whole block
    i64 s = blockIdx.x;
    if (s == 0 && threadIdx.x == 0) indptr[0] = 0;
    if (rows == 0) return;
    const Header *h = header(packed);
    Stream in = {packed + h->lens, h->idx - h->lens, rows};
    u32 nnz = (u32)h->nnz;
    bool ok = unpack_super(in, s, 0, 32, &b);
    if (ok) {
        // No length and no sum is above nnz, which is below 2^31: nothing has run over.
        int m = numbers(rows, s);
        bool each = s == 0 ? b.base == 0 : b.base <= nnz;
        for (int i = threadIdx.x; i < SUPER; i += BLOCK) {
            if (i >= m) b.x[place(i)] = 0;
            each = each && b.x[place(i)] <= nnz;
        }
        ok = __syncthreads_and(each);
        scan_super(&b, b.base);
        for (int i = threadIdx.x; i < m; i += BLOCK) {
            u32 p = b.x[place(i)];
            ok = ok && p <= nnz;
            indptr[s * SUPER + i + 1] = p;
        }
#ifdef GPUSC_BUG_WRITE_BEYOND
        if (threadIdx.x == 0) indptr[s * SUPER + m + 1] = 0;
#endif
        ok = ok && b.x[place(m - 1)] == (s * SUPER + m == rows ? nnz : b.next);
    }
    if (!ok) fail(st, seq, BAD_PACKED, LENS, s * SUPER, 0);
}
GPUSC_KERNEL(unpack_lens)

// first_row finds the first row that starts at value `at` or later, or rows. A warp
// does it, 32 rows at a time.
static __device__ i64 first_row(const i64 *indptr, i64 rows, i64 at) {
    int lane = threadIdx.x & 31;
    i64 lo = 0, hi = rows; // it is one of [lo, hi]
#pragma unroll 1
    while (lo < hi) {
        i64 step = (hi - lo + 31) / 32, r = lo + lane * step;
        u32 before = __ballot_sync(FULL, r < hi && indptr[r] < at);
        int n = __popc(before); // the first n of the rows that were looked at start before
        if (n == 0) return lo;
        i64 top = lo + n * step;
        lo += (n - 1) * step + 1;
        if (top < hi) hi = top;
    }
    return lo;
}

// to_indices turns the gaps of superblock s, from value `at` on, into indices; false
// where they cannot be.
static __device__ bool to_indices(const Header *h, i64 s, int m, const i64 *indptr, u32 *indices, Super *b) {
    i64 nnz = (i64)h->nnz, rows = (i64)h->rows, at = s * SUPER;
    u32 cols = (u32)h->cols;
#pragma unroll 1
    for (i64 r = b->row + threadIdx.x; r < rows; r += BLOCK) {
        i64 p = indptr[r];
        if (p >= at + m) break;
        if (indptr[r + 1] > p) b->x[place((int)(p - at))] -= cols;
    }
    __syncthreads();
    scan_super(b, b->base);
    bool ok = s > 0 || b->base == cols - 1;
    for (int i = threadIdx.x; i < m; i += BLOCK) {
        u32 c = b->x[place(i)];
        ok = ok && c < cols;
        indices[at + i] = c;
    }
    if (at + m < nnz) ok = ok && b->x[place(m - 1)] == b->next;
    return ok;
}

// raw copies m values as they are.
template <class T> static __device__ void raw(const u8 *from, T *to, i64 at, int m) {
    const T *x = (const T *)from;
    for (int i = threadIdx.x; i < m; i += BLOCK) to[at + i] = x[at + i];
}

extern "C" __global__ void unpack_values(Status *st, u64 seq, const u8 *packed, i64 supers, u64 kind, const i64 *indptr,
                                         u32 *indices, void *values) {
    __shared__ Super b;
    if (skipped(st, seq)) return;
    const Header *h = header(packed);
    bool idx = blockIdx.x < supers;
    i64 s = idx ? blockIdx.x : blockIdx.x - supers, at = s * SUPER, nnz = (i64)h->nnz;
    if (at >= nnz) return; // the whole block
    int m = numbers(nnz, s);
    if (!idx && kind == 1) return raw(packed + h->vals, (u32 *)values, at, m);
    if (!idx && kind == 2) return raw(packed + h->vals, (u64 *)values, at, m);
    if (idx && threadIdx.x >= BLOCK - 32) {
        i64 r = first_row(indptr, (i64)h->rows, at);
        if (threadIdx.x == BLOCK - 1) b.row = r;
    }
    Stream in = {packed + (idx ? h->idx : h->vals), idx ? h->vals - h->idx : h->size - h->vals, nnz};
    bool ok = unpack_super(in, s, 1, idx ? 31 : 32, &b);
    if (ok && idx) {
        ok = to_indices(h, s, m, indptr, indices, &b);
    } else if (ok) {
        for (int i = threadIdx.x; i < m; i += BLOCK) ((u32 *)values)[at + i] = b.x[place(i)];
        ok = b.base == 0;
    }
    if (!ok) fail(st, seq, BAD_PACKED, idx ? INDICES : VALUES, at, 0);
}
GPUSC_KERNEL(unpack_values)
