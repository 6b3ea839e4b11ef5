// Splitting work over the threads of the pool. The result must not depend on how: give away what is computed item by
// item, or in pieces whose bounds do not depend on the number of threads.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstddef>

namespace thinc {

constexpr int max_threads = 256;

using Task = void (*)(void* context, std::ptrdiff_t part);

// The one pool of the process; _threads.pxd gives a pointer to it.
struct Threads {
    std::atomic<int> number{1};
    // The least that a part should take, in nanoseconds: handing it over takes about 500. Tests set it lower.
    std::atomic<int> least{8000};
    // task(context, part) once for every part in [0, parts), side by side; returns when all are done.
    void (*run)(std::ptrdiff_t parts, Task task, void* context) = nullptr;
};

constexpr double each_thread = 4;  // parts, at most; fewer where each part has to look at all of the work

// Into how many ranges to split `n` items, each of which takes one thread about `nanoseconds`: enough that threads
// can make up for each other's delays, not so many that handing them over costs more than they do.
inline std::ptrdiff_t count_parts(const Threads& threads, std::ptrdiff_t n, double nanoseconds,
                                  double each = each_thread) {
    const std::ptrdiff_t number = threads.number.load(std::memory_order_relaxed);
    if (number == 1) return 1;
    const double parts = n * nanoseconds / threads.least.load(std::memory_order_relaxed);
    return parts < 2 ? 1 : std::ptrdiff_t(std::min({double(n), number * each, parts}));
}

// f(begin, end) for adjacent ranges that make up [0, n), n > 0, and begin at multiples of `unit`.
template <typename F>
void split(const Threads& threads, std::ptrdiff_t n, double nanoseconds, std::ptrdiff_t unit, const F& f) {
    std::ptrdiff_t units = 1, parts = 1;
    if (threads.number.load(std::memory_order_relaxed) > 1) {
        units = (n + unit - 1) / unit;
        parts = count_parts(threads, units, nanoseconds * double(unit));
    }
    if (parts < 2) {
        f(std::ptrdiff_t(0), n);
        return;
    }
    struct Ranges {
        const F& f;
        std::ptrdiff_t n, unit, units, parts;
    } ranges{f, n, unit, units, parts};
    const Task task = [](void* context, std::ptrdiff_t part) {
        const Ranges& r = *static_cast<Ranges*>(context);
        // No product of two large numbers, which could overflow
        const std::ptrdiff_t each = r.units / r.parts, rest = r.units % r.parts;
        const std::ptrdiff_t begin = part * each + std::min(part, rest), end = begin + each + (part < rest);
        r.f(begin * r.unit, std::min(end * r.unit, r.n));
    };
    threads.run(parts, task, &ranges);
}

// f(part) for all parts: of work that is divided in advance, such as by `count_parts`.
template <typename F> void split_evenly(const Threads& threads, std::ptrdiff_t parts, const F& f) {
    if (parts == 1) return f(std::ptrdiff_t(0));
    const Task task = [](void* context, std::ptrdiff_t part) { (*static_cast<const F*>(context))(part); };
    threads.run(parts, task, const_cast<F*>(&f));
}

// Ranges of at least `least` items, which begin at multiples of that, one for each thread: of work that depends on how
// many items there are, or that does something once for each range. Range `part` ends where the next one starts.
class LargeRanges {
  public:
    LargeRanges(const Threads& threads, std::ptrdiff_t n, double nanoseconds, std::ptrdiff_t least)
        : n_(n), least_(least), units_(std::max(n / least, std::ptrdiff_t(1))),
          parts_(count_parts(threads, units_, nanoseconds * double(least), 1)) {}
    std::ptrdiff_t count() const { return parts_; }
    std::ptrdiff_t start(std::ptrdiff_t part) const { return part == parts_ ? n_ : units_ * part / parts_ * least_; }

  private:
    std::ptrdiff_t n_, least_, units_, parts_;
};

// f(begin, end) for ranges, with a context.
inline void split_ranges(const Threads* threads, std::ptrdiff_t n, double nanoseconds, std::ptrdiff_t unit,
                         void (*f)(void* context, std::ptrdiff_t begin, std::ptrdiff_t end), void* context) {
    split(*threads, n, nanoseconds, unit, [=](std::ptrdiff_t begin, std::ptrdiff_t end) { f(context, begin, end); });
}

// Positions of items that are no good: the first one found by any thread, or -1.
class FirstBad {
  public:
    void add(std::ptrdiff_t position) {
        if (position < 0) return;
        std::ptrdiff_t first = first_.load();
        while ((first < 0 || position < first) && !first_.compare_exchange_weak(first, position)) {
        }
    }
    std::ptrdiff_t get() const { return first_.load(); }

  private:
    std::atomic<std::ptrdiff_t> first_{-1};
};

}  // namespace thinc
