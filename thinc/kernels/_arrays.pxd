# Checks of NumPy arrays that the functions over arrays share. Inline: nothing to import.
cimport numpy as cnp


cdef inline bint is_real(object X):
    # float32 or float64 as the kernels take it, whatever its strides
    if not cnp.PyArray_Check(X):
        return False
    cdef int kind = cnp.PyArray_TYPE(<cnp.ndarray>X)
    return (kind == cnp.NPY_FLOAT32 or kind == cnp.NPY_FLOAT64) and cnp.PyArray_ISBEHAVED_RO(<cnp.ndarray>X)


cdef inline cnp.ndarray as_contiguous(cnp.ndarray X):
    # X itself if a pointer to its data is all a kernel needs, else a copy
    if cnp.PyArray_ISCARRAY_RO(X):
        return X
    return <cnp.ndarray>cnp.PyArray_NewCopy(X, cnp.NPY_CORDER)
