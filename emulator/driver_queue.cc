// Streams and events: work is queued when asked for and run late.
//
// With seed 0 a synchronising call runs what it waits for and nothing else, so work
// that was not waited for has not happened. With another seed, streams of all
// devices advance in a random order, and some work runs early, in other calls.
#include "driver.h"

#include <condition_variable>

namespace emu {

static const size_t maxQueued = 4096;
static std::condition_variable_any hostDone;
static thread_local bool insideHost;

bool inHostFunction() { return insideHost; }

Stream *newStream(Context &c, bool waitsForDefault) {
    Stream *s = new Stream;
    s->context = &c;
    s->waitsForDefault = waitsForDefault;
    newHandle(s);
    c.streams.push_back(s);
    driver().streams.push_back(s);
    return s;
}

Stream *streamOf(Context &c, void *handle) {
    if (handle == nullptr || handle == (void *)1) return c.standard;
    Stream *s = find<Stream>(handle);
    return s && s->context == &c ? s : nullptr;
}

// runFirst runs the first item of a stream, which must be ready.
static void runFirst(Stream &s) {
    Item item = std::move(s.queue.front());
    s.queue.pop_front();
    s.busy = true;
    if (item.host) {
        driver().lock.unlock();
        insideHost = true;
        item.run();
        insideHost = false;
        driver().lock.lock();
    } else {
        item.run();
    }
    s.busy = false;
    s.done++;
    if (item.host) hostDone.notify_all();
}

static bool ready(const Stream &s) {
    if (s.busy || s.queue.empty()) return false;
    for (const Point &p : s.queue.front().after) {
        if (!p.reached()) return false;
    }
    return true;
}

// runSome runs one item of a stream chosen at random. It returns false if none is ready.
static bool runSome() {
    static std::vector<Stream *> can;
    can.clear();
    auto &all = driver().streams;
    for (size_t i = 0; i < all.size();) {
        if (!all[i]->alive && all[i]->done == all[i]->queued) { // destroyed and finished
            all[i] = all.back();
            all.pop_back();
            continue;
        }
        if (ready(*all[i])) can.push_back(all[i]);
        i++;
    }
    if (can.empty()) return false;
    runFirst(*can[driver().random.below(can.size())]);
    return true;
}

void mischief() {
    Driver &d = driver();
    if (d.seed == 0 || d.random.below(4) != 0) return;
    for (unsigned n = d.random.below(4); n > 0; n--) {
        if (!runSome()) return;
    }
}

void reach(Point p) {
    while (!p.reached()) {
        Stream &s = *p.stream;
        if (driver().seed != 0 && runSome()) continue;
        if (s.busy || s.queue.empty()) { // another thread runs its host function
            hostDone.wait(driver().lock);
            continue;
        }
        bool waited = false;
        for (const Point &a : s.queue.front().after) {
            if (a.reached()) continue;
            reach(Point(a));
            waited = true;
            break;
        }
        if (!waited) runFirst(s);
    }
}

void advance(Stream &s) {
    if (s.busy || s.queue.empty()) return;
    for (const Point &a : s.queue.front().after) {
        if (!a.reached()) return advance(*a.stream);
    }
    runFirst(s);
}

void finishStream(Stream &s) { reach({&s, s.queued}); }

void finishContext(Context &c) {
    std::vector<Point> ends;
    for (Stream *s : c.streams) ends.push_back({s, s->queued});
    for (Point p : ends) reach(p);
}

Point enqueue(Stream &s, Item item) {
    Context &c = *s.context;
    // The null stream waits for the others and they for it, unless they refuse to.
    if (&s == c.standard) {
        for (Stream *o : c.streams) {
            if (o != &s && o->waitsForDefault && o->done < o->queued) item.after.push_back({o, o->queued});
        }
    } else if (s.waitsForDefault && c.standard->done < c.standard->queued) {
        item.after.push_back({c.standard, c.standard->queued});
    }
    s.queue.push_back(std::move(item));
    Point p{&s, ++s.queued};
    if (s.queue.size() > maxQueued) reach({&s, p.seq - maxQueued});
    return p;
}

bool pendingOn(const void *host, size_t bytes) {
    const char *a = (const char *)host;
    for (Stream *s : driver().streams) {
        for (const Item &i : s->queue) {
            const char *b = (const char *)i.hostAt;
            if (b && b < a + bytes && a < b + i.hostBytes) return true;
        }
    }
    return false;
}

} // namespace emu
