// Copies and fills. Every range on a device must lie in one allocation of the
// current context, except in copies between devices.
#include "driver.h"

namespace emu {

// Copy is one transfer; host memory is read and written when it runs.
struct Copy {
    char *to;
    const char *from;
    size_t bytes;
    const void *host; // the side on the host, if one is
};

static Item itemOf(Context &c, const Copy &p) {
    Item item;
    item.hostAt = p.host;
    item.hostBytes = p.host ? p.bytes : 0;
    Context *owner = &c;
    item.run = [owner, p] {
        // Between asking and running another device may have freed its side.
        bool toOk = p.host == p.to || deviceBlock(Address(p.to), p.bytes);
        bool fromOk = p.host == p.from || deviceBlock(Address(p.from), p.bytes);
        if (!toOk || !fromOk) return breakContext(*owner, illegalAddress);
        memmove(p.to, p.from, p.bytes);
    };
    return item;
}

static Result copyLate(Context &c, const Copy &p, void *stream) {
    Stream *s = streamOf(c, stream);
    if (!s) return invalidHandle;
    if (p.bytes) enqueue(*s, itemOf(c, p));
    return success;
}

static Result copyNow(Context &c, const Copy &p) {
    if (p.bytes) reach(enqueue(*c.standard, itemOf(c, p)));
    return c.broken;
}

static Copy toDevice(Address to, const void *from, size_t n) { return {(char *)to, (const char *)from, n, from}; }
static Copy toHost(void *to, Address from, size_t n) { return {(char *)to, (const char *)from, n, to}; }
static Copy between(Address to, Address from, size_t n) { return {(char *)to, (const char *)from, n, nullptr}; }

// unified makes a copy of addresses of either kind.
static bool unified(Context &c, Address to, Address from, size_t n, Copy *out) {
    bool toDev = deviceBlock(to, 1), fromDev = deviceBlock(from, 1);
    if (toDev && !onDevice(c, to, n)) return false;
    if (fromDev && !onDevice(c, from, n)) return false;
    if (!toDev && !fromDev) return false; // host to host: a program that does this is mistaken
    *out = toDev && fromDev ? between(to, from, n) : toDev ? toDevice(to, (const void *)from, n) : toHost((void *)to, from, n);
    return to && from;
}

static Result fill(Context &c, Address at, uint32_t value, size_t width, size_t n, void *stream) {
    Stream *s = streamOf(c, stream);
    if (!s) return invalidHandle;
    if (at % width || n > SIZE_MAX / width || (n && !onDevice(c, at, n * width))) return invalidValue;
    Item item;
    item.run = [=] {
        if (width == 1) {
            memset((void *)at, int(value), n);
        } else {
            for (size_t i = 0; i < n; i++) ((uint32_t *)at)[i] = value;
        }
    };
    if (n) enqueue(*s, std::move(item));
    return success;
}

} // namespace emu

using namespace emu;

CUDA_API cuMemcpyHtoD_v2(Address to, const void *from, size_t n) {
    return inContext("cuMemcpyHtoD", asWork, [=](Context &c) -> Result {
        if (n && (!from || !onDevice(c, to, n))) return invalidValue;
        return copyNow(c, toDevice(to, from, n));
    });
}

CUDA_API cuMemcpyDtoH_v2(void *to, Address from, size_t n) {
    return inContext("cuMemcpyDtoH", asWork, [=](Context &c) -> Result {
        if (n && (!to || !onDevice(c, from, n))) return invalidValue;
        return copyNow(c, toHost(to, from, n));
    });
}

CUDA_API cuMemcpyDtoD_v2(Address to, Address from, size_t n) {
    return inContext("cuMemcpyDtoD", asWork, [=](Context &c) -> Result {
        if (n && (!onDevice(c, to, n) || !onDevice(c, from, n))) return invalidValue;
        enqueue(*c.standard, itemOf(c, between(to, from, n))); // does not wait, as the real one
        return success;
    });
}

CUDA_API cuMemcpyHtoDAsync_v2(Address to, const void *from, size_t n, void *stream) {
    return inContext("cuMemcpyHtoDAsync", asWork, [=](Context &c) -> Result {
        if (n && (!from || !onDevice(c, to, n))) return invalidValue;
        return copyLate(c, toDevice(to, from, n), stream);
    });
}

CUDA_API cuMemcpyDtoHAsync_v2(void *to, Address from, size_t n, void *stream) {
    return inContext("cuMemcpyDtoHAsync", asWork, [=](Context &c) -> Result {
        if (n && (!to || !onDevice(c, from, n))) return invalidValue;
        return copyLate(c, toHost(to, from, n), stream);
    });
}

CUDA_API cuMemcpyDtoDAsync_v2(Address to, Address from, size_t n, void *stream) {
    return inContext("cuMemcpyDtoDAsync", asWork, [=](Context &c) -> Result {
        if (n && (!onDevice(c, to, n) || !onDevice(c, from, n))) return invalidValue;
        return copyLate(c, between(to, from, n), stream);
    });
}

CUDA_API cuMemcpy(Address to, Address from, size_t n) {
    return inContext("cuMemcpy", asWork, [=](Context &c) -> Result {
        Copy p{};
        if (n && !unified(c, to, from, n, &p)) return invalidValue;
        return copyNow(c, p);
    });
}

CUDA_API cuMemcpyAsync(Address to, Address from, size_t n, void *stream) {
    return inContext("cuMemcpyAsync", asWork, [=](Context &c) -> Result {
        Copy p{};
        if (n && !unified(c, to, from, n, &p)) return invalidValue;
        return copyLate(c, p, stream);
    });
}

CUDA_API cuMemcpyPeerAsync(Address to, void *toContext, Address from, void *fromContext, size_t n, void *stream) {
    return inContext("cuMemcpyPeerAsync", asWork, [=](Context &c) -> Result {
        Context *a = find<Context>(toContext), *b = find<Context>(fromContext);
        if (!a || !b) return invalidContext;
        if (n && (!onDevice(*a, to, n) || !onDevice(*b, from, n))) return invalidValue;
        return copyLate(c, between(to, from, n), stream);
    });
}

CUDA_API cuMemsetD8_v2(Address at, unsigned char v, size_t n) {
    return inContext("cuMemsetD8", asWork, [=](Context &c) { return fill(c, at, v, 1, n, nullptr); });
}

CUDA_API cuMemsetD32_v2(Address at, unsigned v, size_t n) {
    return inContext("cuMemsetD32", asWork, [=](Context &c) { return fill(c, at, v, 4, n, nullptr); });
}

CUDA_API cuMemsetD8Async(Address at, unsigned char v, size_t n, void *stream) {
    return inContext("cuMemsetD8Async", asWork, [=](Context &c) { return fill(c, at, v, 1, n, stream); });
}

CUDA_API cuMemsetD32Async(Address at, unsigned v, size_t n, void *stream) {
    return inContext("cuMemsetD32Async", asWork, [=](Context &c) { return fill(c, at, v, 4, n, stream); });
}
