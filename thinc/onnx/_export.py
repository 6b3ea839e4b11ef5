"""save_onnx: a model as a file that other runtimes predict from."""

from typing import Any

import numpy

from .._util.extras import extra
from .._util.paths import write_bytes
from ..model import Model
from ._layers import EXPORTERS


def save_onnx(path: Any, model: Model[Any, Any]) -> None:
    """Write a model to a file of the ONNX format, for prediction.

    Parameters
    ----------
    path : str or Path
        The file; it is replaced wholly or not at all.
    model : Model
        Initialized, from arrays (B, nI) to arrays (B, nO), made of dense and gated layers, `Maxout`, `Softmax`, norms,
        activations, `expand_window`, and of `chain`, `concatenate`, `add`, `residual`, `clone` and `with_array` around
        them. `Dropout` is off.

    Raises
    ------
    ValueError
        If there is another layer in it, which the error names; or a parameter without a value.
    ImportError
        If onnx is not installed.

    Notes
    -----
    The input is called ``X``, of the type of the parameters and with any number of rows; the output is called ``Y``.
    Parameters have the names that `save_safetensors` gives them; those of a layer that stands in several places are
    there several times. Operator set 17, which runtimes have since 2022.

    Examples
    --------
    >>> save_onnx("model.onnx", model)
    >>> onnxruntime.InferenceSession("model.onnx").run(["Y"], {"X": X})
    """
    with extra("onnx", "onnx", "This needs onnx"):
        from ._graph import Graph
    graph = Graph(_dtype_of(model))
    result = _export(graph, model, "", "X")
    write_bytes(path, graph.finish("X", model.maybe_get_dim("nI"), result, model.name[:60]))


def _export(graph: Any, node: Model[Any, Any], prefix: str, X: str) -> str:
    """Add a layer to the graph; return the name of its output."""
    where = prefix.rstrip(".") or "the root"
    package, _, module = (getattr(node._func, "__module__", None) or "").rpartition(".")
    exporter = EXPORTERS.get(module)
    if package != "thinc.layers" or exporter is None or node.shims:
        raise ValueError(
            f"Cannot export layer '{node.name}' (at {where}) to ONNX: there is no equivalent for it. Export what comes "
            "before or behind it."
        )
    missing = [name for name in node.param_names if not node.has_param(name)]
    if missing:
        raise ValueError(
            f"Cannot export layer '{node.name}' (at {where}) to ONNX: {missing} have no value. "
            "Initialize the model first."
        )

    def child(number: int, X: str) -> str:
        return _export(graph, node.layers[number], f"{prefix}{number}.", X)

    return exporter(graph, node, prefix, X, child)


def _dtype_of(model: Model[Any, Any]) -> Any:
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
    return found.pop() if found else numpy.dtype("float32")
