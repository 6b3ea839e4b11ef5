"""What a node of the graph knows: its dimensions, parameters, gradients and references."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple

from ._model_tree import WALKS
from ._util.ids import Identified
from .backends import Ops, ParamServer
from .shims.shim import Shim
from .types import FloatsXd

if TYPE_CHECKING:
    from .model import Model

Key = Tuple[int, str]


def gradients_of(nodes: Iterable[Model[Any, Any]]) -> List[Tuple[Model[Any, Any], Key, Any, Any]]:
    """What has a gradient: the node, the key, the parameter and its gradient."""
    found = []
    for node in nodes:
        grads = node._params._grads
        if grads:
            node_id = node.id
            for name, is_set in node._has_params.items():
                if is_set:
                    dW = grads.get((node_id, name))
                    if dW is not None:
                        found.append((node, (node_id, name), node.get_param(name), dW))
    return found


class State(Identified):
    """The accessors of a node. ``Model`` adds running, the tree, copying and saving.

    Names of dimensions, parameters and references are registered, and set or not: ``has_dim``, ``has_param``
    and ``has_ref`` return True for set, None for registered but not set, and False for unknown names.
    """

    __slots__ = ()

    name: str
    id: int
    ops: Ops
    _func: Callable[..., Any]
    init: Optional[Callable[..., Any]]
    _params: ParamServer
    _dims: Dict[str, Optional[int]]
    _attrs: Dict[str, Any]
    _refs: Dict[str, Optional[Model[Any, Any]]]
    _layers: List[Model[Any, Any]]
    _shims: List[Shim]
    _has_params: Dict[str, Optional[bool]]  # True: set, None: registered

    # The tree

    def walk(self, *, order: str = "bfs") -> Iterator[Model[Any, Any]]:
        """Visit each node of the tree once, this one included.

        Parameters
        ----------
        order : {"bfs", "dfs_pre", "dfs_post"}
            Breadth first, or depth first with a node before or after its children. Breadth first looks at a
            node's children when the next node is asked for, so they may be edited on the way.
        """
        if order not in WALKS:
            raise ValueError(f"Invalid order {order!r} to walk a model: expected one of {list(WALKS)}.")
        return WALKS[order](self)  # type: ignore[arg-type]

    # Containers

    @property
    def layers(self) -> List[Model[Any, Any]]:
        """The children; edit the list in place."""
        return self._layers

    @property
    def shims(self) -> List[Shim]:
        """The shims; edit the list in place."""
        return self._shims

    @property
    def attrs(self) -> Dict[str, Any]:
        """The settings; edit the dict in place."""
        return self._attrs

    @property
    def param_names(self) -> Tuple[str, ...]:
        """Names of the registered parameters, set or not."""
        return tuple(self._has_params)

    @property
    def grad_names(self) -> Tuple[str, ...]:
        """Names of the registered parameters that have a gradient."""
        return tuple(name for name in self._has_params if self.has_grad(name))

    @property
    def dim_names(self) -> Tuple[str, ...]:
        """Names of the registered dimensions, set or not."""
        return tuple(self._dims)

    @property
    def ref_names(self) -> Tuple[str, ...]:
        """Names of the registered references, set or not."""
        return tuple(self._refs)

    # Dimensions

    def has_dim(self, name: str) -> Optional[bool]:
        """Tell whether a dimension is set (True), registered but not set (None), or unknown (False)."""
        if self._dims.get(name) is not None:
            return True
        return None if name in self._dims else False

    def get_dim(self, name: str) -> int:
        """Return a dimension's size; ``KeyError`` if it is unknown, ``ValueError`` if it is not set."""
        value = self._dims.get(name)
        if value is not None:
            return value
        if name in self._dims:
            raise ValueError(
                f"Cannot get dimension '{name}' for model '{self.name}': value unset. Give it to the layer, "
                f"or call 'initialize' with samples from which it can be inferred."
            )
        raise KeyError(f"Cannot get dimension '{name}' for model '{self.name}': it has {list(self._dims)}.")

    def maybe_get_dim(self, name: str) -> Optional[int]:
        """Return a dimension's size, or None if it is unknown or not set."""
        return self._dims.get(name)

    def set_dim(self, name: str, value: Optional[int], *, force: bool = False) -> None:
        """Set a dimension.

        Parameters
        ----------
        name : str
        value : int
        force : bool
            Change it even if it is set to something else, as long as the node has no parameters yet.

        Raises
        ------
        KeyError
            If the dimension is not registered.
        ValueError
            If it is set to another value.
        """
        if name not in self._dims:
            raise KeyError(
                f"Cannot set dimension '{name}' for model '{self.name}': it has {list(self._dims)}."
            )
        old = self._dims[name]
        if old is not None and old != value:
            has_params = any(self._has_params.values())
            if has_params or not force:
                hint = "its parameters are allocated" if has_params else "pass 'force=True' if this is meant"
                raise ValueError(
                    f"Attempt to change dimension '{name}' for model '{self.name}' from {old} to {value}: "
                    f"{hint}."
                )
        self._dims[name] = value

    # Parameters

    def has_param(self, name: str) -> Optional[bool]:
        """Tell whether a parameter is set (True), registered but not set (None), or unknown (False)."""
        return self._has_params.get(name, False)

    def get_param(self, name: str) -> Any:
        """Return a parameter, the array itself; ``KeyError`` if it is unknown or not set."""
        server = self._params
        if server.proxy is None:
            value: Optional[FloatsXd] = server._params.get((self.id, name))
            if value is not None:
                return value
        elif self._has_params.get(name):
            fetched: FloatsXd = server.get_param(self.id, name)
            return fetched
        if name in self._has_params:
            raise KeyError(
                f"Parameter '{name}' for model '{self.name}' has not been allocated yet: "
                "call 'initialize' first."
            )
        raise KeyError(
            f"Unknown parameter '{name}' for model '{self.name}': it has {list(self._has_params)}."
        )

    def maybe_get_param(self, name: str) -> Optional[Any]:
        """Return a parameter, or None if it is unknown or not set."""
        return self.get_param(name) if self._has_params.get(name) else None

    def set_param(self, name: str, value: Optional[FloatsXd]) -> None:
        """Set a parameter to an array (not copied), or unset it with None. Unknown names are registered."""
        server = self._params
        if value is None:
            server._params.pop((self.id, name), None)
            self._has_params[name] = None
            return
        if server.proxy is None:
            server._params[(self.id, name)] = value
        else:
            server.set_param(self.id, name, value)
        self._has_params[name] = True

    # Gradients

    def has_grad(self, name: str) -> bool:
        """Tell whether a parameter has a gradient; one that is all zeros counts."""
        return (self.id, name) in self._params._grads

    def get_grad(self, name: str) -> Any:
        """Return a parameter's gradient, the array itself; ``KeyError`` if there is none."""
        grad = self.maybe_get_grad(name)
        if grad is None:
            raise KeyError(
                f"No gradient for parameter '{name}' of model '{self.name}': "
                "run 'begin_update' and the callback it returns."
            )
        return grad

    def maybe_get_grad(self, name: str) -> Optional[Any]:
        """Return a parameter's gradient, or None if there is none."""
        return self._params._grads.get((self.id, name))

    def set_grad(self, name: str, value: Optional[FloatsXd]) -> None:
        """Set a parameter's gradient to an array, which is not copied, or remove it with None."""
        if value is None:
            self._params._grads.pop((self.id, name), None)
        else:
            self._params.set_grad(self.id, name, value)

    def inc_grad(self, name: str, value: FloatsXd) -> None:
        """Add to a parameter's gradient. The first call stores a copy of the array."""
        server = self._params
        if server.proxy is None:
            key = (self.id, name)
            grad = server._grads.get(key)
            if grad is not None:
                grad += value
                server._grads[key] = grad  # a scalar is not changed in place
                return
        server.inc_grad(self.id, name, value)

    def get_gradients(self) -> Dict[Key, Tuple[FloatsXd, FloatsXd]]:
        """Return what has a gradient in the tree: ``(id, name)`` to ``(parameter, gradient)``."""
        return {key: (W, dW) for _, key, W, dW in gradients_of(self.walk())}

    # References

    def has_ref(self, name: str) -> Optional[bool]:
        """Tell whether a reference is set (True), registered but not set (None), or unknown (False)."""
        if self._refs.get(name) is not None:
            return True
        return None if name in self._refs else False

    def get_ref(self, name: str) -> Model[Any, Any]:
        """Return the node referred to; ``KeyError`` if it is unknown, ``ValueError`` if it is not set."""
        value = self._refs.get(name)
        if value is not None:
            return value
        if name in self._refs:
            raise ValueError(f"Cannot get reference '{name}' for model '{self.name}': value unset.")
        raise KeyError(f"Cannot get reference '{name}' for model '{self.name}': it has {list(self._refs)}.")

    def maybe_get_ref(self, name: str) -> Optional[Model[Any, Any]]:
        """Return the node referred to, or None if the name is unknown or not set."""
        return self._refs.get(name)

    def set_ref(self, name: str, value: Optional[Model[Any, Any]]) -> None:
        """Refer to a node of this tree, or unset the reference with None. Unknown names are registered."""
        if value is not None and not any(node is value for node in self.walk()):
            raise ValueError(
                f"Cannot set reference '{name}' for model '{self.name}': '{getattr(value, 'name', value)}' "
                f"is not a node below it. Add it to 'layers' first."
            )
        self._refs[name] = value


Remembered = List[Tuple[State, Dict[str, Optional[int]], Dict[str, Optional[bool]], Dict[Key, Any]]]


def remember(model: State) -> Remembered:
    """Dimensions and parameters (not copies) of each node of a tree, for `put_back`."""
    return [
        (node, dict(node._dims), dict(node._has_params), dict(node._params._params)) for node in model.walk()
    ]


def put_back(remembered: Remembered) -> None:
    """Undo an initialization that failed half way. What a proxy holds stays."""
    for node, dims, has_params, params in remembered:
        _set_items(node._dims, dims)
        if node._params.proxy is None:
            _set_items(node._has_params, has_params)
            _set_items(node._params._params, params)


def _set_items(table: Dict[Any, Any], items: Dict[Any, Any]) -> None:
    table.clear()
    table.update(items)
