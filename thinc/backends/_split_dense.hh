// Dense layers with maxout over the threads of the pool. Every sum is within one range, and the same whatever the others
// are. Each range copies an operand for itself, so there is one for each thread. The memory for all copies is reserved
// before anything is written: without it nothing has changed.
#pragma once
#include <algorithm>
#include <cstddef>

#include "thinc/dispatch.hh"
#include "thinc/kernels/_parallel.hh"
#include "thinc/workspace.hh"

namespace thinc {

constexpr double multiplication = 0.02;  // nanoseconds

// A workspace for each of some ranges: as large as the largest of them needs.
template <typename T> class Workspaces {
  public:
    // size(part): elements
    template <typename Size> void need(std::ptrdiff_t parts, const Size& size) {
        constexpr std::size_t line = 64 / sizeof(T);
        std::size_t largest = 0;
        for (std::ptrdiff_t part = 0; part < parts; ++part) largest = std::max(largest, size(part));
        each_ = std::max(each_, (largest + line - 1) / line * line);
        count_ = std::max(count_, std::size_t(parts));
    }
    // False if there is no memory.
    bool reserve() {
        memory_ = static_cast<T*>(thread_workspace(each_ * count_ * sizeof(T)));
        return memory_;
    }
    T* of(std::ptrdiff_t part) const { return memory_ + std::size_t(part) * each_; }

  private:
    std::size_t each_ = 0, count_ = 0;
    T* memory_ = nullptr;
};

// False if there was no memory.
template <typename T>
bool split_maxout_dense(const Threads* threads, const RealKernels<T>* kernels, const MaxoutDense<T>* call) {
    // How a product with up to 64 columns, or with a last part of a vector of columns, is computed depends on the number
    // of rows: it stays whole. So does one with up to 64 rows, which ranges must not become.
    const std::ptrdiff_t N = call->nO * call->P, least = N > 64 && N % 16 == 0 ? 80 : call->B;
    const LargeRanges rows(*threads, call->B, multiplication * double(N) * double(call->nI), least);
    const auto part_of = [&](std::ptrdiff_t part) {
        const std::ptrdiff_t first = rows.start(part);
        MaxoutDense<T> range = *call;
        range.B = rows.start(part + 1) - first;
        range.X += first * range.sX;
        range.Y += first * range.nO;
        range.which += first * range.nO;
        return range;
    };
    const auto size = [&](std::ptrdiff_t part) {
        const MaxoutDense<T> range = part_of(part);
        return kernels->maxout_dense.workspace(&range);
    };
    Workspaces<T> work;
    work.need(rows.count(), size);
    if (!work.reserve()) return false;
    split_evenly(*threads, rows.count(), [&](std::ptrdiff_t part) {
        const MaxoutDense<T> range = part_of(part);
        kernels->maxout_dense.forward(&range, work.of(part), size(part));
    });
    return true;
}

// dX by rows, then dW and db by units. False if there was no memory.
template <typename T>
bool split_backprop_maxout_dense(const Threads* threads, const RealKernels<T>* kernels, const MaxoutGradient<T>* call) {
    const double cost = multiplication * double(call->nI);
    const LargeRanges rows(*threads, call->B, cost * double(call->nO), 32);
    const LargeRanges units(*threads, call->nO, cost * double(call->B), 16);
    const auto part_of_inputs = [&](std::ptrdiff_t part) {
        const std::ptrdiff_t first = rows.start(part);
        MaxoutGradient<T> range = *call;
        range.B = rows.start(part + 1) - first;
        range.dY += first * range.sdY;
        range.which += first * range.swhich;
        range.dX += first * range.nI;
        range.dW = nullptr;
        return range;
    };
    const auto part_of_weights = [&](std::ptrdiff_t part) {
        const std::ptrdiff_t first = units.start(part);
        MaxoutGradient<T> range = *call;
        range.nO = units.start(part + 1) - first;
        range.dY += first;
        range.which += first;
        range.dW += first * range.P * range.nI;
        range.db += first * range.P;
        range.dX = nullptr;
        return range;
    };
    Workspaces<T> work;
    const auto need = [&](const LargeRanges& ranges, const auto& part_of) {
        work.need(ranges.count(), [&](std::ptrdiff_t part) {
            const MaxoutGradient<T> range = part_of(part);
            return kernels->maxout_dense.gradient_workspace(&range);
        });
    };
    const auto run = [&](const LargeRanges& ranges, const auto& part_of) {
        split_evenly(*threads, ranges.count(), [&](std::ptrdiff_t part) {
            const MaxoutGradient<T> range = part_of(part);
            kernels->maxout_dense.gradient(&range, work.of(part));
        });
    };
    if (call->dX) need(rows, part_of_inputs);
    need(units, part_of_weights);
    if (!work.reserve()) return false;
    if (call->dX) run(rows, part_of_inputs);
    run(units, part_of_weights);
    return true;
}

}  // namespace thinc
