// Pooling over the rows of each of B sequences, which end before the rows `ends`: (T, O) -> (B, O).

template <typename T> __global__ void reduce_sum(T* sums, const T* X, const index_t* ends, index_t B, index_t O) {
    FOR_EACH(i, B * O) {
        const index_t b = i / O, o = i % O;
        T sum = 0;
        for (index_t row = start_of(b, ends); row < ends[b]; ++row) sum += X[row * O + o];
        sums[i] = sum;
    }
}

// Each row of d_sums for the rows of its sequence, divided by their number if `mean`.
template <typename T>
__global__ void backprop_reduce_sum(
    T* dX, const T* d_sums, const index_t* ends, index_t B, index_t rows, index_t O, index_t mean
) {
    FOR_EACH(i, rows * O) {
        const index_t owner = owner_of(i / O, ends, B);
        const T d = d_sums[owner * O + i % O];
        dX[i] = mean ? d / T(ends[owner] - start_of(owner, ends)) : d;
    }
}

template <typename T>
__global__ void reduce_max(T* maxes, int* which, const T* X, const index_t* ends, index_t B, index_t O) {
    FOR_EACH(i, B * O) {
        const index_t b = i / O, o = i % O, start = start_of(b, ends);
        index_t best = start;
        for (index_t row = start + 1; row < ends[b]; ++row) {
            const T x = X[row * O + o], y = X[best * O + o];
            if (x > y || (x != x && y == y)) best = row;
        }
        maxes[i] = X[best * O + o];
        which[i] = (int)(best - start);
    }
}

// `is_bad` becomes 1 if a row is not in its sequence.
template <typename T>
__global__ void backprop_reduce_max(
    T* dX, const T* d_maxes, const int* which, const index_t* ends, index_t B, index_t rows, index_t O, int* is_bad
) {
    FOR_EACH(i, rows * O) {
        const index_t row = i / O, owner = owner_of(row, ends, B), start = start_of(owner, ends);
        const index_t k = owner * O + i % O;
        if (which[k] < 0 || which[k] >= ends[owner] - start) *is_bad = 1;
        dX[i] = row - start == which[k] ? d_maxes[k] : T(0);
    }
}
