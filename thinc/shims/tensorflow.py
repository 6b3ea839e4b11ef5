"""TensorFlowShim: runs a Keras model, updates its variables with our optimizers, saves and loads it."""

from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Tuple

import numpy

from .. import compat
from .._config_registries import create_registry
from .._util.arrays import is_tensorflow_array, is_xp_array
from .._util.frameworks import assert_tensorflow_installed
from .._util.msgpack import describe, pack, unpack
from .._util.recursive import convert_recursive, iterate_recursive
from ..backends import NumpyOps
from ..backends._convert_tensorflow import tensorflow2xp, xp2tensorflow
from ..types import ArgsKwargs
from ._tensorflow_flat import FlatVariables
from .shim import Shim

# The classes under ``keras_subclass`` by name: from their arguments to a model.
keras_model_fns = create_registry("keras")

_EXAMPLE = ("catalogue_name", "eg_x", "eg_y", "eg_shape", "eg_compile")
_HDF5 = b"\x89HDF"


def maybe_handshake_model(keras_model: Any) -> Any:
    """Build a model of a class under ``keras_subclass`` with its example; return any other model as it is.

    Raises
    ------
    ImportError
        If TensorFlow is not installed, or ``enable_tensorflow`` was not called.
    ValueError
        If the class is neither under ``keras_subclass`` nor one that Keras can build by itself.
    """
    assert_tensorflow_installed()
    if _is_graph(keras_model):
        return keras_model
    missing = [name for name in _EXAMPLE if not hasattr(keras_model, name)]
    if missing:
        raise ValueError(
            f"Cannot use a model of {type(keras_model)}: it lacks {missing}. Keras models that are classes of "
            "their own must be decorated with 'thinc.api.keras_subclass', which gives the samples that are "
            "needed to build them again."
        )
    if not keras_model.built:
        # The only sure way to make all variables.
        keras_model(convert_recursive(is_xp_array, xp2tensorflow, keras_model.eg_x))
    if not getattr(keras_model, "compiled", False):
        keras_model.compile(**keras_model.eg_compile)
    return keras_model


