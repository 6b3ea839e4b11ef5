// What the other files share; the compiler gets all of them as one text, this one first. Every kernel is right for any
// size of launch: a thread, or a warp, goes on until nothing is left.
typedef long long index_t;

#define FOR_EACH(i, n) \
    for (index_t i = (index_t)blockIdx.x * blockDim.x + threadIdx.x; i < (n); i += (index_t)blockDim.x * gridDim.x)

// A warp of 32 threads for each row. Blocks must be whole warps.
#define FOR_EACH_ROW(row, n) \
    for (index_t row = ((index_t)blockIdx.x * blockDim.x + threadIdx.x) / 32; row < (n); \
         row += (index_t)blockDim.x * gridDim.x / 32)
#define FOR_EACH_COLUMN(i, n) for (index_t i = threadIdx.x % 32; i < (n); i += 32)

// The sum over the threads of a warp: the same bits in each.
template <typename T> __device__ T sum_of_warp(T x) {
    for (int distance = 16; distance; distance /= 2) x += __shfl_xor_sync(0xffffffffu, x, distance);
    return x;
}

// NaN if one of them is.
template <typename T> __device__ T max_of_warp(T x) {
    for (int distance = 16; distance; distance /= 2) {
        const T other = __shfl_xor_sync(0xffffffffu, x, distance);
        if (other > x || other != other) x = other;
    }
    return x;
}

// The sequence that a row belongs to, of B sequences that end before the rows `ends`: B if it is beyond all of them.
__device__ inline index_t owner_of(index_t row, const index_t* ends, index_t B) {
    index_t first = 0, last = B;
    while (first < last) {
        const index_t middle = (first + last) / 2;
        if (ends[middle] <= row) first = middle + 1;
        else last = middle;
    }
    return first;
}

__device__ inline index_t start_of(index_t sequence, const index_t* ends) { return sequence ? ends[sequence - 1] : 0; }
