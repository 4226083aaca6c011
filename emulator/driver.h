// The objects of the stand-in driver. All of them are guarded by one lock.
//
// Objects live until the process ends, so that a stale handle is always known for
// what it is; only their contents are given back.
#pragma once

#include "exec.h"

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#define CUDA_API extern "C" __attribute__((visibility("default"))) emu::Result

namespace emu {

typedef int Result;
typedef unsigned long long Address; // CUdeviceptr
typedef int Ordinal;                // CUdevice

enum : Result {
    success = 0,
    invalidValue = 1,
    outOfMemory = 2,
    notInitialized = 3,
    deinitialized = 4,
    noDevice = 100,
    invalidDevice = 101,
    invalidImage = 200,
    invalidContext = 201,
    noBinary = 209,
    unsupportedPTX = 222,
    invalidSource = 300,
    invalidHandle = 400,
    notFound = 500,
    notReady = 600,
    illegalAddress = 700,
    outOfResources = 701,
    peerEnabled = 704,
    hostRegistered = 712,
    hostNotRegistered = 713,
    launchFailed = 719,
    notPermitted = 800,
    notSupported = 801,
    unknown = 999,
};

// Object is what a handle stands for.
struct Object {
    bool alive = true;
    struct Context *context = nullptr;
    void *handle = nullptr;
    virtual ~Object() {}
};

// Point is a place in a stream: reached when done is at least seq.
struct Point {
    struct Stream *stream = nullptr;
    uint64_t seq = 0;
    bool reached() const;
};

// Item is queued work. It runs when all points of after are reached.
struct Item {
    std::function<void()> run;
    std::vector<Point> after;
    bool host = false; // a host function: runs without the lock
    const void *hostAt = nullptr; // memory of the host that it reads or writes
    size_t hostBytes = 0;
};

struct Stream : Object {
    bool waitsForDefault = true; // not CU_STREAM_NON_BLOCKING
    int priority = 0;
    std::deque<Item> queue;
    uint64_t queued = 0, done = 0;
    bool busy = false; // its first item is running without the lock
};

inline bool Point::reached() const { return !stream || stream->done >= seq; }

struct Event : Object {
    bool timed = true;
    bool recorded = false;
    Point at;
    double seconds = 0; // when it ran
};

// Entry is a kernel as the module's PTX declares it.
struct Entry {
    int params = 0;
    size_t shared = 0; // static shared memory
    unsigned maxThreads = 1024;
};

struct Module : Object {
    std::map<std::string, Entry> entries;
    std::map<std::string, struct Function *> functions;
    int ptxVersion = 0;
};

struct Function : Object {
    Module *module = nullptr;
    const Kernel *kernel = nullptr;
    Entry entry;
    size_t dynamicLimit = 49152;
};

// Block is an allocation, on a device or of pinned memory.
struct Block {
    char *base = nullptr;
    size_t bytes = 0;
    Context *context = nullptr;
    bool freeing = false; // cuMemFreeAsync was called
    bool mapped = false;  // mmap rather than malloc
};

struct Context : Object {
    Ordinal device = 0;
    Result broken = success; // sticky error
    unsigned flags = 0;
    Stream *standard = nullptr; // the null stream
    std::vector<Stream *> streams;
    std::vector<Context *> peers;
};

struct Device {
    Context *primary = nullptr;
    int retained = 0;
    unsigned flags = 0;
    size_t used = 0;
};

// Driver is the whole state.
struct Driver {
    std::mutex lock;
    bool initialized = false;
    std::vector<Device> devices;
    size_t memory = 0; // bytes of each device
    uint64_t seed = 0;
    Random random;
    std::map<uintptr_t, Block> deviceBlocks, hostBlocks;
    std::map<uintptr_t, size_t> registered; // host memory made known
    std::vector<Stream *> streams;          // those that may have work
    // For GPUSC_EMU_REPORT, GPUSC_EMU_FAIL and GPUSC_EMU_TRACE.
    uint64_t calls = 0, launches = 0, failAt = 0;
    int64_t liveDevice = 0, liveHost = 0, liveStreams = 0, liveEvents = 0, liveModules = 0, liveContexts = 0;
};

Driver &driver();

// Fault says how a call fails when GPUSC_EMU_FAIL chooses it.
enum Fault {
    never,        // releases and constants: neither counted nor failed
    asQuery,      // 999
    asAllocation, // 2
    asModule,     // 209 or 300
    asWork,       // 719, sticky
};

// call does what all entry points do: lock, count, fail on request, trace.
Result call(const char *name, Fault fault, const std::function<Result()> &body);

// inContext is call for what needs a current context that is not broken; releases
// (Fault never) work in a broken one too.
Result inContext(const char *name, Fault fault, const std::function<Result(Context &)> &body);

// Handles.
void *newHandle(Object *o);
Object *objectOf(const void *handle);
template <class T> T *find(const void *handle) {
    T *o = dynamic_cast<T *>(objectOf(handle));
    return o && o->alive ? o : nullptr;
}

// currentContext is the calling thread's, or null.
Context *currentContext();

// breakContext makes an error sticky and drops the context's queued work.
void breakContext(Context &c, Result error);

// closeContext gives back all that a context still holds.
void closeContext(Context &c);

// Queues (driver_queue.cc).
Stream *newStream(Context &c, bool waitsForDefault);
Stream *streamOf(Context &c, void *handle); // null: not a stream of this context
Point enqueue(Stream &s, Item item);
void reach(Point p);        // runs what is needed to get there
void advance(Stream &s);    // runs one item, of s or of what it waits for
void finishStream(Stream &s);
void finishContext(Context &c);
void mischief();            // with a seed: perhaps runs some work
bool pendingOn(const void *host, size_t bytes);
bool inHostFunction();

// Memory (driver_memory.cc).
Block *deviceBlock(Address at, size_t bytes);
bool onDevice(Context &c, Address at, size_t bytes);
bool wasFreed(Address at); // lately
void checkGuards();
void dropBlocks(Context &c);

} // namespace emu
