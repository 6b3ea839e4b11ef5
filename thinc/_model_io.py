"""Models to and from bytes. The layout is that of the 8.x line, byte for byte."""

from __future__ import annotations

from functools import singledispatch
from numbers import Real
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

from ._util.msgpack import describe, pack, unpack

if TYPE_CHECKING:
    from .model import Model

Message = Dict[str, List[Any]]
KEYS = ("nodes", "attrs", "params", "shims")


@singledispatch
def serialize_attr(_: Any, value: Any, name: str, model: Model[Any, Any]) -> bytes:
    """Serialize an attribute of a node; dispatches on the value.

    Register a function for a type of your own with ``@serialize_attr.register(MyType)``. Raise ``TypeError``
    to leave the attribute out.

    Parameters
    ----------
    _, value
        The attribute's value, twice: the first one is what is dispatched on.
    name : str
        The attribute's name.
    model : Model
        The node.

    Returns
    -------
    bytes
        Here: the value in MessagePack.
    """
    return pack(value)


@singledispatch
def deserialize_attr(_: Any, value: bytes, name: str, model: Model[Any, Any]) -> Any:
    """Load an attribute of a node; dispatches on the value the node has now.

    A type of your own is found only if the node has an attribute of this type before loading.

    Parameters
    ----------
    _
        The attribute's present value, or None.
    value : bytes
        What ``serialize_attr`` gave.
    name : str
        The attribute's name.
    model : Model
        The node.

    Returns
    -------
    object
        The new value.
    """
    return unpack(value, f"the attribute '{name}' of model '{model.name}'")


def to_dict(root: Model[Any, Any]) -> Message:
    """Collect the state of a tree, an entry for each node, breadth first; arrays are not copied."""
    nodes = list(root.walk())
    positions = {id(node): i for i, node in enumerate(nodes)}
    msg: Message = {key: [] for key in KEYS}
    for i, node in enumerate(nodes):
        outside = [name for name, ref in node._refs.items() if ref is not None and id(ref) not in positions]
        if outside:
            raise ValueError(
                f"Cannot serialize model '{root.name}': the references {outside} of node '{node.name}' lead "
                f"outside its tree. Serialize a larger tree, or unset them with 'set_ref(name, None)'."
            )
        refs = {name: None if ref is None else positions[id(ref)] for name, ref in node._refs.items()}
        msg["nodes"].append({"index": i, "name": node.name, "dims": dict(node._dims), "refs": refs})
    for node in nodes:
        attrs = {}
        for name, value in node.attrs.items():
            try:
                attrs[name] = serialize_attr(value, value, name, node)
            except TypeError:  # what cannot be written is left out: the receiver keeps its own
                continue
        msg["attrs"].append(attrs)
        msg["params"].append({name: node.maybe_get_param(name) for name in node.param_names})
        msg["shims"].append([shim.to_bytes() for shim in node.shims])
    return msg


def to_bytes(root: Model[Any, Any]) -> bytes:
    """Serialize ``to_dict``; arrays are written little-endian."""
    msg = to_dict(root)
    msg["params"] = [
        {k: None if v is None else node.ops.to_numpy(v, byte_order="<") for k, v in params.items()}
        for node, params in zip(root.walk(), msg["params"], strict=True)
    ]
    return pack(msg)


def from_dict(root: Model[Any, Any], msg: Any) -> None:
    """Load what ``to_dict`` gave. Everything is decoded and checked first, and only then applied."""
    nodes = list(root.walk())
    problem = _find_malformed(msg, nodes)
    if problem is not None:
        raise ValueError(f"Cannot load model '{root.name}': {problem}")
    attrs: List[Dict[str, Any]] = []
    params: List[Dict[str, Any]] = []
    for i, node in enumerate(nodes):
        check_dims(node, msg["nodes"][i]["dims"])
        _check_refs(node, msg["nodes"][i]["refs"], nodes)
        attrs.append(
            {
                name: deserialize_attr(node.attrs.get(name), data, name, node)
                for name, data in msg["attrs"][i].items()
            }
        )
        params.append({name: _as_param(node, value) for name, value in msg["params"][i].items()})
        if len(msg["shims"][i]) > len(node.shims):
            raise IndexError(
                f"Cannot load model '{root.name}': the message has {len(msg['shims'][i])} shims for node {i} "
                f"('{node.name}'), which has {len(node.shims)}."
            )
    _load_shims(
        [
            pair
            for node, data in zip(nodes, msg["shims"], strict=True)
            for pair in zip(node.shims, data, strict=False)
        ]
    )
    for i, node in enumerate(nodes):
        info = msg["nodes"][i]
        node.name = info["name"]
        for name, value in info["dims"].items():
            if value is not None:
                node.set_dim(name, value)
        for name, position in info["refs"].items():
            node._refs[name] = None if position is None else nodes[position]
        node.attrs.update(attrs[i])
        for name, value in params[i].items():
            node.set_param(name, value)


def _load_shims(pairs: List[Tuple[Any, bytes]]) -> None:
    """Load all shims or none. They go first: what they are given is opaque here, so they can still refuse it."""
    undo: List[Tuple[Any, bytes]] = []
    try:
        for shim, data in pairs:
            before = shim.to_bytes() if shim is not pairs[-1][0] else b""
            shim.from_bytes(data)
            undo.append((shim, before))
    except BaseException:
        for shim, before in reversed(undo):
            shim.from_bytes(before)
        raise


