// Gradients of losses with the loss: a warp for each row writes the row's part of the loss. `flags` as in
// `thinc.kernels.losses`: 1 if a guess is outside [0, 1], 2 if a truth is.

template <typename T> __device__ bool outside(T x) { return x < 0 || x > 1; }

// (guess - target) * scale of labels as codes: class >= 0 (`gold` for it, `other` for the others), -1 missing, -2 - c not
// class c. The loss is the sum of the squares.
template <typename T>
__global__ void cross_entropy_labels(
    T* gradient, T* losses, int* flags, const T* guesses, const index_t* codes, index_t B, index_t n, T gold, T other,
    T scale
) {
    FOR_EACH_ROW(row, B) {
        const index_t code = codes[row];
        T loss = 0;
        FOR_EACH_COLUMN(i, n) {
            const T guess = guesses[row * n + i];
            if (outside(guess)) atomicOr(flags, 1);
            T d = 0;
            if (code >= 0) d = (guess - (i == code ? gold : other)) * scale;
            else if (i == -2 - code) d = guess * scale;
            gradient[row * n + i] = d;
            loss += d * d;
        }
        loss = sum_of_warp(loss);
        if (threadIdx.x % 32 == 0) losses[row] = loss;
    }
}

// (guess - truth) * scale, and the sum of the squares; of rows only in so far as the loss is summed up by them.
template <typename T>
__global__ void squared_error(
    T* gradient, T* losses, const T* guesses, const T* truths, index_t B, index_t n, T scale
) {
    FOR_EACH_ROW(row, B) {
        T loss = 0;
        FOR_EACH_COLUMN(i, n) {
            const T d = (guesses[row * n + i] - truths[row * n + i]) * scale;
            gradient[row * n + i] = d;
            loss += d * d;
        }
        loss = sum_of_warp(loss);
        if (threadIdx.x % 32 == 0) losses[row] = loss;
    }
}

// With a = guess + 1e-8, b = truth + 1e-8: cosine = a.b / (|a| |b|), gradient -(b / (|a| |b|) - cosine a / |a|^2) * scale, loss
// |cosine - 1| * scale. With `ignore_zeros`, rows whose truth is all zero have neither gradient nor loss.
template <typename T>
__global__ void cosine_distance(
    T* gradient, T* cosines, T* losses, const T* guesses, const T* truths, index_t B, index_t n, T scale,
    index_t ignore_zeros
) {
    const T tiny = T(1e-8);
    FOR_EACH_ROW(row, B) {
        const T *const guess = guesses + row * n, *const truth = truths + row * n;
        T aa = 0, bb = 0, ab = 0, not_zero = 0;
        FOR_EACH_COLUMN(i, n) {
            const T a = guess[i] + tiny, b = truth[i] + tiny;
            aa += a * a;
            bb += b * b;
            ab += a * b;
            if (truth[i] != 0) not_zero = 1;
        }
        aa = sum_of_warp(aa);
        bb = sum_of_warp(bb);
        ab = sum_of_warp(ab);
        const bool counts = !ignore_zeros || sum_of_warp(not_zero) > 0;
        const T norms = sqrt(aa) * sqrt(bb), cosine = ab / norms;
        FOR_EACH_COLUMN(i, n) {
            const T d = cosine * (guess[i] + tiny) / aa - (truth[i] + tiny) / norms;
            gradient[row * n + i] = counts ? d * scale : T(0);
        }
        if (threadIdx.x % 32 == 0) {
            cosines[row] = cosine;
            losses[row] = counts ? (cosine > 1 ? cosine - 1 : 1 - cosine) * scale : T(0);
        }
    }
}
