"""Array annotations, the batch types Ragged, Padded and Pairs, and small value types.

The array classes (`Floats2d` and so on) are never instantiated: they describe NumPy and CuPy arrays to static
checkers, and check values at run time through the hooks of pydantic v1 and v2, which confection uses as well.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Sized
from dataclasses import dataclass
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Dict,
    Generic,
    List,
    Literal,
    Optional,
    Protocol,
    Tuple,
    TypeVar,
    Union,
    overload,
)

import numpy

if TYPE_CHECKING:
    from typing_extensions import Self

DeviceTypes = Literal["cpu", "gpu", "tpu"]
DTypesFloat = Literal["f", "float32", "float16", "float64"]
DTypesInt = Literal["i", "int32", "int64", "uint32", "uint64"]
DTypes = Union[DTypesFloat, DTypesInt]
Shape = Tuple[int, ...]
Xp = Union["numpy", "cupy"]  # type: ignore[valid-type, name-defined]  # noqa: F821

Tru = Literal[True]
Fal = Literal[False]
OneAx = Union[int, Tuple[int]]
TwoAx = Tuple[int, int]
ThreeAx = Tuple[int, int, int]
FourAx = Tuple[int, int, int, int]

SelfT = TypeVar("SelfT")
ArrayT = TypeVar("ArrayT")
# The type checker's plugin knows chain, and the combinators of parallel layers, by these two.
XY_YZ_OutT = TypeVar("XY_YZ_OutT")
XY_XY_OutT = TypeVar("XY_XY_OutT")
_DecoratedT = TypeVar("_DecoratedT")
_PairsT = TypeVar("_PairsT")

_DTYPES_BY_CODE = {"f": ("float32",), "i": ("int32", "int64", "uint32", "uint64")}


class Decorator(Protocol):
    """A registry seen as a decorator factory: called with a name, it returns what keeps a function's type."""

    def __call__(self, name: str) -> Callable[[_DecoratedT], _DecoratedT]: ...


def get_array_module(arr: Any) -> Any:
    """The module of an array: CuPy for its arrays, NumPy for anything else."""
    cupy = sys.modules.get("cupy")  # an array of CuPy exists only once CuPy is imported
    return numpy if cupy is None else cupy.get_array_module(arr)


def validate_array(obj: Any, ndim: Optional[int] = None, dtype: Optional[str] = None) -> Any:
    """Check the rank and the kind of an array.

    Parameters
    ----------
    obj
        What to check.
    ndim
        Required number of dimensions; None allows any.
    dtype
        ``"f"`` for float32, ``"i"`` for int32, int64, uint32 or uint64, None for any; nothing else fits.

    Returns
    -------
    The same object.

    Raises
    ------
    ValueError
        If it is not a NumPy or CuPy array, or does not fit; the message lists every mismatch.
    """
    cupy = sys.modules.get("cupy")
    if not (isinstance(obj, numpy.ndarray) or (cupy is not None and isinstance(obj, cupy.ndarray))):
        raise ValueError("not a valid numpy or cupy array")
    problems = []
    if ndim is not None and obj.ndim != ndim:
        problems.append(f"wrong array dimensions (expected {ndim}, got {obj.ndim})")
    expected = _DTYPES_BY_CODE.get(dtype or "", ())
    if dtype is not None and obj.dtype not in expected:
        problems.append(f"wrong array data type (expected {'/'.join(expected)}, got {obj.dtype})")
    if problems:
        raise ValueError(", ".join(problems))
    return obj


class _ValidatedType:
    """The run-time hooks: pydantic v2 and v1 call what `_get_validator` returns with the value."""

    @classmethod
    def _get_validator(cls) -> Callable[[Any], Any]:
        raise NotImplementedError

    @classmethod
    def __get_pydantic_core_schema__(cls, source_type: Any, handler: Any) -> Dict[str, Any]:
        return {"type": "function-plain", "function": {"type": "no-info", "function": cls._get_validator()}}

    @classmethod
    def __get_validators__(cls) -> Iterator[Callable[[Any], Any]]:
        yield cls._get_validator()


