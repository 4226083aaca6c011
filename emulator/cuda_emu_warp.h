// Warp functions and atomics. Included by cuda_emu.h.
#pragma once

namespace emu {

template <class T> inline T shuffle(unsigned mask, T v, unsigned source, int line) {
    static_assert(std::is_arithmetic<T>::value && sizeof(T) >= 4 && sizeof(T) <= 8, "no such shuffle in CUDA");
    uint64_t in = 0;
    memcpy(&in, &v, sizeof v);
    in = syncWarp(warpShuffle, mask, in, source, line);
    memcpy(&v, &in, sizeof v);
    return v;
}

// badWidth ends the process: width must be a power of two up to 32.
void badWidth(int width, int line);

inline unsigned segment(int width, int line) {
    if (width < 1 || width > 32 || (width & (width - 1))) badWidth(width, line);
    return unsigned(width) - 1;
}

} // namespace emu

template <class T> T __shfl_sync(unsigned mask, T v, int src, int width = 32, int line = __builtin_LINE()) {
    unsigned seg = emu::segment(width, line), lane = emu::self->lane;
    return emu::shuffle(mask, v, (lane & ~seg) | (unsigned(src) & seg), line);
}

template <class T> T __shfl_up_sync(unsigned mask, T v, unsigned d, int width = 32, int line = __builtin_LINE()) {
    unsigned seg = emu::segment(width, line), lane = emu::self->lane;
    return emu::shuffle(mask, v, (lane & seg) >= d ? lane - d : lane, line);
}

template <class T> T __shfl_down_sync(unsigned mask, T v, unsigned d, int width = 32, int line = __builtin_LINE()) {
    unsigned seg = emu::segment(width, line), lane = emu::self->lane;
    return emu::shuffle(mask, v, d <= seg - (lane & seg) ? lane + d : lane, line);
}

// An earlier segment can be read, a later one gives the own value: as in CUDA.
template <class T> T __shfl_xor_sync(unsigned mask, T v, int x, int width = 32, int line = __builtin_LINE()) {
    unsigned seg = emu::segment(width, line), lane = emu::self->lane, src = lane ^ unsigned(x);
    return emu::shuffle(mask, v, src > (lane | seg) ? lane : src, line);
}

static inline void __syncwarp(unsigned mask = 0xffffffffu, int line = __builtin_LINE()) {
    emu::syncWarp(emu::warpSync, mask, 0, 0, line);
}
static inline unsigned __ballot_sync(unsigned mask, int p, int line = __builtin_LINE()) {
    return unsigned(emu::syncWarp(emu::warpBallot, mask, p != 0, 0, line));
}
static inline int __any_sync(unsigned mask, int p, int line = __builtin_LINE()) {
    return emu::syncWarp(emu::warpBallot, mask, p != 0, 0, line) != 0;
}
static inline int __all_sync(unsigned mask, int p, int line = __builtin_LINE()) {
    return emu::syncWarp(emu::warpBallot, mask, p == 0, 0, line) == 0;
}
template <class T> unsigned __match_any_sync(unsigned mask, T v, int line = __builtin_LINE()) {
    uint64_t in = 0;
    memcpy(&in, &v, sizeof v);
    return unsigned(emu::syncWarp(emu::warpMatch, mask, in, 0, line));
}

// Reductions over the lanes of mask (compute capability 8.0).
#define EMU_REDUCE(T, name, op)                                                          \
    static inline T name(unsigned mask, T v, int line = __builtin_LINE()) {              \
        return T(emu::syncWarp(emu::op, mask, unsigned(v), 0, line));                    \
    }
EMU_REDUCE(unsigned, __reduce_add_sync, warpAdd)
EMU_REDUCE(int, __reduce_add_sync, warpAdd)
EMU_REDUCE(unsigned, __reduce_min_sync, warpMin)
EMU_REDUCE(unsigned, __reduce_max_sync, warpMax)
EMU_REDUCE(int, __reduce_min_sync, warpMinSigned)
EMU_REDUCE(int, __reduce_max_sync, warpMaxSigned)
EMU_REDUCE(unsigned, __reduce_and_sync, warpAnd)
EMU_REDUCE(unsigned, __reduce_or_sync, warpOr)
EMU_REDUCE(unsigned, __reduce_xor_sync, warpXor)
#undef EMU_REDUCE

// Atomics, for exactly the types that CUDA has (long long has no atomicAdd).
// One thread runs at a time, so a plain read and write is atomic; what a test
// needs is that others come in between, hence preempt.
#define EMU_ATOMIC(T, name, change)       \
    static inline T name(T *p, T v) {     \
        emu::preempt();                   \
        T old = *p;                       \
        *p = (change);                    \
        return old;                       \
    }
#define EMU_ATOMIC_INTEGER(T)                                    \
    EMU_ATOMIC(T, atomicExch, v)                                 \
    EMU_ATOMIC(T, atomicAnd, old &v)                             \
    EMU_ATOMIC(T, atomicOr, old | v)                             \
    EMU_ATOMIC(T, atomicXor, old ^ v)                            \
    EMU_ATOMIC(T, atomicMin, v < old ? v : old)                  \
    EMU_ATOMIC(T, atomicMax, v > old ? v : old)                  \
    static inline T atomicCAS(T *p, T expected, T v) {           \
        emu::preempt();                                          \
        T old = *p;                                              \
        if (old == expected) *p = v;                             \
        return old;                                              \
    }
EMU_ATOMIC_INTEGER(int)
EMU_ATOMIC_INTEGER(unsigned)
EMU_ATOMIC_INTEGER(unsigned long long)
EMU_ATOMIC(long long, atomicMin, v < old ? v : old)
EMU_ATOMIC(long long, atomicMax, v > old ? v : old)
EMU_ATOMIC(long long, atomicAnd, old &v)
EMU_ATOMIC(long long, atomicOr, old | v)
EMU_ATOMIC(long long, atomicXor, old ^ v)
EMU_ATOMIC(unsigned, atomicAdd, old + v)
EMU_ATOMIC(unsigned long long, atomicAdd, old + v)
EMU_ATOMIC(unsigned, atomicSub, old - v)
EMU_ATOMIC(unsigned, atomicInc, old >= v ? 0 : old + 1)
EMU_ATOMIC(unsigned, atomicDec, old == 0 || old > v ? v : old - 1)
EMU_ATOMIC(float, atomicAdd, old + v)
EMU_ATOMIC(double, atomicAdd, old + v)
EMU_ATOMIC(float, atomicExch, v)
EMU_ATOMIC(int, atomicAdd, int(unsigned(old) + unsigned(v)))
EMU_ATOMIC(int, atomicSub, int(unsigned(old) - unsigned(v)))
#undef EMU_ATOMIC_INTEGER
#undef EMU_ATOMIC

static inline void __threadfence() { emu::preempt(); }
static inline void __threadfence_block() { emu::preempt(); }
static inline void __threadfence_system() { emu::preempt(); }
static inline void __nanosleep(unsigned) { emu::yield(); }
