// The scheduler: runs the blocks of a grid one after another, the threads of a
// block in turns that end where a thread must wait.
//
// A thread starts on the stack of the one that ended before it, so a kernel
// without barriers is a loop of calls. A thread that waits keeps its stack; others
// go on on another. Only lanes that can run are looked at, by bit masks: a warp's
// barrier costs its own warp alone. With a seed, blocks, warps and lanes are taken
// in random order and change places at barriers and atomics.
#include "exec.h"

#include "poison.h"

#include <cstdlib>

namespace emu {

const Self *self;
uint3 blockAt;
dim3 blockSize, gridSize;
char *dynamicShared;
int budget;

static const unsigned maxThreads = 1024;
static const size_t maxShared = 232448;
static const size_t guardBytes = 256;
static const unsigned char guardByte = 0xfb;
static const uint64_t poison = 0xfff7dead7fe7deadull; // not-a-number as double and as float
static const int plainBudget = 1 << 16;               // so that a spinning thread cannot starve others

// Warp holds lanes as bits, and what each lane brought to the barrier it waits at.
struct Warp {
    uint32_t alive;   // not yet ended
    uint32_t fresh;   // not yet started
    uint32_t ready;   // stopped, can go on
    uint32_t atWarp;  // waiting for lanes
    uint32_t atBlock; // waiting for the block
    uint32_t mask[32], source[32];
    int line[32];
    WarpOp op[32];
    uint64_t value[32], result[32];
    void *position[32];
    Stack *stack[32];
};

static Self selves[maxThreads];
static Warp warps[maxThreads / 32];
static uint32_t runnable; // warps with a fresh or ready lane
static unsigned nwarps, alive;

// The barrier of the block.
static unsigned atBlock;
static BlockOp blockOp;
static int blockLine, blockSum, blockResult;

// The grid.
const Kernel *kernel;
static const uint64_t *arguments;
static size_t dynamicBytes;
static uint64_t blocks, blocksBegun, blockStep, blockFirst;
static void *callerPosition;
static Stack *runningStack;
static bool seeded;
static unsigned stay; // of 8: how often the same warp goes on
static Random random_;

void seedSchedule(uint64_t seed) {
    seeded = seed != 0;
    random_.seed(seed);
}

void badWidth(int width, int line) { fatal("line %d: a shuffle of width %d", line, width); }

void trap(int line) { fatal("thread (%u,%u,%u) trapped at line %d", self->tid.x, self->tid.y, self->tid.z, line); }

static void newBudget() { budget = seeded ? 1 + random_.below(12) : plainBudget; }

// deadlock reports threads that wait for others that never come.
[[noreturn]] static void deadlock() {
    for (unsigned w = 0; w < nwarps; w++) {
        Warp &p = warps[w];
        if (p.atWarp) {
            unsigned l = __builtin_ctz(p.atWarp);
            fatal("divergent barrier: warp %u, lane %u waits at line %d for lanes %08x; at warp barriers %08x, at __syncthreads %08x, ended %08x",
                  w, l, p.line[l], p.mask[l], p.atWarp, p.atBlock, ~p.alive);
        }
    }
    fatal("divergent barrier: %u of %u threads wait at __syncthreads of line %d", atBlock, alive, blockLine);
}

// pick makes the next thread current. It returns its warp, or null if none can run.
static Warp *pick(bool *fresh) {
    if (runnable == 0) return nullptr;
    unsigned w = self ? self->warp : 0, lane;
    uint32_t can;
    if (!seeded) {
        if (!(runnable >> w & 1)) w = __builtin_ctz(runnable);
        can = warps[w].fresh | warps[w].ready;
        lane = __builtin_ctz(can);
    } else {
        uint32_t r = random_.next();
        if (!(runnable >> w & 1) || (r & 7) >= stay) {
            unsigned turn = r >> 8 & 31;
            uint32_t turned = runnable >> turn | runnable << (-turn & 31);
            w = (__builtin_ctz(turned) + turn) & 31;
        }
        can = warps[w].fresh | warps[w].ready;
        unsigned turn = r >> 16 & 31;
        uint32_t turned = can >> turn | can << (-turn & 31);
        lane = (__builtin_ctz(turned) + turn) & 31;
    }
    Warp &p = warps[w];
    uint32_t bit = 1u << lane;
    *fresh = p.fresh & bit;
    p.fresh &= ~bit;
    p.ready &= ~bit;
    if (can == bit) runnable &= ~(1u << w);
    self = &selves[w * 32 + lane];
    return &p;
}

static void worker();

// suspend stops the running thread, whose state its caller has noted, and lets
// another one run.
static void suspend() {
    unsigned lane = self->lane;
    Warp &mine = warps[self->warp];
    const Self *me = self;
    bool fresh;
    Warp *p = pick(&fresh);
    if (!p) deadlock();
    if (self == me) return; // only after yield, or released by itself
    mine.stack[lane] = runningStack;
    if (fresh) {
        runningStack = takeStack();
        change(&mine.position[lane], prepare(runningStack, worker), runningStack);
    } else {
        runningStack = p->stack[self->lane];
        change(&mine.position[lane], p->position[self->lane], runningStack);
    }
}

static void markReady(unsigned w, uint32_t lanes) {
    warps[w].ready |= lanes;
    if (lanes) runnable |= 1u << w;
}

void yield() {
    newBudget();
    markReady(self->warp, 1u << self->lane);
    suspend();
}

// releaseBlock lets all threads go on once all that are left have come.
static bool releaseBlock() {
    if (atBlock == 0 || atBlock != alive) return false;
    blockResult = blockOp == blockAnd ? blockSum == int(alive) : blockOp == blockOr ? blockSum != 0 : blockSum;
    for (unsigned w = 0; w < nwarps; w++) {
        markReady(w, warps[w].atBlock);
        warps[w].atBlock = 0;
    }
    atBlock = 0;
    blockSum = 0;
    return true;
}

int syncBlock(BlockOp op, int value, int line) {
    if (atBlock == 0) {
        blockOp = op;
        blockLine = line;
    } else if (op != blockOp || line != blockLine) {
        fatal("divergent barrier: threads wait at __syncthreads of line %d and of line %d", blockLine, line);
    }
    warps[self->warp].atBlock |= 1u << self->lane;
    atBlock++;
    blockSum += value;
    releaseBlock();
    suspend();
    return blockResult;
}

// combine works out the lanes' results of a warp barrier.
static void combine(Warp &p, uint32_t lanes, WarpOp op) {
    uint64_t all = op == warpMin ? 0xffffffffu : op == warpMinSigned ? 0x7fffffffu : op == warpMaxSigned ? 0x80000000u
                 : op == warpAnd ? 0xffffffffu : 0;
    for (uint32_t m = lanes; m; m &= m - 1) {
        unsigned l = __builtin_ctz(m);
        uint64_t v = p.value[l];
        switch (op) {
        case warpSync: break;
        case warpShuffle: p.result[l] = p.source[l] < 32 && lanes >> p.source[l] & 1 ? p.value[p.source[l]] : poison; break;
        case warpBallot: all |= v << l; break;
        case warpMatch: {
            uint32_t same = 0;
            for (uint32_t n = lanes; n; n &= n - 1) same |= uint32_t(p.value[__builtin_ctz(n)] == v) << __builtin_ctz(n);
            p.result[l] = same;
            break;
        }
        case warpAdd: all = uint32_t(all + v); break;
        case warpMin: all = v < all ? v : all; break;
        case warpMax: all = v > all ? v : all; break;
        case warpMinSigned: all = int32_t(v) < int32_t(all) ? v : all; break;
        case warpMaxSigned: all = int32_t(v) > int32_t(all) ? v : all; break;
        case warpAnd: all &= v; break;
        case warpOr: all |= v; break;
        case warpXor: all ^= v; break;
        }
    }
    if (op == warpShuffle || op == warpMatch) return;
    for (uint32_t m = lanes; m; m &= m - 1) p.result[__builtin_ctz(m)] = all;
}

// releaseWarp lets the lanes go on that wait together with this one, if all of its
// mask that are left have come with the same mask.
static bool releaseWarp(unsigned w, unsigned lane) {
    Warp &p = warps[w];
    uint32_t mask = p.mask[lane], need = mask & p.alive;
    if ((p.atWarp & need) != need) return false;
    for (uint32_t m = need; m; m &= m - 1) {
        unsigned l = __builtin_ctz(m);
        if (p.mask[l] != mask) return false; // it belongs to another group first
        if (p.op[l] != p.op[lane] || p.line[l] != p.line[lane]) {
            fatal("divergent barrier: warp %u, lane %u waits at line %d, lane %u at line %d", w, lane, p.line[lane], l, p.line[l]);
        }
    }
    combine(p, need, p.op[lane]);
    p.atWarp &= ~need;
    markReady(w, need);
    return true;
}

uint64_t syncWarp(WarpOp op, unsigned mask, uint64_t value, unsigned source, int line) {
    unsigned w = self->warp, lane = self->lane;
    Warp &p = warps[w];
    uint32_t bit = 1u << lane;
    if (!(mask & bit)) fatal("line %d: lane %u is not in its own mask %08x", line, lane, mask);
    p.mask[lane] = mask;
    p.op[lane] = op;
    p.line[lane] = line;
    p.value[lane] = value;
    p.source[lane] = source;
    p.atWarp |= bit;
    if (releaseWarp(w, lane) && !seeded) { // the last to come goes on at once
        p.ready &= ~bit;
        if (!(p.ready | p.fresh)) runnable &= ~(1u << w);
        return p.result[lane];
    }
    suspend();
    return p.result[lane];
}

// ended takes the running thread out of its block; others may have waited for it.
static void ended() {
    Warp &p = warps[self->warp];
    p.alive &= ~(1u << self->lane);
    alive--;
    if (atBlock) releaseBlock();
    for (uint32_t m = p.atWarp; m; m &= m - 1) {
        unsigned l = __builtin_ctz(m);
        if (p.atWarp >> l & 1) releaseWarp(self->warp, l);
    }
}

static unsigned char *guard() { return (unsigned char *)dynamicShared + dynamicBytes; }

// poisonShared fills without memset, which AddressSanitizer would stop between variables.
__attribute__((no_sanitize("address"))) static void poisonShared() {
    size_t n = kernel->sharedBegin ? kernel->sharedEnd - kernel->sharedBegin : 0;
#if defined(__SANITIZE_ADDRESS__)
    for (volatile char *c = kernel->sharedBegin; n > 0; n--) *c++ = char(0xff);
#else
    if (n) memset(kernel->sharedBegin, 0xff, n);
#endif
    if (dynamicBytes) memset(dynamicShared, 0xff, dynamicBytes);
}

static void checkGuard() {
    UNPOISON(guard(), guardBytes);
    for (size_t i = 0; i < guardBytes; i++) {
        if (guard()[i] != guardByte) fatal("written %zu bytes beyond the %zu of dynamic shared memory", i + 1, dynamicBytes);
    }
    POISON(guard(), guardBytes);
}

// beginBlock sets up the next block and says whether there was one.
static bool beginBlock() {
    if (blocksBegun > 0) checkGuard();
    if (blocksBegun == blocks) return false;
    uint64_t at = (blocksBegun * blockStep + blockFirst) % blocks;
    blocksBegun++;
    blockAt = {unsigned(at % gridSize.x), unsigned(at / gridSize.x % gridSize.y), unsigned(at / gridSize.x / gridSize.y)};
    alive = blockSize.x * blockSize.y * blockSize.z;
    nwarps = (alive + 31) / 32;
    for (unsigned w = 0; w < nwarps; w++) {
        unsigned n = alive - w * 32;
        warps[w].alive = warps[w].fresh = n >= 32 ? ~0u : (1u << n) - 1;
        warps[w].ready = warps[w].atWarp = warps[w].atBlock = 0;
    }
    runnable = nwarps == 32 ? ~0u : (1u << nwarps) - 1;
    atBlock = 0;
    blockSum = 0;
    static const unsigned char stays[4] = {0, 4, 7, 8};
    if (seeded) stay = stays[random_.next() & 3];
    self = nullptr;
    poisonShared();
    newBudget();
    return true;
}

// next makes the next thread current; on is its saved position if it has one.
static bool next(bool *fresh, Warp **p) {
    while (alive == 0) {
        if (!beginBlock()) return false;
    }
    *p = pick(fresh);
    if (!*p) deadlock();
    return true;
}

// worker runs threads from their start, on one stack, until it must go on with one
// that was stopped; the stack is then free.
static void worker() {
    arrived();
    for (;;) {
        kernel->run(arguments);
        ended();
        bool fresh = false;
        Warp *p = nullptr;
        if (next(&fresh, &p) && fresh) continue;
        void *dropped;
        leaveStack(runningStack);
        runningStack = p ? p->stack[self->lane] : nullptr;
        change(&dropped, p ? p->position[self->lane] : callerPosition, runningStack);
    }
}

// shuffleBlocks orders blocks by an affine map, which needs no table.
static void orderBlocks() {
    blockStep = 1;
    blockFirst = 0;
    if (!seeded || blocks < 2) return;
    blockFirst = random_.below(uint32_t(blocks < 0xffffffff ? blocks : 0xffffffff));
    for (;;) {
        blockStep = 1 + random_.below(uint32_t(blocks < 0x7fffffff ? blocks : 0x7fffffff));
        uint64_t a = blocks, b = blockStep;
        while (b) {
            uint64_t r = a % b;
            a = b;
            b = r;
        }
        if (a == 1) return;
    }
}

void execute(const Kernel &k, dim3 grid, dim3 block, size_t dynamic, const uint64_t *args) {
    static char *shared = (char *)aligned_alloc(256, maxShared + 2 * guardBytes);
    kernel = &k;
    arguments = args;
    gridSize = grid;
    dynamicShared = shared;
    dynamicBytes = dynamic;
    memset(guard(), guardByte, guardBytes);
    POISON(guard(), guardBytes);
    static dim3 shaped(0, 0, 0); // the block that selves was made for
    if (block.x != shaped.x || block.y != shaped.y || block.z != shaped.z) {
        for (unsigned i = 0; i < block.x * block.y * block.z; i++) {
            selves[i] = {{i % block.x, i / block.x % block.y, i / block.x / block.y}, i & 31, i >> 5};
        }
        shaped = block;
    }
    blockSize = block;
    blocks = uint64_t(grid.x) * grid.y * grid.z;
    blocksBegun = 0;
    alive = 0;
    orderBlocks();
    bool fresh;
    Warp *p;
    if (next(&fresh, &p)) {
        runningStack = takeStack();
        change(&callerPosition, prepare(runningStack, worker), runningStack);
    }
    UNPOISON(guard(), guardBytes);
    kernel = nullptr;
    self = nullptr;
}

} // namespace emu
