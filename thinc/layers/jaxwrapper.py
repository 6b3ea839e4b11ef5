"""JAXWrapper: a JAX function and its parameters as a layer."""

from typing import Any, Callable, Optional

from .._util.arrays import is_cupy_array, is_jax_array, is_xp_array
from .._util.constants import is_constant
from .._util.frameworks import assert_jax_installed
from .._util.recursive import convert_recursive
from ..backends._convert_jax import jax2xp, xp2jax
from ..config import registry
from ..model import Model
from ..shims.jax import JAXShim
from ..types import ArgsKwargs
from ._framework import batch_to_call


@registry.layers("JAXWrapper.v1")
def JAXWrapper(
    apply_fn: Callable[..., Any],
    params: Any,
    convert_inputs: Optional[Callable[..., Any]] = None,
    convert_outputs: Optional[Callable[..., Any]] = None,
    *,
    device: Any = None,
) -> Model[Any, Any]:
    """Run a pure JAX function of parameters, which are trained and saved with the model.

    Each of prediction, the forward pass in training and the backward pass is compiled once for every shape of the
    input, so batches should come in few shapes.

    Parameters
    ----------
    apply_fn : callable
        ``apply_fn(params, *args, **kwargs) -> outputs``; see `JAXShim`, also for ``is_train`` and random keys.
        For instance the ``apply`` of a flax module, or ``lambda module, X: jax.vmap(module)(X)`` for equinox.
    params
        A tree of arrays: the variables of a flax module, an equinox module, dicts and lists of arrays.
    convert_inputs : callable, optional
        ``f(model, X, is_train) -> (inputs, get_dX)``: what to call the function with, an ArgsKwargs of arrays of JAX
        or NumPy, and a function from an ArgsKwargs of their gradients to that of ``X``.
        By default see `convert_jax_default_inputs`.
    convert_outputs : callable, optional
        ``f(model, (X, Yj), is_train) -> (Y, get_dYj)``: the output, and a function from its gradient to one in the
        structure of ``Yj``. By default see `convert_jax_default_outputs`.
    device : jax.Device, optional
        By default that of the backend in use.

    Returns
    -------
    Model
        Of any input that the function takes. Its dimensions are never inferred.

    Raises
    ------
    ImportError
        If JAX is not installed.
    ValueError
        If `apply_fn` is no function.
    """
    assert_jax_installed()
    return Model(
        "jax",
        forward,
        dims={"nI": None, "nO": None},
        attrs={
            "convert_inputs": convert_inputs or convert_jax_default_inputs,
            "convert_outputs": convert_outputs or convert_jax_default_outputs,
        },
        shims=[JAXShim(apply_fn, params, device=device)],
    )


def forward(model: Model[Any, Any], X: Any, is_train: bool) -> tuple[Any, Callable[..., Any]]:
    Xj, get_dX = model.attrs["convert_inputs"](model, X, is_train)
    shim: Any = model.shims[0]
    wants_dX = not is_constant(X)
    Yj, backprop_jax = shim(Xj, is_train, input_gradient=wants_dX)
    Y, get_dYj = model.attrs["convert_outputs"](model, (X, Yj), is_train)

    def backprop(dY: Any) -> Any:
        d_inputs = backprop_jax(get_dYj(dY))
        return get_dX(d_inputs) if wants_dX else None

    return Y, backprop


def convert_jax_default_inputs(
    model: Model[Any, Any], X: Any, is_train: bool
) -> tuple[ArgsKwargs, Callable[..., Any]]:
    """Arguments of a call, with all arrays in nested lists, tuples, dicts and ArgsKwargs.

    NumPy arrays stay what they are: compiled functions take them faster than anything else can convert them.

    Returns
    -------
    inputs : ArgsKwargs
        ``X`` itself if it is one; the items of a dict as keywords; those of a list or tuple as arguments; anything
        else as the only argument.
    get_dX : callable
        Puts gradients in the place of the arrays, None for those of integers: into a tuple for a list.
    """
    inputs, reverse = batch_to_call(X, _to_argument)
    return inputs, lambda d_inputs: reverse(_to_arrays(model, d_inputs))


def convert_jax_default_outputs(
    model: Model[Any, Any], X_Yj: tuple[Any, Any], is_train: bool
) -> tuple[Any, Callable[..., Any]]:
    """Arrays of all JAX arrays in nested lists, tuples and dicts.

    Returns
    -------
    Y
        The output in arrays. Those of NumPy share JAX's memory, and are read-only therefore.
    get_dYj : callable
        Takes the gradient in the structure of the output; None stands for no gradient.
    """
    return _to_arrays(model, X_Yj[1]), lambda dY: convert_recursive(is_xp_array, _to_argument, dY)


def _to_argument(array: Any) -> Any:
    if is_cupy_array(array) or not array.dtype.isnative:
        return xp2jax(array)
    return array


def _to_arrays(model: Model[Any, Any], data: Any) -> Any:
    if is_jax_array(data):  # without a search
        return jax2xp(data, ops=model.ops)
    return convert_recursive(is_jax_array, lambda array: jax2xp(array, ops=model.ops), data)
