// Maxout pieces and windows of neighbouring rows.

template <typename T> __global__ void maxout(T* best, int* which, const T* X, index_t BO, index_t P) {
    FOR_EACH(i, BO) {
        const T* pieces = X + i * P;
        index_t p = 0;
        for (index_t q = 1; q < P; ++q)
            if (pieces[q] > pieces[p] || (pieces[q] != pieces[q] && pieces[p] == pieces[p])) p = q;
        best[i] = pieces[p];
        which[i] = (int)p;
    }
}

// `is_bad` becomes 1 if a piece does not exist.
template <typename T>
__global__ void backprop_maxout(T* dX, const T* dY, const int* which, index_t BO, index_t P, int* is_bad) {
    FOR_EACH(i, BO) {
        if (which[i] < 0 || which[i] >= P) *is_bad = 1;
        for (index_t p = 0; p < P; ++p) dX[i * P + p] = p == which[i] ? dY[i] : T(0);
    }
}

// Y (B, 2 nW + 1, I) of X (B, I).
template <typename T>
__global__ void seq2col(T* Y, const T* X, const index_t* ends, index_t n_sequences, index_t B, index_t nW, index_t I) {
    const index_t width = 2 * nW + 1;
    FOR_EACH(k, B * width * I) {
        const index_t i = k % I, row = k / I / width, source = row + k / I % width - nW;
        const index_t owner = owner_of(row, ends, n_sequences);
        Y[k] = source >= start_of(owner, ends) && source < ends[owner] ? X[source * I + i] : T(0);
    }
}

template <typename T>
__global__ void backprop_seq2col(
    T* dX, const T* dY, const index_t* ends, index_t n_sequences, index_t B, index_t nW, index_t I
) {
    const index_t width = 2 * nW + 1;
    FOR_EACH(k, B * I) {
        const index_t i = k % I, row = k / I, owner = owner_of(row, ends, n_sequences);
        T sum = 0;
        for (index_t w = 0; w < width; ++w) {
            const index_t target = row + nW - w;
            if (target >= start_of(owner, ends) && target < ends[owner]) sum += dY[(target * width + w) * I + i];
        }
        dX[k] = sum;
    }
}
