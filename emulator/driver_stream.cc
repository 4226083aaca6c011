// Entry points for streams and events.
#include "driver.h"

#include <ctime>

namespace emu {

static double now() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

static Result createStream(const char *name, void **out, unsigned flags, int priority) {
    return inContext(name, asAllocation, [=](Context &c) -> Result {
        if (!out || flags > 1) return invalidValue;
        Stream *s = newStream(c, flags == 0);
        s->priority = priority;
        driver().liveStreams++;
        *out = s->handle;
        return success;
    });
}

static const unsigned knownEventFlags = 7; // blocking, no timing, interprocess

} // namespace emu

using namespace emu;

CUDA_API cuStreamCreate(void **out, unsigned flags) { return createStream("cuStreamCreate", out, flags, 0); }

CUDA_API cuStreamCreateWithPriority(void **out, unsigned flags, int priority) {
    return createStream("cuStreamCreateWithPriority", out, flags, priority);
}

CUDA_API cuStreamDestroy_v2(void *handle) {
    return inContext("cuStreamDestroy", never, [=](Context &) -> Result {
        Stream *s = find<Stream>(handle);
        if (!s || s == s->context->standard) return invalidHandle;
        s->alive = false; // what is queued still runs
        driver().liveStreams--;
        return success;
    });
}

CUDA_API cuStreamSynchronize(void *handle) {
    return inContext("cuStreamSynchronize", asWork, [=](Context &c) -> Result {
        Stream *s = streamOf(c, handle);
        if (!s) return invalidHandle;
#ifdef GPUSC_BUG_SYNC // planted: the tests of a program must notice unfinished work
        return success;
#endif
        finishStream(*s);
        checkGuards();
        return c.broken;
    });
}

CUDA_API cuStreamQuery(void *handle) {
    return inContext("cuStreamQuery", asWork, [=](Context &c) -> Result {
        Stream *s = streamOf(c, handle);
        if (!s) return invalidHandle;
        if (s->done == s->queued) return success;
        advance(*s); // so that polling comes to an end
        return c.broken ? c.broken : notReady;
    });
}

CUDA_API cuStreamWaitEvent(void *stream, void *event, unsigned flags) {
    return inContext("cuStreamWaitEvent", asWork, [=](Context &c) -> Result {
        Stream *s = streamOf(c, stream);
        Event *e = find<Event>(event);
        if (!s || !e) return invalidHandle;
        if (flags > 1) return invalidValue;
        if (!e->recorded || e->at.reached()) return success;
#ifdef GPUSC_BUG_WAIT // planted: the tests of a program must notice a lost wait
        return success;
#endif
        Item wait;
        wait.run = [] {};
        wait.after.push_back(e->at);
        enqueue(*s, std::move(wait));
        return success;
    });
}

CUDA_API cuStreamGetCtx(void *handle, void **out) {
    return inContext("cuStreamGetCtx", asQuery, [=](Context &c) -> Result {
        Stream *s = handle ? find<Stream>(handle) : c.standard;
        if (!s) return invalidHandle;
        if (!out) return invalidValue;
        *out = s->context->handle;
        return success;
    });
}

CUDA_API cuStreamGetPriority(void *handle, int *out) {
    return inContext("cuStreamGetPriority", asQuery, [=](Context &c) -> Result {
        Stream *s = streamOf(c, handle);
        if (!s) return invalidHandle;
        if (!out) return invalidValue;
        *out = s->priority;
        return success;
    });
}

CUDA_API cuStreamGetFlags(void *handle, unsigned *out) {
    return inContext("cuStreamGetFlags", asQuery, [=](Context &c) -> Result {
        Stream *s = streamOf(c, handle);
        if (!s) return invalidHandle;
        if (!out) return invalidValue;
        *out = s->waitsForDefault ? 0 : 1;
        return success;
    });
}

CUDA_API cuLaunchHostFunc(void *stream, void (*f)(void *), void *data) {
    return inContext("cuLaunchHostFunc", asWork, [=](Context &c) -> Result {
        Stream *s = streamOf(c, stream);
        if (!s) return invalidHandle;
        if (!f) return invalidValue;
        Item item;
        item.run = [=] { f(data); };
        item.host = true;
        enqueue(*s, std::move(item));
        return success;
    });
}

CUDA_API cuEventCreate(void **out, unsigned flags) {
    return inContext("cuEventCreate", asAllocation, [=](Context &c) -> Result {
        if (!out || flags > knownEventFlags) return invalidValue;
        Event *e = new Event;
        e->context = &c;
        e->timed = !(flags & 2);
        *out = newHandle(e);
        driver().liveEvents++;
        return success;
    });
}

CUDA_API cuEventDestroy_v2(void *handle) {
    return inContext("cuEventDestroy", never, [=](Context &) -> Result {
        Event *e = find<Event>(handle);
        if (!e) return invalidHandle;
        e->alive = false;
        driver().liveEvents--;
        return success;
    });
}

CUDA_API cuEventRecord(void *event, void *stream) {
    return inContext("cuEventRecord", asWork, [=](Context &c) -> Result {
        Event *e = find<Event>(event);
        Stream *s = streamOf(c, stream);
        if (!e || !s || e->context != &c) return invalidHandle;
        Item item;
        item.run = [e] { e->seconds = now(); };
        e->at = enqueue(*s, std::move(item));
        e->recorded = true;
        return success;
    });
}

CUDA_API cuEventSynchronize(void *handle) {
    return inContext("cuEventSynchronize", asWork, [=](Context &c) -> Result {
        Event *e = find<Event>(handle);
        if (!e) return invalidHandle;
        if (e->recorded) reach(e->at);
        return c.broken;
    });
}

CUDA_API cuEventQuery(void *handle) {
    return inContext("cuEventQuery", asWork, [=](Context &c) -> Result {
        Event *e = find<Event>(handle);
        if (!e) return invalidHandle;
        if (!e->recorded || e->at.reached()) return success;
        advance(*e->at.stream);
        return c.broken ? c.broken : notReady;
    });
}

CUDA_API cuEventElapsedTime(float *ms, void *start, void *end) {
    return inContext("cuEventElapsedTime", asQuery, [=](Context &) -> Result {
        Event *a = find<Event>(start), *b = find<Event>(end);
        if (!a || !b || !a->timed || !b->timed || !a->recorded || !b->recorded) return invalidHandle;
        if (!ms) return invalidValue;
        if (!a->at.reached() || !b->at.reached()) return notReady;
        *ms = float(1e3 * (b->seconds - a->seconds));
        return success;
    });
}
