"""Vector functions for Cython packages: the types; their functions are inline, in `linalg.pxd`."""

cimport cython


@cython.auto_pickle(False)
cdef class Matrix:
    """A block of memory with a number of rows and columns, for Cython code; of no use to Python."""


@cython.auto_pickle(False)
cdef class Vec:
    """Functions of one vector, for Cython code."""


@cython.auto_pickle(False)
cdef class VecVec:
    """Functions of two vectors, for Cython code."""


@cython.auto_pickle(False)
cdef class Mat:
    """Functions of the columns of a matrix, for Cython code."""
