// Optimizer updates, losses and batches over the threads of the pool. Sums are those of chunks, whatever the number of
// threads.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <utility>

#include "_sums.hh"
#include "thinc/dispatch.hh"

namespace thinc {

// --- optimizers

constexpr std::ptrdiff_t norm_chunk = 16384;   // elements
constexpr std::ptrdiff_t update_piece = 1024;  // elements, whole cache lines
template <typename T> constexpr double update_cost = 0.2 * sizeof(T);

// Of piece [begin, end) of the gradient of an item, with its penalty.
template <typename T>
double sum_gradient(const Optimizers<T>& kernels, const ParameterUpdate& item, double l2, std::ptrdiff_t begin,
                    std::ptrdiff_t end) {
    const T *g = static_cast<const T*>(item.gradient) + begin, *w = static_cast<const T*>(item.weights) + begin;
    return l2 != 0 ? kernels.sum_squares_penalised(g, w, l2, end - begin) : kernels.sum_squares(g, end - begin);
}

// What to multiply a gradient with whose squares have this sum.
inline double clip_factor(double sum, double threshold) {
    const double norm = std::sqrt(sum);
    return norm >= threshold && norm > 0 ? threshold / norm : 1;
}

template <typename T> ParameterUpdate part_of(const ParameterUpdate& item, std::ptrdiff_t begin, std::ptrdiff_t end) {
    const auto from = [begin](void* array) { return array ? static_cast<T*>(array) + begin : nullptr; };
    ParameterUpdate part = item;
    part.weights = from(item.weights);
    part.gradient = from(item.gradient);
    part.mom1 = from(item.mom1);
    part.mom2 = from(item.mom2);
    part.average = from(item.average);
    part.size = std::size_t(end - begin);
    return part;
}

// Whether two items have memory in common, such as tied weights; or it is not known. They must be done in order then.
template <typename T> bool share_memory(const ParameterUpdate* items, std::size_t count) {
    using Range = std::pair<std::uintptr_t, std::uintptr_t>;
    Range* const ranges = static_cast<Range*>(std::malloc(5 * count * sizeof(Range)));
    if (!ranges) return true;
    std::size_t n = 0;
    for (std::size_t k = 0; k < count; ++k)
        for (void* array : {items[k].weights, items[k].gradient, items[k].mom1, items[k].mom2, items[k].average}) {
            const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(array);
            if (array && items[k].size) ranges[n++] = {begin, begin + items[k].size * sizeof(T)};
        }
    std::sort(ranges, ranges + n);
    bool found = false;
    for (std::size_t i = 1; i < n; ++i) found |= ranges[i].first < ranges[i - 1].second;
    std::free(ranges);
    return found;
}

// The sum of the squares of an item's gradient, with its penalty.
template <typename T>
double sum_item(const Threads& threads, const Optimizers<T>& kernels, const ParameterUpdate& item) {
    return sum_chunks(threads, item.size, norm_chunk, 0.05 * sizeof(T),
                      [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
                          return sum_gradient(kernels, item, item.settings->l2, begin, end);
                      });
}

template <typename T>
double sum_array(const Threads& threads, const Optimizers<T>& kernels, const void* x, std::size_t n) {
    return sum_chunks(threads, n, norm_chunk, 0.05 * sizeof(T), [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
        return kernels.sum_squares(static_cast<const T*>(x) + begin, end - begin);
    });
}

template <typename T>
void update_pieces(const Threads& threads, const Optimizers<T>& kernels, const ParameterUpdate& item) {
    if (count_parts(threads, std::ptrdiff_t(item.size), update_cost<T>) == 1) return kernels.update(&item, 1);
    split(threads, item.size, update_cost<T>, update_piece, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
        const ParameterUpdate part = part_of<T>(item, begin, end);
        kernels.update(&part, 1);
    });
}

// Sums of squares of weights and of the directions of a step.
struct SquaredNorms {
    double weights, direction;
    SquaredNorms& operator+=(const SquaredNorms& other) {
        weights += other.weights;
        direction += other.direction;
        return *this;
    }
};

// Adafactor: what the smallest second moment is counted as.
template <typename T> double smallest_moment(const UpdateSettings& s) {
    const double eps = s.eps != 0 ? s.eps : double(std::numeric_limits<T>::epsilon());
    return eps * eps;
}

