cimport numpy as cnp


# An uninitialised C-contiguous array; large ones come from blocks that are used again.
cdef cnp.ndarray empty(int ndim, cnp.npy_intp* shape, int kind)


# A C-contiguous array of zeros, of any dtype.
cdef cnp.ndarray zeros_of(int ndim, cnp.npy_intp* shape, cnp.dtype dtype)
