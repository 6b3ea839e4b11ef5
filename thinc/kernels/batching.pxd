# Batches for Cython extensions: no Python, no GIL.
from libc.stdint cimport int64_t

# out[i] = rows[index[i]] for i < n, rows of row_bytes bytes; no overlap. Returns -1, or the position of the
# first index outside [0, n_rows), and then nothing has been written.
cdef ptrdiff_t gather_rows(
    void* out, const void* rows, const int64_t* index, size_t n, size_t n_rows, size_t row_bytes
) noexcept nogil
