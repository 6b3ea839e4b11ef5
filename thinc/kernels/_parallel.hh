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
    // task(context, part) once for every part in [0, parts), side by side; returns when all are done.
    void (*run)(std::ptrdiff_t parts, Task task, void* context) = nullptr;
};

// Into how many ranges to split `n` items, each of which takes one thread about `nanoseconds`: enough that threads
// can make up for each other's delays, not so many that handing them over costs more than they do.
inline std::ptrdiff_t count_parts(const Threads& threads, std::ptrdiff_t n, double nanoseconds) {
    constexpr double least = 8000;  // handing over a part takes about 500 ns
    const std::ptrdiff_t number = threads.number.load(std::memory_order_relaxed);
    if (number == 1 || n * nanoseconds < 2 * least) return 1;
    return std::min({n, number * 4, std::ptrdiff_t(n * nanoseconds / least)});
}

// f(begin, end) for adjacent ranges that make up [0, n) and begin at multiples of `unit`.
template <typename F>
void split(const Threads& threads, std::ptrdiff_t n, double nanoseconds, std::ptrdiff_t unit, const F& f) {
    const std::ptrdiff_t units = (n + unit - 1) / unit, parts = count_parts(threads, units, nanoseconds * unit);
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

}  // namespace thinc
