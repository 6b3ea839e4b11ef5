// Kernels over the threads of the pool, one function for each shape of kernel. Each item is computed from its own
// inputs alone, so that the result is the same however the items are shared out.
#pragma once
#include <cstddef>

#include "thinc/kernels/_parallel.hh"

namespace thinc {

// Elements: ranges of whole cache lines, whose vectors are those of the undivided array.
constexpr std::ptrdiff_t line = 64;

template <typename T>
void split_map(const Threads* threads, void (*f)(T* y, const T* x, std::size_t n, const double* args), T* y, const T* x,
               std::size_t n, const double* args, double nanoseconds) {
    split(*threads, n, nanoseconds, line,
          [=](std::ptrdiff_t i, std::ptrdiff_t end) { f(y + i, x + i, end - i, args); });
}

template <typename T>
void split_slope(const Threads* threads, void (*f)(T* dx, const T* dy, const T* x, std::size_t n, const double* args),
                 T* dx, const T* dy, const T* x, std::size_t n, const double* args, double nanoseconds) {
    split(*threads, n, nanoseconds, line,
          [=](std::ptrdiff_t i, std::ptrdiff_t end) { f(dx + i, dy + i, x + i, end - i, args); });
}

}  // namespace thinc
