"""Array helpers, seeds, validation and other small things of `thinc.util`."""

import functools
import os
import random
import sys
import types as builtin_types
from typing import Any, Callable, Dict, List, Literal, NewType, Optional, Tuple, TypeVar, Union

import numpy
import pytest

from thinc import util
from thinc._util import seeds
from thinc._util.type_check import find_problems
from thinc.types import (
    ArgsKwargs,
    Array1dT,
    Array2d,
    ArrayXd,
    Floats1d,
    Floats2d,
    Floats3d,
    Generator,
    Ints1d,
    Padded,
    Ragged,
)
from thinc.util import (
    DATA_VALIDATION,
    ArrayInfo,
    DataValidationError,
    convert_recursive,
    copy_array,
    data_validation,
    fix_random_seed,
    get_array_module,
    get_width,
    iterate_recursive,
    make_tempfile,
    to_categorical,
    to_numpy,
    use_nvtx_range,
    validate_fwd_input_output,
)


@pytest.fixture
def fake_cupy(monkeypatch):
    """Something that looks like CuPy: its arrays are copies on "another device"."""

    class ndarray:
        def __init__(self, data):
            self.data = numpy.array(data)

        def get(self):
            return self.data

        def __setitem__(self, key, value):
            self.data[key] = value.data

    cupy = builtin_types.ModuleType("cupy")
    cupy.ndarray, cupy.asarray, cupy.ranges = ndarray, ndarray, []
    cupy.cuda = builtin_types.SimpleNamespace(
        nvtx=builtin_types.SimpleNamespace(
            RangePush=lambda message, color: cupy.ranges.append((message, color)),
            RangePop=lambda: cupy.ranges.append("pop"),
        )
    )
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    return cupy


# Arrays


def test_get_array_module(fake_cupy):
    assert get_array_module(numpy.zeros(2)) is numpy
    assert get_array_module(fake_cupy.ndarray([1])) is fake_cupy
    with pytest.raises(ValueError) as err:
        get_array_module(1)
    assert str(err.value) == (
        "Only numpy and cupy arrays are supported, but found <class 'int'> instead. If get_array_module "
        "module wasn't called directly, this might indicate a bug in Thinc."
    )


def test_which_array(fake_cupy):
    x, c = numpy.zeros(2), fake_cupy.ndarray([1])
    assert util.is_numpy_array(x) and not util.is_numpy_array(c) and not util.is_numpy_array([1])
    assert util.is_cupy_array(c) and not util.is_cupy_array(x)
    assert util.is_xp_array(x) and util.is_xp_array(c) and not util.is_xp_array("x")
    torch_kinds = ["torch", "torch_cuda", "torch_mps", "torch_gpu"]
    for kind in [*torch_kinds, "tensorflow", "tensorflow_gpu", "mxnet", "mxnet_gpu"]:
        assert getattr(util, f"is_{kind}_array")(x) is False
        assert getattr(util, f"is_{kind}_array")(None) is False


def test_torch_arrays(monkeypatch):
    class Tensor:
        is_cuda = is_mps = False

    monkeypatch.setitem(sys.modules, "torch", builtin_types.SimpleNamespace(Tensor=Tensor))
    tensor = Tensor()
    assert util.is_torch_array(tensor) and not util.is_torch_gpu_array(tensor)
    tensor.is_mps = True
    assert util.is_torch_mps_array(tensor) and util.is_torch_gpu_array(tensor)
    assert not util.is_torch_cuda_array(tensor)


def test_to_numpy(fake_cupy):
    x = numpy.zeros(2)
    assert to_numpy(x) is x
    assert to_numpy(fake_cupy.ndarray([1, 2])).tolist() == [1, 2]
    assert to_numpy([1, 2]).tolist() == [1, 2]