class _Array(_ValidatedType, Sized, Container[Any]):
    """The surface that arrays of every rank and kind share."""

    _ndim: ClassVar[Optional[int]] = None
    _dtype: ClassVar[Optional[str]] = None

    @classmethod
    def _get_validator(cls) -> Callable[[Any], Any]:
        def validate(value: Any) -> Any:
            return validate_array(value, ndim=cls._ndim, dtype=cls._dtype)

        return validate

    if TYPE_CHECKING:
        T: Self
        base: Optional[ArrayXd]

        @property
        def dtype(self) -> Any: ...
        @property
        def data(self) -> memoryview: ...
        @property
        def flags(self) -> Any: ...
        @property
        def size(self) -> int: ...
        @property
        def itemsize(self) -> int: ...
        @property
        def nbytes(self) -> int: ...
        @property
        def ndim(self) -> int: ...
        @property
        def shape(self) -> Shape: ...
        @property
        def strides(self) -> Tuple[int, ...]: ...

        def __len__(self) -> int: ...
        def __contains__(self, key: object) -> bool: ...
        def __bool__(self) -> bool: ...
        def __int__(self) -> int: ...
        def __float__(self) -> float: ...
        def __complex__(self) -> complex: ...
        def __index__(self) -> int: ...
        def __copy__(self, order: str = ...) -> Self: ...
        def __deepcopy__(self, memo: Dict[int, Any]) -> Self: ...
        def __array__(self, dtype: Any = ..., copy: Any = ...) -> Any: ...
        def __dlpack__(self, **kwargs: Any) -> Any: ...
        def __dlpack_device__(self) -> Tuple[int, int]: ...

        # Other operands are scalars or arrays of the same or a lower rank; the result has the type of `self`.
        def __lt__(self, other: Any) -> Self: ...
        def __le__(self, other: Any) -> Self: ...
        def __eq__(self, other: Any) -> Self: ...  # type: ignore[override]
        def __ne__(self, other: Any) -> Self: ...  # type: ignore[override]
        def __gt__(self, other: Any) -> Self: ...
        def __ge__(self, other: Any) -> Self: ...
        def __neg__(self) -> Self: ...
        def __pos__(self) -> Self: ...
        def __abs__(self) -> Self: ...
        def __invert__(self) -> Self: ...
        def __add__(self, other: Any) -> Self: ...
        def __radd__(self, other: Any) -> Self: ...
        def __iadd__(self, other: Any) -> Self: ...
        def __sub__(self, other: Any) -> Self: ...
        def __rsub__(self, other: Any) -> Self: ...
        def __isub__(self, other: Any) -> Self: ...
        def __mul__(self, other: Any) -> Self: ...
        def __rmul__(self, other: Any) -> Self: ...
        def __imul__(self, other: Any) -> Self: ...
        def __matmul__(self, other: Any) -> Self: ...
        def __rmatmul__(self, other: Any) -> Self: ...
        def __imatmul__(self, other: Any) -> Self: ...
        def __truediv__(self, other: Any) -> Self: ...
        def __rtruediv__(self, other: Any) -> Self: ...
        def __itruediv__(self, other: Any) -> Self: ...
        def __floordiv__(self, other: Any) -> Self: ...
        def __rfloordiv__(self, other: Any) -> Self: ...
        def __ifloordiv__(self, other: Any) -> Self: ...
        def __mod__(self, other: Any) -> Self: ...
        def __rmod__(self, other: Any) -> Self: ...
        def __imod__(self, other: Any) -> Self: ...
        def __divmod__(self, other: Any) -> Tuple[Self, Self]: ...
        def __rdivmod__(self, other: Any) -> Tuple[Self, Self]: ...
        def __pow__(self, other: Any) -> Self: ...
        def __rpow__(self, other: Any) -> Self: ...
        def __ipow__(self, other: Any) -> Self: ...
        def __lshift__(self, other: Any) -> Self: ...
        def __rlshift__(self, other: Any) -> Self: ...
        def __ilshift__(self, other: Any) -> Self: ...
        def __rshift__(self, other: Any) -> Self: ...
        def __rrshift__(self, other: Any) -> Self: ...
        def __irshift__(self, other: Any) -> Self: ...
        def __and__(self, other: Any) -> Self: ...
        def __rand__(self, other: Any) -> Self: ...
        def __iand__(self, other: Any) -> Self: ...
        def __or__(self, other: Any) -> Self: ...
        def __ror__(self, other: Any) -> Self: ...
        def __ior__(self, other: Any) -> Self: ...
        def __xor__(self, other: Any) -> Self: ...
        def __rxor__(self, other: Any) -> Self: ...
        def __ixor__(self, other: Any) -> Self: ...

        def all(self, axis: int = ..., out: Any = ..., keepdims: bool = ...) -> Any: ...
        def any(self, axis: int = ..., out: Any = ..., keepdims: bool = ...) -> Any: ...
        def argmin(self, axis: Optional[int] = ..., out: Any = ...) -> Any: ...
        def argpartition(self, kth: Any, axis: Optional[int] = ..., kind: str = ...) -> Ints1d: ...
        def argsort(self, axis: Optional[int] = ..., kind: Optional[str] = ...) -> Any: ...
        def astype(
            self, dtype: Any, order: str = ..., casting: str = ..., subok: bool = ..., copy: bool = ...
        ) -> Any: ...
        def byteswap(self, inplace: bool = ...) -> Self: ...
        def choose(self, choices: Any, out: Any = ..., mode: str = ...) -> Any: ...
        def clip(self, min: Any = ..., max: Any = ..., out: Any = ...) -> Self: ...
        def compress(self, condition: Any, axis: Optional[int] = ..., out: Any = ...) -> Any: ...
        def conj(self) -> Self: ...
        def conjugate(self) -> Self: ...
        def copy(self, order: str = ...) -> Self: ...
        def cumprod(self, axis: Optional[int] = ..., dtype: Any = ..., out: Any = ...) -> Any: ...
        def diagonal(self, offset: int = ..., axis1: int = ..., axis2: int = ...) -> Any: ...
        def dot(self, other: Any, out: Any = ...) -> Any: ...
        def fill(self, value: Any) -> None: ...
        def flatten(self, order: str = ...) -> Any: ...
        def get(self) -> Any: ...
        def item(self, *args: int) -> Any: ...
        def max(self, axis: Any = ..., out: Any = ..., keepdims: bool = ...) -> Any: ...
        def min(self, axis: Any = ..., out: Any = ..., keepdims: bool = ...) -> Any: ...
        def nonzero(self) -> Tuple[Ints1d, ...]: ...
        def partition(self, kth: Any, axis: int = ..., kind: str = ...) -> None: ...
        def prod(self, axis: Any = ..., dtype: Any = ..., out: Any = ..., keepdims: bool = ...) -> Any: ...
        def put(self, indices: Any, values: Any, mode: str = ...) -> None: ...
        def ravel(self, order: str = ...) -> Any: ...
        def repeat(self, repeats: Any, axis: Optional[int] = ...) -> Any: ...
        def reshape(self, *shape: Any, order: str = ...) -> Any: ...
        def resize(self, new_shape: Any, refcheck: bool = ...) -> None: ...
        def round(self, decimals: int = ..., out: Any = ...) -> Self: ...
        def searchsorted(self, v: Any, side: str = ..., sorter: Any = ...) -> Any: ...
        def sort(self, axis: int = ..., kind: Optional[str] = ...) -> None: ...
        def squeeze(self, axis: Any = ...) -> Any: ...
        def std(
            self, axis: Any = ..., dtype: Any = ..., out: Any = ..., ddof: int = ..., keepdims: bool = ...
        ) -> Any: ...
        def swapaxes(self, axis1: int, axis2: int) -> Self: ...
        def take(self, indices: Any, axis: Optional[int] = ..., out: Any = ..., mode: str = ...) -> Any: ...
        def tobytes(self, order: str = ...) -> bytes: ...
        def tolist(self) -> List[Any]: ...
        def trace(
            self, offset: int = ..., axis1: int = ..., axis2: int = ..., dtype: Any = ..., out: Any = ...
        ) -> Any: ...
        def transpose(self, *axes: Any) -> Self: ...
        def var(
            self, axis: Any = ..., dtype: Any = ..., out: Any = ..., ddof: int = ..., keepdims: bool = ...
        ) -> Any: ...
        def view(self, dtype: Any = ..., type: Any = ...) -> Any: ...


