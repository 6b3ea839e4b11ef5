# The pool of threads; headers that split work take the pointer.
cdef extern from "thinc/kernels/_parallel.hh" namespace "thinc" nogil:
    cdef cppclass Threads:
        pass
    void split_ranges(
        const Threads* threads, Py_ssize_t n, double nanoseconds, Py_ssize_t unit,
        void (*f)(void* context, Py_ssize_t begin, Py_ssize_t end) noexcept nogil, void* context)

cdef const Threads* threads() noexcept nogil