def test_copy_array(fake_cupy):
    dst = numpy.zeros((2, 2), "f")
    copy_array(dst, numpy.array([[1, 2], [3, 4]]))
    assert dst.tolist() == [[1, 2], [3, 4]]
    copy_array(dst, fake_cupy.ndarray([[5.0, 6.0], [7.0, 8.0]]))
    assert dst.tolist() == [[5, 6], [7, 8]]
    copy_array(dst, 3.0)
    copy_array(dst[0], [1.0, 2.0])
    assert dst.tolist() == [[1, 2], [3, 3]]
    on_device = fake_cupy.ndarray([0.0, 0.0])
    copy_array(on_device, numpy.array([1.0, 2.0]))
    assert on_device.data.tolist() == [1, 2]
    with pytest.raises(ValueError):
        copy_array(dst, numpy.zeros(3))
    scalar = numpy.zeros((), "f")
    copy_array(scalar, numpy.array(7.0))
    assert scalar == 7


@pytest.mark.parametrize(
    ("X", "width"),
    [
        (numpy.zeros((4, 3)), 3),
        (numpy.zeros((4, 3, 2)), 2),
        (numpy.array([1, 5, 2]), 6),
        (numpy.array([], dtype="i"), 0),
        (numpy.array(3), 0),
        ([], 0),
        ((), 0),
        ([numpy.zeros((4, 3)), numpy.zeros((1, 9))], 3),
        ([[numpy.zeros((4, 3))]], 3),
        (Ragged(numpy.zeros((4, 3), "f"), numpy.array([4], "i")), 3),
        (Ragged(numpy.zeros((0, 3), "f"), numpy.array([0], "i")), 3),
        (Ragged(numpy.zeros((0, 3, 2), "f"), numpy.array([], "i")), 6),
        (Padded(numpy.zeros((2, 1, 5), "f"), *[numpy.zeros(1, "i")] * 3), 5),
    ],
)
def test_edge_model_32_get_width(X, width):
    assert get_width(X) == width and isinstance(get_width(X), int)


def test_get_width_of_a_dimension():
    assert get_width(numpy.zeros((4, 3, 2)), dim=0) == 4
    with pytest.raises(ValueError, match="Cannot get width"):
        get_width("abc")


# Categories


@pytest.mark.parametrize("shape", [(5,), (2, 3), (0,), ()])
@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "bool"])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_to_categorical(shape, dtype, smoothing):
    labels = numpy.asarray(numpy.arange(numpy.prod(shape, dtype=int)).reshape(shape) % 2, dtype=dtype)
    rows = to_categorical(labels, n_classes=4, label_smoothing=smoothing)
    assert rows.shape == (*shape, 4) and rows.dtype == numpy.float32
    expected = numpy.full((*shape, 4), smoothing / 3)
    for index in numpy.ndindex(*shape):
        expected[(*index, int(labels[index]))] = 1 - smoothing
    numpy.testing.assert_allclose(rows, expected, rtol=1e-6)
    if not smoothing:
        assert set(rows.ravel().tolist()) <= {0.0, 1.0}


def test_to_categorical_counts_classes():
    assert to_categorical(numpy.array([1, 2, 0])).shape == (3, 3)
    assert to_categorical(numpy.array([0, 0]), n_classes=1).tolist() == [[1], [1]]


@pytest.mark.parametrize(
    ("labels", "n", "smoothing", "error", "message"),
    [
        ([0, 1], None, -0.1, ValueError, "label_smoothing parameter"),
        ([0], 0, 0.0, ValueError, "n_classes should be at least 1"),
        ([], None, 0.0, ValueError, "n_classes should be at least 1"),
        ([0], 1, 0.1, ValueError, "n_classes should be greater than 1.*label smoothing.*but 1"),
        ([0], 0, 0.1, ValueError, "n_classes should be greater than 1.*label smoothing.*but 0"),
        ([0, 1], 2, 0.5, ValueError, "label_smoothing parameter"),
        ([0, 5], 5, 0.0, IndexError, "label 5"),
        ([0, -1], 5, 0.0, IndexError, "label -1"),
    ],
)
def test_edge_model_31_to_categorical_errors(labels, n, smoothing, error, message):
    with pytest.raises(error, match=message):
        to_categorical(numpy.array(labels, dtype="i"), n_classes=n, label_smoothing=smoothing)


