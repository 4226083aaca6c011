// Memory of devices and pinned memory of the host.
//
// Fresh memory is 0xFF, freed memory 0xDD and kept from use for a while. Guards lie
// before and behind each allocation. Large ones are mapped copy-on-write from a
// file that holds the pattern, so that a slab of gigabytes costs what is written.
#include "driver.h"
#include "poison.h"

#include <cstdlib>
#include <sys/mman.h>
#include <unistd.h>

namespace emu {

static const size_t guard = 256, page = 4096;
static const size_t largeBytes = 1 << 20, patternBytes = 16 << 20;
static const unsigned char freshByte = 0xff, freedByte = 0xdd, guardByte = 0xfb;
static const size_t keptBytes = 64 << 20, keptBlocks = 256;
static const size_t maxPoison = 64 << 20; // AddressSanitizer needs an eighth of it

static size_t roundUp(size_t n, size_t to) { return (n + to - 1) / to * to; }

// patternFile returns a file of patternBytes equal bytes.
static int patternFile(unsigned char byte) {
    int fd = memfd_create("gpusc emulator", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, patternBytes) != 0) fatal("no memory for a pattern");
    void *p = mmap(nullptr, patternBytes, PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) fatal("no memory for a pattern");
    memset(p, byte, patternBytes);
    munmap(p, patternBytes);
    return fd;
}

// mapPattern fills whole pages with fresh or freed bytes without writing them.
static bool mapPattern(char *at, size_t bytes, unsigned char byte) {
    static int fresh = patternFile(freshByte), freed = patternFile(freedByte);
    int fd = byte == freshByte ? fresh : freed;
    for (size_t o = 0; o < bytes; o += patternBytes) {
        size_t n = bytes - o < patternBytes ? bytes - o : patternBytes;
        if (mmap(at + o, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd, 0) == MAP_FAILED) return false;
    }
    return true;
}

// A large block lies one page into its mapping, a small one one guard into its.
static size_t mappedBytes(const Block &b) { return page + roundUp(b.bytes + guard, page); }

