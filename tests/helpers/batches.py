"""Batches of any kind as lists of their arrays: compare, convert, perturb and weigh them."""

from typing import Any, Callable

import numpy

from thinc.types import Padded, Ragged


def leaves(batch: Any) -> list[numpy.ndarray]:
    """The data arrays of a batch, without lengths and positions."""
    if isinstance(batch, (list, tuple)):
        return [leaf for item in batch for leaf in leaves(item)]
    if isinstance(batch, Ragged):
        return [batch.dataXd]
    return [batch.data] if isinstance(batch, Padded) else [batch]


def map_leaves(function: Callable[[numpy.ndarray], numpy.ndarray], batch: Any) -> Any:
    """A batch of the same kind with ``function`` of each data array."""
    if isinstance(batch, (list, tuple)):
        return type(batch)(map_leaves(function, item) for item in batch)
    if isinstance(batch, Ragged):
        return Ragged(function(batch.dataXd), batch.lengths.copy())
    if isinstance(batch, Padded):
        return Padded(
            function(batch.data), batch.size_at_t.copy(), batch.lengths.copy(), batch.indices.copy()
        )
    return function(batch)


def copy_batch(batch: Any) -> Any:
    return map_leaves(numpy.copy, batch)


def is_float(array: numpy.ndarray) -> bool:
    return array.dtype.kind == "f"


def as_float64(batch: Any) -> Any:
    """A copy with float64 in the place of other floats."""
    return map_leaves(lambda leaf: leaf.astype("float64") if is_float(leaf) else leaf.copy(), batch)


def strided(array: numpy.ndarray) -> numpy.ndarray:
    """A read-only view with the same elements, but gaps between them."""
    view = numpy.full((*array.shape[:-1], 2 * array.shape[-1]), 7, dtype=array.dtype)[..., ::2]
    view[...] = array
    view.flags.writeable = False
    return view


def transposed(array: numpy.ndarray) -> numpy.ndarray:
    """A read-only array with the same elements in Fortran order."""
    view = numpy.array(array, order="F")
    view.flags.writeable = False
    return view


def random_like(batch: Any, rng: numpy.random.Generator) -> Any:
    """Normally distributed numbers in the shapes and dtypes of a batch; zeros for integers."""

    def draw(leaf: numpy.ndarray) -> numpy.ndarray:
        if not is_float(leaf):
            return numpy.zeros_like(leaf)
        return numpy.asarray(rng.normal(size=leaf.shape), dtype=leaf.dtype)

    return map_leaves(draw, batch)


def dot(a: Any, b: Any) -> float:
    """The sum of the products of all elements."""
    return sum(float((x * y).sum()) for x, y in zip(leaves(a), leaves(b), strict=True))


def assert_same_kind(a: Any, b: Any) -> None:
    """Check that two batches have the same structure: kinds, lengths, positions."""
    assert isinstance(a, (list, tuple)) == isinstance(b, (list, tuple))
    if isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_same_kind(x, y)
        return
    assert type(a) is type(b)
    for name in ("lengths", "size_at_t", "indices"):
        if isinstance(a, (Ragged, Padded)) and hasattr(a, name):
            numpy.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def assert_batches_equal(a: Any, b: Any) -> None:
    assert_same_kind(a, b)
    for x, y in zip(leaves(a), leaves(b), strict=True):
        assert x.dtype == y.dtype
        numpy.testing.assert_array_equal(x, y)


def assert_batches_close(a: Any, b: Any, *, rtol: float = 1e-5, atol: float = 1e-6) -> None:
    assert_same_kind(a, b)
    for x, y in zip(leaves(a), leaves(b), strict=True):
        numpy.testing.assert_allclose(x, y, rtol=rtol, atol=atol)
