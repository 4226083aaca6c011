// Modules, functions and launches.
//
// A module is PTX text. Nothing of it runs here: it says which kernels there are, so
// that the committed PTX and the .cu files cannot drift apart unseen.
#include "driver.h"

#include <cctype>
#include <cstdlib>

namespace emu {

static const int newestPTX = 84; // of a driver of CUDA 12.4
static const size_t maxShared = 232448, plainShared = 49152;

// withoutComments returns PTX text with its comments made blank.
static std::string withoutComments(const char *s) {
    std::string out;
    while (*s) {
        if (s[0] == '/' && s[1] == '/') {
            while (*s && *s != '\n') s++;
        } else if (s[0] == '/' && s[1] == '*') {
            const char *end = strstr(s + 2, "*/");
            s = end ? end + 2 : s + strlen(s);
            out += ' ';
        } else {
            out += *s++;
        }
    }
    return out;
}

static size_t skipSpace(const std::string &t, size_t i) {
    while (i < t.size() && isspace((unsigned char)t[i])) i++;
    return i;
}

static std::string wordAt(const std::string &t, size_t i) {
    size_t e = i;
    while (e < t.size() && (isalnum((unsigned char)t[e]) || t[e] == '_' || t[e] == '$' || t[e] == '%' || t[e] == '.')) e++;
    return t.substr(i, e - i);
}

// bytesOfShared adds up the `.shared .align 4 .b8 name[1024];` of a kernel's body.
// Other uses of .shared are instructions (st.shared.u64) and have no space behind.
static size_t bytesOfShared(const std::string &body) {
    size_t sum = 0;
    for (size_t i = 0; (i = body.find(".shared", i)) != std::string::npos; i++) {
        if (i > 0 && !isspace((unsigned char)body[i - 1]) && body[i - 1] != '{') continue;
        size_t bits = 0, count = 1, at = skipSpace(body, i + 7);
        while (at < body.size() && body[at] == '.') {
            std::string word = wordAt(body, at);
            at = skipSpace(body, at + word.size());
            if (word == ".align") at = skipSpace(body, at + wordAt(body, at).size());
            if (word.size() > 2 && isdigit((unsigned char)word[2])) bits = strtoul(&word[2], nullptr, 10);
        }
        size_t open = body.find('[', at);
        if (open < body.find(';', at)) count = strtoull(&body[open + 1], nullptr, 10);
        sum += bits / 8 * count;
    }
    return sum;
}

// readEntry reads one kernel's declaration, at its parameters.
static Entry readEntry(const std::string &t, size_t open) {
    Entry e;
    size_t close = t.find(')', open), begin = t.find('{', open);
    if (close == std::string::npos || begin == std::string::npos) return e;
    for (size_t i = open; (i = t.find(".param", i)) < close; i++) e.params++;
    size_t max = t.find(".maxntid", close);
    if (max < begin) {
        char *p = const_cast<char *>(&t[max + 8]);
        unsigned n = 1;
        for (int i = 0; i < 3; i++) {
            n *= unsigned(strtoul(p, &p, 10));
            p += strspn(p, " \t");
            if (*p != ',') break;
            p++;
        }
        e.maxThreads = n;
    }
    size_t end = begin, depth = 0;
    for (; end < t.size(); end++) {
        if (t[end] == '{') depth++;
        if (t[end] == '}' && --depth == 0) break;
    }
    e.shared = bytesOfShared(t.substr(begin, end - begin));
    return e;
}

static Result parse(const char *image, Module &m) {
    if (memcmp(image, "\x7f""ELF", 4) == 0 || memcmp(image, "\x50\xed\x55\xba", 4) == 0) return noBinary;
    std::string t = withoutComments(image);
    size_t i = skipSpace(t, 0);
    if (t.compare(i, 8, ".version") != 0) return invalidImage;
    char *p = nullptr;
    unsigned long major = strtoul(&t[i + 8], &p, 10);
    unsigned long minor = *p == '.' ? strtoul(p + 1, nullptr, 10) : 0;
    m.ptxVersion = int(major * 10 + minor);
    if (m.ptxVersion > newestPTX) return unsupportedPTX;
    for (i = 0; (i = t.find(".entry", i)) != std::string::npos; i++) {
        size_t at = skipSpace(t, i + 6);
        std::string name = wordAt(t, at);
        size_t open = skipSpace(t, at + name.size());
        if (!name.empty() && open < t.size() && t[open] == '(') m.entries[name] = readEntry(t, open);
    }
    return success;
}

static Result load(const char *name, void **out, const void *image) {
    return inContext(name, asModule, [=](Context &c) -> Result {
        if (!out || !image) return invalidValue;
        Module *m = new Module;
        Result r = parse((const char *)image, *m);
        if (r) {
            delete m;
            return r;
        }
        m->context = &c;
        *out = newHandle(m);
        driver().liveModules++;
        return success;
    });
}

static bool badShape(dim3 g, dim3 b) {
    return !g.x || !g.y || !g.z || !b.x || !b.y || !b.z || g.x > 0x7fffffff || g.y > 65535 || g.z > 65535 ||
           b.x > 1024 || b.y > 1024 || b.z > 64 || uint64_t(b.x) * b.y * b.z > 1024;
}

// checkLaunch holds a launch to the limits of the real thing.
static Result checkLaunch(const Function &f, dim3 g, dim3 b, size_t dynamic) {
    if (badShape(g, b)) return invalidValue;
    if (b.x * b.y * b.z > f.entry.maxThreads) return outOfResources;
    if (dynamic > f.dynamicLimit || dynamic + f.entry.shared > maxShared) return invalidValue;
    if (f.dynamicLimit <= plainShared && dynamic + f.entry.shared > plainShared) return invalidValue;
    if (f.entry.params != f.kernel->params) {
        fprintf(stderr, "gpusc emulator: kernel %s has %d parameters, the module's PTX %d\n", f.kernel->name, f.kernel->params, f.entry.params);
        return invalidValue;
    }
    return success;
}

// mayUse says whether a launch in c can read what an argument points to. Arguments
// that are no address of a device, now or of late, are taken for numbers.
static bool mayUse(Context &c, const Kernel &k, size_t i, uint64_t arg) {
    const char *fault = nullptr;
    if (Block *b = deviceBlock(arg, 1)) {
        bool ours = b->context == &c;
        for (Context *p : c.peers) ours = ours || p == b->context;
        if (!ours) fault = "is memory of another device";
        if (b->freeing) fault = "was given to cuMemFreeAsync";
    } else if (wasFreed(arg)) {
        fault = "is freed memory";
    }
    if (fault) fprintf(stderr, "gpusc emulator: kernel %s: parameter %zu %s\n", k.name, i, fault);
    return !fault;
}

} // namespace emu