static bool takeMemory(Block &b) {
    b.mapped = b.bytes >= largeBytes;
    if (b.mapped) {
        void *p = mmap(nullptr, mappedBytes(b), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (p == MAP_FAILED || !mapPattern((char *)p, mappedBytes(b), freshByte)) return false;
        b.base = (char *)p + page;
    } else {
        char *p = (char *)aligned_alloc(guard, roundUp(b.bytes, guard) + 3 * guard);
        if (!p) return false;
        b.base = p + guard;
        memset(b.base, freshByte, b.bytes);
    }
    memset(b.base - guard, guardByte, guard);
    memset(b.base + b.bytes, guardByte, guard);
    POISON(b.base - guard, guard);
    POISON(b.base + b.bytes, guard);
    return true;
}

static void giveBack(const Block &b) {
    if (b.mapped) {
        munmap(b.base - page, mappedBytes(b));
    } else {
        free(b.base - guard);
    }
}

// whole says whether a guard is untouched; it is asked at every wait, so by words.
static bool whole(const char *at) {
    for (size_t i = 0; i < guard; i += 8) {
        uint64_t word;
        memcpy(&word, at + i, 8);
        if (word != 0xfbfbfbfbfbfbfbfbull) return false;
    }
    return true;
}

static void checkGuard(const Block &b) {
    UNPOISON(b.base - guard, guard);
    UNPOISON(b.base + b.bytes, guard);
    bool fine = whole(b.base - guard) && whole(b.base + b.bytes);
    for (size_t i = 0; i < guard && !fine; i++) {
        const char *what = b.context ? "device" : "pinned";
        if ((unsigned char)b.base[b.bytes + i] != guardByte) {
            fatal("overrun: byte %zu behind %zu bytes of %s memory at %p was written", i, b.bytes, what, (void *)b.base);
        }
        if ((unsigned char)b.base[-1 - ptrdiff_t(i)] != guardByte) {
            fatal("overrun: byte %zu before %zu bytes of %s memory at %p was written", i + 1, b.bytes, what, (void *)b.base);
        }
    }
    POISON(b.base - guard, guard);
    POISON(b.base + b.bytes, guard);
}

// Freed blocks wait here, so that stale pointers read 0xDD for a while.
static std::deque<Block> kept;
static size_t keptNow;

static void dropMemory(const Block &b) {
    checkGuard(b);
    UNPOISON(b.base - guard, guard);
    UNPOISON(b.base + b.bytes, guard);
    if (!b.mapped) {
        memset(b.base, freedByte, b.bytes);
    } else if (!mapPattern(b.base - page, mappedBytes(b), freedByte)) {
        fatal("no memory to overwrite what was freed");
    }
    POISON(b.base, b.bytes < maxPoison ? b.bytes : maxPoison);
    kept.push_back(b);
    keptNow += b.mapped ? 0 : b.bytes;
    while (keptNow > keptBytes || kept.size() > keptBlocks) {
        Block old = kept.front();
        kept.pop_front();
        keptNow -= old.mapped ? 0 : old.bytes;
        UNPOISON(old.base, old.bytes < maxPoison ? old.bytes : maxPoison);
        giveBack(old);
    }
}

static Block *blockWith(std::map<uintptr_t, Block> &blocks, uintptr_t at, size_t bytes) {
    auto i = blocks.upper_bound(at);
    if (i == blocks.begin()) return nullptr;
    Block &b = (--i)->second;
    size_t offset = at - uintptr_t(b.base);
    return offset <= b.bytes && bytes <= b.bytes - offset && (offset < b.bytes || bytes == 0) ? &b : nullptr;
}

Block *deviceBlock(Address at, size_t bytes) { return blockWith(driver().deviceBlocks, at, bytes); }

bool onDevice(Context &c, Address at, size_t bytes) {
    Block *b = deviceBlock(at, bytes);
    return b && b->context == &c && !b->freeing;
}

void checkGuards() {
    for (auto &b : driver().deviceBlocks) checkGuard(b.second);
    for (auto &b : driver().hostBlocks) checkGuard(b.second);
}

bool wasFreed(Address at) {
    for (const Block &b : kept) {
        if (b.context && at - Address(b.base) < b.bytes) return true;
    }
    return false;
}

static Result allocate(Context &c, Address *out, size_t bytes) {
    Driver &d = driver();
    Device &v = d.devices[c.device];
    if (!out || bytes == 0) return invalidValue;
    if (bytes > d.memory || roundUp(bytes, guard) > d.memory - v.used) return outOfMemory;
    Block b;
    b.bytes = bytes;
    b.context = &c;
    if (!takeMemory(b)) return outOfMemory;
    v.used += roundUp(bytes, guard);
    d.liveDevice += bytes;
    d.deviceBlocks[uintptr_t(b.base)] = b;
    *out = Address(b.base);
    return success;
}

static void release(Address at) {
    Driver &d = driver();
    auto i = d.deviceBlocks.find(at);
    if (i == d.deviceBlocks.end()) return;
    Block b = i->second;
    d.deviceBlocks.erase(i);
    d.devices[b.context->device].used -= roundUp(b.bytes, guard);
    d.liveDevice -= b.bytes;
    dropMemory(b);
}

void dropBlocks(Context &c) {
    Driver &d = driver();
    for (auto i = d.deviceBlocks.begin(); i != d.deviceBlocks.end();) {
        Address at = i->first;
        bool ours = i->second.context == &c;
        ++i;
        if (!ours) continue;
        d.liveDevice += deviceBlock(at, 0)->bytes; // the report still counts it: it was leaked
        release(at);
    }
}

static Result allocateHost(const char *name, void **out, size_t bytes) {
    return inContext(name, asAllocation, [=](Context &) -> Result {
        if (!out || bytes == 0) return invalidValue;
        Block b;
        b.bytes = bytes;
        if (!takeMemory(b)) return outOfMemory;
        driver().liveHost += bytes;
        driver().hostBlocks[uintptr_t(b.base)] = b;
        *out = b.base;
        return success;
    });
}

} // namespace emu

using namespace emu;

CUDA_API cuMemAlloc_v2(Address *out, size_t bytes) {
    return inContext("cuMemAlloc", asAllocation, [=](Context &c) { return allocate(c, out, bytes); });
}

