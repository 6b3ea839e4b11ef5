// The register-blocked core of matrix products: a tile of C of up to max_rows x max_vectors registers stays in
// registers while k runs; rows of B are loaded as vectors, elements of A are broadcast. float, double.
#pragma once
#include "thinc/simd/vec.hh"

namespace thinc::THINC_ISA {

using gemm_index = std::ptrdiff_t;

// How many registers a tile takes: FMAs have a latency of 4 to 5 cycles and two start per cycle, so at least ten
// accumulators keep the units busy; the rest is bounded by the register file. The squarer a tile, the fewer loads there
// are for each FMA, which another thread on the same core is then not kept waiting for.
struct GemmShape {
    int rows, vectors;
};
#if defined(__AVX512F__)
constexpr GemmShape gemm_shapes[] = {{14, 2}, {6, 4}, {9, 3}};  // of 32 registers
constexpr int gemm_large_shapes = 3;  // so many, the first ones, are compared where there are many rows
#elif defined(__aarch64__)
constexpr GemmShape gemm_shapes[] = {{12, 2}, {6, 4}};
constexpr int gemm_large_shapes = 1;
#else
constexpr GemmShape gemm_shapes[] = {{6, 2}, {3, 4}};  // of 16 registers
constexpr int gemm_large_shapes = 1;
#endif
constexpr int gemm_max_rows = gemm_shapes[0].rows;
// The most vectors of a tile with so many rows.
constexpr int gemm_max_vectors(int rows) {
    int most = 0;
    for (const GemmShape& shape : gemm_shapes)
        if (rows <= shape.rows && shape.vectors > most) most = shape.vectors;
    return most;
}

// Few accumulators would wait for each other: then several steps of k go to accumulators of their own. With AVX-512
// their number does not depend on the width of the panel for up to gemm_even_rows rows, so the sums of a column are
// the same whatever panel it is in.
#if defined(__AVX512F__)
constexpr int gemm_even_rows = 3;
#else
constexpr int gemm_even_rows = 0;
#endif
constexpr int gemm_steps(int rows, int vectors) {
    if (rows <= gemm_even_rows) return rows == 1 ? 4 : 2;
    return rows * vectors >= 8 ? 1 : rows * vectors >= 4 ? 2 : 4;
}

// The last vector of a row of C: its first n lanes exist (1 <= n <= lanes); the others are not touched.
#if defined(__AVX512F__)
template <typename T> struct Lanes;
template <> struct Lanes<float> {
    __mmask16 mask;
    THINC_INLINE explicit Lanes(gemm_index n) : mask(static_cast<__mmask16>(0xffffu >> (16 - n))) {}
    THINC_INLINE Vec<float> load(const float* p) const { return {(Vec<float>::raw)_mm512_maskz_loadu_ps(mask, p)}; }
    THINC_INLINE void store(float* p, Vec<float> v) const { _mm512_mask_storeu_ps(p, mask, (__m512)v.v); }
};
template <> struct Lanes<double> {
    __mmask8 mask;
    THINC_INLINE explicit Lanes(gemm_index n) : mask(static_cast<__mmask8>(0xffu >> (8 - n))) {}
    THINC_INLINE Vec<double> load(const double* p) const { return {(Vec<double>::raw)_mm512_maskz_loadu_pd(mask, p)}; }
    THINC_INLINE void store(double* p, Vec<double> v) const { _mm512_mask_storeu_pd(p, mask, (__m512d)v.v); }
};
#elif defined(__AVX2__)
template <typename T> struct Lanes;
template <> struct Lanes<float> {
    __m256i mask;
    THINC_INLINE explicit Lanes(gemm_index n)
        : mask(_mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))) {}
    THINC_INLINE Vec<float> load(const float* p) const { return {(Vec<float>::raw)_mm256_maskload_ps(p, mask)}; }
    THINC_INLINE void store(float* p, Vec<float> v) const { _mm256_maskstore_ps(p, mask, (__m256)v.v); }
};
template <> struct Lanes<double> {
    __m256i mask;
    THINC_INLINE explicit Lanes(gemm_index n)
        : mask(_mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3))) {}
    THINC_INLINE Vec<double> load(const double* p) const { return {(Vec<double>::raw)_mm256_maskload_pd(p, mask)}; }
    THINC_INLINE void store(double* p, Vec<double> v) const { _mm256_maskstore_pd(p, mask, (__m256d)v.v); }
};
#else
template <typename T> struct Lanes {
    gemm_index n;
    THINC_INLINE explicit Lanes(gemm_index lanes) : n(lanes) {}
    THINC_INLINE Vec<T> load(const T* p) const {
        return n == gemm_index(Vec<T>::lanes) ? Vec<T>::load(p) : Vec<T>::load_some(p, n);
    }
    THINC_INLINE void store(T* p, Vec<T> v) const {
        if (n == gemm_index(Vec<T>::lanes)) v.store(p);
        else v.store_some(p, n);
    }
};
#endif

