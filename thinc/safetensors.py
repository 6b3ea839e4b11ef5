"""Parameters to and from files of the safetensors format, which other programs read.

A parameter is called after its place: ``1.0.W`` is parameter ``W`` of the first layer of the second layer of the model.
"""

import importlib
from collections.abc import Iterator
from typing import Any

import numpy

from ._model_io import check_dims
from ._safetensors_limits import Budget, limit_initialization
from ._util.extras import extra
from ._util.paths import read_bytes, write_bytes
from ._util.random_state import get_random_state, prepare_random_state
from .model import Model

DIMS = "thinc.dims"  # in the metadata of a file: sizes, for models that are not initialized
# What the format calls types, and what NumPy does.
DTYPES = {
    **{f"{kind}{8 * size}": f"<{kind.lower()}{size}" for kind in "IU" for size in (1, 2, 4, 8)},
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
    "C64": "<c8",
    "BOOL": "?",
}
Places = dict[str, tuple[Model[Any, Any], str]]


def save_safetensors(path: Any, model: Model[Any, Any]) -> None:
    """Write the parameters of a model to a file of the safetensors format.

    Parameters
    ----------
    path : str or Path
        The file; it is replaced wholly or not at all.
    model : Model
        Its settings and the state of an optimizer are not saved: see ``Model.to_disk`` and `save_checkpoint`.

    Raises
    ------
    ValueError
        If a parameter has no value yet, or a layer has its parameters in another framework; the error names it.
    ImportError
        If safetensors is not installed.

    Notes
    -----
    Parameters are named after the numbers of their layers, from the root: ``1.0.W``. One that stands in several places
    is written once, under the name of the first.
    """
    import json

    module = _import()
    places = _places_of(model, "save")
    arrays = {}
    for name, (node, param) in places.items():
        if not node.has_param(param):
            raise ValueError(
                f"Cannot save model '{model.name}': parameter {name} of layer '{node.name}' has no value yet. "
                "Initialize the model first."
            )
        arrays[name] = numpy.asarray(node.ops.to_numpy(node.get_param(param), byte_order="<"), order="C")
    dims = {prefix: dict(node._dims) for prefix, node in _nodes_of(model) if node._dims}
    metadata = {"format": "np", DIMS: json.dumps(dims, sort_keys=True)}
    write_bytes(path, module.save(arrays, metadata=metadata))


def load_safetensors(path: Any, model: Model[Any, Any]) -> None:
    """Read the parameters of a model from a file of the safetensors format.

    Parameters
    ----------
    path : str or Path
        What `save_safetensors` wrote, or another program under the same names.
    model : Model
        Built from the same layers. It need not be initialized, if the file was written by `save_safetensors`. Numbers,
        those of bfloat16 too, are converted to the type that the model has.

    Raises
    ------
    ValueError
        If the file is damaged, or has not just the names and the shapes of the model. Nothing is changed then. Sizes
        that the file claims, and does not have the numbers for, are refused before there is memory taken for them.
    FileNotFoundError
        If there is no such file.
    ImportError
        If safetensors is not installed.
    """
    import json

    _import()
    data = read_bytes(path)
    what = f"Cannot load model '{model.name}' from {path}"
    try:
        views = importlib.import_module("safetensors").deserialize(data)
        arrays = {name: _as_array(name, **view) for name, view in views}
        size = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + size]).get("__metadata__") or {}
        dims = json.loads(metadata.get(DIMS, "{}"))
    except Exception as err:  # the package raises errors of many types, its own among them
        raise ValueError(f"{what}: it cannot be read as a safetensors file: {err}") from err
    places = _places_of(model, "load")
    missing, strange = sorted(places.keys() - arrays.keys()), sorted(arrays.keys() - places.keys())
    if missing or strange:
        raise ValueError(
            f"{what}: the file lacks {missing or 'nothing'}, and the model lacks {strange or 'nothing'}"
        )
    known = _with_sizes(model, dims, arrays, what)
    expected = {name: node.get_param(param) for name, (node, param) in _places_of(known, "load").items()}
    _compare(arrays, expected, what)
    values = {
        name: node.ops.asarray(arrays[name].astype(expected[name].dtype, copy=False))
        for name, (node, _) in places.items()
    }
    for (_, node), (_, sized) in zip(_nodes_of(model), _nodes_of(known), strict=True):
        for name in node.dim_names:
            if node.has_dim(name) is None and sized.has_dim(name):
                node.set_dim(name, sized.get_dim(name))
    for name, (node, param) in places.items():
        node.set_param(param, values[name])


