"""Allocation on the CPU: large arrays come from blocks that are used again."""
from ..kernels._memory import uninitialized, zeros as cleared

# Elements, not bytes: what is smaller is cheap whatever its type.
cdef Py_ssize_t LARGE = 4096


class CpuMemory:
    """Mixin of NumpyOps; `super()` is the readable reference."""

    def alloc(self, shape, *, dtype="float32", zeros=True):
        cdef Py_ssize_t size = 1
        if isinstance(shape, tuple):
            for n in shape:
                size *= n
        else:
            size = shape
        if size < LARGE:
            return super().alloc(shape, dtype=dtype, zeros=zeros)
        return cleared(shape, dtype) if zeros else uninitialized(shape, dtype)
