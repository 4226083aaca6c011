// Devices and their primary contexts.
#include "driver.h"

namespace emu {

static const int driverVersion = 12040;
static const int multiprocessors = 4;

// Each thread has its own stack of contexts.
static thread_local std::vector<Context *> contexts;

Context *currentContext() {
    if (contexts.empty() || !contexts.back() || !contexts.back()->alive) return nullptr;
    return contexts.back();
}

static bool validDevice(Ordinal d) { return d >= 0 && size_t(d) < driver().devices.size(); }

void closeContext(Context &c) {
    if (!c.broken) finishContext(c);
    // What is still alive counts as leaked in the report; its handles are stale.
    dropBlocks(c);
    for (Stream *s : c.streams) s->alive = false;
    c.alive = false;
    driver().liveContexts--;
    driver().devices[c.device].primary = nullptr;
}

// attribute holds CUdevice_attribute for a made-up device of compute capability 9.0.
static int attribute(int which, Ordinal d) {
    switch (which) {
    case 1: return 1024;                            // threads of a block
    case 2: case 3: return 1024;                    // block x, y
    case 4: return 64;                              // block z
    case 5: return 2147483647;                      // grid x
    case 6: case 7: return 65535;                   // grid y, z
    case 8: return 49152;                           // shared memory of a block
    case 9: return 65536;                           // constant memory
    case 10: return 32;                             // warp
    case 11: return 2147483647;                     // pitch
    case 12: case 82: return 65536;                 // registers of a block, of a multiprocessor
    case 13: case 36: return 1000000;               // clocks, kHz
    case 14: return 512;                            // texture alignment
    case 15: return 1;                              // copies overlap kernels
    case 16: return multiprocessors;
    case 19: return 1;                              // can map host memory
    case 31: return 1;                              // concurrent kernels
    case 33: return d + 1;                          // PCI bus
    case 37: return 512;                            // width of the memory bus
    case 38: return 4 << 20;                        // L2
    case 39: return 2048;                           // threads of a multiprocessor
    case 40: return 2;                              // copy engines
    case 41: return 1;                              // unified addressing
    case 75: return 9;                              // compute capability
    case 76: return 0;
    case 78: return 1;                              // stream priorities
    case 81: return 233472;                         // shared memory of a multiprocessor
    case 97: return 232448;                         // shared memory of a block, on request
    case 99: return 1;                              // host memory can be registered
    case 106: return 32;                            // blocks of a multiprocessor
    case 111: return 1024;                          // shared memory that each block loses
    case 115: return 1;                             // memory pools
    default: return 0;
    }
}

} // namespace emu

using namespace emu;

CUDA_API cuInit(unsigned flags) {
    Driver &d = driver();
    std::lock_guard<std::mutex> hold(d.lock);
    if (flags != 0) return invalidValue;
    if (d.devices.empty()) return noDevice;
    d.initialized = true;
    return success;
}

CUDA_API cuDriverGetVersion(int *out) {
    if (!out) return invalidValue;
    *out = driverVersion;
    return success;
}

CUDA_API cuDeviceGetCount(int *out) {
    return call("cuDeviceGetCount", never, [=]() -> Result {
        if (!out) return invalidValue;
        *out = int(driver().devices.size());
        return success;
    });
}

CUDA_API cuDeviceGet(Ordinal *out, int i) {
    return call("cuDeviceGet", asQuery, [=]() -> Result {
        if (!out) return invalidValue;
        if (!validDevice(i)) return invalidDevice;
        *out = i;
        return success;
    });
}

CUDA_API cuDeviceGetName(char *out, int n, Ordinal d) {
    return call("cuDeviceGetName", asQuery, [=]() -> Result {
        if (!out || n < 1) return invalidValue;
        if (!validDevice(d)) return invalidDevice;
        snprintf(out, n, "gpusc emulator %d", d);
        return success;
    });
}

CUDA_API cuDeviceTotalMem_v2(size_t *out, Ordinal d) {
    return call("cuDeviceTotalMem", asQuery, [=]() -> Result {
        if (!out) return invalidValue;
        if (!validDevice(d)) return invalidDevice;
        *out = driver().memory;
        return success;
    });
}

CUDA_API cuDeviceGetAttribute(int *out, int which, Ordinal d) {
    return call("cuDeviceGetAttribute", asQuery, [=]() -> Result {
        if (!out || which < 1 || which > 150) return invalidValue;
        if (!validDevice(d)) return invalidDevice;
        *out = attribute(which, d);
        return success;
    });
}

static Result uuid(const char *name, char *out, Ordinal d) {
    return call(name, asQuery, [=]() -> Result {
        if (!out) return invalidValue;
        if (!validDevice(d)) return invalidDevice;
        memcpy(out, "gpusc emulator  ", 16);
        out[15] = char(d);
        return success;
    });
}

CUDA_API cuDeviceGetUuid(char *out, Ordinal d) { return uuid("cuDeviceGetUuid", out, d); }
CUDA_API cuDeviceGetUuid_v2(char *out, Ordinal d) { return uuid("cuDeviceGetUuid", out, d); }

CUDA_API cuDeviceGetPCIBusId(char *out, int n, Ordinal d) {
    return call("cuDeviceGetPCIBusId", asQuery, [=]() -> Result {
        if (!out || n < 13) return invalidValue;
        if (!validDevice(d)) return invalidDevice;
        snprintf(out, n, "0000:%02x:00.0", (d + 1) & 0xff);
        return success;
    });
}

