"""Compiled kernels: nogil functions over raw arrays, dispatched by CPU features."""