// What to multiply a direction with, besides the step; a norm that is NaN is passed over.
inline double length_along(const UpdateSettings& s, const SquaredNorms& squares, std::size_t size) {
    if (s.rule == update_lamb)
        return squares.weights > 0 && squares.direction > 0
            ? std::sqrt(squares.weights) / std::sqrt(squares.direction)
            : 1;
    const double weights = std::sqrt(squares.weights / double(size));
    const double direction = std::sqrt(squares.direction / double(size)) / s.largest_rms;
    return (weights > s.smallest_rms ? weights : s.smallest_rms) / (direction > 1 ? direction : 1);
}

// A step along the direction, which is where the gradient was.
template <typename T>
void step_along(const Threads& threads, const Optimizers<T>& kernels, ParameterUpdate item,
                const SquaredNorms& squares) {
    const UpdateSettings& s = *item.settings;
    UpdateSettings settings = {};
    settings.rule = update_sgd;
    settings.step = s.step;
    settings.average_rate = s.average_rate;
    settings.decay_first = 1;
    if (s.rule != update_lamb) settings.decay = s.decay;
    item.settings = &settings;
    item.factor = length_along(s, squares, item.size);
    update_pieces(threads, kernels, item);
}

// LAMB, and Adafactor for vectors: the direction, which goes where the gradient was, and its norm while it is in the
// cache; then a step along it, as long as a share of the weights.
template <typename T>
void follow_direction(const Threads& threads, const Optimizers<T>& kernels, const ParameterUpdate& item) {
    UpdateSettings settings = *item.settings;
    if (settings.rule == update_adafactor) settings.eps = smallest_moment<T>(settings);
    const auto find = [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
        ParameterUpdate part = part_of<T>(item, begin, end);
        part.settings = &settings;
        kernels.update(&part, 1);
        return SquaredNorms{kernels.sum_squares(static_cast<const T*>(part.weights), part.size),
                            kernels.sum_squares(static_cast<const T*>(part.gradient), part.size)};
    };
    step_along(threads, kernels, item, sum_chunks(threads, item.size, norm_chunk, update_cost<T>, find));
}

// Adafactor for `count` matrices (n, m).
template <typename T> class FactoredUpdate {
  public:
    FactoredUpdate(const Threads& threads, const Optimizers<T>& kernels, const ParameterUpdate& item)
        : threads_(threads), kernels_(kernels), item_(item), s_(*item.settings), n_(item.rows), m_(item.width),
          count_(std::ptrdiff_t(item.size / (item.rows * item.width))), share_(1 - s_.beta2),
          floor_(smallest_moment<T>(s_)), roots_(static_cast<T*>(item.work)), ratios_(roots_ + count_ * m_),
          means_(ratios_ + m_) {}

    void run() {
        SquaredNorms squares = {sum_array(threads_, kernels_, item_.weights, item_.size), 0};
        bool is_above = true;
        for (std::ptrdiff_t k = 0; k < count_; ++k) is_above &= move_moments(k, squares.direction);
        if (is_above && std::isfinite(squares.direction)) return step(squares);
        squares.direction = 0;
        for (std::ptrdiff_t k = 0; k < count_; ++k) squares.direction += find_direction(k);
        step_along(threads_, kernels_, item_, squares);
    }

  private:
    static constexpr double cost_ = 0.1 * sizeof(T);
    const Threads& threads_;
    const Optimizers<T>& kernels_;
    const ParameterUpdate& item_;
    const UpdateSettings& s_;
    const std::ptrdiff_t n_, m_, count_;
    const double share_, floor_;
    T *const roots_, *const ratios_, *const means_;

    T* weights(std::ptrdiff_t k) const { return static_cast<T*>(item_.weights) + k * n_ * m_; }
    T* gradient(std::ptrdiff_t k) const { return static_cast<T*>(item_.gradient) + k * n_ * m_; }
    T* row_moments(std::ptrdiff_t k) const { return static_cast<T*>(item_.mom1) + k * n_; }
    T* column_moments(std::ptrdiff_t k) const { return static_cast<T*>(item_.mom2) + k * m_; }

    // Those of matrix k, and the squares of its direction; whether all its second moments are above the floor.
    bool move_moments(std::ptrdiff_t k, double& direction) const {
        FactoredSums found[most_row_chunks];
        const std::ptrdiff_t size = rows_of_chunk(n_, m_), chunks = count_chunks(n_, size);
        for (std::ptrdiff_t c = 0; c < chunks; ++c) found[c] = {0, HUGE_VAL};  // one for all, where memory is short
        T* const sums[2] = {roots_ + k * m_, ratios_};
        sum_row_chunks(threads_, sums, n_, m_, cost_, [&](T* const* to, std::ptrdiff_t begin, std::ptrdiff_t end) {
            found[begin / size] = kernels_.factored_rows(gradient(k) + begin * m_, row_moments(k) + begin, to[0], to[1],
                                                         end - begin, m_, item_.factor, share_);
        });
        FactoredSums rows = found[0];
        for (std::ptrdiff_t c = 1; c < chunks; ++c) {
            rows.sum += found[c].sum;
            rows.least = std::min(rows.least, found[c].least);
        }
        const double mean = rows.sum / double(n_), eps = std::sqrt(floor_);
        means_[k] = T(mean < eps ? eps : mean);  // a NaN stays one
        const FactoredSums columns =
            kernels_.factored_columns(column_moments(k), roots_ + k * m_, ratios_, n_, m_, share_);
        direction += double(means_[k]) * columns.sum;
        return rows.least / double(means_[k]) * columns.least >= floor_;
    }

    double find_direction(std::ptrdiff_t k) const {
        return sum_chunks(threads_, n_, rows_of_chunk(n_, m_), cost_ * double(m_),
                          [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
                              T* const g = gradient(k) + begin * m_;
                              kernels_.factored_direction(g, row_moments(k) + begin, column_moments(k), end - begin,
                                                          m_, item_.factor, double(means_[k]), floor_);
                              return kernels_.sum_squares(g, (end - begin) * m_);
                          });
    }

    void step(const SquaredNorms& squares) const {
        const double length = s_.step * length_along(s_, squares, item_.size) * item_.factor;
        const std::ptrdiff_t block = std::max(norm_chunk / m_, std::ptrdiff_t(1));
        for (std::ptrdiff_t k = count_; k-- > 0;) {
            const double all = length * std::sqrt(double(means_[k]));
            split(threads_, n_, cost_ * double(m_), 1, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
                for (std::ptrdiff_t last = end; last > begin; last -= std::min(block, last - begin)) {
                    const std::ptrdiff_t first = last - std::min(block, last - begin), at = first * m_;
                    T* const w = weights(k) + at;
                    kernels_.factored_step(w, gradient(k) + at, row_moments(k) + first, roots_ + k * m_, last - first,
                                           m_, all, 1 - s_.decay);
                    if (item_.average)
                        kernels_.update_average(static_cast<T*>(item_.average) + k * n_ * m_ + at, w, s_.average_rate,
                                                (last - first) * m_);
                }
            });
        }
    }
};