class _Floats(_Array):
    _dtype = "f"


class _Ints(_Array):
    _dtype = "i"


class _Array1d(_Array):
    _ndim = 1


class _Array2d(_Array):
    _ndim = 2


class _Array3d(_Array):
    _ndim = 3


class _Array4d(_Array):
    _ndim = 4


class Floats1d(_Array1d, _Floats):
    """A vector of float32."""

    if TYPE_CHECKING:

        def __iter__(self) -> Iterator[float]: ...
        @overload
        def __getitem__(self, key: Union[int, Tuple[int]]) -> float: ...
        @overload
        def __getitem__(self, key: Union[_S, Tuple[_S]]) -> Floats1d: ...
        def __getitem__(self, key: Any) -> Any: ...
        @overload
        def __setitem__(self, key: Union[int, Tuple[int]], value: float) -> None: ...
        @overload
        def __setitem__(self, key: Union[_S, Tuple[_S]], value: Union[float, Floats1d]) -> None: ...
        def __setitem__(self, key: Any, value: Any) -> None: ...
        @overload
        def sum(
            self, *, keepdims: Tru, axis: Optional[OneAx] = ..., out: Optional[Floats1d] = ...
        ) -> Floats1d: ...
        @overload
        def sum(self, *, keepdims: Fal = ..., axis: Optional[OneAx] = ..., out: None = ...) -> float: ...
        def sum(self, **kwargs: Any) -> Any: ...
        def argmax(self, keepdims: Fal = ..., axis: int = ..., out: None = ...) -> int: ...
        def mean(
            self,
            axis: Optional[int] = ...,
            dtype: Any = ...,
            out: Optional[Floats1d] = ...,
            keepdims: bool = ...,
        ) -> float: ...
        def cumsum(
            self, *, keepdims: bool = ..., axis: Optional[int] = ..., out: Optional[Floats1d] = ...
        ) -> Floats1d: ...


class Ints1d(_Array1d, _Ints):
    """A vector of 32 or 64 bit integers, signed or not."""

    if TYPE_CHECKING:

        def __iter__(self) -> Iterator[int]: ...
        @overload
        def __getitem__(self, key: Union[int, Tuple[int]]) -> int: ...
        @overload
        def __getitem__(self, key: Union[_S, Tuple[_S]]) -> Ints1d: ...
        def __getitem__(self, key: Any) -> Any: ...
        @overload
        def __setitem__(self, key: Union[int, Tuple[int]], value: int) -> None: ...
        @overload
        def __setitem__(self, key: Union[_S, Tuple[_S]], value: Union[int, Ints1d]) -> None: ...
        def __setitem__(self, key: Any, value: Any) -> None: ...
        @overload
        def sum(
            self, *, keepdims: Tru, axis: Optional[OneAx] = ..., out: Optional[Ints1d] = ...
        ) -> Ints1d: ...
        @overload
        def sum(self, *, keepdims: Fal = ..., axis: Optional[OneAx] = ..., out: None = ...) -> int: ...
        def sum(self, **kwargs: Any) -> Any: ...
        def argmax(self, keepdims: Fal = ..., axis: int = ..., out: None = ...) -> int: ...
        def mean(
            self,
            axis: Optional[int] = ...,
            dtype: Any = ...,
            out: Optional[Floats1d] = ...,
            keepdims: bool = ...,
        ) -> float: ...
        def cumsum(
            self, *, keepdims: bool = ..., axis: Optional[int] = ..., out: Optional[Ints1d] = ...
        ) -> Ints1d: ...


