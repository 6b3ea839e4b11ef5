// Softmax and layer normalization of rows, a warp for each.

template <typename T> __global__ void softmax(T* Y, const T* X, index_t B, index_t n, T temperature) {
    FOR_EACH_ROW(row, B) {
        const T* const x = X + row * n;
        T* const y = Y + row * n;
        T largest = x[0] / temperature;
        FOR_EACH_COLUMN(i, n) {
            const T logit = x[i] / temperature;
            if (logit > largest || logit != logit) largest = logit;
        }
        largest = max_of_warp(largest);
        T sum = 0;
        FOR_EACH_COLUMN(i, n) sum += y[i] = exp(x[i] / temperature - largest);
        sum = sum_of_warp(sum);
        FOR_EACH_COLUMN(i, n) y[i] /= sum;
    }
}

template <typename T>
__global__ void backprop_softmax(T* dX, const T* Y, const T* dY, index_t B, index_t n, T temperature) {
    FOR_EACH_ROW(row, B) {
        const index_t first = row * n;
        T sum = 0;
        FOR_EACH_COLUMN(i, n) sum += Y[first + i] * dY[first + i];
        sum = sum_of_warp(sum);
        FOR_EACH_COLUMN(i, n) dX[first + i] = Y[first + i] * (dY[first + i] - sum) / temperature;
    }
}

template <typename T>
__global__ void layernorm(T* Y, T* mu, T* rstd, const T* X, const T* G, const T* b, index_t B, index_t n) {
    FOR_EACH_ROW(row, B) {
        const T* const x = X + row * n;
        T sum = 0, squares = 0;
        FOR_EACH_COLUMN(i, n) sum += x[i];
        const T mean = sum_of_warp(sum) / n;
        FOR_EACH_COLUMN(i, n) squares += (x[i] - mean) * (x[i] - mean);
        const T scale = 1 / sqrt(sum_of_warp(squares) / n + T(1e-8));
        FOR_EACH_COLUMN(i, n) Y[row * n + i] = (x[i] - mean) * scale * G[i] + b[i];
        if (threadIdx.x % 32 == 0) {
            mu[row] = mean;
            rstd[row] = scale;
        }
    }
}

template <typename T>
__global__ void backprop_layernorm(
    T* dX, const T* dY, const T* X, const T* G, const T* mu, const T* rstd, index_t B, index_t n
) {
    FOR_EACH_ROW(row, B) {
        const T *const x = X + row * n, *const dy = dY + row * n;
        T sum = 0, product = 0;
        FOR_EACH_COLUMN(i, n) {
            const T d = dy[i] * G[i];
            sum += d;
            product += d * ((x[i] - mu[row]) * rstd[row]);
        }
        const T mean = sum_of_warp(sum) / n, mean_product = sum_of_warp(product) / n;
        FOR_EACH_COLUMN(i, n) {
            const T normed = (x[i] - mu[row]) * rstd[row];
            dX[row * n + i] = (dy[i] * G[i] - mean - normed * mean_product) * rstd[row];
        }
    }
}

// The gradients of gain and bias over the rows of each part: (parts, n). Parts, not atomic sums: the same bits each time.
template <typename T>
__global__ void backprop_layernorm_weights(
    T* dG, T* db, const T* dY, const T* X, const T* mu, const T* rstd, index_t B, index_t n, index_t parts
) {
    FOR_EACH(k, parts * n) {
        const index_t part = k / n, i = k % n;
        T gain = 0, bias = 0;
        for (index_t row = part; row < B; row += parts) {
            gain += dY[row * n + i] * ((X[row * n + i] - mu[row]) * rstd[row]);
            bias += dY[row * n + i];
        }
        dG[k] = gain;
        db[k] = bias;
    }
}
