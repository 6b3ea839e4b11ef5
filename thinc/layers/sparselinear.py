"""SparseLinear: a linear classifier of sparse features, which are hashed into rows of a long table."""

from typing import Any, Callable, Tuple

import numpy

from .._util.arrays import is_xp_array, to_numpy
from ..config import registry
from ..kernels import sparse
from ..model import Model
from ..types import ArrayXd, Floats2d
from ._gradients import fit_gradient
from ._widths import set_widths

UINT64, INT32 = numpy.dtype("uint64"), numpy.dtype("int32")

InT = Tuple[ArrayXd, ArrayXd, ArrayXd]


@registry.layers("SparseLinear.v1")
def SparseLinear(nO: int | None = None, length: int = 2**18) -> Model[InT, Floats2d]:
    """Like `SparseLinear_v2`, with weights that classes share by mistake: for models that were trained so."""
    return _sparse_linear(nO, length, v1_indexing=True)


@registry.layers("SparseLinear.v2")
def SparseLinear_v2(nO: int | None = None, length: int = 2**18) -> Model[InT, Floats2d]:
    """Score bags of weighted features, such as the n-grams of a text, without a vocabulary.

    The score of a class is its bias and, for each feature, the value times two of the weights of the class,
    chosen by hashing the feature's key.

    Parameters
    ----------
    nO
        Number of classes; inferred from an output sample at `Model.initialize` if None.
    length
        Number of weights for each class.

    Returns
    -------
    Model
        From the triple of keys (N,), integers of 64 bits, values (N,) and the number of features of each
        example (B,) to scores (B, nO). Weights and bias start as zeros. The backward pass returns the input,
        as there is no gradient to give.
    """
    return _sparse_linear(nO, length, v1_indexing=False)


def _sparse_linear(nO: int | None, length: int, *, v1_indexing: bool) -> Model[InT, Any]:
    return Model(
        "sparse_linear",
        forward,
        init=init,
        params={"W": None, "b": None},
        dims={"nO": nO, "length": length},
        attrs={"v1_indexing": v1_indexing},
    )


def forward(
    model: Model[InT, ArrayXd], keys_values_lengths: InT, is_train: bool
) -> tuple[ArrayXd, Callable[..., Any]]:
    W: Any = model.get_param("W")
    b: Any = model.get_param("b")
    inputs: Any = keys_values_lengths
    if not sparse.ready(W, b, inputs):
        W, b = (numpy.require(to_numpy(param), requirements=["C", "ALIGNED"]) for param in (W, b))
        inputs = _checked(model, inputs, W.dtype)
    keys, values, lengths = inputs
    v1_indexing = model.attrs["v1_indexing"]
    length = model.get_dim("length")
    stride = 1 if v1_indexing else length
    slots = sparse.hash_slots(keys, length, v1_indexing)
    Y = sparse.score(W, b, slots, values, lengths, stride)
    return model.ops.asarray(Y), Backprop(model, keys_values_lengths, slots, values, lengths, stride)


class Backprop:
    """The backward pass: a class, so that it can be pickled."""

    def __init__(
        self, model: Model[InT, ArrayXd], inputs: InT, slots: Any, values: Any, lengths: Any, stride: int
    ) -> None:
        self.model, self.inputs, self.stride = model, inputs, stride
        self.slots, self.values, self.lengths = slots, values, lengths

    def __call__(self, dY: ArrayXd) -> InT:
        model = self.model
        W = model.get_param("W")
        dY = fit_gradient(model, dY, (len(self.lengths), model.get_dim("nO")), "fiu")
        dY = numpy.require(to_numpy(dY), W.dtype, ["C", "ALIGNED"])
        # Straight into the gradient if it is on the CPU: the table may be much larger than the batch.
        in_place = model.has_grad("W") and isinstance(model.get_grad("W"), numpy.ndarray)
        dW: Any = model.get_grad("W") if in_place else numpy.zeros(W.shape, dtype=W.dtype)
        sparse.add_gradient(dW, dY, self.slots, self.values, self.lengths, self.stride)
        if not in_place:
            model.inc_grad("W", model.ops.asarray(dW))
        model.inc_grad("b", model.ops.asarray(dY.sum(axis=0)))
        return self.inputs


def init(model: Model[InT, ArrayXd], X: InT | None = None, Y: ArrayXd | None = None) -> None:
    set_widths(model, nO=Y)
    nO = model.get_dim("nO")
    model.set_param("W", model.ops.alloc1f(nO * model.get_dim("length")))
    model.set_param("b", model.ops.alloc1f(nO))


def _checked(model: Model[Any, Any], inputs: Any, dtype: Any) -> tuple[Any, Any, Any]:
    """Return keys, values and lengths as arrays on the CPU, of the types that the kernels take."""
    if len(inputs) != 3 or not (is_xp_array(inputs[0]) and is_xp_array(inputs[1]) and is_xp_array(inputs[2])):
        got = ", ".join(type(array).__name__ for array in inputs)
        raise TypeError(f"{model.name} expects three arrays (keys, values, lengths), but got ({got}).")
    keys, values, lengths = map(to_numpy, inputs)
    keys = _as_vector(model, "keys", keys, "iu", UINT64)
    values = _as_vector(model, "values", values, "fiu", dtype)
    lengths = _as_vector(model, "lengths", lengths, "iu", INT32)
    if len(values) != len(keys):
        raise ValueError(f"{model.name}: there are {len(keys)} 'keys', but {len(values)} 'values'.")
    if not sparse.fit(lengths, len(keys)):
        raise ValueError(
            f"{model.name}: 'lengths' must be at least 0 and sum up to the number of keys, {len(keys)}, "
            f"but they sum up to {int(lengths.sum())}."
        )
    return keys, values, lengths


def _as_vector(model: Model[Any, Any], name: str, array: Any, kinds: str, dtype: Any) -> Any:
    """Return a contiguous, aligned vector of the dtype, if the array is one of numbers of these kinds."""
    if array.dtype is dtype and array.ndim == 1 and array.flags.c_contiguous and array.flags.aligned:
        return array
    if array.ndim != 1 or (array.size and array.dtype.kind not in kinds):
        expected = "integers" if kinds == "iu" else "numbers"
        raise ValueError(
            f"{model.name}: '{name}' must be a vector of {expected}, "
            f"but got {array.dtype} of shape {array.shape}."
        )
    vector = array.astype(dtype, order="C")
    if name == "lengths" and (vector != array).any():
        raise ValueError(f"{model.name}: 'lengths' must fit in 32 bits, but got up to {array.max()}.")
    return vector
