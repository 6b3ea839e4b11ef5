"""Making, converting and reshaping arrays."""

from typing import Any, TypeVar

import numpy

from ..types import (
    Array1d,
    Array2d,
    Array3d,
    Array4d,
    ArrayXd,
    DTypes,
    DTypesFloat,
    DTypesInt,
    Floats1d,
    Floats2d,
    Floats3d,
    Floats4d,
    FloatsXd,
    Ints1d,
    Ints2d,
    Ints3d,
    Ints4d,
    IntsXd,
    Shape,
)

# What an operation returns where it is of the kind of what it got.
AnyArrayT = TypeVar("AnyArrayT", bound=Any)

# NumPy takes longer to read the name of a dtype than to make a small array.
_DTYPES = {name: numpy.dtype(name) for name in ("float32", "float64", "int32", "int64", "uint32", "uint64")}


class ArrayOps:
    """The array module `xp`, the device, and everything that makes an array."""

    name: str = "base"
    xp: Any = numpy
    device_type: str
    device_id: int

    def __init__(self, device_type: str = "cpu", device_id: int = -1, **kwargs: Any) -> None:
        self.device_type = device_type
        self.device_id = device_id

    # -- new arrays --------------------------------------------------------------------------------------

    def alloc(self, shape: Any, *, dtype: DTypes | None = "float32", zeros: bool = True) -> Any:
        """A new array of `shape` (an int or a tuple): zeros, or uninitialised memory if not `zeros`."""
        dtype = _DTYPES.get(dtype, dtype)  # type: ignore[arg-type]
        return self.xp.zeros(shape, dtype) if zeros else self.xp.empty(shape, dtype)

    def alloc1f(self, d0: int, *, dtype: DTypesFloat | None = "float32", zeros: bool = True) -> Floats1d:
        """`alloc` with one dimension."""
        return self.alloc((d0,), dtype=dtype, zeros=zeros)

    def alloc2f(
        self, d0: int, d1: int, *, dtype: DTypesFloat | None = "float32", zeros: bool = True
    ) -> Floats2d:
        """`alloc` with two dimensions."""
        return self.alloc((d0, d1), dtype=dtype, zeros=zeros)

    def alloc3f(
        self, d0: int, d1: int, d2: int, *, dtype: DTypesFloat | None = "float32", zeros: bool = True
    ) -> Floats3d:
        """`alloc` with three dimensions."""
        return self.alloc((d0, d1, d2), dtype=dtype, zeros=zeros)

    def alloc4f(
        self, d0: int, d1: int, d2: int, d3: int, *, dtype: DTypesFloat | None = "float32", zeros: bool = True
    ) -> Floats4d:
        """`alloc` with four dimensions."""
        return self.alloc((d0, d1, d2, d3), dtype=dtype, zeros=zeros)

    def alloc_f(self, shape: Shape, *, dtype: DTypesFloat | None = "float32", zeros: bool = True) -> FloatsXd:
        """`alloc` with any number of dimensions."""
        return self.alloc(shape, dtype=dtype, zeros=zeros)

    def alloc1i(self, d0: int, *, dtype: DTypesInt | None = "int32", zeros: bool = True) -> Ints1d:
        """`alloc1f` for integers."""
        return self.alloc((d0,), dtype=dtype, zeros=zeros)

    def alloc2i(self, d0: int, d1: int, *, dtype: DTypesInt | None = "int32", zeros: bool = True) -> Ints2d:
        """`alloc2f` for integers."""
        return self.alloc((d0, d1), dtype=dtype, zeros=zeros)

    def alloc3i(
        self, d0: int, d1: int, d2: int, *, dtype: DTypesInt | None = "int32", zeros: bool = True
    ) -> Ints3d:
        """`alloc3f` for integers."""
        return self.alloc((d0, d1, d2), dtype=dtype, zeros=zeros)

    def alloc4i(
        self, d0: int, d1: int, d2: int, d3: int, *, dtype: DTypesInt | None = "int32", zeros: bool = True
    ) -> Ints4d:
        """`alloc4f` for integers."""
        return self.alloc((d0, d1, d2, d3), dtype=dtype, zeros=zeros)

    def alloc_i(self, shape: Shape, *, dtype: DTypesInt | None = "int32", zeros: bool = True) -> IntsXd:
        """`alloc_f` for integers."""
        return self.alloc(shape, dtype=dtype, zeros=zeros)

    # What layers compute anew for each batch: a backend that allocates better than its array module overrides these.

    def _zeros_like(self, X: Any) -> Any:
        """Zeros of the shape and dtype of an array."""
        return self.alloc(X.shape, dtype=X.dtype)

    def _constant_zeros(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Zeros that are not to be changed: they may be read-only, and take no memory."""
        return self.alloc(shape, dtype=dtype)

    def _multiply(self, X: Any, Y: Any) -> Any:
        """``X * Y``, as a new array."""
        return X * Y

    def _add(self, X: Any, Y: Any) -> Any:
        """``X + Y``, as a new array."""
        return X + Y

    def _add_items(self, Xs: Any, Ys: Any) -> list[Any] | None:
        """``X + Y`` for each pair of arrays in two lists; None if the lists, or two arrays, differ in shape."""
        if len(Xs) != len(Ys):
            return None
        pairs = list(zip(Xs, Ys, strict=True))
        if not all(isinstance(X, self.xp.ndarray) and X.shape == getattr(Y, "shape", None) for X, Y in pairs):
            return None
        return [self._add(X, Y) for X, Y in pairs]

    def _sum(self, arrays: list[Any]) -> Any:
        """The sum of arrays of one shape, None if these are not arrays of one shape.

        It may be computed in one of them that nobody holds but the list.
        """
        first = arrays[0]
        if not all(isinstance(X, self.xp.ndarray) and X.shape == first.shape for X in arrays):
            return None
        return sum(arrays[1:], start=first)

    def _concatenate(self, arrays: Any, axis: int) -> Any:
        """``xp.concatenate(arrays, axis)``."""
        return self.xp.concatenate(arrays, axis=axis)

    # -- other shapes ------------------------------------------------------------------------------------

    def reshape(self, array: Any, shape: Any) -> Any:
        """`array.reshape(shape)`; one dimension may be -1. ValueError if the sizes differ."""
        return array.reshape(shape)

    def reshape1(self, array: ArrayXd, d0: int) -> Array1d:
        """`reshape` to one dimension."""
        return array.reshape((d0,))

    def reshape2(self, array: ArrayXd, d0: int, d1: int) -> Array2d:
        """`reshape` to two dimensions."""
        return array.reshape((d0, d1))

    def reshape3(self, array: ArrayXd, d0: int, d1: int, d2: int) -> Array3d:
        """`reshape` to three dimensions."""
        return array.reshape((d0, d1, d2))

    def reshape4(self, array: ArrayXd, d0: int, d1: int, d2: int, d3: int) -> Array4d:
        """`reshape` to four dimensions."""
        return array.reshape((d0, d1, d2, d3))

    def reshape1f(self, array: FloatsXd, d0: int) -> Floats1d:
        """`reshape1` for floats."""
        return array.reshape((d0,))

    def reshape2f(self, array: FloatsXd, d0: int, d1: int) -> Floats2d:
        """`reshape2` for floats."""
        return array.reshape((d0, d1))

    def reshape3f(self, array: FloatsXd, d0: int, d1: int, d2: int) -> Floats3d:
        """`reshape3` for floats."""
        return array.reshape((d0, d1, d2))

    def reshape4f(self, array: FloatsXd, d0: int, d1: int, d2: int, d3: int) -> Floats4d:
        """`reshape4` for floats."""
        return array.reshape((d0, d1, d2, d3))

    def reshape_f(self, array: FloatsXd, shape: Shape) -> FloatsXd:
        """`reshape` for floats."""
        return array.reshape(shape)

    def reshape1i(self, array: IntsXd, d0: int) -> Ints1d:
        """`reshape1` for integers."""
        return array.reshape((d0,))

    def reshape2i(self, array: IntsXd, d0: int, d1: int) -> Ints2d:
        """`reshape2` for integers."""
        return array.reshape((d0, d1))

    def reshape3i(self, array: IntsXd, d0: int, d1: int, d2: int) -> Ints3d:
        """`reshape3` for integers."""
        return array.reshape((d0, d1, d2))

    def reshape4i(self, array: IntsXd, d0: int, d1: int, d2: int, d3: int) -> Ints4d:
        """`reshape4` for integers."""
        return array.reshape((d0, d1, d2, d3))

    def reshape_i(self, array: IntsXd, shape: Shape) -> IntsXd:
        """`reshape` for integers."""
        return array.reshape(shape)

    # -- conversion --------------------------------------------------------------------------------------

    def asarray(self, data: Any, dtype: DTypes | None = None) -> Any:
        """`data` as an array of this backend, without a copy where possible.

        Parameters
        ----------
        data
            An array (returned as it is if the dtype fits), an object with a method `numpy` (a tensor) or
            `get` (an array on a GPU), a number, or nested sequences of numbers.
        dtype
            The dtype to convert to; None keeps what `data` has.
        """
        if isinstance(data, numpy.ndarray):
            if dtype is None or data.dtype is _DTYPES.get(dtype) or data.dtype == dtype:
                return data
            return data.astype(dtype)
        if hasattr(data, "numpy"):
            array = data.numpy()
        elif hasattr(data, "get") and not hasattr(data, "to_numpy"):  # pandas has another `get`
            array = data.get()
        else:
            # The dtype goes in right away: large uint64 values must not pass through float64.
            return numpy.array(data, dtype=dtype)
        return array if dtype is None else array.astype(dtype, copy=False)

    def asarray1f(self, data: Any, *, dtype: DTypes | None = "float32") -> Floats1d:
        """`asarray` for one-dimensional floats. The number of dimensions is not checked."""
        return self.asarray(data, dtype=dtype)

    def asarray2f(self, data: Any, *, dtype: DTypes | None = "float32") -> Floats2d:
        """`asarray` for two-dimensional floats. The number of dimensions is not checked."""
        return self.asarray(data, dtype=dtype)

    def asarray3f(self, data: Any, *, dtype: DTypes | None = "float32") -> Floats3d:
        """`asarray` for three-dimensional floats. The number of dimensions is not checked."""
        return self.asarray(data, dtype=dtype)

    def asarray4f(self, data: Any, *, dtype: DTypes | None = "float32") -> Floats4d:
        """`asarray` for four-dimensional floats. The number of dimensions is not checked."""
        return self.asarray(data, dtype=dtype)

    def asarray_f(self, data: Any, *, dtype: DTypes | None = "float32") -> FloatsXd:
        """`asarray` for floats."""
        return self.asarray(data, dtype=dtype)

    def asarray1i(self, data: Any, *, dtype: DTypes | None = "int32") -> Ints1d:
        """`asarray` for one-dimensional integers; fractions are cut off."""
        return self.asarray(data, dtype=dtype)

    def asarray2i(self, data: Any, *, dtype: DTypes | None = "int32") -> Ints2d:
        """`asarray` for two-dimensional integers; fractions are cut off."""
        return self.asarray(data, dtype=dtype)

    def asarray3i(self, data: Any, *, dtype: DTypes | None = "int32") -> Ints3d:
        """`asarray` for three-dimensional integers; fractions are cut off."""
        return self.asarray(data, dtype=dtype)

    def asarray4i(self, data: Any, *, dtype: DTypes | None = "int32") -> Ints4d:
        """`asarray` for four-dimensional integers; fractions are cut off."""
        return self.asarray(data, dtype=dtype)

    def asarray_i(self, data: Any, *, dtype: DTypes | None = "int32") -> IntsXd:
        """`asarray` for integers; fractions are cut off."""
        return self.asarray(data, dtype=dtype)

    def as_contig(self, data: Any, dtype: DTypes | None = None) -> Any:
        """`data` itself if it is C-contiguous and of `dtype` (None: any), else a contiguous copy."""
        if data.flags.c_contiguous and (dtype is None or data.dtype == dtype):
            return data
        return self.xp.asarray(data, dtype=dtype, order="C")

    def to_numpy(self, data: Any, *, byte_order: str | None = None) -> numpy.ndarray:
        """`data` as a NumPy array.

        Parameters
        ----------
        data
            An array of this backend.
        byte_order
            One of ``> < = |``: convert to that byte order.

        Raises
        ------
        ValueError
            If `data` is not an array.
        """
        if not isinstance(data, numpy.ndarray):
            raise ValueError(
                f"Cannot convert {type(data)} to NumPy: expected an array of the backend {self.name!r}. "
                "Make one with ops.asarray() first."
            )
        return in_byte_order(data, byte_order)

    # -- arrays from other values ------------------------------------------------------------------------

    def get_dropout_mask(self, shape: Any, drop: float | None) -> Any:
        """Random mask for inverted dropout: each entry is 0 with probability `drop`, else ``1 / (1 - drop)``.

        Parameters
        ----------
        shape
            An int or a tuple.
        drop
            The share to drop. None or <= 0 gives ones, >= 1 gives zeros, and neither draws random numbers.

        Returns
        -------
        float32 array of `shape`.
        """
        if drop is None or drop <= 0:
            return self.xp.ones(shape, dtype="float32")
        if drop >= 1:
            return self.alloc(shape)
        kept = self.xp.random.uniform(0.0, 1.0, shape) >= drop
        return kept.astype("float32") * (1.0 / (1.0 - drop))

    def _dropout(self, X: Any, drop: float) -> tuple[Any, Any]:
        """`X` times a mask of `get_dropout_mask`, and what `_backprop_dropout` has to know of the mask."""
        mask = self.get_dropout_mask(X.shape, drop)
        return self._multiply(X, mask), mask

    def _backprop_dropout(self, dY: Any, kept: Any) -> Any:
        """The gradient of X, from that of the output, which has its shape."""
        return self._multiply(dY, kept)

    def tile(self, X: Any, reps: Any) -> Any:
        """`X` repeated `reps` times along the last axis, or as the tuple `reps` says (``numpy.tile``)."""
        return self.xp.tile(X, reps)

    def insert_into(self, shape: Any, Xs: Any) -> Any:
        """Zeros of `shape` with ``Xs[i]`` in the leading entries of row i; the dtype is that of ``Xs[0]``."""
        output = self.alloc(shape, dtype=Xs[0].dtype)
        for i, x in enumerate(Xs):
            output[i, : x.shape[0]] = x
        return output


def in_byte_order(data: numpy.ndarray, byte_order: str | None) -> numpy.ndarray:
    """`data` with its dtype in the byte order that one of ``> < = |`` names; None leaves it alone."""
    if byte_order is None:
        return data
    return numpy.asarray(data, dtype=data.dtype.newbyteorder(byte_order))  # type: ignore[arg-type]
