// Sequences of different lengths as one array: sequence i is the `lengths[i]` items at `sequences[i]`, the rest is 0.
template <typename T>
__global__ void pad(T* Y, const T* const* sequences, const index_t* lengths, index_t n_sequences, index_t longest) {
    FOR_EACH(k, n_sequences * longest) {
        const index_t i = k / longest, j = k % longest;
        Y[k] = j < lengths[i] ? sequences[i][j] : T(0);
    }
}