class Floats2d(_Array2d, _Floats):
    """A matrix of float32."""

    if TYPE_CHECKING:

        def __iter__(self) -> Iterator[Floats1d]: ...
        @overload
        def __getitem__(self, key: TwoAx) -> float: ...
        @overload
        def __getitem__(self, key: _Key2Drop1) -> Floats1d: ...
        @overload
        def __getitem__(self, key: _Key2Drop0) -> Floats2d: ...
        def __getitem__(self, key: Any) -> Any: ...
        @overload
        def __setitem__(self, key: TwoAx, value: float) -> None: ...
        @overload
        def __setitem__(self, key: _Key2Drop1, value: Union[float, Floats1d]) -> None: ...
        @overload
        def __setitem__(self, key: _Key2Drop0, value: Union[float, Floats1d, Floats2d]) -> None: ...
        def __setitem__(self, key: Any, value: Any) -> None: ...
        @overload
        def sum(
            self, *, keepdims: Tru, axis: Union[OneAx, TwoAx, None] = ..., out: Optional[Floats2d] = ...
        ) -> Floats2d: ...
        @overload
        def sum(self, *, keepdims: Fal = ..., axis: OneAx, out: Optional[Floats1d] = ...) -> Floats1d: ...
        @overload
        def sum(self, *, keepdims: Fal = ..., axis: Optional[TwoAx] = ..., out: None = ...) -> float: ...
        def sum(self, **kwargs: Any) -> Any: ...
        def argmax(self, keepdims: Fal = ..., axis: int = ..., out: Optional[Ints1d] = ...) -> Ints1d: ...
        @overload
        def mean(self, axis: int, dtype: Any = ..., out: Optional[Floats1d] = ...) -> Floats1d: ...
        @overload
        def mean(self, axis: None = ..., dtype: Any = ..., out: None = ...) -> float: ...
        def mean(self, *args: Any, **kwargs: Any) -> Any: ...


class Ints2d(_Array2d, _Ints):
    """A matrix of 32 or 64 bit integers, signed or not."""

    if TYPE_CHECKING:

        def __iter__(self) -> Iterator[Ints1d]: ...
        @overload
        def __getitem__(self, key: TwoAx) -> int: ...
        @overload
        def __getitem__(self, key: _Key2Drop1) -> Ints1d: ...
        @overload
        def __getitem__(self, key: _Key2Drop0) -> Ints2d: ...
        def __getitem__(self, key: Any) -> Any: ...
        @overload
        def __setitem__(self, key: TwoAx, value: int) -> None: ...
        @overload
        def __setitem__(self, key: _Key2Drop1, value: Union[int, Ints1d]) -> None: ...
        @overload
        def __setitem__(self, key: _Key2Drop0, value: Union[int, Ints1d, Ints2d]) -> None: ...
        def __setitem__(self, key: Any, value: Any) -> None: ...
        @overload
        def sum(
            self, *, keepdims: Tru, axis: Union[OneAx, TwoAx, None] = ..., out: Optional[Ints2d] = ...
        ) -> Ints2d: ...
        @overload
        def sum(self, *, keepdims: Fal = ..., axis: OneAx, out: Optional[Ints1d] = ...) -> Ints1d: ...
        @overload
        def sum(self, *, keepdims: Fal = ..., axis: Optional[TwoAx] = ..., out: None = ...) -> int: ...
        def sum(self, **kwargs: Any) -> Any: ...
        def argmax(self, keepdims: Fal = ..., axis: int = ..., out: Optional[Ints1d] = ...) -> Ints1d: ...
        @overload
        def mean(self, axis: int, dtype: Any = ..., out: Optional[Floats1d] = ...) -> Floats1d: ...
        @overload
        def mean(self, axis: None = ..., dtype: Any = ..., out: None = ...) -> float: ...
        def mean(self, *args: Any, **kwargs: Any) -> Any: ...


class Floats3d(_Array3d, _Floats):
    """A cube of float32."""

    if TYPE_CHECKING:

        def __iter__(self) -> Iterator[Floats2d]: ...
        @overload
        def __getitem__(self, key: ThreeAx) -> float: ...
        @overload
        def __getitem__(self, key: _Key3Drop2) -> Floats1d: ...
        @overload
        def __getitem__(self, key: _Key3Drop1) -> Floats2d: ...
        @overload
        def __getitem__(self, key: _Key3Drop0) -> Floats3d: ...
        def __getitem__(self, key: Any) -> Any: ...
        @overload
        def __setitem__(self, key: ThreeAx, value: float) -> None: ...
        @overload
        def __setitem__(self, key: _Key3Drop2, value: Union[float, Floats1d]) -> None: ...
        @overload
        def __setitem__(self, key: _Key3Drop1, value: Union[float, Floats1d, Floats2d]) -> None: ...
        @overload
        def __setitem__(self, key: _Key3Drop0, value: Union[float, Floats1d, Floats2d, Floats3d]) -> None: ...
        def __setitem__(self, key: Any, value: Any) -> None: ...
        @overload
        def sum(
            self,
            *,
            keepdims: Tru,
            axis: Union[OneAx, TwoAx, ThreeAx, None] = ...,
            out: Optional[Floats3d] = ...,
        ) -> Floats3d: ...
        @overload
        def sum(self, *, keepdims: Fal = ..., axis: OneAx, out: Optional[Floats2d] = ...) -> Floats2d: ...
        @overload
        def sum(self, *, keepdims: Fal = ..., axis: TwoAx, out: Optional[Floats1d] = ...) -> Floats1d: ...
        @overload
        def sum(self, *, keepdims: Fal = ..., axis: Optional[ThreeAx] = ..., out: None = ...) -> float: ...
        def sum(self, **kwargs: Any) -> Any: ...
        def argmax(self, keepdims: Fal = ..., axis: int = ..., out: Optional[Ints2d] = ...) -> Ints2d: ...


