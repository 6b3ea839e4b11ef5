// Gated units over the threads of the pool: rows, each computed from its own inputs alone.
#pragma once
#include "_split.hh"

namespace thinc {

template <typename T>
void split_gated(const Threads* threads, const RealKernels<T>* kernels, bool swish, T* y, const T* a, std::size_t rows,
                 std::size_t n) {
    const auto f = swish ? kernels->gated.swiglu : kernels->gated.glu;
    split(*threads, rows, 0.2 * sizeof(T) * double(n), 1,
          [=](Index r, Index end) { f(y + r * n, a + 2 * r * n, end - r, n); });
}

template <typename T>
void split_backprop_gated(const Threads* threads, const RealKernels<T>* kernels, bool swish, T* da, const T* dy,
                          const T* a, std::size_t rows, std::size_t n) {
    const auto f = swish ? kernels->gated.backprop_swiglu : kernels->gated.backprop_glu;
    split(*threads, rows, 0.25 * sizeof(T) * double(n), 1,
          [=](Index r, Index end) { f(da + 2 * r * n, dy + r * n, a + 2 * r * n, end - r, n); });
}

template <typename T>
void split_gru_step(const Threads* threads, const RealKernels<T>* kernels, const GRUStep<T>* step) {
    split(*threads, step->rows, 2.5 * sizeof(T) / 4 * double(step->nO), 1, [=](Index r, Index end) {
        GRUStep<T> part = *step;
        const std::size_t n = part.nO;
        part.rows = end - r;
        part.a += 3 * n * r;
        part.u += 3 * n * r;
        part.h += n * r;
        part.y += n * r;
        if (part.gates) part.gates += 4 * n * r;
        kernels->gated.gru_step(&part);
    });
}

template <typename T>
void split_backprop_gru_step(const Threads* threads, const RealKernels<T>* kernels, const GRUBackpropStep<T>* step) {
    split(*threads, step->rows, 1.5 * sizeof(T) / 4 * double(step->nO), 1, [=](Index r, Index end) {
        GRUBackpropStep<T> part = *step;
        const std::size_t n = part.nO;
        part.rows = end - r;
        part.dy += n * r;
        part.gates += 4 * n * r;
        part.h += n * r;
        part.dh += n * r;
        part.da += 3 * n * r;
        part.du += 3 * n * r;
        kernels->gated.backprop_gru_step(&part);
    });
}

}  // namespace thinc