CUDA_API cuMemFree_v2(Address at) {
    return inContext("cuMemFree", never, [=](Context &) -> Result {
        if (at == 0) return success;
        auto i = driver().deviceBlocks.find(at);
        if (i == driver().deviceBlocks.end() || i->second.freeing) return invalidValue;
        Context *owner = i->second.context;
        if (!owner->broken) finishContext(*owner); // as the real one waits for the device
        release(at);
        return success;
    });
}

CUDA_API cuMemAllocAsync(Address *out, size_t bytes, void *stream) {
    return inContext("cuMemAllocAsync", asAllocation, [=](Context &c) -> Result {
        if (!streamOf(c, stream)) return invalidHandle;
        Result r = allocate(c, out, bytes);
        if (r != outOfMemory) return r;
        finishContext(c); // queued frees may make room
        return allocate(c, out, bytes);
    });
}

CUDA_API cuMemFreeAsync(Address at, void *stream) {
    return inContext("cuMemFreeAsync", never, [=](Context &c) -> Result {
        Stream *s = streamOf(c, stream);
        if (!s) return invalidHandle;
        auto i = driver().deviceBlocks.find(at);
        if (i == driver().deviceBlocks.end() || i->second.freeing) return invalidValue;
        if (c.broken) {
            release(at);
            return success;
        }
        i->second.freeing = true;
        Item item;
        item.run = [at] { release(at); };
        enqueue(*s, std::move(item));
        return success;
    });
}

CUDA_API cuMemGetInfo_v2(size_t *unused, size_t *total) {
    return inContext("cuMemGetInfo", asQuery, [=](Context &c) -> Result {
        if (unused) *unused = driver().memory - driver().devices[c.device].used;
        if (total) *total = driver().memory;
        return success;
    });
}

CUDA_API cuMemGetAddressRange_v2(Address *base, size_t *bytes, Address at) {
    return inContext("cuMemGetAddressRange", asQuery, [=](Context &) -> Result {
        Block *b = deviceBlock(at, 1);
        if (!b) return notFound;
        if (base) *base = Address(b->base);
        if (bytes) *bytes = b->bytes;
        return success;
    });
}

CUDA_API cuMemHostAlloc(void **out, size_t bytes, unsigned) { return allocateHost("cuMemHostAlloc", out, bytes); }
CUDA_API cuMemAllocHost_v2(void **out, size_t bytes) { return allocateHost("cuMemAllocHost", out, bytes); }

CUDA_API cuMemFreeHost(void *at) {
    return inContext("cuMemFreeHost", never, [=](Context &) -> Result {
        Driver &d = driver();
        auto i = d.hostBlocks.find(uintptr_t(at));
        if (i == d.hostBlocks.end()) return invalidValue;
        Block b = i->second;
        if (pendingOn(b.base, b.bytes)) fatal("pinned memory at %p is freed while a queued copy needs it", at);
        d.hostBlocks.erase(i);
        d.liveHost -= b.bytes;
        dropMemory(b);
        return success;
    });
}

CUDA_API cuMemHostGetDevicePointer_v2(Address *out, void *at, unsigned flags) {
    return inContext("cuMemHostGetDevicePointer", asQuery, [=](Context &) -> Result {
        if (!out || flags) return invalidValue;
        if (!blockWith(driver().hostBlocks, uintptr_t(at), 1)) return invalidValue;
        *out = Address(at);
        return success;
    });
}

CUDA_API cuMemHostRegister_v2(void *at, size_t bytes, unsigned) {
    return inContext("cuMemHostRegister", asAllocation, [=](Context &) -> Result {
        auto &all = driver().registered;
        uintptr_t a = uintptr_t(at);
        if (!at || bytes == 0 || a + bytes < a) return invalidValue;
        auto i = all.lower_bound(a);
        if (i != all.end() && i->first < a + bytes) return hostRegistered;
        if (i != all.begin() && (--i, i->first + i->second > a)) return hostRegistered;
        all[a] = bytes;
        driver().liveHost += bytes;
        return success;
    });
}

CUDA_API cuMemHostUnregister(void *at) {
    return inContext("cuMemHostUnregister", never, [=](Context &) -> Result {
        auto &all = driver().registered;
        auto i = all.find(uintptr_t(at));
        if (i == all.end()) return hostNotRegistered;
        if (pendingOn(at, i->second)) fatal("host memory at %p is unregistered while a queued copy needs it", at);
        driver().liveHost -= i->second;
        all.erase(i);
        return success;
    });
}
