// Losses with logarithms, of single numbers and of pairs over the threads of the pool. Sums are those of chunks, whatever
// the number of threads.
#pragma once
#include "_split_training.hh"

namespace thinc {

// The sum of the losses of f(begin, end, &loss), which returns flags, over chunks of `size` items.
template <typename F>
int sum_flagged(const Threads& threads, std::size_t n, std::ptrdiff_t size, double nanoseconds, double* loss,
                const F& f) {
    std::atomic<int> flags{0};
    *loss = sum_chunks(threads, n, size, nanoseconds, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
        double sum = 0;
        const int found = f(begin, end, &sum);
        if (found) flags |= found;
        return sum;
    });
    return flags;
}

template <typename T> T* moved(T* array, std::size_t by) { return array ? array + by : nullptr; }

template <typename T>
int split_log_loss_labels(const Threads* threads, const RealKernels<T>* kernels, const LabelledRows* item,
                          const T* weights, int from_logits, double scale, double* loss) {
    const double cost = (from_logits ? 0.4 : 0.12) * sizeof(T) * double(item->classes);
    return sum_flagged(*threads, item->rows, loss_rows(item->classes), cost, loss,
                       [=](std::ptrdiff_t row, std::ptrdiff_t end, double* sum) {
                           const std::size_t at = std::size_t(row) * item->classes;
                           LabelledRows part = *item;
                           part.gradient = static_cast<T*>(item->gradient) + at;
                           part.guesses = static_cast<const T*>(item->guesses) + at;
                           part.codes += row;
                           part.rows = std::size_t(end - row);
                           return kernels->losses.log_loss_labels(&part, weights, from_logits, scale, sum);
                       });
}

template <typename T>
int split_log_loss_soft(const Threads* threads, const RealKernels<T>* kernels, const SoftRows* item, int from_logits,
                        double scale, double* loss) {
    return sum_flagged(*threads, item->rows, loss_rows(item->classes), 0.5 * sizeof(T) * double(item->classes), loss,
                       [=](std::ptrdiff_t row, std::ptrdiff_t end, double* sum) {
                           const std::size_t at = std::size_t(row) * item->classes;
                           SoftRows part = *item;
                           part.gradient = static_cast<T*>(item->gradient) + at;
                           part.guesses = static_cast<const T*>(item->guesses) + at;
                           part.truths = static_cast<const T*>(item->truths) + at;
                           part.keep = moved(item->keep, std::size_t(row));
                           part.rows = std::size_t(end - row);
                           return kernels->losses.log_loss_soft(&part, from_logits, scale, sum);
                       });
}

template <typename T>
int split_binary(const Threads* threads, const RealKernels<T>* kernels, T* gradient, const T* guesses,
                 const T* truths, const T* weights, std::size_t rows, std::size_t columns, const BinaryLoss* settings,
                 double scale, double* loss) {
    const double cost = (settings->focus != 0 ? 1.0 : 0.6) * sizeof(T) * double(columns);
    return sum_flagged(*threads, rows, loss_rows(columns), cost, loss,
                       [=](std::ptrdiff_t row, std::ptrdiff_t end, double* sum) {
                           const std::size_t at = std::size_t(row) * columns;
                           return kernels->losses.binary(gradient + at, guesses + at, truths + at, weights, end - row,
                                                         columns, settings, scale, sum);
                       });
}

template <typename T>
double split_huber(const Threads* threads, const RealKernels<T>* kernels, T* gradient, const T* guesses,
                   const T* truths, std::size_t n, double delta, double scale) {
    return sum_chunks(*threads, n, loss_chunk, 0.1 * sizeof(T), [=](std::ptrdiff_t i, std::ptrdiff_t end) {
        return kernels->losses.huber(gradient + i, guesses + i, truths + i, end - i, delta, scale);
    });
}

template <typename T>
int split_margin_ranking(const Threads* threads, const RealKernels<T>* kernels, T* gradient, const T* guesses,
                         const T* truths, std::size_t n, double margin, double scale, double* loss) {
    return sum_flagged(*threads, n, loss_chunk / 2, 0.8 * sizeof(T), loss,
                       [=](std::ptrdiff_t i, std::ptrdiff_t end, double* sum) {
                           return kernels->losses.margin_ranking(gradient + 2 * i, guesses + 2 * i, truths + i,
                                                                 end - i, margin, scale, sum);
                       });
}

}  // namespace thinc
