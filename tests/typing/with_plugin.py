"""Types and errors that mypy finds with our plugin only."""

from dataclasses import dataclass, replace
from typing import Any, TypeVar

from typing_extensions import assert_type

import thinc.api as api
from thinc.api import (
    Dropout,
    Linear,
    Model,
    Relu,
    Softmax,
    add,
    chain,
    clone,
    concatenate,
    expand_window,
    noop,
    reduce_max,
    residual,
)
from thinc.types import Floats2d, Ragged, XY_XY_OutT, XY_YZ_OutT

InT = TypeVar("InT")
MidT = TypeVar("MidT")
Dense = Model[Floats2d, Floats2d]
Pool = Model[Ragged, Floats2d]
F, R = Relu, reduce_max


class Sub(Model[Ragged, Floats2d]):
    pass


@dataclass
class Point:
    x: int


def in_order(
    layer1: Model[InT, MidT], layer2: Model[MidT, Any], *layers: Model[Any, Any]
) -> Model[InT, XY_YZ_OutT]:
    raise NotImplementedError


def together(
    layer1: Model[InT, Any], layer2: Model[InT, Any], *layers: Model[Any, Any]
) -> Model[InT, XY_XY_OutT]:
    raise NotImplementedError


# Any number of layers.
assert_type(chain(R(), F(), F(), F(), F(), F(), F(), F(), F(), F(), F(), F()), Pool)
chain(F(), F(), F(), F(), F(), F(), F(), F(), F(), F(), F(), F(), R())
# E: Layer outputs type (thinc.types.Floats2d) but the next layer expects (thinc.types.Ragged) as an input  [layer-mismatch-output]
# E: Layer input type (thinc.types.Ragged) is not compatible with output (thinc.types.Floats2d) from previous layer  [layer-mismatch-input]

# Layers that return what they get, at the ends too.
assert_type(chain(Relu(), Dropout(0.2)), Dense)
assert_type(chain(Dropout(0.2), Relu()), Dense)
assert_type(chain(noop(), expand_window(), Dropout(0.2), R(), noop(), noop()), Pool)
assert_type(residual(chain(Relu(), Dropout(0.2))), Dense)
assert_type(add(noop(), Relu()), Dense)
assert_type(concatenate(noop(), R()), Pool)
chain(Relu(), Dropout(0.2), R())
# E: Layer outputs type (thinc.types.Floats2d) but the next layer expects (thinc.types.Ragged) as an input  [layer-mismatch-output]
# E: Layer input type (thinc.types.Ragged) is not compatible with output (thinc.types.Floats2d) from previous layer  [layer-mismatch-input]

# Errors are shown where the layers are; what goes in and comes out is inferred all the same.
failing = chain(
    Relu(),
    Softmax(),
    # E: Layer outputs type (thinc.types.Floats2d) but the next layer expects (thinc.types.Ragged) as an input  [layer-mismatch-output]
    R(),
    # E: Layer input type (thinc.types.Ragged) is not compatible with output (thinc.types.Floats2d) from previous layer  [layer-mismatch-input]
)
assert_type(failing, Dense)
failing = add(
    Relu(),
    # E: Layer input (thinc.types.Floats2d) not compatible with next layer input (thinc.types.Ragged)  [layer-mismatch-input]
    R(),
    # E: Layer input (thinc.types.Ragged) not compatible with previous layer input (thinc.types.Floats2d)  [layer-mismatch-input]
)
assert_type(failing, Dense)

# Through a module, nested, and in classes derived from Model.
api.chain(api.Relu(), api.reduce_max())
# E: Layer outputs type (thinc.types.Floats2d) but the next layer expects (thinc.types.Ragged) as an input  [layer-mismatch-output]
# E: Layer input type (thinc.types.Ragged) is not compatible with output (thinc.types.Floats2d) from previous layer  [layer-mismatch-input]
assert_type(chain(R(), residual(chain(clone(Relu(), 2), Dropout(0.2)))), Pool)


def derived(sub: Sub, anything: Any) -> None:
    assert_type(chain(sub, Relu()), Pool)
    assert_type(add(sub, R()), Pool)
    chain(Relu(), sub)
    # E: Layer outputs type (thinc.types.Floats2d) but the next layer expects (thinc.types.Ragged) as an input  [layer-mismatch-output]
    # E: Layer input type (thinc.types.Ragged) is not compatible with output (thinc.types.Floats2d) from previous layer  [layer-mismatch-input]
    assert_type(chain(anything, Relu()), Model[Any, Floats2d])


# Functions of a program of its own that say the same of what they return.
assert_type(in_order(R(), Relu(), Softmax()), Pool)
assert_type(together(R(), R(), R()), Pool)
in_order(Relu(), Linear(), R())
# E: Layer outputs type (thinc.types.Floats2d) but the next layer expects (thinc.types.Ragged) as an input  [layer-mismatch-output]
# E: Layer input type (thinc.types.Ragged) is not compatible with output (thinc.types.Floats2d) from previous layer  [layer-mismatch-input]
together(Relu(), Relu(), R())
# E: Layer input (thinc.types.Floats2d) not compatible with next layer input (thinc.types.Ragged)  [layer-mismatch-input]
# E: Layer input (thinc.types.Ragged) not compatible with previous layer input (thinc.types.Floats2d)  [layer-mismatch-input]

# Lists of layers are left to mypy; so are other functions, and what other plugins do for them.
assert_type(concatenate(*[Relu(), Linear()]), Dense)
assert_type(concatenate(*[R(), R()]), Pool)
nothing: Dense = concatenate()
assert_type(replace(Point(1), x=2), Point)
replace(Point(1), y=2)
# E: Unexpected keyword argument "y" for "replace" of "Point"  [call-arg]
