"""What the signatures of layers need from typing: type variables with defaults, and layers as chain sees them.

A layer such as ``Dropout()`` passes on whatever it is given: the call does not say what. Type variables of such
layers default to Any, so that a checker does not ask for an annotation, and infers the layers around them.
"""

import typing
from typing import TYPE_CHECKING, Any, List, Protocol

from ..model import Model

if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVar
else:

    def TypeVar(name: str, *constraints: Any, bound: Any = None, default: Any = None) -> Any:
        """Make a type variable without the default, which Python knows from 3.13 on only."""
        return typing.TypeVar(name, *constraints, bound=bound)


InT_contra = typing.TypeVar("InT_contra", contravariant=True)
OutT_co = typing.TypeVar("OutT_co", covariant=True)


class Layer(Protocol[InT_contra, OutT_co]):
    """A `Model` by what flows forward: it takes what is more special than its input, and gives its output.

    `Model` itself cannot be as flexible, because its backward pass takes outputs and returns inputs.
    """

    @property
    def layers(self) -> List[Model[Any, Any]]:
        """The children."""
        ...

    def predict(self, X: InT_contra, /) -> OutT_co:
        """Return the output for an input."""
        ...
