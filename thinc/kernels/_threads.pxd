# The pool of threads; headers that split work take the pointer.
cdef extern from "thinc/kernels/_parallel.hh" namespace "thinc" nogil:
    cdef cppclass Threads:
        pass

cdef const Threads* threads() noexcept nogil
