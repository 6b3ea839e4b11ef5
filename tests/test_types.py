"""Array annotations and batch types."""

import itertools
import pickle
from typing import List, Optional, Tuple, Union, get_type_hints

import numpy
import pytest

from thinc import types
from thinc.types import (
    ArgsKwargs,
    Array1d,
    Array2d,
    ArrayXd,
    Floats1d,
    Floats2d,
    Floats3d,
    Floats4d,
    FloatsXd,
    Generator,
    Ints1d,
    Ints2d,
    Ints3d,
    Ints4d,
    Padded,
    Pairs,
    Ragged,
    SizedGenerator,
    Unserializable,
    validate_array,
)

CONCRETE = [
    (Floats1d, 1, "f"),
    (Floats2d, 2, "f"),
    (Floats3d, 3, "f"),
    (Floats4d, 4, "f"),
    (Ints1d, 1, "i"),
    (Ints2d, 2, "i"),
    (Ints3d, 3, "i"),
    (Ints4d, 4, "i"),
]


def accepts_v2(cls, value):
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(cls).validate_python(value) is value
    except ValidationError:
        return False


def accepts_v1(cls, value):
    from pydantic.v1 import ValidationError, create_model

    try:
        return create_model("M", field=(cls, ...))(field=value).field is value
    except ValidationError:
        return False


def accepts_confection(cls, value):
    from confection.validation import validate_type

    return validate_type(value, cls) is None


@pytest.mark.parametrize("accepts", [accepts_v2, accepts_v1, accepts_confection])
@pytest.mark.parametrize(("cls", "ndim", "dtype"), CONCRETE)
def test_array_classes_check_rank_and_kind(cls, ndim, dtype, accepts):
    if accepts is not accepts_confection:
        pytest.importorskip("pydantic")
    shape = (2,) * ndim
    assert accepts(cls, numpy.zeros(shape, dtype=dtype))
    assert accepts(cls, numpy.zeros((0,) * ndim, dtype=dtype))
    assert not accepts(cls, numpy.zeros((*shape, 2), dtype=dtype))
    assert not accepts(cls, numpy.zeros(shape, dtype="i" if dtype == "f" else "f"))
    assert not accepts(cls, numpy.zeros(shape, dtype="float64"))
    for wrong in ("abc", 1, None, [0.0], numpy.float32(1)):
        assert not accepts(cls, wrong)


@pytest.mark.parametrize("accepts", [accepts_v2, accepts_v1, accepts_confection])
def test_unions_and_lists_of_array_classes(accepts):
    if accepts is not accepts_confection:
        pytest.importorskip("pydantic")
    f2, i2, f1 = numpy.zeros((2, 2), "f"), numpy.zeros((2, 2), "i"), numpy.zeros(2, "f")
    assert accepts(Array2d, f2) and accepts(Array2d, i2) and not accepts(Array2d, f1)
    assert accepts(FloatsXd, f1) and not accepts(FloatsXd, i2)
    assert accepts(Generator, iter([1])) and not accepts(Generator, 1)


@pytest.mark.parametrize(
    "cls", [types._Array, types._Floats, types._Ints, types._Array3d, Floats4d, Generator]
)
def test_edge_model_22_every_class_has_the_hooks_of_both_pydantics(cls):
    schema = cls.__get_pydantic_core_schema__(cls, None)
    assert set(schema) == {"type", "function"}
    assert (schema["type"], schema["function"]["type"]) == ("function-plain", "no-info")
    (validate,) = cls.__get_validators__()
    value = iter([1]) if cls is Generator else numpy.zeros((1,) * (cls._ndim or 2), cls._dtype or "f")
    assert validate(value) is value and schema["function"]["function"](value) is value
    with pytest.raises((TypeError, ValueError)):
        validate(3)