CUDA_API cuDeviceCanAccessPeer(int *out, Ordinal a, Ordinal b) {
    return call("cuDeviceCanAccessPeer", asQuery, [=]() -> Result {
        if (!out) return invalidValue;
        if (!validDevice(a) || !validDevice(b)) return invalidDevice;
        *out = a != b;
        return success;
    });
}

CUDA_API cuDevicePrimaryCtxRetain(void **out, Ordinal d) {
    return call("cuDevicePrimaryCtxRetain", asAllocation, [=]() -> Result {
        if (!out) return invalidValue;
        if (!validDevice(d)) return invalidDevice;
        Device &v = driver().devices[d];
        if (!v.primary) {
            v.primary = new Context;
            v.primary->device = d;
            v.primary->flags = v.flags;
            newHandle(v.primary);
            v.primary->standard = newStream(*v.primary, true);
            driver().liveContexts++;
        }
        v.retained++;
        *out = v.primary->handle;
        return success;
    });
}

CUDA_API cuDevicePrimaryCtxRelease_v2(Ordinal d) {
    return call("cuDevicePrimaryCtxRelease", never, [=]() -> Result {
        if (!validDevice(d)) return invalidDevice;
        Device &v = driver().devices[d];
        if (v.retained == 0) return invalidContext;
        if (--v.retained == 0) closeContext(*v.primary);
        return success;
    });
}

CUDA_API cuDevicePrimaryCtxReset_v2(Ordinal d) {
    return call("cuDevicePrimaryCtxReset", never, [=]() -> Result {
        if (!validDevice(d)) return invalidDevice;
        Device &v = driver().devices[d];
        if (v.primary) closeContext(*v.primary);
        v.retained = 0;
        return success;
    });
}

CUDA_API cuDevicePrimaryCtxGetState(Ordinal d, unsigned *flags, int *active) {
    return call("cuDevicePrimaryCtxGetState", asQuery, [=]() -> Result {
        if (!validDevice(d)) return invalidDevice;
        if (!flags || !active) return invalidValue;
        *flags = driver().devices[d].flags;
        *active = driver().devices[d].primary != nullptr;
        return success;
    });
}

CUDA_API cuDevicePrimaryCtxSetFlags_v2(Ordinal d, unsigned flags) {
    return call("cuDevicePrimaryCtxSetFlags", asQuery, [=]() -> Result {
        if (!validDevice(d)) return invalidDevice;
        if (flags & ~0xffu) return invalidValue;
        driver().devices[d].flags = flags;
        return success;
    });
}

CUDA_API cuCtxSetCurrent(void *handle) {
    return call("cuCtxSetCurrent", asQuery, [=]() -> Result {
        Context *c = find<Context>(handle);
        if (handle && !c) return invalidContext;
        if (!contexts.empty()) contexts.pop_back();
        if (c) contexts.push_back(c);
        return success;
    });
}

CUDA_API cuCtxGetCurrent(void **out) {
    return call("cuCtxGetCurrent", asQuery, [=]() -> Result {
        if (!out) return invalidValue;
        Context *c = currentContext();
        *out = c ? c->handle : nullptr;
        return success;
    });
}

CUDA_API cuCtxPushCurrent_v2(void *handle) {
    return call("cuCtxPushCurrent", asQuery, [=]() -> Result {
        Context *c = find<Context>(handle);
        if (!c) return invalidContext;
        contexts.push_back(c);
        return success;
    });
}

CUDA_API cuCtxPopCurrent_v2(void **out) {
    return call("cuCtxPopCurrent", asQuery, [=]() -> Result {
        if (contexts.empty()) return invalidContext;
        if (out) *out = contexts.back()->handle;
        contexts.pop_back();
        return success;
    });
}

CUDA_API cuCtxGetDevice(Ordinal *out) {
    return inContext("cuCtxGetDevice", asQuery, [=](Context &c) -> Result {
        if (!out) return invalidValue;
        *out = c.device;
        return success;
    });
}

CUDA_API cuCtxGetFlags(unsigned *out) {
    return inContext("cuCtxGetFlags", asQuery, [=](Context &c) -> Result {
        if (!out) return invalidValue;
        *out = c.flags;
        return success;
    });
}

CUDA_API cuCtxSynchronize() {
    return inContext("cuCtxSynchronize", asWork, [](Context &c) -> Result {
        finishContext(c);
        checkGuards();
        return c.broken;
    });
}

CUDA_API cuCtxGetStreamPriorityRange(int *least, int *greatest) {
    return inContext("cuCtxGetStreamPriorityRange", asQuery, [=](Context &) -> Result {
        if (least) *least = 0;
        if (greatest) *greatest = -5;
        return success;
    });
}

CUDA_API cuCtxEnablePeerAccess(void *handle, unsigned flags) {
    return inContext("cuCtxEnablePeerAccess", asQuery, [=](Context &c) -> Result {
        Context *p = find<Context>(handle);
        if (!p || p == &c) return invalidContext;
        if (flags) return invalidValue;
        for (Context *o : c.peers) {
            if (o == p) return peerEnabled;
        }
        c.peers.push_back(p);
        return success;
    });
}