// Rows of a matrix that will soon be read, fetched into the second-level cache bit by bit.
struct GemmFetch {
    struct Rows {
        const char* row = nullptr;
        gemm_index step = 0, count = 0;  // bytes from row to row; how many there are
        gemm_index lines = 0, line = 0;  // cache lines of each, the next one of them

        template <typename T> void set(const T* first, gemm_index stride, gemm_index rows, gemm_index columns) {
            constexpr gemm_index bytes = sizeof(T);
            row = reinterpret_cast<const char*>(first), step = stride * bytes, count = rows;
            lines = (columns * bytes + 127) / 64, line = 0;
        }
        gemm_index share(gemm_index parts) const { return (count * lines + parts - 1) / parts; }
        THINC_INLINE void some(gemm_index n) {
            for (; n > 0 && count > 0; --n) {
                __builtin_prefetch(row + 64 * line, 0, 2);
                if (++line == lines) line = 0, row += step, --count;
            }
        }
    } a, b;
};

// Up to `max_rows` rows of C, panel by panel: C = alpha * A B + bias + beta * C. beta == 0 does not read C.
template <typename T> struct GemmStrip {
    gemm_index K;
    const T* A;
    gemm_index sa;  // elements between rows of A (GemmA::rows) or between columns (GemmA::columns)
    const T* B;
    gemm_index sb, next_panel;  // elements between rows of B, and from one panel of columns to the next
    T* C;
    gemm_index sc;
    bool padded;                // rows of B may be read in whole vectors
    T* packed;                  // where strips that copy B put its panels, one after the other, while they use them
    gemm_index panels, last;  // how many panels, each of NV vectors; columns in the last vector of the last one
    T alpha, beta;
    const T* bias;  // one per column, or null
    // What is fetched into the caches while the sums are computed: C, and of what comes next so many cache lines for
    // each row of each panel. Null: nothing at all.
    GemmFetch* fetch;
    gemm_index fetch_a, fetch_b;
};

// The two steps of the inner loop. Where all 16 registers are taken they are held to their order and form: left alone,
// GCC loads several elements of A early and turns accumulators into addends of other registers, and moves and spills
// them for that in every step (AVX2: 0.65 of the speed). With 32 registers it does well (and 5 % better on its own).
#if defined(__AVX2__) && !defined(__AVX512F__)
template <typename T> THINC_INLINE Vec<T> broadcast_here(T x) {
    Vec<T> v = {x - typename Vec<T>::raw{}};
    __asm__ volatile("" : "+x"(v.v));
    return v;
}
template <typename T> THINC_INLINE void accumulate(Vec<T>& sum, Vec<T> a, Vec<T> b) {
    if constexpr (sizeof(T) == 4) __asm__ volatile("vfmadd231ps %2, %1, %0" : "+x"(sum.v) : "x"(a.v), "x"(b.v));
    else __asm__ volatile("vfmadd231pd %2, %1, %0" : "+x"(sum.v) : "x"(a.v), "x"(b.v));
}
#else
// (V::fill would add zero, for the sake of -0.)
template <typename T> THINC_INLINE Vec<T> broadcast_here(T x) { return {x - typename Vec<T>::raw{}}; }
template <typename T> THINC_INLINE void accumulate(Vec<T>& sum, Vec<T> a, Vec<T> b) { sum = fma(a, b, sum); }
#endif