def test_validate_array_messages():
    array = numpy.zeros((1, 2, 3), dtype="float64")
    assert validate_array(array) is array
    assert validate_array(array, ndim=3) is array
    with pytest.raises(ValueError, match="wrong array data type"):  # no code but "f" and "i" fits anything
        validate_array(array, ndim=3, dtype="q")
    with pytest.raises(ValueError, match=r"^not a valid numpy or cupy array$"):
        validate_array([1])
    with pytest.raises(ValueError) as err:
        validate_array(array, ndim=2, dtype="f")
    assert str(err.value) == (
        "wrong array dimensions (expected 2, got 3), wrong array data type (expected float32, got float64)"
    )
    with pytest.raises(ValueError, match=r"expected int32/int64/uint32/uint64, got float64"):
        validate_array(array, dtype="i")
    for dtype in ("int32", "int64", "uint32", "uint64"):
        validate_array(numpy.zeros(2, dtype=dtype), 1, "i")


def test_aliases_resolve_wherever_they_are_used():
    def func(a: "Array1d", b: "Optional[ArrayXd]") -> "List[FloatsXd]": ...

    namespace = {
        "Array1d": Array1d,
        "ArrayXd": ArrayXd,
        "FloatsXd": FloatsXd,
        "Optional": Optional,
        "List": List,
    }
    hints = get_type_hints(func, globalns=namespace)
    assert hints["a"] == Union[Floats1d, Ints1d]
    assert Floats4d in hints["b"].__args__ and Ints4d in hints["b"].__args__


NAMES = [
    "DeviceTypes",
    "DTypesFloat",
    "DTypesInt",
    "DTypes",
    "Shape",
    "Xp",
    "Array1d",
    "Array2d",
    "Array3d",
    "Array4d",
    "FloatsXd",
    "IntsXd",
    "ArrayXd",
    "List1d",
    "List2d",
    "List3d",
    "List4d",
    "ListXd",
    "Batchable",
    "Slicish",
    "ArrayT",
    "SelfT",
    "Array1dT",
    "FloatsXdT",
    "XY_YZ_OutT",
    "XY_XY_OutT",
    "Tru",
    "Fal",
    "OneAx",
    "TwoAx",
    "ThreeAx",
    "FourAx",
    "Decorator",
    "get_array_module",
    "Literal",
    "Protocol",
    "_Array",
    "_Floats",
    "_Ints",
    "_Array1d",
    "_Array2d",
    "_Array3d",
    "_Array4d",
    "Generator",
    "Ragged",
    "Padded",
    "Pairs",
    "SizedGenerator",
    "ArgsKwargs",
    "Unserializable",
]


@pytest.mark.parametrize("name", NAMES)
def test_names(name):
    assert getattr(types, name) is not None


def test_generator_never_draws():
    series = iter([1, 2])
    assert Generator.validate(series) is series
    assert next(series) == 1
    with pytest.raises(TypeError, match="iterator"):
        Generator.validate(3)


# Ragged, against a plain list of sequences


def make_ragged(lengths, width=(2,), dtype="f"):
    data = numpy.arange(sum(lengths) * int(numpy.prod(width)), dtype=dtype).reshape((sum(lengths), *width))
    return Ragged(data, numpy.array(lengths, dtype="int32"))


def as_list(ragged):
    starts = numpy.cumsum([0, *ragged.lengths.tolist()])
    return [ragged.dataXd[a:b].tolist() for a, b in itertools.pairwise(starts)]


INDICES = [
    slice(None),
    slice(None, 2),
    slice(-2, None),
    slice(1, 3),
    slice(3, 1),
    slice(10, 20),
    slice(None, None, 2),
    slice(None, None, -1),
    slice(-1, 0, -2),
    [],
    [0],
    [2, 0, 2],
    [-1, 1],
    numpy.array([3, 1]),
    numpy.array([1], dtype="uint64"),
    numpy.array([], dtype="float64"),
    [True, False, True, False],
    numpy.array([False, False, False, True]),
    numpy.zeros(4, dtype=bool),
]


