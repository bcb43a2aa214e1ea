/* The plain workload in C: one token bucket, answers that take a while, retries with full jitter.
 *
 * Written for this workload alone, as fast as its author could: no layers, no policies, nothing that the
 * workload does not need. Draws are keystorm's: SplitMix64's finalizer in 62 bits (sim/draws.py), quantile
 * tables with 4096 cells and a resolved tail (sim/policy/service.py). Times in ns, int64 throughout.
 *
 * plain_events: an event loop, in which an answer is an event like an attempt.
 * plain_direct: knows that nothing here depends on when an answer comes, and needs no event for it.
 */
#include <stdint.h>
#include <stdlib.h>

typedef int64_t i64;

typedef struct {
    i64 count, attempts, rate, unit, cap, round_trip, low, span, price_in, price_cached, price_out;
    const i64 *arrival, *uncached, *cached, *output, *key, *knots, *steps;
    i64 *outcome, *made, *finish, *cost;
} Plain;

typedef struct { i64 time, tie; } Event;

enum { SUCCEEDED = 0, GAVE_UP = 2, JITTER = 1, FIRST_TOKEN = 3, PER_TOKEN = 4, KNOTS = 4096, WIDTH = 2 * (KNOTS + 1) };
#define ATTEMPT ((i64)1 << 60)
#define MASK62 ((1ULL << 62) - 1)
#define GOLDEN 0x1E3779B97F4A7C15ULL

static inline uint64_t mix(uint64_t v)
{
    v = ((v ^ (v >> 30)) * 0x3F58476D1CE4E5B9ULL) & MASK62;
    v = ((v ^ (v >> 27)) * 0x14D049BB133111EBULL) & MASK62;
    return v ^ (v >> 31);
}

static inline i64 draw(i64 key, i64 attempt, i64 purpose)
{
    uint64_t inner = mix(((uint64_t)key + (uint64_t)(attempt * 1024 + purpose) * GOLDEN) & MASK62);
    return (i64)(mix((inner + GOLDEN) & MASK62) >> 30);
}

static inline i64 quantile(const i64 *knots, i64 u)
{
    i64 cell = u >> 20, rest = u & 0xFFFFF, bits = 20;
    if (cell == KNOTS - 1) {
        cell = KNOTS + 1 + (rest >> 8);
        rest &= 0xFF;
        bits = 8;
    }
    i64 width = knots[cell + 1] - knots[cell];
    return knots[cell] + (width >> bits) * rest + (((width & (((i64)1 << bits) - 1)) * rest) >> bits);
}

static inline i64 service(const Plain *p, i64 r, i64 attempt)
{
    i64 first = quantile(p->knots, draw(p->key[r], attempt, FIRST_TOKEN));
    return first + quantile(p->knots + WIDTH, draw(p->key[r], attempt, PER_TOKEN)) * p->output[r];
}

static inline i64 delay(const Plain *p, i64 r, i64 attempt)
{
    i64 factor = p->low + ((p->span * (draw(p->key[r], attempt, JITTER) >> 4)) >> 28);
    i64 step = p->steps[attempt];
    return (step >> 28) * factor + (((step & ((1 << 28) - 1)) * factor) >> 28);
}

static inline void answered(const Plain *p, i64 r, i64 now)
{
    i64 spent = p->uncached[r] * p->price_in + p->cached[r] * p->price_cached + p->output[r] * p->price_out;
    p->outcome[r] = SUCCEEDED;
    p->cost[r] = (spent + 500000) / 1000000;
    p->finish[r] = now;
}

static inline void gave_up(const Plain *p, i64 r, i64 now)
{
    p->outcome[r] = GAVE_UP;
    p->cost[r] = 0;
    p->finish[r] = now;
}

static inline int before(Event a, Event b) { return a.time < b.time || (a.time == b.time && a.tie < b.tie); }

/* heap[1] is the first of *size events. */
static inline void push(Event *heap, i64 *size, Event e)
{
    i64 at = ++*size;
    while (at > 1 && before(e, heap[at >> 1])) {
        heap[at] = heap[at >> 1];
        at >>= 1;
    }
    heap[at] = e;
}

static inline Event pop(Event *heap, i64 *size)
{
    Event first = heap[1], last = heap[(*size)--];
    i64 at = 1, below = 2;
    while (below <= *size) {
        below += below < *size && before(heap[below + 1], heap[below]);
        if (!before(heap[below], last)) break;
        heap[at] = heap[below];
        at = below;
        below = 2 * at;
    }
    heap[at] = last;
    return first;
}

static inline int take(const Plain *p, i64 *level, i64 *stamp, i64 now)
{
    i64 refilled = *level + (now - *stamp) * p->rate;
    *level = refilled < p->cap ? refilled : p->cap;
    *stamp = now;
    if (*level < p->unit) return 0;
    *level -= p->unit;
    return 1;
}

static inline i64 simulate(const Plain *p, int answers_are_events)
{
    i64 upcoming = 0, size = 0, level = p->cap, stamp = 0, r, now;
    Event *heap = malloc((size_t)(p->count + 2) * sizeof(Event));
    if (!heap) return -1;
    for (;;) {
        Event arrival = {upcoming < p->count ? p->arrival[upcoming] : INT64_MAX, ATTEMPT + upcoming};
        if (size == 0 || before(arrival, heap[1])) {
            if (upcoming == p->count) break;
            r = upcoming++;
            now = arrival.time;
            p->made[r] = 0;
        } else {
            Event e = pop(heap, &size);
            now = e.time;
            if (e.tie < ATTEMPT) {
                answered(p, e.tie, now);
                continue;
            }
            r = e.tie - ATTEMPT;
        }
        i64 number = p->made[r]++;
        if (take(p, &level, &stamp, now)) {
            i64 end = now + service(p, r, number);
            if (answers_are_events) push(heap, &size, (Event){end, r});
            else answered(p, r, end);
        } else if (number + 1 < p->attempts) {
            push(heap, &size, (Event){now + p->round_trip + delay(p, r, number), ATTEMPT + r});
        } else {
            gave_up(p, r, now + p->round_trip);
        }
    }
    free(heap);
    return 0;
}

i64 plain_events(const Plain *p) { return simulate(p, 1); }

i64 plain_direct(const Plain *p) { return simulate(p, 0); }
