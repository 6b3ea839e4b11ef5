"""The public nogil functions of thinc.kernels.activations, called by their capsules, like by another extension."""

import ctypes

import numpy
import pytest
from numpy.testing import assert_array_equal

from thinc.backends import NumpyOps
from thinc.kernels import activations

CAPSULES = activations.__pyx_capi__
REAL = {"float32": ctypes.c_float, "float64": ctypes.c_double}
FUSED = {"float32": "__pyx_fuse_0", "float64": "__pyx_fuse_1"}
OF_OUTPUT = ["relu", "sigmoid"]
PLAIN = ["relu", "sigmoid", "hard_swish", "hard_swish_mobilenet", "dish", "gelu", "gelu_approx"]


def function(name, dtype, *argtypes, restype=None):
    capsule = CAPSULES[FUSED[dtype] + name]
    name_of = ctypes.pythonapi.PyCapsule_GetName
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
    pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    # CFUNCTYPE releases the GIL
    return ctypes.CFUNCTYPE(restype, *argtypes)(pointer_of(capsule, name_of(capsule)))


def call(name, *arrays_and_numbers, restype=None):
    dtype = arrays_and_numbers[0].dtype.name
    argtypes, values = [], []
    for value in arrays_and_numbers:
        if isinstance(value, numpy.ndarray):
            argtypes.append(ctypes.c_void_p)
            values.append(value.ctypes.data)
        elif isinstance(value, int):
            argtypes.append(ctypes.c_size_t)
            values.append(value)
        elif isinstance(value, float):
            argtypes.append(ctypes.c_double)
            values.append(value)
        else:
            argtypes.append(type(value))
            values.append(value)
    return function(name, dtype, *argtypes, restype=restype)(*values)


def arrays(dtype, shape=(7, 9)):
    rng = numpy.random.default_rng(0)
    return [(rng.normal(size=shape) * 2).astype(dtype) for _ in range(2)]


@pytest.mark.parametrize("name", PLAIN)
def test_plain(name, dtype):
    ops = NumpyOps()
    X, dY = arrays(dtype)
    Y, dX = numpy.empty_like(X), numpy.empty_like(X)
    call(name, Y, X, X.size)
    assert_array_equal(Y, getattr(ops, name)(X))
    argument = Y if name in OF_OUTPUT else X
    call(f"backprop_{name}", dX, dY, argument, X.size)
    assert_array_equal(dX, getattr(ops, f"backprop_{name}")(dY, argument))


def test_with_other_arguments(dtype):
    ops = NumpyOps()
    X, dY = arrays(dtype)
    Y, dX = numpy.empty_like(X), numpy.empty_like(X)
    call("swish", Y, X, X.size)
    assert_array_equal(Y, ops.swish(X))
    call("backprop_swish", dX, dY, X, Y, X.size)
    assert_array_equal(dX, ops.backprop_swish(dY, X, Y))
    call("mish", Y, X, X.size, 1.5)
    assert_array_equal(Y, ops.mish(X, threshold=1.5))
    call("backprop_mish", dX, dY, X, X.size, 1.5)
    assert_array_equal(dX, ops.backprop_mish(dY, X, threshold=1.5))
    bounds = (-2.0, 0.5, -1.0, 1.0)
    call("clipped_linear", Y, X, X.size, *bounds)
    assert_array_equal(Y, ops.clipped_linear(X, *bounds))
    call("backprop_clipped_linear", dX, dY, X, X.size, *bounds)
    assert_array_equal(dX, ops.backprop_clipped_linear(dY, X, *bounds))
    call("erf", Y, X, X.size)
    assert_array_equal(Y, ops.erf(X))
    call("tanh", Y, X, X.size)
    numpy.testing.assert_allclose(Y, numpy.tanh(X), rtol=1e-6)
    call("backprop_tanh", dX, dY, Y, X.size)
    numpy.testing.assert_allclose(dX, dY * ops.dtanh(Y), rtol=1e-6)


def test_softmax(dtype):
    ops = NumpyOps()
    X, dY = arrays(dtype)
    Y, dX = numpy.empty_like(X), numpy.empty_like(X)
    call("softmax", Y, X, 7, 9, REAL[dtype](2.0))
    assert_array_equal(Y, ops.softmax(X, temperature=2.0))
    call("backprop_softmax", dX, Y, dY, 7, 9, REAL[dtype](2.0))
    assert_array_equal(dX, ops.backprop_softmax(Y, dY, temperature=2.0))


def test_maxout(dtype):
    ops = NumpyOps()
    X, _ = arrays(dtype, (4, 5, 3))
    best, which = numpy.empty((4, 5), dtype), numpy.empty((4, 5), "int32")
    call("maxout", best, which, X, 20, 3)
    assert_array_equal(best, ops.maxout(X)[0])
    assert_array_equal(which, ops.maxout(X)[1])
    dX = numpy.empty_like(X)
    assert call("backprop_maxout", dX, best, which, 20, 3, restype=ctypes.c_ssize_t) == -1
    assert_array_equal(dX, ops.backprop_maxout(best, which, 3))
    which[2, 3] = 3
    assert call("backprop_maxout", dX, best, which, 20, 3, restype=ctypes.c_ssize_t) == 13


def test_every_function_is_there_for_both_types():
    names = {prefix: set() for prefix in FUSED.values()}
    for name in CAPSULES:
        if name.startswith("__pyx_fuse_"):
            names[name[:12]].add(name[12:])
    single, double = names.values()
    assert single == double
    assert {"relu", "mish", "gelu", "softmax", "maxout", "clipped_linear", "backprop_maxout"} <= single
