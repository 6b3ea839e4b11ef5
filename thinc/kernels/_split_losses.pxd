# Losses with logarithms, of single numbers and of pairs over the threads of the pool; contracts as in _dispatch.pxd.
from ._dispatch cimport BinaryLoss, LabelledRows, RealKernels, SoftRows
from ._threads cimport Threads


cdef extern from "thinc/kernels/_split_losses.hh" namespace "thinc" nogil:
    int split_log_loss_labels[T](
        const Threads* threads, const RealKernels[T]* kernels, const LabelledRows* item, const T* weights,
        int from_logits, double scale, double* loss)
    int split_log_loss_soft[T](
        const Threads* threads, const RealKernels[T]* kernels, const SoftRows* item, int from_logits, double scale,
        double* loss)
    int split_binary[T](
        const Threads* threads, const RealKernels[T]* kernels, T* gradient, const T* guesses, const T* truths,
        const T* weights, size_t rows, size_t columns, const BinaryLoss* settings, double scale, double* loss)
    double split_huber[T](
        const Threads* threads, const RealKernels[T]* kernels, T* gradient, const T* guesses, const T* truths,
        size_t n, double delta, double scale)
    int split_margin_ranking[T](
        const Threads* threads, const RealKernels[T]* kernels, T* gradient, const T* guesses, const T* truths,
        size_t n, double margin, double scale, double* loss)