class Ints3d(_Array3d, _Ints):
    """A cube of 32 or 64 bit integers, signed or not."""

    if TYPE_CHECKING:

        def __iter__(self) -> Iterator[Ints2d]: ...
        @overload
        def __getitem__(self, key: ThreeAx) -> int: ...
        @overload
        def __getitem__(self, key: _Key3Drop2) -> Ints1d: ...
        @overload
        def __getitem__(self, key: _Key3Drop1) -> Ints2d: ...
        @overload
        def __getitem__(self, key: _Key3Drop0) -> Ints3d: ...
        def __getitem__(self, key: Any) -> Any: ...
        @overload
        def __setitem__(self, key: ThreeAx, value: int) -> None: ...
        @overload
        def __setitem__(self, key: _Key3Drop2, value: Union[int, Ints1d]) -> None: ...
        @overload
        def __setitem__(self, key: _Key3Drop1, value: Union[int, Ints1d, Ints2d]) -> None: ...
        @overload
        def __setitem__(self, key: _Key3Drop0, value: Union[int, Ints1d, Ints2d, Ints3d]) -> None: ...
        def __setitem__(self, key: Any, value: Any) -> None: ...
        @overload
        def sum(
            self,
            *,
            keepdims: Tru,
            axis: Union[OneAx, TwoAx, ThreeAx, None] = ...,
            out: Optional[Ints3d] = ...,
        ) -> Ints3d: ...
        @overload
        def sum(self, *, keepdims: Fal = ..., axis: OneAx, out: Optional[Ints2d] = ...) -> Ints2d: ...
        @overload
        def sum(self, *, keepdims: Fal = ..., axis: TwoAx, out: Optional[Ints1d] = ...) -> Ints1d: ...
        @overload
        def sum(self, *, keepdims: Fal = ..., axis: Optional[ThreeAx] = ..., out: None = ...) -> int: ...
        def sum(self, **kwargs: Any) -> Any: ...
        def argmax(self, keepdims: Fal = ..., axis: int = ..., out: Optional[Ints2d] = ...) -> Ints2d: ...


class Floats4d(_Array4d, _Floats):
    """An array of float32 with four dimensions."""

    if TYPE_CHECKING:

        def __iter__(self) -> Iterator[Floats3d]: ...
        @overload
        def __getitem__(self, key: FourAx) -> float: ...
        @overload
        def __getitem__(self, key: _Key4Drop3) -> Floats1d: ...
        @overload
        def __getitem__(self, key: _Key4Drop2) -> Floats2d: ...
        @overload
        def __getitem__(self, key: _Key4Drop1) -> Floats3d: ...
        @overload
        def __getitem__(self, key: _Key4Drop0) -> Floats4d: ...
        def __getitem__(self, key: Any) -> Any: ...
        @overload
        def __setitem__(self, key: FourAx, value: float) -> None: ...
        @overload
        def __setitem__(self, key: _Key4Drop3, value: Union[float, Floats1d]) -> None: ...
        @overload
        def __setitem__(self, key: _Key4Drop2, value: Union[float, Floats1d, Floats2d]) -> None: ...
        @overload
        def __setitem__(self, key: _Key4Drop1, value: Union[float, Floats1d, Floats2d, Floats3d]) -> None: ...
        @overload
        def __setitem__(
            self, key: _Key4Drop0, value: Union[float, Floats1d, Floats2d, Floats3d, Floats4d]
        ) -> None: ...
        def __setitem__(self, key: Any, value: Any) -> None: ...
        @overload
        def sum(
            self,
            *,
            keepdims: Tru,
            axis: Union[OneAx, TwoAx, ThreeAx, FourAx, None] = ...,
            out: Optional[Floats4d] = ...,
        ) -> Floats4d: ...
        @overload
        def sum(self, *, keepdims: Fal = ..., axis: OneAx, out: Optional[Floats3d] = ...) -> Floats3d: ...
        @overload
        def sum(self, *, keepdims: Fal = ..., axis: TwoAx, out: Optional[Floats2d] = ...) -> Floats2d: ...
        @overload
        def sum(self, *, keepdims: Fal = ..., axis: ThreeAx, out: Optional[Floats1d] = ...) -> Floats1d: ...
        @overload
        def sum(self, *, keepdims: Fal = ..., axis: Optional[FourAx] = ..., out: None = ...) -> float: ...
        def sum(self, **kwargs: Any) -> Any: ...
        def argmax(self, keepdims: Fal = ..., axis: int = ..., out: Optional[Ints3d] = ...) -> Ints3d: ...