// One item after the other: while a gradient is in the cache after its norm, it is used.
template <typename T>
void update_in_order(const Threads& threads, const Optimizers<T>& kernels, ParameterUpdate* items,
                     std::size_t count) {
    for (std::size_t k = 0; k < count; ++k) {
        ParameterUpdate& item = items[k];
        if (item.settings->clip != 0)
            item.factor = clip_factor(sum_item(threads, kernels, item), item.settings->clip);
        if (item.size == 0) continue;
        if (item.width != 0) FactoredUpdate<T>(threads, kernels, item).run();
        else if (finds_direction(item.settings->rule)) follow_direction(threads, kernels, item);
        else update_pieces(threads, kernels, item);
    }
}

inline bool is_clipped(const ParameterUpdate& item) { return item.settings->clip != 0; }

// The factors of all items that are clipped, from norms whose chunks are shared out. False if there is no memory for
// their sums.
template <typename T>
bool find_factors(const Threads& threads, const Optimizers<T>& kernels, ParameterUpdate* items, std::size_t count) {
    const auto chunks = [=](std::size_t k) {
        return is_clipped(items[k]) ? count_chunks(items[k].size, norm_chunk) : std::ptrdiff_t(0);
    };
    std::size_t total = 0;
    for (std::size_t k = 0; k < count; ++k) total += std::size_t(chunks(k));
    double* sums = static_cast<double*>(thread_workspace(total * sizeof(double)));
    if (!sums) return false;
    const auto sum = [&](std::size_t k, std::ptrdiff_t first, std::ptrdiff_t last, std::ptrdiff_t number) {
        for (std::ptrdiff_t c = first; c < last; ++c, ++number)
            sums[number] = sum_gradient(kernels, items[k], items[k].settings->l2, c * norm_chunk,
                                        std::min((c + 1) * norm_chunk, std::ptrdiff_t(items[k].size)));
    };
    split_lists(threads, count, chunks, 0.05 * sizeof(T) * norm_chunk, sum);
    for (std::size_t k = 0; k < count; sums += chunks(k++)) {
        if (!is_clipped(items[k])) continue;
        double all = 0;
        for (std::ptrdiff_t c = chunks(k); c-- > 0;) all += sums[c];  // as in sum_chunks
        items[k].factor = clip_factor(all, items[k].settings->clip);
    }
    return true;
}