@pytest.mark.parametrize("width", [(2,), (3, 2), ()])
@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_edge_model_23_model_24_ragged_is_indexed_like_a_list_of_sequences(index, width):
    ragged = make_ragged([2, 0, 3, 1], width)
    sequences = as_list(ragged)
    if isinstance(index, slice):
        expected = sequences[index]
    elif numpy.asarray(index).dtype == bool:
        expected = [s for s, chosen in zip(sequences, index, strict=True) if chosen]
    else:
        expected = [sequences[int(i)] for i in index]
    selected = ragged[index]
    assert as_list(selected) == expected
    assert len(selected) == len(expected)
    assert selected.data_shape == ragged.data_shape
    assert selected.data.dtype == ragged.data.dtype and selected.lengths.dtype == numpy.int32
    assert selected._get_starts_ends().tolist() == numpy.cumsum([0, *map(len, expected)]).tolist()


@pytest.mark.parametrize("i", [0, 1, 3, -1, -4, numpy.int32(2), numpy.int64(-2), numpy.array(2), True])
@pytest.mark.parametrize("width", [(2,), (3, 2)])
def test_edge_model_25_ragged_int_index(i, width):
    ragged = make_ragged([2, 0, 3, 1], width)
    selected = ragged[i]
    assert as_list(selected) == [as_list(ragged)[int(i)]]
    assert selected.data_shape == (-1, *width) and selected.dataXd.shape[1:] == width


@pytest.mark.parametrize(
    "index", [4, -5, (0, 1), [4], [-5], [0.5], "a", None, [True, False], numpy.zeros((2, 2), "i"), 1.0]
)
def test_ragged_bad_index(index):
    with pytest.raises(IndexError):
        make_ragged([2, 0, 3, 1])[index]


def test_ragged_runs_are_views():
    ragged = make_ragged([2, 0, 3, 1])
    ragged[2].dataXd[0] = -1
    ragged[2:].dataXd[-1] = -2
    ragged.dataXd[:, 1] += 0
    assert ragged.data[2].tolist() == [-1, -1] and ragged.data[5].tolist() == [-2, -2]


def test_edge_model_26_ragged_empty_and_reshaped():
    empty = Ragged(numpy.zeros((0, 0), "i"), numpy.zeros(3, "i"))
    assert len(empty) == 3 and empty.dataXd.shape == (0, 0) and len(empty[1:]) == 2
    wide = Ragged(numpy.zeros((0, 4), "f"), numpy.zeros(0, "i"))
    assert wide.dataXd.shape == (0, 4) and len(wide) == 0
    assert make_ragged([2, 1])[:0].dataXd.shape == (0, 2)
    assert Ragged(numpy.zeros((3, 0), "f"), numpy.array([1, 2], "i")).data.shape == (0, 0)
    assert make_ragged([2, 1], (3, 2)).data.shape == (3, 6)
    assert make_ragged([2, 1], ()).data.shape == (3, 1)
    surplus = Ragged(numpy.arange(8.0, dtype="f").reshape(4, 2), numpy.array([1, 2], "i"))
    assert surplus[1:].data.tolist() == [[2, 3], [4, 5]] and surplus[[1]].data.tolist() == [[2, 3], [4, 5]]


def test_ragged_boundaries():
    ragged = make_ragged([2, 0, 3])
    assert ragged.starts_ends is None
    assert ragged._get_starts_ends().tolist() == [0, 2, 2, 5]
    assert ragged._get_starts_ends().dtype == numpy.int32
    assert ragged._get_starts_ends() is ragged.starts_ends
    assert ragged._get_starts().tolist() == [0, 2, 2] and ragged._get_ends().tolist() == [2, 2, 5]


def test_edge_model_27_batches_compare_repr_pickle_and_do_not_hash():
    ragged, padded = make_ragged([1, 2]), make_padded([2, 1])
    for batch, other in ((ragged, make_ragged([2, 1])), (padded, make_padded([2, 2]))):
        copied = pickle.loads(pickle.dumps(batch))
        assert batch == copied and batch != other and batch != 1
        assert type(batch).__name__ in repr(batch)
        with pytest.raises(TypeError, match="unhashable"):
            hash(batch)