@pytest.mark.parametrize("dtype", ["float32", "complex64", "U1"])
def test_to_categorical_takes_no_other_types(dtype):
    with pytest.raises(IndexError, match="integers"):
        to_categorical(numpy.array([0, 1]).astype(dtype), n_classes=2)


def test_to_categorical_takes_no_lists():
    with pytest.raises(ValueError, match="Only numpy and cupy arrays"):
        to_categorical([0, 1])


# Structures


def test_edge_model_36_convert_recursive():
    is_int = lambda x: isinstance(x, int)  # noqa: E731
    negate = lambda x: -x  # noqa: E731
    assert convert_recursive(is_int, negate, 3) == -3
    obj = {"a": [1, (2, "x")], 3: {"b": 4}, "k": None}
    assert convert_recursive(is_int, negate, obj) == {"a": [-1, (-2, "x")], -3: {"b": -4}, "k": None}
    args = ArgsKwargs((1, [2]), {"x": 3})
    assert convert_recursive(lambda x: x == 3, lambda x: "three", args) == ArgsKwargs(
        (1, [2]), {"x": "three"}
    )
    other = {1, 2}
    assert convert_recursive(is_int, negate, other) is other


def test_iterate_recursive():
    obj = {"a": [1, (2, "x")], 3: ArgsKwargs((4,), {"y": 5})}
    ints = list(iterate_recursive(lambda x: isinstance(x, int), obj))
    assert ints == [1, 2, 3, 0, 4, 5]


def test_partial_keeps_docstring():
    def f(a, b, *, c=1):
        """Add."""
        return a + b + c

    bound = util.partial(f, 1, c=2)
    assert bound(3) == 6 and bound.__doc__ == "Add." and isinstance(bound, functools.partial)


def test_array_info():
    info = ArrayInfo.from_array(numpy.zeros((2, 3), "f"))
    assert info == ArrayInfo((2, 3), numpy.dtype("f"))
    info.check_consistency(numpy.ones((2, 3), "f"))
    with pytest.raises(ValueError, match=r"^Shape mismatch in backprop.*\(2, 3\).*\(3, 2\)"):
        info.check_consistency(numpy.zeros((3, 2), "f"))
    with pytest.raises(ValueError, match=r"^Type mismatch in backprop.*float32.*float64"):
        info.check_consistency(numpy.zeros((2, 3)))


# Files, profiling, seeds


def test_edge_model_2_make_tempfile():
    with make_tempfile("w+") as f:
        f.write("x")
        f.flush()
        assert os.path.getsize(f.name) == 1
    assert f.closed and not os.path.exists(f.name)
    with pytest.raises(KeyError), make_tempfile() as f:
        raise KeyError
    assert f.closed and not os.path.exists(f.name)


def test_edge_model_2_training_16_nvtx_range(monkeypatch, fake_cupy):
    with pytest.raises(KeyError), use_nvtx_range("a", 3):
        raise KeyError
    with use_nvtx_range("b"):
        pass
    assert fake_cupy.ranges == [("a", 3), "pop", ("b", -1), "pop"]
    monkeypatch.delitem(sys.modules, "cupy")
    with use_nvtx_range("c"):
        assert len(fake_cupy.ranges) == 4


@pytest.mark.parametrize("seed", [0, 7, -3, 2**40 + 1, -(2**70), numpy.int64(5)])
def test_fix_random_seed(seed):
    draws = []
    for _ in range(2):
        fix_random_seed(seed)
        draws.append((random.random(), numpy.random.uniform()))
    assert draws[0] == draws[1]
    numpy.random.seed(seed % 2**32)
    assert numpy.random.uniform() == draws[0][1]


def test_edge_model_35_fix_random_seed_of_torch_if_imported(monkeypatch):
    calls = []
    cudnn = builtin_types.SimpleNamespace()
    torch = builtin_types.SimpleNamespace(
        manual_seed=calls.append,
        cuda=builtin_types.SimpleNamespace(is_available=lambda: True, manual_seed_all=calls.append),
        backends=builtin_types.SimpleNamespace(cudnn=cudnn),
    )
    monkeypatch.setitem(sys.modules, "torch", torch)
    seeds.fix_random_seed(-1)
    assert len(calls) == 2 and all(0 <= seed < 2**64 for seed in calls)
    assert cudnn.deterministic is True and cudnn.benchmark is False