// Optimizers::update with clipping: where |g + l2 w| >= clip, the Euclidean norm of the item's gradient, factor is
// clip / |g + l2 w|; it is written to the items whose settings have a clip. Before, it is 1 in those. LAMB and
// Adafactor are done wholly, steps along their directions, too.
template <typename T>
void split_update(const Threads* threads, const RealKernels<T>* real, ParameterUpdate* items, std::size_t count) {
    const Optimizers<T>& kernels = real->optimizers;
    std::size_t size = 0;
    bool clips = false, in_order = count == 1;
    for (std::size_t k = 0; k < count; ++k) {
        size += items[k].size;
        clips |= is_clipped(items[k]);
        in_order |= finds_direction(items[k].settings->rule);
    }
    if (count_parts(*threads, std::ptrdiff_t(size), update_cost<T>) == 1) {
        if (clips || in_order) update_in_order(*threads, kernels, items, count);
        else kernels.update(items, count);
        return;
    }
    if (in_order || share_memory<T>(items, count) || (clips && !find_factors(*threads, kernels, items, count)))
        return update_in_order(*threads, kernels, items, count);
    const auto pieces = [=](std::size_t k) { return count_chunks(items[k].size, update_piece); };
    const auto update = [&](std::size_t k, std::ptrdiff_t first, std::ptrdiff_t last, std::ptrdiff_t) {
        const ParameterUpdate part = part_of<T>(items[k], first * update_piece,
                                                std::min(last * update_piece, std::ptrdiff_t(items[k].size)));
        kernels.update(&part, 1);
    };
    split_lists(*threads, count, pieces, update_cost<T> * update_piece, update);
}

// The sum of the squares of all gradients as they are, without a penalty.
template <typename T>
double split_sum_squares(const Threads* threads, const RealKernels<T>* real, const ParameterUpdate* items,
                         std::size_t count) {
    double all = 0;
    for (std::size_t k = 0; k < count; ++k)
        all += sum_array(*threads, real->optimizers, items[k].gradient, items[k].size);
    return all;
}

// x *= threshold / norm where norm >= threshold; returns the norm.
template <typename T>
double split_clip(const Threads* threads, const RealKernels<T>* kernels, T* x, std::size_t n, double threshold) {
    const double sum = sum_chunks(*threads, n, norm_chunk, 0.05 * sizeof(T),
                                  [=](std::ptrdiff_t i, std::ptrdiff_t end) {
                                      return kernels->optimizers.sum_squares(x + i, end - i);
                                  });
    const double factor = clip_factor(sum, threshold), norm = std::sqrt(sum);
    if (norm >= threshold && norm > 0)
        split(*threads, n, 0.05 * sizeof(T), 64, [=](std::ptrdiff_t i, std::ptrdiff_t end) {
            kernels->optimizers.scale(x + i, factor, end - i);
        });
    return norm;
}

template <typename T>
void split_update_average(const Threads* threads, const RealKernels<T>* kernels, T* average, const T* weights,
                          double rate, std::size_t n) {
    split(*threads, n, 0.08 * sizeof(T), 64, [=](std::ptrdiff_t i, std::ptrdiff_t end) {
        kernels->optimizers.update_average(average + i, weights + i, rate, end - i);
    });
}

// --- losses: the sum over chunks of some 32768 numbers

constexpr std::ptrdiff_t loss_chunk = 32768;

inline std::ptrdiff_t loss_rows(std::size_t classes) {
    return std::ptrdiff_t(std::max(std::size_t(loss_chunk) / std::max(classes, std::size_t(1)), std::size_t(1)));
}