// A value that is used two or three times is loaded once: GCC would load it for each use, as an operand of it.
template <typename T> THINC_INLINE void keep_in_register(Vec<T>& v) {
#if defined(__AVX512F__)
    __asm__("" : "+v"(v.v));
#elif defined(__SSE2__)
    __asm__("" : "+x"(v.v));
#else
    static_cast<void>(v);
#endif
}

enum class GemmA { rows, columns };  // which stride of A is not 1
// How vectors of B are read: whole ones; the last of a row up to the columns that exist; like that, and copied.
enum class GemmB { whole, partial, copied };
constexpr int gemm_copy_rows = 5;     // of a tile that may copy what it reads, at least
constexpr gemm_index copy_ahead = 8;  // rows of B, far apart, that are fetched before they are used and copied

// One panel.
template <typename T, int R, int NV, GemmA layout, GemmB reading>
THINC_INLINE void gemm_panel(const GemmStrip<T>& t, const T* B, T* packed, T* C, const T* bias, gemm_index last) {
    using V = Vec<T>;
    constexpr int U = gemm_steps(R, NV);
    constexpr int lanes = V::lanes, groups = (R + 3) / 4;
    const Lanes<T> tail(last);
    V acc[U][R][NV];
#pragma GCC unroll 4
    for (int u = 0; u < U; ++u)
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
            for (int j = 0; j < NV; ++j) acc[u][r][j] = V{};

    // Four rows share a base pointer: base, base + s, base + 2 s, base + 3 s are all addressing modes.
    // In bytes, as GCC makes a copy of every loop for element strides that happen to be 1.
    constexpr gemm_index bytes = sizeof(T);
    const gemm_index sa = t.sa * bytes, sb = t.sb * bytes;
    const gemm_index s = layout == GemmA::rows ? sa : bytes, s3 = 3 * s, step = layout == GemmA::rows ? bytes : sa;
    const char* a[groups];
#pragma GCC unroll 4
    for (int g = 0; g < groups; ++g) a[g] = reinterpret_cast<const char*>(t.A) + 4 * g * s;
    const char* b = reinterpret_cast<const char*>(B);

    const auto product = [&](int u, gemm_index at) THINC_INLINE_LAMBDA {
        V row[NV];
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j)
            row[j] = reading != GemmB::whole && j + 1 == NV ? tail.load(reinterpret_cast<const T*>(b) + j * lanes)
                                                            : V::load(reinterpret_cast<const T*>(b) + j * lanes);
        if constexpr (reading == GemmB::copied) {
#pragma GCC unroll 4
            for (int j = 0; j < NV; ++j, packed += lanes) {
                row[j].store(packed);
                __builtin_prefetch(b + copy_ahead * sb + j * THINC_VECTOR_BYTES);
            }
        }
        if constexpr (R == 2 || (R == 3 && gemm_even_rows == 3))
#pragma GCC unroll 4
            for (int j = 0; j < NV; ++j) keep_in_register(row[j]);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
            const char* base = a[r / 4] + at;
            const T x = *reinterpret_cast<const T*>(r % 4 == 3 ? base + s3 : base + (r % 4) * s);
            const V value = broadcast_here(x);
#pragma GCC unroll 4
            for (int j = 0; j < NV; ++j) accumulate(acc[u][r][j], value, row[j]);
        }
    };

    constexpr int unroll = U == 1 && NV > 2 ? 4 : U > 2 ? U : 2, at_once = R > 8 ? 2 : 3;  // rows of C fetched together
    gemm_index k = 0;
    const gemm_index K = t.K, whole = K / unroll * unroll, share = K / (R / at_once + 2) / unroll * unroll;
    const char* fetch_c = reinterpret_cast<const char*>(C);
    for (gemm_index row = t.fetch ? 0 : R; k < whole; row += at_once) {
        gemm_index end = whole;
        if (row < R) {
            end = k + share;
#pragma GCC unroll 4
            for (int r = 0; r < at_once; ++r, fetch_c += t.sc * bytes)
#pragma GCC unroll 4
                for (int j = 0; j < NV; ++j) __builtin_prefetch(fetch_c + j * THINC_VECTOR_BYTES, 1);
            t.fetch->a.some(at_once * t.fetch_a);
            t.fetch->b.some(at_once * t.fetch_b);
        }
        for (; k < end; k += unroll) {
#pragma GCC unroll 4
            for (int i = 0; i < unroll; ++i) {
                product(i % U, layout == GemmA::rows ? i * bytes : 0);
                b += sb;
                if (layout == GemmA::columns)
#pragma GCC unroll 4
                    for (int g = 0; g < groups; ++g) a[g] += step;
            }
            if (layout == GemmA::rows)
#pragma GCC unroll 4
                for (int g = 0; g < groups; ++g) a[g] += unroll * bytes;
        }
    }
    for (; k < K; ++k) {
        product(0, 0);
        b += sb;
#pragma GCC unroll 4
        for (int g = 0; g < groups; ++g) a[g] += step;
    }

