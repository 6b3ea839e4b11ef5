"""Operators between models, bound by the user for the length of a block."""

from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Callable, ClassVar, Dict, Iterator, Mapping

# Never changed in place: a block sets another dict.
context_operators: ContextVar[Dict[str, Callable[..., Any]]] = ContextVar(
    "context_operators",
    default={},  # noqa: B039
)


class Operators:
    """Gives a class the left-hand operators, each of which calls what the current block bound to it."""

    __slots__ = ()

    _context_operators: ClassVar[ContextVar[Dict[str, Callable[..., Any]]]] = context_operators

    @classmethod
    @contextmanager
    def define_operators(cls, operators: Mapping[str, Callable[..., Any]]) -> Iterator[None]:
        """Bind operators to functions for a block.

        A block inside another replaces its bindings and does not add to them. Other threads are not affected.

        Parameters
        ----------
        operators : dict
            Symbols to functions of two arguments. The symbols: ``+ - * @ / // % ** << >> & ^ |``.

        Examples
        --------
        >>> with Model.define_operators({">>": chain}):
        ...     model = Relu(512) >> Softmax()
        """
        token = context_operators.set(dict(operators))
        try:
            yield
        finally:
            context_operators.reset(token)

    def _operate(self, symbol: str, other: Any) -> Any:
        func = context_operators.get().get(symbol)
        if func is None:
            raise TypeError(
                f"The operator '{symbol}' is not defined between models here: bind it with "
                f'"with Model.define_operators({{{symbol!r}: ...}}):".'
            )
        return func(self, other)

    def __add__(self, other: Any) -> Any:
        return self._operate("+", other)

    def __sub__(self, other: Any) -> Any:
        return self._operate("-", other)

    def __mul__(self, other: Any) -> Any:
        return self._operate("*", other)

    def __matmul__(self, other: Any) -> Any:
        return self._operate("@", other)

    def __div__(self, other: Any) -> Any:  # called by name only
        return self._operate("/", other)

    def __truediv__(self, other: Any) -> Any:
        return self._operate("/", other)

    def __floordiv__(self, other: Any) -> Any:
        return self._operate("//", other)

    def __mod__(self, other: Any) -> Any:
        return self._operate("%", other)

    def __pow__(self, other: Any) -> Any:
        return self._operate("**", other)

    def __lshift__(self, other: Any) -> Any:
        return self._operate("<<", other)

    def __rshift__(self, other: Any) -> Any:
        return self._operate(">>", other)

    def __and__(self, other: Any) -> Any:
        return self._operate("&", other)

    def __xor__(self, other: Any) -> Any:
        return self._operate("^", other)

    def __or__(self, other: Any) -> Any:
        return self._operate("|", other)