def _as_array(name: str, dtype: str, shape: list[int], data: Any) -> Any:
    """Numbers as an array; those of bfloat16, which are the first halves of float32, as that."""
    if dtype == "BF16":
        halves = numpy.frombuffer(data, dtype="<u2").astype("<u4")
        return (halves << 16).view("<f4").reshape(shape)
    if dtype not in DTYPES:
        raise ValueError(f"{name} has numbers of type {dtype}, expected one of {[*DTYPES, 'BF16']}")
    return numpy.frombuffer(data, dtype=DTYPES[dtype]).reshape(shape)


def _compare(arrays: dict[str, Any], expected: dict[str, Any], what: str) -> None:
    for name, value in expected.items():
        found = arrays[name]
        if found.shape != value.shape:
            raise ValueError(f"{what}: expected {name} of shape {value.shape}, got {found.shape}")
        if not numpy.can_cast(found.dtype, value.dtype, casting="same_kind"):
            raise ValueError(f"{what}: expected {name} of {value.dtype}, got {found.dtype}")


def _with_sizes(model: Model[Any, Any], dims: Any, arrays: dict[str, Any], what: str) -> Model[Any, Any]:
    """The model, or a copy of it with the sizes from the file, where all parameters have a value.

    These may be no more numbers than the file has arrays for.
    """
    if all(node.has_param(param) for node, param in _places_of(model, "load").values()):
        return model
    sized = model.copy()
    put_back = prepare_random_state(get_random_state(), "this process")
    total = sum(array.size for array in arrays.values())
    try:
        for prefix, node in _nodes_of(sized):
            known = {name: value for name, value in dims.get(prefix, {}).items() if value is not None}
            check_dims(node, known)
            own = sum(arrays[prefix + name].size for name in node.param_names)
            budget = Budget(node, prefix, own if node.param_names else total)
            if node.param_names:
                budget.check_dims(known)
            limit_initialization(node, budget)
            for name, value in known.items():
                node.set_dim(name, value)
        sized.initialize()
    except Exception as err:
        raise ValueError(
            f"{what}: it is not initialized, and the file does not tell its sizes: {err}"
        ) from err
    finally:
        put_back()
    return sized


def _nodes_of(model: Model[Any, Any]) -> Iterator[tuple[str, Model[Any, Any]]]:
    """Each node once, depth first, with what comes before the names of its parameters."""
    seen = {id(model)}

    def visit(node: Model[Any, Any], prefix: str) -> Iterator[tuple[str, Model[Any, Any]]]:
        yield prefix, node
        for number, child in enumerate(node.layers):
            if id(child) not in seen:
                seen.add(id(child))
                yield from visit(child, f"{prefix}{number}.")

    return visit(model, "")


def _places_of(model: Model[Any, Any], verb: str) -> Places:
    """The node and the parameter for each name."""
    places: Places = {}
    for prefix, node in _nodes_of(model):
        if node.shims:
            raise ValueError(
                f"Cannot {verb} model '{model.name}' as safetensors: layer '{node.name}' has its parameters in a "
                f"{type(node.shims[0]).__name__}. Write those by the means of that framework, or use Model.to_disk."
            )
        for param in node.param_names:
            name = prefix + param
            if name in places:
                raise ValueError(
                    f"Cannot {verb} model '{model.name}' as safetensors: two parameters are called {name}, one of them "
                    f"of layer '{node.name}'"
                )
            places[name] = node, param
    return places


def _import() -> Any:
    with extra("safetensors", "safetensors", "This needs safetensors"):
        return importlib.import_module("safetensors.numpy")
