// Embedding tables and the hashing of their keys.

// Y[b] = sum over k of table[indices[b, k]]. `is_bad` becomes 1, and the row is left out, if there is no such row.
template <typename T>
__global__ void gather_add(
    T* Y, const T* table, const int* indices, index_t B, index_t K, index_t rows, index_t O, int* is_bad
) {
    FOR_EACH(i, B * O) {
        T sum = 0;
        for (index_t k = 0; k < K; ++k) {
            const int row = indices[i / O * K + k];
            if (row < 0 || row >= rows) *is_bad = 1;
            else sum += table[row * O + i % O];
        }
        Y[i] = sum;
    }
}

// table[indices[b, k]] += values[b] for each k; rows below 0 are skipped. The order of the sums, and so the last bits of
// the result, differ from run to run.
template <typename T>
__global__ void scatter_add(T* table, const int* indices, const T* values, index_t B, index_t K, index_t O) {
    FOR_EACH(i, B * O) {
        for (index_t k = 0; k < K; ++k) {
            const int row = indices[i / O * K + k];
            if (row >= 0) atomicAdd(table + row * O + i % O, values[i]);
        }
    }
}

__device__ inline unsigned long long mix64(unsigned long long h) {
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdULL;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return h ^ (h >> 33);
}

// MurmurHash3_x64_128 of one eight-byte key.
__device__ inline void murmur3(unsigned words[4], unsigned long long key, unsigned seed) {
    unsigned long long k = key * 0x87c37b91114253d5ULL;
    k = ((k << 31) | (k >> 33)) * 0x4cf5ad432745937fULL;
    unsigned long long h1 = seed ^ k ^ 8, h2 = seed ^ 8ULL;
    h1 += h2;
    h2 += h1;
    h1 = mix64(h1);
    h2 = mix64(h2);
    h1 += h2;
    h2 += h1;
    words[0] = (unsigned)h1;
    words[1] = (unsigned)(h1 >> 32);
    words[2] = (unsigned)h2;
    words[3] = (unsigned)(h2 >> 32);
}

extern "C" __global__ void hash_data(unsigned* words, const unsigned long long* keys, index_t N, unsigned seed) {
    FOR_EACH(i, N) murmur3(words + 4 * i, keys[i], seed);
}

// The rows (N, 4) of a table that the hashes of the keys name.
extern "C" __global__ void hash_rows(
    int* rows, const unsigned long long* keys, index_t N, unsigned seed, index_t table_rows
) {
    FOR_EACH(i, N) {
        unsigned words[4];
        murmur3(words, keys[i], seed);
        for (int k = 0; k < 4; ++k) rows[4 * i + k] = (int)(words[k] % table_rows);
    }
}
