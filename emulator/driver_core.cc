// What every entry point goes through: the lock, counting, faults on request, the
// report; and handles, errors that stick, the names of errors.
#include "driver.h"

#include <cstdlib>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

namespace emu {

static FILE *trace;
static int reportFile = -1;
static off_t reportAt;
static const int reportBytes = 192;

static uint64_t number(const char *name, uint64_t otherwise) {
    const char *s = getenv(name);
    return s && *s ? strtoull(s, nullptr, 10) : otherwise;
}

// openReport takes a line at the end of the file: it is written anew at each call,
// because a Go program ends without running destructors.
static void openReport(const char *path) {
    reportFile = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0666);
    if (reportFile < 0) return;
    flock(reportFile, LOCK_EX);
    reportAt = lseek(reportFile, 0, SEEK_END);
    std::string line(reportBytes - 1, ' ');
    line += '\n';
    if (pwrite(reportFile, line.data(), line.size(), reportAt) < 0) reportFile = -1;
    flock(reportFile, LOCK_UN);
}

static void report() {
    if (reportFile < 0) return;
    const Driver &d = driver();
    char line[reportBytes + 1];
    int n = snprintf(line, sizeof line, "calls %llu launches %llu live_device %lld live_host %lld streams %lld events %lld modules %lld contexts %lld",
                     (unsigned long long)d.calls, (unsigned long long)d.launches, (long long)d.liveDevice, (long long)d.liveHost,
                     (long long)d.liveStreams, (long long)d.liveEvents, (long long)d.liveModules, (long long)d.liveContexts);
    if (n < 0 || n >= reportBytes) return;
    memset(line + n, ' ', reportBytes - n);
    line[reportBytes - 1] = '\n';
    if (pwrite(reportFile, line, reportBytes, reportAt) != reportBytes) reportFile = -1;
}

// Driver is made at the first call and never destroyed: programs end in any order.
Driver &driver() {
    static Driver *d = [] {
        Driver *n = new Driver;
        n->devices.resize(number("GPUSC_EMU_DEVICES", 1));
        n->memory = number("GPUSC_EMU_MEMORY", 4ull << 30);
        n->seed = number("GPUSC_EMU_SEED", 0);
        n->failAt = number("GPUSC_EMU_FAIL", 0);
        n->random.seed(n->seed);
        seedSchedule(n->seed);
        if (const char *p = getenv("GPUSC_EMU_REPORT")) openReport(p);
        if (const char *p = getenv("GPUSC_EMU_TRACE")) trace = fopen(p, "a");
        return n;
    }();
    return *d;
}

// At the end of a process that runs destructors: overruns that no call looked for.
__attribute__((destructor)) static void atExit() {
    if (driver().initialized) checkGuards();
    report();
}

// failure is the error of a call that GPUSC_EMU_FAIL chose.
static Result failure(Fault f) {
    switch (f) {
    case asAllocation: return outOfMemory;
    case asModule: return driver().failAt % 2 ? noBinary : invalidSource;
    case asWork:
        if (Context *c = currentContext()) breakContext(*c, launchFailed);
        return launchFailed;
    default: return unknown;
    }
}

Result call(const char *name, Fault fault, const std::function<Result()> &body) {
    if (inHostFunction()) return notPermitted;
    Driver &d = driver();
    std::lock_guard<std::mutex> hold(d.lock);
    if (!d.initialized) return notInitialized;
    Result r;
    if (fault != never && ++d.calls == d.failAt) {
        r = failure(fault);
    } else {
        if (fault != never) mischief();
        r = body();
    }
    if (trace) {
        Context *c = currentContext();
        fprintf(trace, "%llu %s %d %d\n", (unsigned long long)(fault == never ? 0 : d.calls), name, r, c ? c->device : -1);
        fflush(trace);
    }
    report();
    return r;
}

Result inContext(const char *name, Fault fault, const std::function<Result(Context &)> &body) {
    return call(name, fault, [&]() -> Result {
        Context *c = currentContext();
        if (!c) return invalidContext;
        if (c->broken && fault != never) return c->broken;
        return body(*c);
    });
}

// Handles are addresses without memory behind them, so that using one as a pointer
// ends the process; none is used twice.
static std::vector<Object *> objects;
static char *handles;
static const size_t handleStep = 16, maxHandles = 1 << 26;

void *newHandle(Object *o) {
    if (!handles) {
        void *p = mmap(nullptr, maxHandles * handleStep, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (p == MAP_FAILED) fatal("no address space for handles");
        handles = (char *)p;
    }
    if (objects.size() + 1 >= maxHandles) fatal("too many handles");
    objects.push_back(o);
    o->handle = handles + objects.size() * handleStep;
    return o->handle;
}

Object *objectOf(const void *handle) {
    size_t at = (const char *)handle - handles;
    size_t i = at / handleStep;
    if (!handles || at % handleStep || i == 0 || i > objects.size()) return nullptr;
    return objects[i - 1];
}

void breakContext(Context &c, Result error) {
    if (c.broken) return;
    c.broken = error;
    for (Stream *s : c.streams) {
        s->queue.clear();
        s->done = s->queued - (s->busy ? 1 : 0);
    }
}

struct Name {
    Result code;
    const char *name, *text;
};

static const Name names[] = {
    {success, "CUDA_SUCCESS", "no error"},
    {invalidValue, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {outOfMemory, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {notInitialized, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {deinitialized, "CUDA_ERROR_DEINITIALIZED", "driver shutting down"},
    {noDevice, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {invalidDevice, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {invalidImage, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {invalidContext, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {noBinary, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for execution on the device"},
    {214, "CUDA_ERROR_ECC_UNCORRECTABLE", "uncorrectable ECC error encountered"},
    {217, "CUDA_ERROR_PEER_ACCESS_UNSUPPORTED", "peer access is not supported between these two devices"},
    {218, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {unsupportedPTX, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "the provided PTX was compiled with an unsupported toolchain."},
    {invalidSource, "CUDA_ERROR_INVALID_SOURCE", "device kernel image is invalid"},
    {invalidHandle, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {notFound, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {notReady, "CUDA_ERROR_NOT_READY", "device not ready"},
    {illegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {outOfResources, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"},
    {702, "CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out and was terminated"},
    {peerEnabled, "CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED", "peer access is already enabled"},
    {705, "CUDA_ERROR_PEER_ACCESS_NOT_ENABLED", "peer access has not been enabled"},
    {708, "CUDA_ERROR_PRIMARY_CONTEXT_ACTIVE", "cannot set while device is active in this process"},
    {709, "CUDA_ERROR_CONTEXT_IS_DESTROYED", "context is destroyed"},
    {710, "CUDA_ERROR_ASSERT", "device-side assert triggered"},
    {hostRegistered, "CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED", "part or all of the requested memory range is already mapped"},
    {hostNotRegistered, "CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED", "pointer does not correspond to a registered memory region"},
    {launchFailed, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {notPermitted, "CUDA_ERROR_NOT_PERMITTED", "operation not permitted"},
    {notSupported, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {unknown, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

static const Name *nameOf(Result code) {
    for (const Name &n : names) {
        if (n.code == code) return &n;
    }
    return nullptr;
}

} // namespace emu

using namespace emu;

CUDA_API cuGetErrorName(Result code, const char **out) {
    const Name *n = nameOf(code);
    if (out) *out = n ? n->name : nullptr;
    return n && out ? success : invalidValue;
}

CUDA_API cuGetErrorString(Result code, const char **out) {
    const Name *n = nameOf(code);
    if (out) *out = n ? n->text : nullptr;
    return n && out ? success : invalidValue;
}