using namespace emu;

CUDA_API cuModuleLoadData(void **out, const void *image) { return load("cuModuleLoadData", out, image); }
CUDA_API cuModuleLoadFatBinary(void **out, const void *image) { return load("cuModuleLoadFatBinary", out, image); }
CUDA_API cuModuleLoadDataEx(void **out, const void *image, unsigned, void *, void *) {
    return load("cuModuleLoadDataEx", out, image);
}

CUDA_API cuModuleUnload(void *handle) {
    return inContext("cuModuleUnload", never, [=](Context &c) -> Result {
        Module *m = find<Module>(handle);
        if (!m || m->context != &c) return invalidHandle;
        if (!c.broken) finishContext(c);
        m->alive = false;
        for (auto &f : m->functions) f.second->alive = false;
        m->entries.clear();
        driver().liveModules--;
        return success;
    });
}

CUDA_API cuModuleGetFunction(void **out, void *handle, const char *name) {
    return inContext("cuModuleGetFunction", asModule, [=](Context &c) -> Result {
        Module *m = find<Module>(handle);
        if (!m || m->context != &c) return invalidHandle;
        if (!out || !name) return invalidValue;
        auto e = m->entries.find(name);
        if (e == m->entries.end()) return notFound;
        const Kernel *k = findKernel(name);
        if (!k) {
            fprintf(stderr, "gpusc emulator: the module's PTX has kernel %s, the emulator was built without it\n", name);
            return notFound;
        }
        Function *&f = m->functions[name];
        if (!f) {
            f = new Function;
            f->context = &c;
            f->module = m;
            f->kernel = k;
            f->entry = e->second;
            newHandle(f);
        }
        *out = f->handle;
        return success;
    });
}