class TensorFlowShim(Shim):
    """Adapter around a Keras model that runs on TensorFlow.

    The forward pass is compiled, as in Keras' own training, unless the model's ``run_eagerly`` is set.

    Parameters
    ----------
    model : keras.Model
        None to load one later.
    config : dict, optional
    optimizer
        Kept as it is.

    Attributes
    ----------
    gradients : list or None
        Those of the trainable variables, added up since the last update.

    Raises
    ------
    ImportError
        If TensorFlow is not installed, or ``enable_tensorflow`` was not called.
    ValueError
        If Keras runs on another framework.
    """

    gradients: Optional[List[Any]]

    def __init__(self, model: Any, config: Optional[Dict[str, Any]] = None, optimizer: Any = None):
        assert_tensorflow_installed()
        backend = compat.tensorflow.keras.backend.backend()
        if backend != "tensorflow":
            raise ValueError(
                f"Cannot wrap a Keras model: Keras runs on {backend}, expected TensorFlow. "
                "Set the environment variable KERAS_BACKEND=tensorflow before the first import of Keras."
            )
        super().__init__(model, config, optimizer)
        self.gradients = None
        self._compiled: Dict[bool, Callable[..., Any]] = {}
        self._flat: Optional[FlatVariables] = None

    def __str__(self) -> str:
        lines: List[str] = []
        self._model.summary(print_fn=lambda line, **_: lines.append(line))
        return "\n".join(lines)

    # Running

    def __call__(
        self, inputs: ArgsKwargs, is_train: bool, *, input_gradient: bool = True
    ) -> Tuple[Any, Callable[..., Any]]:
        """Run the model.

        Parameters
        ----------
        inputs : ArgsKwargs
            Of tensors.
        is_train : bool
        input_gradient : bool
            Whether the callback is to compute the gradients of the inputs; if not, all are None.

        Returns
        -------
        outputs
            Of the model.
        backprop : callable
            Takes the gradients of the outputs, in their structure, and returns the ArgsKwargs of those of the
            inputs, where None stands for one that does not exist. Outside training it raises ValueError.
        """
        if is_train:
            return self._begin_update(inputs, input_gradient)
        return self._run(inputs, False), _backprop_outside_training

    def _begin_update(self, inputs: ArgsKwargs, input_gradient: bool) -> Tuple[Any, Callable[..., Any]]:
        tensorflow = compat.tensorflow
        watched = list(iterate_recursive(_is_differentiable, inputs)) if input_gradient else []
        with tensorflow.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(watched)
            variables = self._trainable()
            tape.watch(variables)
            outputs = self._run(inputs, True)

        def backprop(d_outputs: Any) -> ArgsKwargs:
            nonlocal tape
            if tape is None:
                raise ValueError(
                    "Cannot run the same backward pass of a TensorFlow model twice: TensorFlow frees what it needs. "
                    "Call 'begin_update' again."
                )
            recorded, tape = tape, None
            found = recorded.gradient(outputs, [*variables, *watched], output_gradients=d_outputs)
            d_variables, d_watched = found[: len(variables)], iter(found[len(variables) :])
            if self.gradients is None:
                self.gradients = [None] * len(variables)
            self.gradients = [_add(g, d) for g, d in zip(self.gradients, d_variables, strict=True)]
            d_inputs: ArgsKwargs = convert_recursive(
                is_tensorflow_array,
                lambda x: next(d_watched, None) if _is_differentiable(x) else None,
                inputs,
            )
            return d_inputs

        return outputs, backprop

    def _run(self, inputs: ArgsKwargs, is_train: bool) -> Any:
        model = self._model
        args, kwargs = tuple(inputs.args), inputs.kwargs
        if _is_graph(model):  # Keras has several inputs as one argument, a list or a dict
            if len(args) > 1:
                args = (list(args),)
            elif kwargs and not args:
                args, kwargs = (kwargs,), {}
        if getattr(model, "run_eagerly", False):
            return model(*args, training=is_train, **kwargs)
        run = self._compiled.get(is_train)
        if run is None:

            def run_once(*args: Any, **kwargs: Any) -> Any:
                return model(*args, training=is_train, **kwargs)

            run = self._compiled[is_train] = compat.tensorflow.function(
                run_once, autograph=False, reduce_retracing=True
            )
        return run(*args, **kwargs)

    def _trainable(self) -> List[Any]:
        return [getattr(variable, "value", variable) for variable in self._model.trainable_variables]

    # Updating

    def finish_update(self, optimizer: Callable[..., Any]) -> None:
        """Update the trainable variables, as one vector, in one call of the optimizer.

        Parameters
        ----------
        optimizer : callable
            Is called with the key ``(id, "tensorflow-shim")``.

        Raises
        ------
        ValueError
            If there are no gradients.
        """
        if self.gradients is None:
            raise ValueError(
                "Cannot update a TensorFlow model: there are no gradients. Run 'begin_update' and the callback "
                "it returns before 'finish_update'."
            )
        flat = self._flat_variables()
        if flat.size:
            ops = None if compat.has_cupy else NumpyOps()
            weights, gradients = (
                tensorflow2xp(tensor, ops=ops).copy()
                for tensor in (flat.read(), flat.concatenate(self.gradients))
            )
            updated, _ = optimizer((self.id, "tensorflow-shim"), weights, gradients)
            flat.write(xp2tensorflow(updated))
        self.gradients = None

    def gradient_types(self) -> Dict[str, Tuple[Tuple[int, ...], str]]:
        """Shape and type of the vector of all gradients, under the name that optimizers know it by."""
        flat = self._flat_variables()
        return {"tensorflow-shim": ((flat.size,), flat.type_name)} if flat.size else {}

    def get_gradients(self) -> Dict[str, Any]:
        """A copy of the gradients as one vector, if there are any."""
        if self.gradients is None or not self.gradient_types():
            return {}
        return {"tensorflow-shim": self._flat_variables().concatenate(self.gradients).numpy()}

    def set_gradients(self, gradients: Mapping[str, Any]) -> None:
        """Replace the gradients by parts of a vector."""
        vector, start = gradients["tensorflow-shim"], 0
        self.gradients = []
        for variable in self._trainable():
            stop = start + variable.shape.num_elements()
            part = compat.tensorflow.reshape(vector[start:stop], variable.shape)
            self.gradients.append(compat.tensorflow.cast(part, variable.dtype))
            start = stop

    def _flat_variables(self) -> FlatVariables:
        variables = self._trainable()
        if self._flat is None or not self._flat.holds(variables):
            self._flat = FlatVariables(variables)
        return self._flat

    @contextmanager
    def use_params(self, params: Optional[Mapping[Any, Any]]) -> Iterator[None]:
        """Swap in other weights for a block.

        Parameters
        ----------
        params : dict
            ``(id, "tensorflow-shim")`` to the vector that an optimizer keeps as the average, or
            ``"tensorflow_<id>_<path of the weight>"`` to an array. Weights that are not in it stay.

        Raises
        ------
        ValueError
            If an array does not fit its weight; nothing is changed then.
        """
        params = params or {}
        weights = self._model.weights if params else []
        wanted = {}
        for weight in weights:
            array = params.get(f"tensorflow_{self.id}_{weight.path}")
            if array is not None:
                wanted[weight.path] = (weight, array)
        vector: Any = params.get((self.id, "tensorflow-shim"))
        flat = None if vector is None else self._flat_variables()
        if flat is not None and vector.size != flat.size:
            raise ValueError(
                f"Cannot use these parameters: the model has {flat.size} trainable weights, the array {vector.size}"
            )
        for weight, array in wanted.values():
            if tuple(array.shape) != tuple(weight.shape):
                raise ValueError(
                    f"Cannot use these parameters: the weight '{weight.path}' is of shape "
                    f"{tuple(weight.shape)}, the array of shape {tuple(array.shape)}"
                )
        before = self._model.get_weights() if wanted or flat else None
        try:
            if flat is not None:
                flat.write(xp2tensorflow(vector))
            for weight, array in wanted.values():
                weight.assign(array)
            yield
        finally:
            if before is not None:
                self._model.set_weights(before)

    # Moving, copying, saving

    def to_device(self, device_type: str, device_id: int) -> None:
        """Move the variables to ``"cpu"`` or ``"gpu"``."""
        if device_type not in ("cpu", "gpu"):
            raise ValueError(f"Invalid device type {device_type!r} for TensorFlow: expected 'cpu' or 'gpu'")
        name = "/CPU:0" if device_type == "cpu" else f"/GPU:{device_id}"
        if all(name.upper() in variable.device.upper() for variable in self._trainable()):
            return
        with compat.tensorflow.device(name):  # a variable stays where it was made
            self._set_model(_build(_dump(self._model)))

    def copy(self) -> "TensorFlowShim":
        """Copy the model, under a fresh id."""
        copied = type(self).__new__(type(self))
        copied.__dict__.update(self.__dict__)
        copied.cfg = dict(self.cfg)
        copied.id = self._draw_id()
        copied._set_model(None if self._model is None else _build(_dump(self._model)))
        copied.gradients = None if self.gradients is None else list(self.gradients)
        return copied

    def __getstate__(self) -> Dict[str, Any]:
        model = None if self._model is None else _dump(self._model)
        gradients = (
            None if self.gradients is None else [g if g is None else g.numpy() for g in self.gradients]
        )
        return {**self.__dict__, "_model": model, "_compiled": {}, "_flat": None, "gradients": gradients}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        assert_tensorflow_installed()
        model = None if state["_model"] is None else _build(state["_model"])
        gradients = state["gradients"]
        if gradients is not None:
            gradients = [g if g is None else xp2tensorflow(g) for g in gradients]
        super().__setstate__({**state, "_model": model, "gradients": gradients})

    def to_bytes(self) -> bytes:
        """Serialize the settings and the model.

        Raises
        ------
        ValueError
            If the model is of a class of its own that is not under ``keras_subclass``, or there is none.
        """
        if self._model is None:
            raise ValueError("Cannot serialize a TensorFlow model: there is none")
        return pack({"config": self.cfg, **_dump(self._model)})

    def from_bytes(self, bytes_data: bytes) -> "TensorFlowShim":
        """Load what ``to_bytes`` gave, or an HDF5 file of a whole Keras model; return the shim.

        The model is a new one then.

        Raises
        ------
        ValueError
            If the data are damaged, or of a class that is not under ``keras_subclass`` here; nothing is changed.
        """
        what = "a TensorFlow model"
        is_hdf5 = bytes_data.startswith(_HDF5)
        msg = {"config": self.cfg} if is_hdf5 else unpack(bytes_data, what)
        if not isinstance(msg, dict) or not isinstance(msg.get("config"), dict):
            raise ValueError(
                f"Cannot load {what}: expected a dict with 'config' and a model, got {describe(msg)}"
            )
        try:
            model = _build_hdf5(bytes_data) if is_hdf5 else _build(msg)
        except Exception as err:  # Keras' own have no common base
            raise ValueError(f"Cannot load {what}: {type(err).__name__}: {err}") from err
        self.cfg = msg["config"]
        self._set_model(model)
        return self

    def _set_model(self, model: Any) -> None:
        self._model = model
        self._compiled = {}
        self._flat = None
        self.gradients = None


