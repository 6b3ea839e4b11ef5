"""TensorFlowWrapper: a Keras model as a layer, and keras_subclass for models that are classes of their own."""

import functools
from typing import Any, Callable, Optional

from .. import compat
from .._util.arrays import is_tensorflow_array, is_xp_array
from .._util.constants import is_constant
from .._util.frameworks import assert_tensorflow_installed
from .._util.recursive import convert_recursive
from ..backends._convert_tensorflow import tensorflow2xp, xp2tensorflow
from ..model import Model
from ..shims.tensorflow import TensorFlowShim, keras_model_fns, maybe_handshake_model
from ..types import ArgsKwargs
from ._framework import batch_to_call


def keras_subclass(
    name: str, X: Any, Y: Any, input_shape: tuple[int, ...], compile_args: Optional[dict[str, Any]] = None
) -> Callable[[type], type]:
    """Decorate a subclass of ``keras.Model``, so that its models can be wrapped, saved and loaded.

    Keras cannot tell from such a model how to build it again; a Sequential or functional one needs none of this.

    Parameters
    ----------
    name : str
        What saved models are found under; as in any registry, the last class of a name counts.
    X, Y : array
        Samples of the input and the output.
    input_shape : tuple
        The shape of a batch, with None for the number of rows.
    compile_args : dict, optional
        Arguments for ``compile``, over the defaults ``optimizer="adam"`` and ``loss="mse"``.

    Returns
    -------
    callable
        Takes the class and returns it, with the read-only properties ``catalogue_name``, ``eg_shape``,
        ``eg_compile``, ``eg_x`` and ``eg_y``. Its constructor keeps its arguments as ``eg_args``, and raises
        ValueError if they cannot be written as JSON.
    """
    assert_tensorflow_installed()
    values = {
        "catalogue_name": name,
        "eg_shape": input_shape,
        "eg_compile": {"optimizer": "adam", "loss": "mse", **(compile_args or {})},
        "eg_x": X,
        "eg_y": Y,
    }

    def decorate(cls: type) -> type:
        init = cls.__init__  # type: ignore[misc]

        @functools.wraps(init)
        def init_and_keep_arguments(self: Any, *args: Any, **kwargs: Any) -> None:
            _check_json(cls, args, kwargs)
            init(self, *args, **kwargs)
            self.eg_args = ArgsKwargs(args=args, kwargs=kwargs)

        cls.__init__ = init_and_keep_arguments  # type: ignore[misc]
        for key, value in values.items():
            setattr(cls, key, property(functools.partial(_get_value, value)))
        keras_model_fns.register(name, func=cls)
        return cls

    return decorate


def _get_value(value: Any, keras_model: Any) -> Any:
    return value


def _check_json(cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    import json

    try:
        json.dumps([args, kwargs])
    except (TypeError, ValueError) as err:
        raise ValueError(
            f"Cannot make a {cls.__name__}: the arguments of a class under 'keras_subclass' are saved with its "
            f"models, so they must be such that JSON can hold; {err}"
        ) from err


def TensorFlowWrapper(
    tensorflow_model: Any,
    convert_inputs: Optional[Callable[..., Any]] = None,
    convert_outputs: Optional[Callable[..., Any]] = None,
    optimizer: Any = None,
    model_class: type[Model[Any, Any]] = Model,
    model_name: str = "tensorflow",
) -> Model[Any, Any]:
    """Wrap a Keras model, so that it can be trained as a layer of ours.

    Parameters
    ----------
    tensorflow_model : keras.Model
        Sequential, functional, or of a class under `keras_subclass`.
    convert_inputs : callable, optional
        ``(model, X, is_train) -> (ArgsKwargs of tensors, get_dX)``, where ``get_dX`` converts the ArgsKwargs of
        the gradients back. By default arrays become tensors; a list or tuple becomes several arguments, a dict
        keyword arguments.
    convert_outputs : callable, optional
        ``(model, Ytf, is_train) -> (Y, get_dYtf)``. By default tensors become arrays.
    optimizer
        Kept by the shim.
    model_class : type
        The class of the node.
    model_name : str
        Its name.

    Raises
    ------
    ImportError
        If TensorFlow is not installed, or ``enable_tensorflow`` was not called.
    ValueError
        If it is not a Keras model, is one of a class that is not under `keras_subclass`, or if Keras runs on
        another framework than TensorFlow.
    """
    assert_tensorflow_installed()
    keras_model = compat.tensorflow.keras.Model
    if not isinstance(tensorflow_model, keras_model):
        raise ValueError(
            f"Cannot wrap an object of {type(tensorflow_model)}: TensorFlowWrapper takes a Keras model "
            f"(of {keras_model})"
        )
    return model_class(
        model_name,
        forward,
        dims={"nI": None, "nO": None},
        attrs={
            "convert_inputs": convert_inputs or convert_tensorflow_default_inputs,
            "convert_outputs": convert_outputs or convert_tensorflow_default_outputs,
        },
        shims=[TensorFlowShim(maybe_handshake_model(tensorflow_model), optimizer=optimizer)],
    )


def forward(model: Model[Any, Any], X: Any, is_train: bool) -> tuple[Any, Callable[..., Any]]:
    tensors, get_dX = model.attrs["convert_inputs"](model, X, is_train)
    shim: Any = model.shims[0]
    wants_dX = not is_constant(X)
    Ytf, backprop_tf = shim(tensors, is_train, input_gradient=wants_dX)
    Y, get_dYtf = model.attrs["convert_outputs"](model, Ytf, is_train)

    def backprop(dY: Any) -> Any:
        d_inputs = backprop_tf(get_dYtf(dY))
        return get_dX(d_inputs) if wants_dX else None

    return Y, backprop


def convert_tensorflow_default_inputs(
    model: Model[Any, Any], X: Any, is_train: bool
) -> tuple[ArgsKwargs, Callable[..., Any]]:
    """Arrays to tensors; see `TensorFlowWrapper`."""
    tensors, get_dX = batch_to_call(X, functools.partial(xp2tensorflow, requires_grad=is_train))
    return tensors, lambda dtensors: get_dX(_to_arrays(model, dtensors))


def convert_tensorflow_default_outputs(
    model: Model[Any, Any], Ytf: Any, is_train: bool
) -> tuple[Any, Callable[..., Any]]:
    """Tensors to arrays; see `TensorFlowWrapper`."""

    def get_dYtf(dY: Any) -> Any:
        return convert_recursive(is_xp_array, xp2tensorflow, dY)

    return _to_arrays(model, Ytf), get_dYtf


def _to_arrays(model: Model[Any, Any], tensors: Any) -> Any:
    return convert_recursive(is_tensorflow_array, functools.partial(tensorflow2xp, ops=model.ops), tensors)
