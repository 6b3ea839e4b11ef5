# Optimizer updates, losses and batches over the threads of the pool; contracts as in _dispatch.pxd.
from libc.stdint cimport int64_t

from ._dispatch cimport Kernels, LabelledRows, ParameterUpdate, RealKernels
from ._threads cimport Threads


cdef extern from "thinc/kernels/_split_training.hh" namespace "thinc" nogil:
    # clips, where settings say so
    void split_update[T](
        const Threads* threads, const RealKernels[T]* kernels, ParameterUpdate* items, size_t count)
    # of the gradients of all items together
    double split_sum_squares[T](
        const Threads* threads, const RealKernels[T]* kernels, const ParameterUpdate* items, size_t count)
    double split_clip[T](const Threads* threads, const RealKernels[T]* kernels, T* x, size_t n, double threshold)
    void split_update_average[T](
        const Threads* threads, const RealKernels[T]* kernels, T* average, const T* weights, double rate, size_t n)
    int split_cross_entropy_labels[T](
        const Threads* threads, const RealKernels[T]* kernels, const LabelledRows* items, size_t count, double scale,
        double* loss)
    int split_cross_entropy_soft[T](
        const Threads* threads, const RealKernels[T]* kernels, T* gradient, const T* guesses, const T* truths,
        const unsigned char* keep, size_t rows, size_t classes, double scale, double* loss)
    double split_squared_error[T](
        const Threads* threads, const RealKernels[T]* kernels, T* gradient, const T* guesses, const T* truths,
        size_t n, double scale)
    double split_cosine[T](
        const Threads* threads, const RealKernels[T]* kernels, T* gradient, T* similarity, const T* guesses,
        const T* truths, size_t rows, size_t width, double scale, int ignore_zeros)
    ptrdiff_t split_gather_rows(
        const Threads* threads, const Kernels* kernels, char* out, const char* rows, const int64_t* index, size_t n,
        size_t n_rows, size_t row_bytes)