# Padded


def make_padded(lengths, width=2):
    n = max(lengths, default=0)
    data = numpy.zeros((n, len(lengths), width), dtype="f")
    for b, length in enumerate(lengths):
        data[:length, b] = b + 1
    size_at_t = numpy.array([sum(length > t for length in lengths) for t in range(n)], dtype="int32")
    return Padded(
        data, size_at_t, numpy.array(lengths, "int32"), numpy.arange(len(lengths), dtype="int32")[::-1]
    )


@pytest.mark.parametrize(
    ("index", "rows"),
    [
        (0, [0]),
        (3, [3]),
        (-1, [3]),
        (numpy.int64(1), [1]),
        (slice(1, 3), [1, 2]),
        (slice(-2, None), [2, 3]),
        (slice(None, None, 2), [0, 2]),
        (slice(None, None, -1), [0, 1, 2, 3]),
        (slice(2, 1), []),
        ([3, 0], [0, 3]),
        ([2, 2], [2, 2]),
        ([], []),
        (numpy.array([-1, -4]), [0, 3]),
        ([False, True, False, True], [1, 3]),
    ],
    ids=repr,
)
def test_edge_model_28_padded_selects_rows(index, rows):
    padded = make_padded([6, 5, 2, 1])
    assert padded.size_at_t.tolist() == [4, 3, 2, 2, 2, 1]
    selected = padded[index]
    lengths = [[6, 5, 2, 1][r] for r in rows]
    assert len(selected) == len(rows)
    assert selected.lengths.tolist() == lengths
    assert selected.indices.tolist() == [[3, 2, 1, 0][r] for r in rows]
    assert selected.size_at_t.tolist() == [sum(n > t for n in lengths) for t in range(6)]
    assert selected.size_at_t.dtype == numpy.int32
    numpy.testing.assert_array_equal(selected.data, padded.data[:, rows])


@pytest.mark.parametrize("index", [4, -5, (0, 1), [4], [0.5], "a", None, [True]])
def test_padded_bad_index(index):
    with pytest.raises(IndexError):
        make_padded([6, 5, 2, 1])[index]


def test_padded_copy():
    padded = make_padded([2, 1])
    copied = padded.copy()
    assert copied == padded
    for name in ("data", "size_at_t", "lengths", "indices"):
        assert not numpy.shares_memory(getattr(copied, name), getattr(padded, name))


# The small ones


def test_pairs():
    one, two = numpy.arange(4), numpy.arange(4) * 10
    pairs = Pairs(one, two)
    assert len(pairs) == 4
    assert pairs[2] == Pairs(2, 20)
    assert pairs[1:3].two.tolist() == [10, 20]
    lists = Pairs(list("abcd"), ("w", "x", "y", "z"))
    assert lists[numpy.array([3, 0])] == Pairs(["d", "a"], ("z", "w"))
    assert lists[1] == Pairs("b", "x")


def test_sized_generator_starts_anew():
    items = SizedGenerator(lambda: iter([1, 2, 3]), 3)
    assert len(items) == 3
    assert list(items) == [1, 2, 3] and list(items) == [1, 2, 3]


def test_args_kwargs():
    args = ArgsKwargs(("a", "b"), {"x": 1})
    assert list(args.keys()) == [0, 1, "x"]
    assert list(args.values()) == ["a", "b", 1]
    assert list(args.items()) == [(0, "a"), (1, "b"), ("x", 1)]
    assert ArgsKwargs.from_items(args.items()) == args
    assert ArgsKwargs.from_items([(7, "b"), ("x", 1), (0, "a")]) == ArgsKwargs(("b", "a"), {"x": 1})


def test_unserializable():
    assert Unserializable(3).obj == 3 and Unserializable(3) == Unserializable(3)


def test_type_hints_of_batches():
    hints = get_type_hints(Ragged)
    assert hints["data"] == Array2d and hints["data_shape"] == Tuple[int, ...]
