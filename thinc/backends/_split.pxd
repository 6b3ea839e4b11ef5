# Kernels over the threads of the pool. `nanoseconds` is about what an item takes one thread.
from ..kernels._threads cimport Threads


cdef extern from "thinc/backends/_split.hh" namespace "thinc" nogil:
    void split_map[T](
        const Threads* threads, void (*f)(T* y, const T* x, size_t n, const double* args) noexcept nogil,
        T* y, const T* x, size_t n, const double* args, double nanoseconds)
    void split_slope[T](
        const Threads* threads,
        void (*f)(T* dx, const T* dy, const T* x, size_t n, const double* args) noexcept nogil,
        T* dx, const T* dy, const T* x, size_t n, const double* args, double nanoseconds)
