// Matrix products over the threads of the pool, each with scratch memory of its own. The result is the same for any
// number of threads: see include/thinc/kernels/gemm_parts.hh.
#pragma once
#include <cstddef>

#include "thinc/dispatch.hh"
#include "thinc/kernels/_parallel.hh"
#include "thinc/workspace.hh"

namespace thinc {

// f(work, size) with memory for `wanted` elements; with little, on the stack, if it is enough or there is no more.
template <typename T, typename F> void with_workspace(std::size_t wanted, const F& f) {
    constexpr std::size_t few = 4096;
    T* work = wanted <= few ? nullptr : static_cast<T*>(thread_workspace(wanted * sizeof(T)));
    if (work) {
        f(work, wanted);
        return;
    }
    T spare[few];
    f(spare, few);
}

template <typename T> void multiply(const Threads& threads, const Gemm<T>& kernels, const GemmCall<T>& call) {
    const std::ptrdiff_t number = threads.number.load(std::memory_order_relaxed);
    const GemmGrid grid = number == 1 ? GemmGrid{1, 1} : kernels.grid(&call, number);
    if (grid.rows * grid.columns == 1) {
        with_workspace<T>(kernels.workspace(&call),
                          [&](T* work, std::size_t size) { kernels.gemm(&call, work, size); });
        return;
    }
    split_evenly(threads, grid.rows * grid.columns, [&](std::ptrdiff_t part) {
        with_workspace<T>(kernels.part_workspace(&call, grid, part), [&](T* work, std::size_t size) {
            kernels.gemm_part(&call, grid, part, work, size);
        });
    });
}

}  // namespace thinc