#pragma GCC unroll 4
    for (int u = 1; u < U; ++u)
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
            for (int j = 0; j < NV; ++j) acc[0][r][j] = acc[0][r][j] + acc[u][r][j];

    const gemm_index sc = t.sc;
    if (t.alpha != T(1) || t.beta != T(0)) {
        const V alpha = V::fill(t.alpha), beta = V::fill(t.beta);
        const bool reads = t.beta != T(0);
        T* c = C;
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r, c += sc)
#pragma GCC unroll 4
            for (int j = 0; j < NV; ++j) {
                const V old = !reads ? V{} : j + 1 < NV ? V::load(c + j * lanes) : tail.load(c + j * lanes);
                acc[0][r][j] = fma(alpha, acc[0][r][j], beta * old);
            }
    }
    if (bias) {
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) {
            const V value = j + 1 < NV ? V::load(bias + j * lanes) : tail.load(bias + j * lanes);
#pragma GCC unroll 16
            for (int r = 0; r < R; ++r) acc[0][r][j] = acc[0][r][j] + value;
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r, C += sc)
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j)
            if (j + 1 < NV) acc[0][r][j].store(C + j * lanes);
            else tail.store(C + j * lanes, acc[0][r][j]);
}

template <typename T, int R, int NV, GemmA layout, bool Copies = false>
__attribute__((noinline)) void gemm_strip(const GemmStrip<T>& t) {
    constexpr gemm_index lanes = Vec<T>::lanes;
    const T *b = t.B, *bias = t.bias;
    T *c = t.C, *packed = t.packed;
    for (gemm_index p = t.panels; p > 0; --p) {
        const gemm_index last = p > 1 ? lanes : t.last;
        // A load under a mask takes a register, or half the time of a multiplication.
        if constexpr (Copies) {
            gemm_panel<T, R, NV, layout, GemmB::copied>(t, b, packed, c, bias, last);
            packed += t.K * NV * lanes;
        } else if (last < lanes && !t.padded) gemm_panel<T, R, NV, layout, GemmB::partial>(t, b, packed, c, bias, last);
        else gemm_panel<T, R, NV, layout, GemmB::whole>(t, b, packed, c, bias, last);
        b += t.next_panel, c += NV * lanes;
        if (bias) bias += NV * lanes;
    }
}

}  // namespace thinc::THINC_ISA