@pytest.mark.parametrize("name", ["pytorch", "tensorflow", "mxnet", "jax"])
def test_missing_framework_names_the_remedy(name, monkeypatch):
    monkeypatch.setattr(util.compat, "torch", None)
    monkeypatch.setattr(util.compat, "has_tensorflow", False)
    monkeypatch.setitem(vars(util.compat), "jax", None)
    with pytest.raises(ImportError, match=r"pip install thinc\[") as err:
        getattr(util, f"assert_{name}_installed")()
    if name == "tensorflow":
        assert f"thinc.api.enable_{name}()" in str(err.value)


def test_flags_come_from_compat(monkeypatch):
    for name in util.__all__:
        getattr(util, name)
    monkeypatch.setattr(util.compat, "has_torch", "yes")
    assert util.has_torch == "yes" and "has_torch" in dir(util)
    with pytest.raises(AttributeError):
        getattr(util, "has_abacus")  # noqa: B009 -- to raise is the point


# Validation of data

Word = NewType("Word", str)
T = TypeVar("T")
Number = TypeVar("Number", int, float)
F1, F2, F3 = (numpy.zeros((2,) * n, "f") for n in (1, 2, 3))
I1 = numpy.zeros(2, "i")


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (F2, Floats2d),
        (F2, Array2d),
        (I1, Array1dT),
        (F1, ArrayXd),
        ([F2, F2], List[Floats2d]),
        ([], List[Floats2d]),
        ((F2, len), Tuple[Floats2d, Callable]),
        ((1, 2, 3), Tuple[int, ...]),
        ({"a": 1}, Dict[str, int]),
        (None, Optional[int]),
        (3, int | None),
        ("x", Literal["x", "y"]),
        ("x", Word),
        (object(), T),
        (2.5, Number),
        (1, float),
        (iter([1]), Generator),
        (int, type[int]),
        (Ragged(F2, I1), Ragged),
        ({"data": F2, "lengths": I1, "data_shape": (-1, 2)}, Ragged),
        ({"data": F2, "lengths": I1}, Ragged),
        (3, "NoSuchName"),
        ([1], list),
        (3, Any),
    ],
    ids=lambda v: str(v)[:40] if " at 0x" not in repr(v) else type(v).__name__,
)
def test_type_check_passes(value, annotation):
    assert find_problems(value, annotation) == []


@pytest.mark.parametrize(
    ("value", "annotation", "loc"),
    [
        (F1, Floats2d, ()),
        (F2.astype("float64"), Floats2d, ()),
        (F1, Array2d, ()),
        (F2, Array1dT, ()),
        ([F2, F1], List[Floats2d], (1,)),
        ((F2,), List[Floats2d], ()),
        ((F2,), Tuple[Floats2d, Callable], ()),
        ((F2, 1), Tuple[Floats2d, Callable], (1,)),
        ({"a": "b"}, Dict[str, int], ("a",)),
        ("x", Optional[int], ()),
        ("z", Literal["x", "y"], ()),
        (1, Word, ()),
        ("a", Number, ()),
        (True, int, ()),
        (1, Generator, ()),
        (F2, Ragged, ()),
        (Ragged(F2, F1), Ragged, ("lengths",)),
        ({"data": F2}, Ragged, ("lengths",)),
        (None, Floats2d, ()),
    ],
    ids=lambda v: str(v)[:40],
)
def test_type_check_fails(value, annotation, loc):
    problems = find_problems(value, annotation)
    assert problems and problems[0][0] == loc


def test_edge_model_21_type_check_names_every_branch_of_a_union():
    messages = [message for _, message in find_problems(F3, Union[Floats2d, Ints1d])]
    assert messages == [
        "wrong array dimensions (expected 2, got 3)",
        "wrong array dimensions (expected 1, got 3), "
        "wrong array data type (expected int32/int64/uint32/uint64, got float32)",
    ]