def _is_graph(model: Any) -> bool:
    """Whether Keras can build the model again by itself: it is Sequential, functional or a kind of these."""
    return any(
        cls.__name__ in ("Sequential", "Functional") and cls.__module__.split(".")[0] in ("keras", "tf_keras")
        for cls in type(model).__mro__
    )


def _dump(model: Any) -> Dict[str, Any]:
    """What `_build` takes: how to make the model, and its weights."""
    if _is_graph(model):
        return {"architecture": model.to_json(), "weights": model.get_weights()}
    if not hasattr(model, "catalogue_name") or not hasattr(model, "eg_args"):
        raise ValueError(
            f"Cannot serialize a model of {type(model)}: Keras models that are classes of their own must be "
            "decorated with 'thinc.api.keras_subclass'"
        )
    call = {"args": list(model.eg_args.args), "kwargs": dict(model.eg_args.kwargs)}
    return {"catalogue_name": model.catalogue_name, "weights": model.get_weights(), **call}


def _build(msg: Mapping[str, Any]) -> Any:
    if "architecture" in msg:
        # Keras refuses architectures that hold code, such as those with a Lambda layer, unless its user allows them.
        model = compat.tensorflow.keras.models.model_from_json(msg["architecture"])
    else:
        make = keras_model_fns.get(msg["catalogue_name"])
        model = maybe_handshake_model(make(*msg["args"], **msg["kwargs"]))
    model.set_weights([numpy.array(weight) for weight in msg["weights"]])
    return model


def _build_hdf5(data: bytes) -> Any:
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:  # Keras takes a file only
        path = Path(folder) / "model.h5"
        path.write_bytes(data)
        return compat.tensorflow.keras.models.load_model(path)


def _backprop_outside_training(d_outputs: Any) -> Any:
    raise ValueError(
        "Cannot run the backward pass of a TensorFlow model after 'predict': use 'begin_update', or is_train=True"
    )


def _is_differentiable(obj: Any) -> bool:
    return is_tensorflow_array(obj) and (obj.dtype.is_floating or obj.dtype.is_complex)


def _add(total: Any, gradient: Any) -> Any:
    """The sum of two gradients, either of which may be missing or hold some rows only."""
    if gradient is None:
        return total
    gradient = compat.tensorflow.convert_to_tensor(gradient)
    return gradient if total is None else total + gradient