CUDA_API cuFuncGetAttribute(int *out, int which, void *handle) {
    return inContext("cuFuncGetAttribute", asQuery, [=](Context &) -> Result {
        Function *f = find<Function>(handle);
        if (!f) return invalidHandle;
        if (!out || which < 0 || which > 15) return invalidValue;
        switch (which) {
        case 0: *out = int(f->entry.maxThreads); break;
        case 1: *out = int(f->entry.shared); break;
        case 4: *out = 32; break; // registers
        case 5: *out = f->module->ptxVersion; break;
        case 6: *out = 90; break; // binary version
        case 8: *out = int(f->dynamicLimit); break;
        case 9: *out = -1; break; // preferred carve-out
        default: *out = 0;
        }
        return success;
    });
}

CUDA_API cuFuncSetAttribute(void *handle, int which, int value) {
    return inContext("cuFuncSetAttribute", asQuery, [=](Context &) -> Result {
        Function *f = find<Function>(handle);
        if (!f) return invalidHandle;
        if (which == 9) return success;
        if (which != 8 || value < 0 || size_t(value) + f->entry.shared > maxShared) return invalidValue;
        f->dynamicLimit = size_t(value);
        return success;
    });
}

CUDA_API cuFuncSetCacheConfig(void *handle, int) {
    return inContext("cuFuncSetCacheConfig", asQuery, [=](Context &) { return find<Function>(handle) ? success : invalidHandle; });
}

CUDA_API cuOccupancyMaxActiveBlocksPerMultiprocessor(int *out, void *handle, int threads, size_t dynamic) {
    return inContext("cuOccupancyMaxActiveBlocksPerMultiprocessor", asQuery, [=](Context &) -> Result {
        Function *f = find<Function>(handle);
        if (!f) return invalidHandle;
        if (!out || threads < 1) return invalidValue;
        // Threads, blocks and shared memory of a multiprocessor; registers allow all.
        size_t shared = dynamic + f->entry.shared + 1024;
        size_t n = 2048 / ((threads + 31) / 32 * 32);
        n = n < 32 ? n : 32;
        n = n < 233472 / shared ? n : 233472 / shared;
        *out = threads > int(f->entry.maxThreads) ? 0 : int(n);
        return success;
    });
}

CUDA_API cuLaunchKernel(void *handle, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                        unsigned dynamic, void *stream, void **params, void **extra) {
    return inContext("cuLaunchKernel", asWork, [=](Context &c) -> Result {
        Function *f = find<Function>(handle);
        Stream *s = streamOf(c, stream);
        if (!f || !s || f->context != &c) return invalidHandle;
        dim3 grid(gx, gy, gz), block(bx, by, bz);
        Result r = checkLaunch(*f, grid, block, dynamic);
        if (r) return r;
        if (extra || (f->kernel->params && !params)) return invalidValue;
        // Arguments are copied now, as the real driver does: their memory may be used anew.
        std::vector<uint64_t> args(f->kernel->params);
        for (size_t i = 0; i < args.size(); i++) memcpy(&args[i], params[i], sizeof args[i]);
        const Kernel *k = f->kernel;
        bool usable = true;
        for (size_t i = 0; i < args.size(); i++) usable = mayUse(c, *k, i, args[i]) && usable;
        Item item;
        Context *owner = &c;
        item.run = [=] {
            if (!usable) return breakContext(*owner, illegalAddress); // when it runs, as on a device
            execute(*k, grid, block, dynamic, args.data());
        };
        enqueue(*s, std::move(item));
        driver().launches++;
        return success;
    });
}