class Ints4d(_Array4d, _Ints):
    """An array of 32 or 64 bit integers, signed or not, with four dimensions."""

    if TYPE_CHECKING:

        def __iter__(self) -> Iterator[Ints3d]: ...
        @overload
        def __getitem__(self, key: FourAx) -> int: ...
        @overload
        def __getitem__(self, key: _Key4Drop3) -> Ints1d: ...
        @overload
        def __getitem__(self, key: _Key4Drop2) -> Ints2d: ...
        @overload
        def __getitem__(self, key: _Key4Drop1) -> Ints3d: ...
        @overload
        def __getitem__(self, key: _Key4Drop0) -> Ints4d: ...
        def __getitem__(self, key: Any) -> Any: ...
        @overload
        def __setitem__(self, key: FourAx, value: int) -> None: ...
        @overload
        def __setitem__(self, key: _Key4Drop3, value: Union[int, Ints1d]) -> None: ...
        @overload
        def __setitem__(self, key: _Key4Drop2, value: Union[int, Ints1d, Ints2d]) -> None: ...
        @overload
        def __setitem__(self, key: _Key4Drop1, value: Union[int, Ints1d, Ints2d, Ints3d]) -> None: ...
        @overload
        def __setitem__(self, key: _Key4Drop0, value: Union[int, Ints1d, Ints2d, Ints3d, Ints4d]) -> None: ...
        def __setitem__(self, key: Any, value: Any) -> None: ...
        @overload
        def sum(
            self,
            *,
            keepdims: Tru,
            axis: Union[OneAx, TwoAx, ThreeAx, FourAx, None] = ...,
            out: Optional[Ints4d] = ...,
        ) -> Ints4d: ...
        @overload
        def sum(self, *, keepdims: Fal = ..., axis: OneAx, out: Optional[Ints3d] = ...) -> Ints3d: ...
        @overload
        def sum(self, *, keepdims: Fal = ..., axis: TwoAx, out: Optional[Ints2d] = ...) -> Ints2d: ...
        @overload
        def sum(self, *, keepdims: Fal = ..., axis: ThreeAx, out: Optional[Ints1d] = ...) -> Ints1d: ...
        @overload
        def sum(self, *, keepdims: Fal = ..., axis: Optional[FourAx] = ..., out: None = ...) -> int: ...
        def sum(self, **kwargs: Any) -> Any: ...
        def argmax(self, keepdims: Fal = ..., axis: int = ..., out: Optional[Ints3d] = ...) -> Ints3d: ...


# Aliases hold the classes themselves: a name inside would be unknown where the alias is used.
Array1d = Union[Floats1d, Ints1d]
Array2d = Union[Floats2d, Ints2d]
Array3d = Union[Floats3d, Ints3d]
Array4d = Union[Floats4d, Ints4d]
FloatsXd = Union[Floats1d, Floats2d, Floats3d, Floats4d]
IntsXd = Union[Ints1d, Ints2d, Ints3d, Ints4d]
ArrayXd = Union[FloatsXd, IntsXd]
List1d = Union[List[Floats1d], List[Ints1d]]
List2d = Union[List[Floats2d], List[Ints2d]]
List3d = Union[List[Floats3d], List[Ints3d]]
List4d = Union[List[Floats4d], List[Ints4d]]
ListXd = Union[List1d, List2d, List3d, List4d]
Slicish = Union[slice, List[int], ArrayXd]

Array1dT = TypeVar("Array1dT", bound=Array1d)
FloatsXdT = TypeVar("FloatsXdT", Floats1d, Floats2d, Floats3d, Floats4d)
FloatsT = TypeVar("FloatsT", bound=FloatsXd)  # one rank, or several as the caller says

if TYPE_CHECKING:
    # Index tuples by rank and by how many of their entries are ints, hence by how many dimensions they drop.
    _S = Slicish
    _Key2Drop1 = Union[int, Tuple[int], Tuple[int, _S], Tuple[_S, int]]
    _Key2Drop0 = Union[_S, Tuple[_S], Tuple[_S, _S]]
    _Key3Drop2 = Union[Tuple[int, int], Tuple[int, int, _S], Tuple[int, _S, int], Tuple[_S, int, int]]
    _Key3Drop1 = Union[_Key2Drop1, Tuple[int, _S, _S], Tuple[_S, int, _S], Tuple[_S, _S, int]]
    _Key3Drop0 = Union[_Key2Drop0, Tuple[_S, _S, _S]]
    _Key4Drop3 = Union[
        ThreeAx,
        Tuple[int, int, int, _S],
        Tuple[int, int, _S, int],
        Tuple[int, _S, int, int],
        Tuple[_S, int, int, int],
    ]
    _Key4Drop2 = Union[
        _Key3Drop2,
        Tuple[int, int, _S, _S],
        Tuple[int, _S, int, _S],
        Tuple[int, _S, _S, int],
        Tuple[_S, int, int, _S],
        Tuple[_S, int, _S, int],
        Tuple[_S, _S, int, int],
    ]
    _Key4Drop1 = Union[
        _Key3Drop1,
        Tuple[int, _S, _S, _S],
        Tuple[_S, int, _S, _S],
        Tuple[_S, _S, int, _S],
        Tuple[_S, _S, _S, int],
    ]
    _Key4Drop0 = Union[_Key3Drop0, Tuple[_S, _S, _S, _S]]


if TYPE_CHECKING:
    Generator = Iterator[Any]  # a checker is to take any iterator for one
else:

    class Generator(_ValidatedType, Iterator):
        """Annotation for iterators and iterables; checking one never draws from it."""

        @classmethod
        def validate(cls, v: Any) -> Any:
            """Return `v` if it can be iterated, else raise TypeError."""
            if not hasattr(v, "__iter__") and not hasattr(v, "__next__"):
                raise TypeError(f"not a valid iterator: got {type(v)}")
            return v

        @classmethod
        def _get_validator(cls) -> Callable[[Any], Any]:
            def validate(value: Any) -> Any:
                try:
                    return cls.validate(value)
                except TypeError as err:  # pydantic v2 takes only ValueError for a failed check
                    raise ValueError(str(err)) from err

            return validate