def test_type_check_never_draws():
    series = iter([1, 2])
    assert find_problems(series, Generator) == [] and next(series) == 1


def forward(model, X: Floats2d, is_train: bool) -> Tuple[Floats2d, Callable]: ...


def lists(model, X: List[Floats1d], is_train) -> Tuple[List[Floats1d], Callable]: ...


def test_validate_fwd_input_output():
    validate_fwd_input_output("m", forward, F2, F2)
    validate_fwd_input_output("m", forward, None, None)
    with pytest.raises(DataValidationError) as err:
        validate_fwd_input_output("layer", forward, F3, F1)
    text = str(err.value)
    assert "'layer'" in text and "<class 'numpy.ndarray'>" in text
    assert "\nX        wrong array dimensions (expected 2, got 3)" in text
    assert "\nY -> 0   wrong array dimensions (expected 2, got 1)" in text


def test_validation_looks_at_five_items():
    validate_fwd_input_output("m", lists, [F1] * 5 + [F2], [F1] * 5 + [F2])
    with pytest.raises(DataValidationError, match="X -> 4"):
        validate_fwd_input_output("m", lists, [F1] * 4 + [F2], None)


@pytest.mark.parametrize("bad", [lambda model, X: None, lambda: None, lambda model, X, is_train, more: None])
def test_validation_needs_three_parameters(bad):
    with pytest.raises(DataValidationError, match=r"3 arguments \(model, X, is_train\)"):
        validate_fwd_input_output("m", bad, F2, F2)


def test_validation_of_unusual_forwards():
    validate_fwd_input_output("m", lambda model, X, is_train: None, 3, "y")
    validate_fwd_input_output("m", lambda model, X, is_train, **kwargs: None, 3, "y")

    def configured(scale, model, X: Floats2d, is_train): ...

    class Callable_:
        def __call__(self, model, X: Floats2d, is_train): ...

    for func in (functools.partial(configured, 2.0), Callable_()):
        validate_fwd_input_output("m", func, F2, None)
        with pytest.raises(DataValidationError):
            validate_fwd_input_output("m", func, F1, None)


def test_edge_model_20_validation_of_annotations_as_text():
    namespace = {}
    exec("def f(model, X: 'Floats2d', is_train) -> 'tuple[Array1d, NoSuchName]': ...", namespace)
    validate_fwd_input_output("m", namespace["f"], F2, F2)  # one name leads nowhere, so Y cannot be checked
    with pytest.raises(DataValidationError):  # Floats2d is unknown there too, but is one of ours
        validate_fwd_input_output("m", namespace["f"], F1, None)
    exec("from typing import *\ndef f(model, X, is_train) -> 'Tuple[Array1d, Callable]': ...", namespace)
    with pytest.raises(DataValidationError):
        validate_fwd_input_output("m", namespace["f"], None, F2)


def test_edge_model_2_training_16_data_validation_restores():
    assert DATA_VALIDATION.get() is False
    with data_validation(True):
        with pytest.raises(KeyError), data_validation(False):
            assert DATA_VALIDATION.get() is False
            raise KeyError
        assert DATA_VALIDATION.get() is True
    assert DATA_VALIDATION.get() is False


def test_data_validation_error():
    error = DataValidationError(
        "m", 1, "y", [{"loc": ("a", 0), "msg": "bad"}, {"msg": "worse"}, {"loc": ["b"]}]
    )
    assert isinstance(error, ValueError)
    lines = str(error).split("\n")
    assert lines[:4] == ["", "", "Data validation error in 'm'", "X: <class 'int'> Y: <class 'str'>"]
    assert lines[5:8] == ["a -> 0   bad", "         worse", "b        "]
    assert "'m'" in str(DataValidationError("m", 1, 2))


def test_no_annotations_pass():
    with data_validation(True):
        validate_fwd_input_output("m", lambda model, X, is_train: (X, None), Floats3d, object())