def can_from_dict(root: Model[Any, Any], msg: Any, *, strict: bool) -> bool:
    """Tell whether a message fits a tree; see ``Model.can_from_dict``."""
    nodes = list(root.walk())
    if _find_malformed(msg, nodes) is not None:
        return False
    return all(
        _fits(node, *parts, strict=strict)
        for node, *parts in zip(nodes, *(msg[key] for key in KEYS), strict=True)
    )


def _fits(
    node: Model[Any, Any],
    info: Dict[str, Any],
    attrs: Dict[str, bytes],
    params: Dict[str, Any],
    shims: List[bytes],
    *,
    strict: bool,
) -> bool:
    if len(shims) != len(node.shims) or (strict and info["name"] != node.name):
        return False
    for name, value in info["dims"].items():
        has_dim = node.has_dim(name)
        if has_dim is False or (has_dim and node.get_dim(name) != value):
            return False
    for name, value in params.items():
        has_param = node.has_param(name)
        if has_param is False:
            return False
        if has_param and value is not None and node.get_param(name).shape != value.shape:
            return False
    return not strict or all(_fits_attr(node, name, data) for name, data in attrs.items())


def _fits_attr(node: Model[Any, Any], name: str, data: bytes) -> bool:
    """Whether an attribute's bytes are those of the node's own value or, with nothing to compare, can be loaded."""
    value = node.attrs.get(name)
    if name in node.attrs:
        try:
            own = serialize_attr(value, value, name, node)
        except (TypeError, ValueError, OverflowError):  # our own value cannot be written
            pass
        else:
            return type(own) is type(data) and own == data
    try:
        deserialize_attr(value, data, name, node)
    except Exception:  # a registered function of the user's may raise anything
        return False
    return True


def check_dims(node: Model[Any, Any], dims: Dict[str, Optional[int]]) -> None:
    """Raise a KeyError or ValueError if a node does not have such dimensions, or has others."""
    for name, value in dims.items():
        has_dim = node.has_dim(name)
        if has_dim is False:
            raise KeyError(
                f"Cannot load node '{node.name}': the message has a dimension '{name}'; "
                f"the node has {list(node.dim_names)}."
            )
        if has_dim and value is not None and node.get_dim(name) != value:
            raise ValueError(
                f"Attempt to change dimension '{name}' for model '{node.name}' from {node.get_dim(name)} to "
                f"{value}. Load into a model of the same size, or into one whose dimension is not set."
            )


def _check_refs(node: Model[Any, Any], refs: Dict[str, Optional[int]], nodes: List[Model[Any, Any]]) -> None:
    wanted = {
        name: position
        for name, position in refs.items()
        if position is not None and nodes[position] is not node._refs.get(name)  # the constructor takes any
    }
    if not wanted:
        return
    below = {id(child) for child in node.walk()}
    for name, position in wanted.items():
        if id(nodes[position]) not in below:
            raise ValueError(
                f"Cannot load node '{node.name}': its reference '{name}' leads to node {position} "
                f"('{nodes[position].name}'), which is not below it."
            )


def _as_param(node: Model[Any, Any], value: Any) -> Any:
    if value is None:
        return None
    return node.ops.asarray(value).copy()  # decoded arrays are read-only


def _is_numbers(value: Any) -> bool:
    return hasattr(value, "dtype") and getattr(value.dtype, "kind", "V") in "biufcV"


def _find_malformed(msg: Any, nodes: List[Model[Any, Any]]) -> Optional[str]:
    """Say in what a message is not one for this many nodes, or None."""
    if not isinstance(msg, dict) or "nodes" not in msg:
        return f"expected a dict with the key 'nodes', as 'to_dict' gives it, got {describe(msg)}."
    for key in KEYS:
        entries = msg.get(key)
        if not isinstance(entries, (list, tuple)):
            return (
                f"the message's '{key}' must be a list with an entry for each node, got {describe(entries)}."
            )
        if len(entries) != len(nodes):
            return (
                f"the message has {len(entries)} nodes in '{key}', the model has {len(nodes)}. "
                f"Build it with the same layers as the one that was saved."
            )
    for i, node in enumerate(nodes):
        parts = [msg[key][i] for key in KEYS]
        problem = _find_malformed_node(*parts, n_nodes=len(nodes))
        if problem is not None:
            return f"the message's node {i} (here '{node.name}') {problem}."
    return None


def _find_malformed_node(info: Any, attrs: Any, params: Any, shims: Any, *, n_nodes: int) -> Optional[str]:
    if not isinstance(info, dict) or not isinstance(info.get("name"), str):
        return "has no name"
    dims, refs = info.get("dims"), info.get("refs")
    tables: Tuple[Tuple[str, Any, Any], ...] = (
        ("dims", dims, lambda v: v is None or isinstance(v, Real)),
        ("refs", refs, lambda v: v is None or (isinstance(v, int) and 0 <= v < n_nodes)),
        ("attrs", attrs, lambda v: True),  # what a value looks like is up to its deserializer
        ("params", params, lambda v: v is None or _is_numbers(v)),
    )
    for title, table, is_valid in tables:
        if not isinstance(table, dict):
            return f"has no table of {title}"
        for name, value in table.items():
            if not isinstance(name, str) or not is_valid(value):
                return f"has invalid {title}: {name!r} is {describe(value)}"
    if not isinstance(shims, (list, tuple)):
        return "has no list of shims"
    return None