template <typename T>
int split_cross_entropy_labels(const Threads* threads, const RealKernels<T>* kernels, const LabelledRows* items,
                               std::size_t count, double scale, double* loss) {
    std::atomic<int> flags{0};
    const auto chunk = [&](const LabelledRows& item, std::ptrdiff_t row, std::ptrdiff_t end) {
        LabelledRows part = item;
        double sum = 0;
        part.gradient = static_cast<T*>(item.gradient) + std::size_t(row) * item.classes;
        part.guesses = static_cast<const T*>(item.guesses) + std::size_t(row) * item.classes;
        part.codes += row;
        part.rows = std::size_t(end - row);
        const int found = kernels->losses.cross_entropy_labels(&part, 1, scale, &sum);
        if (found) flags |= found;
        return sum;
    };
    const auto chunks = [=](std::size_t k) { return count_chunks(items[k].rows, loss_rows(items[k].classes)); };
    std::size_t total = 0;
    double cost = 0;
    for (std::size_t k = 0; k < count; ++k) {
        total += std::size_t(chunks(k));
        cost += 0.1 * sizeof(T) * double(items[k].rows) * double(items[k].classes);
    }
    double* sums = nullptr;
    if (total > 1 && count_parts(*threads, std::ptrdiff_t(total), cost / double(total)) > 1)
        sums = static_cast<double*>(thread_workspace(total * sizeof(double)));
    const auto run = [&](std::size_t k, std::ptrdiff_t first, std::ptrdiff_t last, std::ptrdiff_t number) {
        const std::ptrdiff_t size = loss_rows(items[k].classes);
        for (std::ptrdiff_t c = first; c < last; ++c, ++number) {
            const double sum = chunk(items[k], c * size, std::min((c + 1) * size, std::ptrdiff_t(items[k].rows)));
            if (sums) sums[number] = sum;
            else *loss += sum;
        }
    };
    *loss = 0;
    if (sums) {
        split_lists(*threads, count, chunks, cost / double(total), run);
        for (std::size_t c = 0; c < total; ++c) *loss += sums[c];
    } else {
        for (std::size_t k = 0; k < count; ++k) run(k, 0, chunks(k), 0);
    }
    return flags;
}

template <typename T>
int split_cross_entropy_soft(const Threads* threads, const RealKernels<T>* kernels, T* gradient, const T* guesses,
                             const T* truths, const unsigned char* keep, std::size_t rows, std::size_t classes,
                             double scale, double* loss) {
    std::atomic<int> flags{0};
    *loss = sum_chunks(*threads, rows, loss_rows(classes), 0.15 * sizeof(T) * double(classes),
                       [&](std::ptrdiff_t row, std::ptrdiff_t end) {
                           const std::size_t at = std::size_t(row) * classes;
                           double sum = 0;
                           const int found = kernels->losses.cross_entropy_soft(
                               gradient + at, guesses + at, truths + at, keep ? keep + row : nullptr, end - row,
                               classes, scale, &sum);
                           if (found) flags |= found;
                           return sum;
                       });
    return flags;
}

template <typename T>
double split_squared_error(const Threads* threads, const RealKernels<T>* kernels, T* gradient, const T* guesses,
                           const T* truths, std::size_t n, double scale) {
    return sum_chunks(*threads, n, loss_chunk, 0.1 * sizeof(T), [=](std::ptrdiff_t i, std::ptrdiff_t end) {
        return kernels->losses.squared_error(gradient + i, guesses + i, truths + i, end - i, scale);
    });
}

template <typename T>
double split_cosine(const Threads* threads, const RealKernels<T>* kernels, T* gradient, T* similarity,
                    const T* guesses, const T* truths, std::size_t rows, std::size_t width, double scale,
                    int ignore_zeros) {
    return sum_chunks(*threads, rows, loss_rows(width), 0.2 * sizeof(T) * double(width),
                      [=](std::ptrdiff_t row, std::ptrdiff_t end) {
                          const std::size_t at = std::size_t(row) * width;
                          return kernels->losses.cosine(gradient ? gradient + at : nullptr,
                                                        similarity ? similarity + row : nullptr, guesses + at,
                                                        truths + at, end - row, width, scale, ignore_zeros);
                      });
}

// --- batches

// Batching::gather_rows, but that rows may have been written if an index is bad.
inline std::ptrdiff_t split_gather_rows(const Threads* threads, const Kernels* kernels, char* out, const char* rows,
                                        const std::int64_t* index, std::size_t n, std::size_t n_rows,
                                        std::size_t row_bytes) {
    FirstBad bad;
    split(*threads, n, 1 + 0.05 * double(row_bytes), 64, [=, &bad](std::ptrdiff_t i, std::ptrdiff_t end) {
        char* const to = out + i * std::ptrdiff_t(row_bytes);
        const std::ptrdiff_t found = kernels->batching.gather_rows(to, rows, index + i, end - i, n_rows, row_bytes);
        if (found >= 0) bad.add(i + found);
    });
    return bad.get();
}

}  // namespace thinc
