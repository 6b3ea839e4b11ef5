// The table of kernels: what Cython sees. One filled table per instruction set; see kernels/*.hh for the contracts.
// A family has a struct of its own; RealKernels gathers those that exist for float and double.
#pragma once
#include <cstddef>
#include <cstdint>

#include "thinc/cpu.hh"

namespace thinc {

// --- activations (kernels/activations.hh); args: the function's parameters, null where it has none
template <typename T> using Map = void (*)(T* y, const T* x, std::size_t n, const double* args);
template <typename T> struct Activation {
    Map<T> forward;
    void (*backward)(T* dx, const T* dy, const T* x_or_y, std::size_t n, const double* args);
};
template <typename T> struct Activations {
    Activation<T> relu, clipped_linear, sigmoid, tanh, hard_swish, hard_swish_mobilenet, dish, gelu, gelu_approx, mish;
    Map<T> swish;
    void (*backprop_swish)(T* dx, const T* dy, const T* x, const T* y, std::size_t n, const double* args);
    Map<T> dsigmoid, dtanh, sechsq, erf;
};

// --- elementary functions (kernels/elementary.hh): for the tests of simd/math.hh
template <typename T> struct Elementary {
    Map<T> exp, exp_moderate, exp_negative, log, log1p, tanh, logistic, erf, normal_tail;
};

// --- softmax (kernels/softmax.hh)
template <typename T> struct Softmaxes {
    void (*softmax)(T* y, const T* x, std::size_t rows, std::size_t n, T scale);
    void (*backprop_softmax)(T* dx, const T* y, const T* dy, std::size_t rows, std::size_t n, T scale);
    void (*softmax_sequences)(T* y, const T* x, const std::int32_t* lengths, std::size_t B, std::size_t O);
    void (*backprop_softmax_sequences)(T* dx, const T* dy, const T* y, const std::int32_t* lengths, std::size_t B,
                                       std::size_t O);
};

// --- layer norm and sums over rows (kernels/layernorm.hh)
template <typename T> struct Normalizers {
    void (*layernorm)(T* y, T* mu, T* rstd, const T* x, const T* gain, const T* bias, std::size_t rows, std::size_t n,
                      T epsilon);
    void (*backprop_layernorm)(T* dx, T* dgain, T* dbias, const T* dy, const T* x, const T* gain, const T* mu,
                               const T* rstd, std::size_t rows, std::size_t n);
    void (*sum_columns)(T* sums, const T* x, std::size_t rows, std::size_t n);
    void (*rmsnorm)(T* y, T* rstd, const T* x, const T* gain, std::size_t rows, std::size_t n, T epsilon);
    void (*backprop_rmsnorm)(T* dx, T* dgain, const T* dy, const T* x, const T* gain, const T* rstd, std::size_t rows,
                             std::size_t n);
};

// --- maxout (kernels/maxout.hh)
template <typename T> struct Maxouts {
    void (*maxout)(T* best, std::int32_t* which, const T* x, std::size_t N, std::size_t P);
    std::ptrdiff_t (*backprop_maxout)(T* dx, const T* dy, const std::int32_t* which, std::size_t N, std::size_t P);
};

// --- a dense layer with maxout (kernels/maxout_dense.hh, maxout_gradient.hh); strides are elements between rows
template <typename T> struct MaxoutDense {
    std::ptrdiff_t B, nO, P, nI;
    const T* X;  // (B, nI)
    std::ptrdiff_t sX;
    const T *W, *b;       // (nO, P, nI), (nO, P)
    T* Y;                 // (B, nO)
    std::uint8_t* which;  // (B, nO): the pieces that were chosen
};
template <typename T> struct MaxoutGradient {
    std::ptrdiff_t B, nO, P, nI;
    const T* dY;  // (B, nO)
    std::ptrdiff_t sdY;
    const std::uint8_t* which;  // (B, nO)
    std::ptrdiff_t swhich;
    const T* X;  // (B, nI)
    std::ptrdiff_t sX;
    const T* W;  // (nO, P, nI)
    T* dX;       // (B, nI), or null
    T *dW, *db;  // (nO, P, nI), which is added to, and (nO, P); or both null
};
template <typename T> struct MaxoutDenses {
    std::size_t (*workspace)(const MaxoutDense<T>* call);  // elements of T
    void (*forward)(const MaxoutDense<T>* call, T* work, std::size_t size);
    std::size_t (*gradient_workspace)(const MaxoutGradient<T>* call);
    std::ptrdiff_t (*gradient)(const MaxoutGradient<T>* call, T* work);
};

// --- random numbers (kernels/random.hh) and dropout (kernels/dropout.hh)
struct Random {
    void (*bits)(std::uint32_t* out, std::size_t n, std::uint64_t key, std::uint64_t first);
    void (*dropout_mask)(float* mask, std::size_t n, std::uint64_t key, std::uint64_t first, std::uint32_t threshold,
                         float scale);
};
template <typename T> struct Dropout {
    void (*forward)(T* y, std::uint64_t* kept, const T* x, std::size_t n, std::uint64_t key, std::uint64_t first,
                    std::uint32_t threshold, T scale, std::size_t whole);
    void (*backward)(T* dx, const T* dy, const std::uint64_t* kept, std::size_t n, T scale, std::size_t whole);
};

// --- attention of one query over sequences (kernels/query_attention.hh)
template <typename T> struct QueryAttention {
    void (*forward)(T* Y, T* a, const T* X, const T* K, const T* Q, const std::int32_t* lengths, std::size_t B,
                    std::size_t O, std::size_t whole);
    void (*backward)(T* dX, T* dK, T* d, const T* dY, const T* X, const T* Q, const T* a, const std::int32_t* lengths,
                     std::size_t B, std::size_t O, std::size_t whole);
};

// --- reductions (kernels/reduce.hh)
template <typename T> struct Reductions {
    void (*reduce_sum)(T* out, const T* X, const std::int32_t* lengths, std::size_t B, std::size_t O);
    void (*reduce_mean)(T* out, const T* X, const std::int32_t* lengths, std::size_t B, std::size_t O);
    void (*reduce_max)(T* maxes, std::int32_t* which, const T* X, const std::int32_t* lengths, std::size_t B,
                       std::size_t O);
    void (*backprop_reduce_sum)(T* dX, const T* d, const std::int32_t* lengths, std::size_t B, std::size_t O);
    void (*backprop_reduce_mean)(T* dX, const T* d, const std::int32_t* lengths, std::size_t B, std::size_t O);
    std::ptrdiff_t (*backprop_reduce_max)(T* dX, const T* d, const std::int32_t* which, const std::int32_t* lengths,
                                          std::size_t B, std::size_t O);
};

// --- windows (kernels/sequences.hh)
template <typename T> struct Windows {
    void (*seq2col)(T* out, const T* X, const std::int32_t* lengths, std::size_t n, std::size_t I, std::size_t nW,
                    std::size_t first, std::size_t last);
    void (*backprop_seq2col)(T* dX, const T* dY, const std::int32_t* lengths, std::size_t n, std::size_t I,
                             std::size_t nW, std::size_t first, std::size_t last);
    void (*add)(T* out, const T* X, const T* Y, std::size_t n, std::size_t whole);
    void (*multiply)(T* out, const T* X, const T* Y, std::size_t n, std::size_t whole);
    void (*add_reversed)(T* out, const T* X, std::size_t X_stride, const T* Y, const std::int32_t* lengths,
                         std::size_t S, std::size_t B, std::size_t I, std::size_t first, std::size_t last);
};

// --- tables (kernels/gather.hh)
template <typename T> struct Tables {
    std::ptrdiff_t (*gather_add)(T* out, const T* table, const std::int32_t* indices, std::size_t rows, std::size_t O,
                                 std::size_t B, std::size_t K);
    std::ptrdiff_t (*scatter_add)(T* table, const std::int32_t* indices, const T* values, std::size_t rows,
                                  std::size_t O, std::size_t B, std::size_t K, std::uint32_t part, std::uint32_t parts);
};

// --- hashing (kernels/hashing.hh)
struct Hashing {
    void (*hash_ids)(std::uint32_t* out, const std::uint64_t* ids, std::uint32_t seed, std::size_t n);
    void (*hash_rows)(std::int32_t* rows, const std::uint64_t* ids, std::uint32_t seed, std::uint32_t T,
                      std::size_t n);
    void (*hash_ngrams)(std::uint64_t* out, const std::uint64_t* keys, std::size_t size, std::size_t n);
    void (*hash_slots)(std::uint32_t* out, const std::uint64_t* keys, std::uint32_t length, bool mask, std::size_t n);
    std::uint32_t (*highest)(const std::uint32_t* x, std::size_t n);
};

// --- matrix products (kernels/gemm*.hh): C (M, N) = alpha * A (M, K) B (K, N) + bias + beta * C
template <typename T> struct GemmCall {
    std::ptrdiff_t M, N, K;
    const T* A;
    std::ptrdiff_t rsa, csa;  // elements between rows, between columns; one of them is 1
    const T* B;
    std::ptrdiff_t rsb, csb;  // likewise
    T* C;
    std::ptrdiff_t rsc;  // between rows; columns are adjacent
    T alpha, beta;
    const T* bias;  // (N,) or null
};
constexpr std::size_t gemm_least_work = 2048;
struct GemmGrid {
    std::ptrdiff_t rows, columns;  // of parts: rows * columns parts
};
template <typename T> struct Gemm {
    std::size_t (*workspace)(const GemmCall<T>* call);  // elements that gemm would like to have in `work`
    void (*gemm)(const GemmCall<T>* call, T* work, std::size_t size);  // size: that, or at least gemm_least_work
    // The same for several threads: how many parts the product has, what a part needs as workspace, and what it does.
    GemmGrid (*grid)(const GemmCall<T>* call, std::ptrdiff_t threads);
    std::size_t (*part_workspace)(const GemmCall<T>* call, GemmGrid grid, std::ptrdiff_t part);
    void (*gemm_part)(const GemmCall<T>* call, GemmGrid grid, std::ptrdiff_t part, T* work, std::size_t size);
    void (*axpy)(T* y, T alpha, const T* x, std::size_t n);
};

// --- LSTM (kernels/lstm.hh)
// The rows of one step, nO units each. Strides are elements between rows; rows without one are adjacent.
template <typename T> struct LSTMStep {
    std::size_t rows, nO;
    const T* a;  // (rows, 4 nO)
    T *c, *h;    // (rows, nO): the state before and after the step; the latter only
    T* y;        // (rows, nO)
    std::size_t y_stride;
    T *gates, *cells;  // (rows, nO, 4), (rows, nO): what backward needs, or both null
};
template <typename T> struct LSTMBackpropStep {
    std::size_t rows, nO;
    const T* dy;  // (rows, nO)
    std::size_t dy_stride;
    const T *dh, *gates, *cells;  // (rows, nO), (rows, nO, 4), (rows, nO)
    const T* before;              // (rows, nO): cells before the step
    std::size_t before_stride;
    T *dc, *da;  // (rows, nO) in place, (rows, 4 nO)
};
template <typename T> struct LSTMs {
    void (*step)(const LSTMStep<T>* step);
    void (*backprop_step)(const LSTMBackpropStep<T>* step);
};

// --- gated units and the GRU (kernels/gated.hh)
// The rows of one step, nO units each; rows are adjacent.
template <typename T> struct GRUStep {
    std::size_t rows, nO;
    const T *a, *u, *b, *h;  // (rows, 3 nO), (rows, 3 nO), (nO,), (rows, nO): the state before
    T *y, *gates;            // (rows, nO), and (rows, 4 nO): what backward needs, or null
};
template <typename T> struct GRUBackpropStep {
    std::size_t rows, nO;
    const T *dy, *gates, *h;  // (rows, nO), (rows, 4 nO), (rows, nO)
    T *dh, *da, *du;          // (rows, nO) in place, (rows, 3 nO), (rows, 3 nO)
};
template <typename T> struct GatedUnits {
    void (*glu)(T* y, const T* a, std::size_t rows, std::size_t n);
    void (*backprop_glu)(T* da, const T* dy, const T* a, std::size_t rows, std::size_t n);
    void (*swiglu)(T* y, const T* a, std::size_t rows, std::size_t n);
    void (*backprop_swiglu)(T* da, const T* dy, const T* a, std::size_t rows, std::size_t n);
    void (*gru_step)(const GRUStep<T>* step);
    void (*backprop_gru_step)(const GRUBackpropStep<T>* step);
};

// --- attention (kernels/attention.hh)
// One head of one sequence. Strides are elements between rows; those of Q, K, V and their gradients are the same.
template <typename T> struct AttentionHead {
    std::ptrdiff_t rows, width;
    const T *Q, *K, *V;  // (rows, width)
    std::ptrdiff_t sX;
    T* Y;  // (rows, width)
    std::ptrdiff_t sY;
    T* norms;  // (rows,)
    T scale;
    bool causal;
    // Dropout: the key of the stream of random bits, the element for row 0 and key 0, a multiple of 64, and how many
    // elements there are for a row, too. Without dropout the threshold is 0.
    std::uint64_t key, first, row_bits;
    std::uint32_t threshold;
    double rate;
    float kept;  // what remaining weights are multiplied by
};
template <typename T> struct AttentionGradient {
    const T* dY;  // (rows, width)
    std::ptrdiff_t sY;
    T *dQ, *dK, *dV;  // (rows, width)
    std::ptrdiff_t sX;
};
template <typename T> struct Attentions {
    std::size_t (*workspace)(const AttentionHead<T>* head);  // elements of T
    void (*forward)(const AttentionHead<T>* head, T* work);
    std::size_t (*backprop_workspace)(const AttentionHead<T>* head);
    void (*backprop)(const AttentionHead<T>* head, const AttentionGradient<T>* gradient, T* work);
    void (*rotate)(T* X, std::ptrdiff_t sX, const T* waves, std::ptrdiff_t rows, std::ptrdiff_t heads,
                   std::ptrdiff_t width, bool back);
};

// --- optimizers (kernels/optimizers.hh, adafactor.hh)
enum UpdateRule : int {
    update_sgd, update_momentum, update_adam, update_heavy_ball, update_nadam, update_lion, update_lamb,
    update_schedule_free, update_adafactor
};
// Whether the update only finds the direction of a step, whose length depends on all of it.
constexpr bool finds_direction(int rule) { return rule == update_lamb || rule == update_adafactor; }

// The numbers of an update, for all parameters that are at the same step under the same settings.
struct UpdateSettings {
    int rule;         // UpdateRule
    int decay_first;  // whether the weights are shrunk before the step instead of after it
    double step, gradient_step, beta1, beta2, eps, l2, decay, clip, average_rate;
    double smallest_rms, largest_rms;  // Adafactor: of weights, as which they count at least, and of directions
};

// The arrays of one parameter, all of the kernel's type; those that the rule does not use may be null.
struct ParameterUpdate {
    void *weights, *gradient, *mom1, *mom2, *average;
    std::size_t size;
    double factor;  // of the gradient: less than 1 where it is clipped
    const UpdateSettings* settings;
    // Matrices of which mom1 and mom2 are the moments of rows and columns: their shape, and memory for one number of
    // each column of all of them, of each column of one, and of each matrix. Of all others width is 0.
    std::size_t rows, width;
    void* work;
};

// Of moments of rows or of columns: a sum, and the smallest one.
struct FactoredSums {
    double sum, least;
};

template <typename T> struct Optimizers {
    void (*update)(const ParameterUpdate* items, std::size_t count);
    double (*sum_squares)(const T* x, std::size_t n);
    double (*sum_squares_penalised)(const T* x, const T* w, double l2, std::size_t n);
    void (*scale)(T* x, double factor, std::size_t n);
    void (*update_average)(T* average, const T* weights, double rate, std::size_t n);
    FactoredSums (*factored_rows)(const T* g, T* R, T* squares, T* ratios, std::size_t rows, std::size_t width,
                                  double factor, double share);
    FactoredSums (*factored_columns)(T* C, T* squares, const T* ratios, std::size_t rows, std::size_t width,
                                     double share);
    void (*factored_direction)(T* g, const T* R, const T* C, std::size_t rows, std::size_t width, double factor,
                               double mean, double floor);
    void (*factored_step)(T* w, T* g, const T* R, const T* c, std::size_t rows, std::size_t width, double step,
                          double keep);
};

// --- losses (kernels/losses.hh, cross_entropy.hh, elementwise_losses.hh)
// A batch of rows; the arrays of values are of the kernel's type.
struct LabelledRows {
    void* gradient;             // (rows, classes)
    const void* guesses;        // (rows, classes)
    const std::int64_t* codes;  // (rows,)
    std::size_t rows, classes;
    double gold, other;  // targets of the labelled class and of every other one
};

struct SoftRows {
    void* gradient;
    const void *guesses, *truths;  // (rows, classes)
    const void* weights;           // (classes,) or null
    const unsigned char* keep;     // (rows,) or null
    std::size_t rows, classes;
    int relative;  // whether the loss is the divergence from the truths
};
struct BinaryLoss {
    double positive, negative, focus, missing;  // weights, exponent; missing: NaN if every truth counts
    int from_logits;
};

enum LossRange : int { guesses_out_of_range = 1, truths_out_of_range = 2 };

template <typename T> struct Losses {
    int (*cross_entropy_labels)(const LabelledRows* items, std::size_t count, double scale, double* loss);
    int (*cross_entropy_soft)(T* gradient, const T* guesses, const T* truths, const unsigned char* keep,
                              std::size_t rows, std::size_t classes, double scale, double* loss);
    double (*squared_error)(T* gradient, const T* guesses, const T* truths, std::size_t n, double scale);
    double (*cosine)(T* gradient, T* similarity, const T* guesses, const T* truths, std::size_t rows,
                     std::size_t width, double scale, int ignore_zeros);
    int (*log_loss_labels)(const LabelledRows* item, const T* weights, int from_logits, double scale, double* loss);
    int (*log_loss_soft)(const SoftRows* item, int from_logits, double scale, double* loss);
    int (*binary)(T* gradient, const T* guesses, const T* truths, const T* weights, std::size_t rows,
                  std::size_t columns, const BinaryLoss* settings, double scale, double* loss);
    double (*huber)(T* gradient, const T* guesses, const T* truths, std::size_t n, double delta, double scale);
    int (*margin_ranking)(T* gradient, const T* guesses, const T* truths, std::size_t n, double margin, double scale,
                          double* loss);
    void (*logloss)(T* out, const T* truths, const T* guesses, std::size_t n, const double* args);  // no args
};

// --- batching (kernels/batching.hh)
struct Batching {
    std::ptrdiff_t (*gather_rows)(char* out, const char* rows, const std::int64_t* index, std::size_t n,
                                  std::size_t n_rows, std::size_t row_bytes);
};

// --- copies (kernels/copies.hh)
template <typename T> struct Copies {
    void (*transpose)(T* to, std::size_t to_stride, const T* x, std::size_t stride, std::size_t rows,
                      std::size_t columns);
};

// --- everything that exists for float and for double
template <typename T> struct RealKernels {
    Activations<T> activations;
    Elementary<T> elementary;
    Softmaxes<T> softmax;
    Normalizers<T> normalize;
    Dropout<T> dropout;
    Maxouts<T> maxout;
    MaxoutDenses<T> maxout_dense;
    Reductions<T> reductions;
    Windows<T> windows;
    Tables<T> tables;
    Gemm<T> gemm;
    LSTMs<T> lstm;
    GatedUnits<T> gated;
    Attentions<T> attention;
    QueryAttention<T> query_attention;
    Optimizers<T> optimizers;
    Losses<T> losses;
    Copies<T> copies;
};

struct Kernels {
    const char* isa;
    RealKernels<float> f32;
    RealKernels<double> f64;
    Random random;
    Hashing hashing;
    Batching batching;
};

// The half of the table that takes arrays of the argument's type (the pointer itself is not used).
inline const RealKernels<float>* real_kernels(const Kernels* k, const float*) { return &k->f32; }
inline const RealKernels<double>* real_kernels(const Kernels* k, const double*) { return &k->f64; }

namespace baseline { extern const Kernels kernels; }
namespace avx2 { extern const Kernels kernels; }
namespace avx512 { extern const Kernels kernels; }
namespace neon { extern const Kernels kernels; }

// The variants that were built and that this CPU can run, worst first; returns how many.
inline int available_kernels([[maybe_unused]] const Kernels* found[4]) {
    int n = 0;
#if defined(THINC_HAS_BASELINE)
    found[n++] = &baseline::kernels;
#endif
#if defined(THINC_HAS_NEON)
    found[n++] = &neon::kernels;
#endif
#if defined(THINC_HAS_AVX2)
    if (cpu_features().has_avx2()) found[n++] = &avx2::kernels;
#endif
#if defined(THINC_HAS_AVX512)
    if (cpu_features().has_avx512()) found[n++] = &avx512::kernels;
#endif
    return n;
}

}  // namespace thinc
