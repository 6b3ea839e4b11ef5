"""Arrays as annotations describe them: what comes out of an index, a sum, an operator, by rank and kind."""

from typing import Iterator, List

from typing_extensions import assert_type

from thinc.types import (
    Array2d,
    Array3d,
    Floats1d,
    Floats2d,
    Floats3d,
    Floats4d,
    Ints1d,
    Ints2d,
    Ints3d,
    Ints4d,
    Padded,
    Pairs,
    Ragged,
    Shape,
    SizedGenerator,
)


def index_floats(a: Floats1d, b: Floats2d, c: Floats3d, d: Floats4d, rows: Ints1d) -> None:
    """Each int in an index drops a dimension; slices, lists and arrays of ints do not."""
    assert_type(a[0], float)
    assert_type(a[1:], Floats1d)
    assert_type(a[rows], Floats1d)
    assert_type(a[[0, 1]], Floats1d)
    assert_type(b[0], Floats1d)
    assert_type(b[0, 1], float)
    assert_type(b[1:], Floats2d)
    assert_type(b[rows], Floats2d)
    assert_type(b[:, 0], Floats1d)
    assert_type(b[0, 1:], Floats1d)
    assert_type(b[1:, 1:], Floats2d)
    assert_type(c[0], Floats2d)
    assert_type(c[0, 1], Floats1d)
    assert_type(c[0, 1, 2], float)
    assert_type(c[:, 0], Floats2d)
    assert_type(c[:, :, 0], Floats2d)
    assert_type(c[0, :, 0], Floats1d)
    assert_type(c[1:], Floats3d)
    assert_type(d[0], Floats3d)
    assert_type(d[0, 1], Floats2d)
    assert_type(d[0, 1, 2], Floats1d)
    assert_type(d[0, 1, 2, 3], float)
    assert_type(d[1:], Floats4d)


def index_ints(a: Ints1d, b: Ints2d, c: Ints3d, d: Ints4d) -> None:
    assert_type(a[0], int)
    assert_type(a[1:], Ints1d)
    assert_type(b[0], Ints1d)
    assert_type(b[0, 1], int)
    assert_type(b[:, 0], Ints1d)
    assert_type(c[0], Ints2d)
    assert_type(c[0, 1, 2], int)
    assert_type(d[0], Ints3d)
    assert_type(d[0, 1, 2, 3], int)


def assign(a: Floats1d, b: Floats2d, c: Floats3d, ids: Ints2d) -> None:
    a[0] = 1.0
    a[1:] = a[:-1]
    b[0] = a
    b[0, 1] = 2.0
    b[:, 0] = a
    b[1:] = 0.0
    c[0] = b
    ids[0, 0] = 3
    ids[0] = ids[1]


def iterate(a: Floats1d, b: Floats2d, c: Floats3d, d: Floats4d, ids: Ints2d) -> None:
    assert_type(list(a), List[float])
    assert_type(list(b), List[Floats1d])
    assert_type(list(c), List[Floats2d])
    assert_type(list(d), List[Floats3d])
    assert_type(list(ids), List[Ints1d])
    assert_type(len(b), int)


def calculate(a: Floats1d, b: Floats2d, c: Floats3d, ids: Ints2d) -> None:
    """With numbers, and with arrays of the same rank or a lower one."""
    assert_type(b + 1, Floats2d)
    assert_type(1.0 - b, Floats2d)
    assert_type(b * b, Floats2d)
    assert_type(b / a, Floats2d)
    assert_type(c * b, Floats3d)
    assert_type(b**2, Floats2d)
    assert_type(-b, Floats2d)
    assert_type(b @ b, Floats2d)
    assert_type(ids // 2, Ints2d)
    assert_type(ids % 2, Ints2d)
    assert_type(ids & 3, Ints2d)
    b += a
    b *= 0.5
    assert_type(b, Floats2d)


def reduce(a: Floats1d, b: Floats2d, c: Floats3d, ids: Ints2d) -> None:
    assert_type(a.sum(), float)
    assert_type(b.sum(), float)
    assert_type(b.sum(axis=0), Floats1d)
    assert_type(b.sum(axis=0, keepdims=True), Floats2d)
    assert_type(c.sum(axis=0), Floats2d)
    assert_type(c.sum(axis=(0, 1)), Floats1d)
    assert_type(c.sum(), float)
    assert_type(ids.sum(), int)
    assert_type(ids.sum(axis=1), Ints1d)
    assert_type(b.argmax(axis=1), Ints1d)
    assert_type(c.argmax(axis=-1), Ints2d)
    assert_type(b.mean(axis=0), Floats1d)
    assert_type(a.mean(), float)
    assert_type(a.cumsum(), Floats1d)


def look(b: Floats2d) -> Shape:
    assert_type(b.size, int)
    assert_type(b.ndim, int)
    assert_type(b.T, Floats2d)
    assert_type(b.copy(), Floats2d)
    b.fill(0.0)
    return b.shape


def use_batches(ragged: Ragged, padded: Padded, pairs: Pairs[List[int]], batches: SizedGenerator) -> None:
    assert_type(ragged[0], Ragged)
    assert_type(ragged[1:], Ragged)
    assert_type(ragged.data, Array2d)
    assert_type(ragged.lengths, Ints1d)
    assert_type(padded.data, Array3d)
    assert_type(padded.size_at_t, Ints1d)
    assert_type(padded[0], Padded)
    assert_type(padded.copy(), Padded)
    assert_type(pairs[1:], Pairs[List[int]])
    assert_type(len(batches), int)
    numbers: Iterator[int] = iter(batches)
    print(list(numbers))
