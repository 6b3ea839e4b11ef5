"""save_onnx: a model as a file that other runtimes predict from."""

from functools import partial
from typing import Any

import numpy

from .._util.extras import extra
from .._util.paths import write_bytes
from ..model import Model
from ._place import Place
from ._table import EXPORTERS
from ._values import Array, Port, Value, enter, leave

# Those put a function of their own around the one of a layer.
HOOKS = ("thinc.layers.with_debug", "thinc.layers._ranges")


def save_onnx(path: Any, model: Model[Any, Any], X: Any = None) -> None:
    """Write a model to a file of the ONNX format, for prediction.

    Parameters
    ----------
    path : str or Path
        The file; it is replaced wholly or not at all.
    model : Model
        Initialized, and made of layers that are listed in the documentation: all but those that run other frameworks,
        take strings, or take lists of lists. `Dropout` is off.
    X : array, list of arrays, Ragged, Padded or tuple of those, optional
        A sample of the input, for its kind, its type and the widths of its rows. If None, the input is an array
        (B, nI) of floats.

    Raises
    ------
    ValueError
        If there is another layer in it, or one that does not take what it gets, which the error names; or a parameter
        without a value; or more than the 2 GB that a file can hold.
    ImportError
        If onnx is not installed.

    Notes
    -----
    The input is called ``X``, and the output ``Y``. For a list, Ragged or Padded, ``X`` has the rows of all sequences
    in their order, one after the other, (N, width), and there is a second input, ``X_lengths``, int64 (B,), with the
    number of rows of each; ``Y`` is likewise, and has ``Y_lengths`` only where its lengths are not those of the input.
    Tuples have ``X_0``, ``X_1`` and so on, as have outputs. Numbers of sequences and rows are free; floats have the
    type of the parameters, integers that of the sample.

    Parameters have the names that `save_safetensors` gives them; those of a layer that stands in several places are
    there several times, and those of recurrent layers are parted and sorted as ONNX has them. Operator set 18, which
    runtimes have since 2023.

    Examples
    --------
    >>> save_onnx("model.onnx", model)
    >>> onnxruntime.InferenceSession("model.onnx").run(["Y"], {"X": X})
    """
    with extra("onnx", "onnx", "This needs onnx"):
        from ._graph import Graph
    graph = Graph(_dtype_of(model, X))
    value: Value
    if X is None:
        width = model.maybe_get_dim("nI")
        value = Array("X", 2, graph.dtype.name)
        inputs = [Port("X", value.dtype, ["batch", "nI" if width is None else width])]
    else:
        value, inputs = enter(graph, "X", X)
    result = _export(graph, model, "", value)
    outputs = leave(graph, "Y", result, {port.name for port in inputs})
    write_bytes(path, graph.finish(inputs, outputs, model.name[:60] or "model"))


def _export(graph: Any, node: Model[Any, Any], prefix: str, X: Value) -> Value:
    """Add a layer to the graph; return what comes out of it."""
    place = Place(graph, node, prefix, _export)
    package, _, module = _module_of(node._func).rpartition(".")
    exporter = EXPORTERS.get(module)
    if package != "thinc.layers" or exporter is None or node.shims:
        raise place.refuse("there is no equivalent for it. Export what comes before or behind it.")
    missing = [name for name in node.param_names if not node.has_param(name)]
    if missing:
        raise place.refuse(f"{missing} have no value. Initialize the model first.")
    return exporter(place, X)


def _module_of(forward: Any) -> str:
    while isinstance(forward, partial) and getattr(forward.func, "__module__", None) in HOOKS:
        forward = forward.args[0]
    return getattr(forward, "__module__", None) or ""


def _dtype_of(model: Model[Any, Any], X: Any) -> Any:
    """The type of the parameters, which all have."""
    found = {
        numpy.dtype(node.get_param(name).dtype)
        for node in model.walk()
        for name in node.param_names
        if node.has_param(name)
    }
    if len(found) > 1:
        raise ValueError(
            f"Cannot export model '{model.name}' to ONNX: expected parameters of one type, got "
            f"{sorted(map(str, found))}"
        )
    if found:
        return found.pop()
    is_float = getattr(getattr(X, "dtype", None), "kind", None) == "f"
    return X.dtype if is_float else numpy.dtype("float32")