def _as_positions(index: Any, length: int, kind: str) -> Any:
    """The positions (int64, none negative) that a list or array of ints or a boolean mask selects."""
    xp = get_array_module(index)
    positions = xp.asarray(index)
    if positions.ndim != 1:
        raise IndexError(f"{kind} takes an int, a slice or a 1-d sequence, got {positions.ndim} dimensions")
    if positions.dtype == bool:
        if positions.size != length:
            raise IndexError(f"{kind} has {length} items, but the mask has {positions.size}")
        return xp.nonzero(positions)[0]
    if positions.size == 0:
        return xp.zeros((0,), dtype="int64")
    if positions.dtype.kind not in "iu":
        raise IndexError(f"{kind} is indexed by integers or a boolean mask, got {positions.dtype}")
    positions = positions.astype("int64")
    if positions.min() < -length or positions.max() >= length:
        raise IndexError(f"{kind} has {length} items, an index is out of range: {positions}")
    return xp.where(positions < 0, positions + length, positions)


def _as_position(index: Any, length: int, kind: str) -> Optional[int]:
    """The non-negative position of an integer index, or None if `index` is not an integer."""
    if isinstance(index, tuple):
        raise IndexError(f"{kind} has one dimension to index, the sequences of the batch, got {index}")
    try:
        i = operator.index(index)
    except TypeError:
        return None
    if not -length <= i < length:
        raise IndexError(f"{kind} index {i} is out of range for {length} items")
    return i + length if i < 0 else i


def _same_arrays(x: Any, y: Any) -> bool:
    if x is y:
        return True
    return get_array_module(x) is get_array_module(y) and x.shape == y.shape and bool((x == y).all())


@dataclass(init=False, eq=False)
class Ragged:
    """A batch of sequences, their rows concatenated in one array.

    Attributes
    ----------
    data : Array2d
        The rows of all sequences (T, W); arrays of another rank are reshaped, see `dataXd`.
    lengths : Ints1d
        The number of rows of each sequence (B,). They should add up to T; surplus rows are ignored.
    data_shape : tuple of int
        -1 and the shape that each row had when the batch was made.
    starts_ends : Ints1d, optional
        The B + 1 boundaries between sequences, computed when first needed.

    Notes
    -----
    Indexing works as on a list of sequences, and returns a Ragged: with an int, a slice, a list or array of
    ints, or a boolean mask. Runs of consecutive sequences share memory with the batch.
    """

    data: Array2d
    lengths: Ints1d
    data_shape: Tuple[int, ...]
    starts_ends: Optional[Ints1d] = None

    def __init__(self, data: Any, lengths: Ints1d):
        self._set(data, lengths, (-1,) + data.shape[1:])

    __hash__ = None  # type: ignore[assignment]

    def _set(self, data: Any, lengths: Any, data_shape: Tuple[int, ...]) -> Ragged:
        self.lengths = lengths
        # Data without any element cannot be reshaped with -1.
        if data.ndim != 2 or not data.size:
            data = data.reshape((data.shape[0], -1) if data.size else (0, 0))
        self.data = data
        self.data_shape = data_shape
        self.starts_ends = None
        return self

    @property
    def dataXd(self) -> ArrayXd:
        """The rows with the shape they were given in; a view."""
        data: Any = self.data
        if data.size:
            return data if len(self.data_shape) == 2 else data.reshape(self.data_shape)
        return data.reshape((data.shape[0],) + self.data_shape[1:])

    def __len__(self) -> int:
        return self.lengths.shape[0]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ragged):
            return NotImplemented
        same_form = self.data_shape == other.data_shape and _same_arrays(self.lengths, other.lengths)
        return same_form and _same_arrays(self.data, other.data)

    def __getitem__(self, index: Any) -> Ragged:
        i = _as_position(index, len(self), "Ragged")
        if i is not None:
            return self._select_run(i, i + 1)
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step == 1:
                return self._select_run(start, max(start, stop))
            index = numpy.arange(start, stop, step)
        return self._select(_as_positions(index, len(self), "Ragged"))

    def _select_run(self, start: int, stop: int) -> Ragged:
        bounds = self._get_starts_ends()
        rows = self.data[int(bounds[start]) : int(bounds[stop])]
        return Ragged.__new__(type(self))._set(rows, self.lengths[start:stop], self.data_shape)

    def _select(self, positions: Any) -> Ragged:
        xp = get_array_module(self.data)
        positions = xp.asarray(positions)
        lengths = xp.asarray(self.lengths)[positions]
        rows = self.data[:0]
        if self.data.size and positions.size and int(lengths.sum()):
            # Row r of the result lies as far behind its sequence's start as r lies behind the result's.
            counts = lengths.astype("int64")
            shifts = xp.asarray(self._get_starts())[positions] - (xp.cumsum(counts) - counts)
            repeats = counts if xp is numpy else counts.tolist()  # CuPy takes repeats from the host only
            rows = self.data[xp.arange(int(counts.sum())) + xp.repeat(shifts, repeats)]
        return Ragged.__new__(type(self))._set(rows, lengths, self.data_shape)

    def _get_starts_ends(self) -> Ints1d:
        if self.starts_ends is None:
            xp = get_array_module(self.lengths)
            self.starts_ends = xp.zeros((len(self) + 1,), dtype="int32")
            self.starts_ends[1:] = xp.cumsum(self.lengths)
        return self.starts_ends

    def _get_starts(self) -> Ints1d:
        return self._get_starts_ends()[:-1]

    def _get_ends(self) -> Ints1d:
        return self._get_starts_ends()[1:]


