// Dense layers with maxout over the threads of the pool. Every sum is within one range, and the same whatever the others
// are. Each range copies an operand for itself, so there is one for each thread.
#pragma once
#include <atomic>
#include <cstddef>

#include "thinc/dispatch.hh"
#include "thinc/kernels/_parallel.hh"
#include "thinc/workspace.hh"

namespace thinc {

constexpr double multiplication = 0.02;  // nanoseconds

// False if there was no memory.
template <typename T>
bool split_maxout_dense(const Threads* threads, const RealKernels<T>* kernels, const MaxoutDense<T>* call) {
    // How a product with up to 64 columns, or with a last part of a vector of columns, is computed depends on the number
    // of rows: it stays whole. So does one with up to 64 rows, which ranges must not become.
    const std::ptrdiff_t N = call->nO * call->P, least = N > 64 && N % 16 == 0 ? 80 : call->B;
    std::atomic<bool> failed{false};
    split_at_least(*threads, call->B, multiplication * double(N) * double(call->nI), least,
                   [&](std::ptrdiff_t first, std::ptrdiff_t end) {
                       MaxoutDense<T> part = *call;
                       part.B = end - first;
                       part.X += first * part.sX;
                       part.Y += first * part.nO;
                       part.which += first * part.nO;
                       const std::size_t size = kernels->maxout_dense.workspace(&part);
                       T* const work = static_cast<T*>(thread_workspace(size * sizeof(T)));
                       if (work) kernels->maxout_dense.forward(&part, work, size);
                       else failed = true;
                   });
    return !failed;
}

// dX by rows, then dW and db by units. False if there was no memory.
template <typename T>
bool split_backprop_maxout_dense(const Threads* threads, const RealKernels<T>* kernels, const MaxoutGradient<T>* call) {
    std::atomic<bool> failed{false};
    const auto run = [&](const MaxoutGradient<T>& part) {
        T* const work =
            static_cast<T*>(thread_workspace(kernels->maxout_dense.gradient_workspace(&part) * sizeof(T)));
        if (work) kernels->maxout_dense.gradient(&part, work);
        else failed = true;
    };
    const double cost = multiplication * double(call->nI);
    if (call->dX)
        split_at_least(*threads, call->B, cost * double(call->nO), 32, [&](std::ptrdiff_t first, std::ptrdiff_t end) {
            MaxoutGradient<T> part = *call;
            part.B = end - first;
            part.dY += first * part.sdY;
            part.which += first * part.swhich;
            part.dX += first * part.nI;
            part.dW = nullptr;
            run(part);
        });
    if (failed) return false;
    split_at_least(*threads, call->nO, cost * double(call->B), 16, [&](std::ptrdiff_t first, std::ptrdiff_t end) {
        MaxoutGradient<T> part = *call;
        part.nO = end - first;
        part.dY += first;
        part.which += first;
        part.dW += first * part.P * part.nI;
        part.db += first * part.P;
        part.dX = nullptr;
        run(part);
    });
    return !failed;
}

}  // namespace thinc