@dataclass(eq=False)
class Padded:
    """A batch of sequences, padded to one length and sorted by decreasing length, with time in front.

    Attributes
    ----------
    data : Array3d
        (S, B, nO): step, row of the batch, width.
    size_at_t : Ints1d
        (S,): how many sequences are longer than t. Lengths 6, 5, 2, 1 give 4, 3, 2, 2, 2, 1.
    lengths : Ints1d
        (B,): the length of each row, decreasing.
    indices : Ints1d
        (B,): the position each row had in the original batch.

    Notes
    -----
    Indexing selects rows of the batch, as on a list, and returns a Padded: with an int, a slice, a list or
    array of ints, or a boolean mask. The selected rows are put in order of decreasing length again; the
    number of steps stays.
    """

    data: Array3d
    size_at_t: Ints1d
    lengths: Ints1d
    indices: Ints1d

    __hash__ = None  # type: ignore[assignment]

    def copy(self) -> Padded:
        """A batch with copies of the four arrays."""
        return Padded(self.data.copy(), self.size_at_t.copy(), self.lengths.copy(), self.indices.copy())

    def __len__(self) -> int:
        return self.lengths.shape[0]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Padded):
            return NotImplemented
        names = ("data", "size_at_t", "lengths", "indices")
        return all(_same_arrays(getattr(self, name), getattr(other, name)) for name in names)

    def __getitem__(self, index: Any) -> Padded:
        i = _as_position(index, len(self), "Padded")
        if i is not None:
            return self._select(slice(i, i + 1))
        if isinstance(index, slice) and index.step in (None, 1):
            return self._select(index)
        if isinstance(index, slice):
            index = numpy.arange(*index.indices(len(self)))
        xp = get_array_module(self.data)
        positions = xp.asarray(_as_positions(index, len(self), "Padded"))
        lengths = xp.asarray(self.lengths)[positions].astype("int64")
        return self._select(positions[_argsort_decreasing(xp, lengths)])

    def _select(self, rows: Any) -> Padded:
        xp = get_array_module(self.data)
        lengths = self.lengths[rows]
        steps = xp.arange(self.data.shape[0])[:, None]
        size_at_t = (xp.asarray(lengths)[None, :] > steps).sum(axis=1).astype(self.size_at_t.dtype)
        return Padded(self.data[:, rows], size_at_t, lengths, self.indices[rows])


def _argsort_decreasing(xp: Any, values: Any) -> Any:
    if xp is numpy:
        return numpy.argsort(-values, kind="stable")
    return xp.lexsort(xp.stack((xp.arange(values.size), -values)))  # CuPy's argsort is not stable


@dataclass
class Pairs(Generic[_PairsT]):
    """Two sequences of the same length, indexed together."""

    one: _PairsT
    two: _PairsT

    def __getitem__(self, index: Any) -> Pairs[_PairsT]:
        return Pairs(_take(self.one, index), _take(self.two, index))

    def __len__(self) -> int:
        one: Any = self.one
        return len(one)


def _take(items: Any, index: Any) -> Any:
    """``items[index]``, also for lists and tuples with an index that only arrays know."""
    if isinstance(items, (list, tuple)) and (isinstance(index, list) or getattr(index, "ndim", None)):
        return type(items)(items[i] for i in _as_positions(index, len(items), "Pairs").tolist())
    return items[index]


Batchable = Union[Pairs, Ragged, Padded, ArrayXd, List, Tuple]  # type: ignore[type-arg]


@dataclass
class SizedGenerator:
    """An iterable with a length, whose items are made anew for every pass.

    Attributes
    ----------
    get_items : callable
        Called without arguments for each pass, returns its iterator.
    length : int
        The number of items.
    """

    get_items: Callable[[], Iterator[Any]]
    length: int

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[Any]:
        yield from self.get_items()


@dataclass
class ArgsKwargs:
    """The arguments of a call, positional and by keyword.

    Attributes
    ----------
    args : tuple
    kwargs : dict
    """

    args: Tuple[Any, ...]
    kwargs: Dict[str, Any]

    @classmethod
    def from_items(cls, items: Iterable[Tuple[Union[int, str], Any]]) -> ArgsKwargs:
        """Build from (key, value) pairs: int keys make args, in the order given; other keys make kwargs."""
        args = []
        kwargs = {}
        for key, value in items:
            if isinstance(key, int):
                args.append(value)
            else:
                kwargs[key] = value
        return cls(args=tuple(args), kwargs=kwargs)

    def keys(self) -> Iterator[Union[int, str]]:
        """Positions of the args, then names of the kwargs."""
        yield from range(len(self.args))
        yield from self.kwargs.keys()

    def values(self) -> Iterator[Any]:
        """Values of the args, then of the kwargs."""
        yield from self.args
        yield from self.kwargs.values()

    def items(self) -> Iterator[Tuple[Union[int, str], Any]]:
        """(key, value) pairs of the args, then of the kwargs."""
        yield from enumerate(self.args)
        yield from self.kwargs.items()


@dataclass
class Unserializable:
    """Wraps a model's attribute that serialization skips."""

    obj: Any
