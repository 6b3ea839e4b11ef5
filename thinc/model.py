"""Model: a node of the graph, with its dimensions, parameters, references, forward and backward pass."""

import copy
import functools
from contextlib import ExitStack, contextmanager
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    Generic,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
)

from . import _model_io, _model_state, _model_tree
from ._model_io import deserialize_attr, serialize_attr
from ._model_operators import Operators, context_operators as context_operators
from ._model_state import State, put_back, remember
from ._util.arrays import is_finite
from ._util.constants import constant, knows_constants
from ._util.explain import REFUSALS, explain, explain_samples
from ._util.msgpack import unpack
from ._util.paths import read_bytes, write_bytes
from ._util.validation import DATA_VALIDATION, validate_fwd_input_output
from .backends import CupyOps, NumpyOps, Ops, ParamServer, get_current_ops
from .optimizers import Optimizer, update_each
from .shims.shim import Shim

if TYPE_CHECKING:
    from ._model_summary import Summary

InT = TypeVar("InT")
OutT = TypeVar("OutT")

__all__ = [
    "Model",
    "serialize_attr",
    "deserialize_attr",
    "change_attr_values",
    "set_dropout_rate",
    "wrap_model_recursive",
]


def _copy_once(array: Any, memo: Dict[int, Any]) -> Any:
    """Copy an array, or return the copy made of it before. The memo is of the kind ``copy.deepcopy`` has."""
    copied = memo.get(id(array))
    if copied is None and array is not None:
        copied = memo[id(array)] = array.copy() if hasattr(array, "copy") else copy.deepcopy(array)
    return copied


def empty_init(model: "Model[Any, Any]", *args: Any, **kwargs: Any) -> "Model[Any, Any]":
    """Initialize nothing: what a model does that is given no ``init``."""
    return model


class Model(State, Operators, Generic[InT, OutT]):
    """A node of the graph.

    Parameters
    ----------
    name : str
        Says what the layer is; need not be unique.
    forward : callable
        ``forward(model, X, is_train) -> (Y, backprop)``, with ``backprop(dY) -> dX``.
    init : callable, optional
        ``init(model, X, Y)``: infers what dimensions it can from the samples (which may be None) and
        allocates the parameters.
    dims : dict
        Names of the dimensions, with their sizes or None where they are not known yet.
    params : dict
        Names of the parameters, with their values or None where they are not allocated yet.
    layers : iterable of Model
        The children.
    shims : iterable of Shim
        Networks of other frameworks that this node runs.
    attrs : dict
        Settings of any kind.
    refs : dict
        Names of references to nodes, usually below this one, or None where they are not set yet.
    ops : Ops, optional
        The backend; by default the current one.

    Notes
    -----
    ``id`` is unique in the process. Optimizers keep their state under ``(id, parameter name)``; pickling and
    ``copy.deepcopy`` keep the id, ``copy`` gives a new one.
    """

    __slots__ = (
        "name",
        "id",
        "ops",
        "_func",
        "init",
        "_params",
        "_dims",
        "_attrs",
        "_refs",
        "_layers",
        "_shims",
        "_has_params",
    )

    def __init__(
        self,
        name: str,
        forward: Callable[..., Tuple[OutT, Callable[..., Any]]],
        *,
        init: Optional[Callable[..., Any]] = None,
        dims: Mapping[str, Optional[int]] = {},
        params: Mapping[str, Optional[Any]] = {},
        layers: Iterable["Model[Any, Any]"] = [],
        shims: Iterable[Shim] = [],
        attrs: Mapping[str, Any] = {},
        refs: Mapping[str, Optional["Model[Any, Any]"]] = {},
        ops: Optional[Ops] = None,
    ):
        self.name = name
        self.id = self._draw_id()
        self.ops = get_current_ops() if ops is None else ops
        self._func = forward
        self.init = functools.partial(empty_init, self) if init is None else init
        self._params = ParamServer()
        self._dims = dict(dims)
        self._attrs = dict(attrs)
        self._refs = dict(refs)
        self._layers = list(layers)
        self._shims = list(shims)
        self._has_params = dict.fromkeys(params)
        for param_name, value in params.items():
            if value is not None:
                self.set_param(param_name, value)

    # Running

    def __call__(self, X: InT, is_train: bool) -> Tuple[OutT, Callable[[OutT], InT]]:
        """Run forward; return the output and the callback of the backward pass."""
        try:
            result: Tuple[OutT, Callable[[OutT], InT]] = self._func(self, X, is_train=is_train)
        except REFUSALS as err:
            raise explain(self, X, err)  # noqa: B904  # it knows its cause
        return result

    def begin_update(self, X: InT, *, input_gradient: bool = True) -> Tuple[OutT, Callable[[OutT], Any]]:
        """Run forward in training.

        Parameters
        ----------
        X
            The input.
        input_gradient : bool
            Whether the callback is to return the gradient of X. A training loop that throws it away should
            say so: for the first layer of a network it is a third of the work. It is left out where all layers
            are those of this package; layers from elsewhere, which may use it, get every gradient.

        Returns
        -------
        Y
            The output.
        backprop : callable
            Takes dY, adds to the gradients of the parameters, returns dX; or None without `input_gradient`.
        """
        try:
            if input_gradient:
                result: Tuple[OutT, Callable[[OutT], InT]] = self._func(self, X, is_train=True)
                return result
            if all(map(knows_constants, [node._func for node in _model_tree.nodes_of(self)])):
                with constant(X):
                    Y, backprop = self._func(self, X, is_train=True)
            else:
                Y, backprop = self._func(self, X, is_train=True)
        except REFUSALS as err:
            raise explain(self, X, err)  # noqa: B904

        def backprop_parameters(dY: OutT) -> None:
            backprop(dY)

        return Y, backprop_parameters

    def predict(self, X: InT) -> OutT:
        """Run forward outside training; return the output only."""
        try:
            Y: OutT = self._func(self, X, is_train=False)[0]
        except REFUSALS as err:
            raise explain(self, X, err)  # noqa: B904  # it knows its cause
        return Y

    def initialize(self, X: Optional[InT] = None, Y: Optional[OutT] = None) -> "Model[InT, OutT]":
        """Infer dimensions and allocate the parameters of the tree; return the model.

        Parameters
        ----------
        X, Y : optional
            Samples of the input and the output, where sizes are to be inferred from them.

        Raises
        ------
        ValueError, TypeError
            If they do not fit; dimensions and parameters are then those of before, in the whole tree.
        """
        if DATA_VALIDATION.get():
            validate_fwd_input_output(self.name, self._func, X, Y)
        if self.init is None:
            return self
        before = remember(self)
        try:
            self.init(self, X=X, Y=Y)
        except BaseException as err:  # someone may have lost patience
            put_back(before)
            if isinstance(err, REFUSALS):
                raise explain_samples(self, X, Y, err)  # noqa: B904
            raise
        return self

    def finish_update(self, optimizer: Callable[..., Any]) -> None:
        """Update the parameters of the tree, those of the shims first, from their gradients.

        Parameters
        ----------
        optimizer : callable
            ``optimizer((id, name), W, dW) -> (W, dW)``, for instance an ``Optimizer``. It may work in place,
            and should set ``dW`` to zero in place; the returned gradient is not used.

        Raises
        ------
        ValueError
            If a gradient and its parameter differ in size, or a pattern of the optimizer's groups or frozen parameters
            matches nothing; nothing is changed then.
        FloatingPointError
            If a gradient is not finite and the optimizer has ``on_nonfinite="raise"``. Nothing is changed then,
            unless it is a shim's: the shims before it have been updated.
        """
        nodes = _model_tree.nodes_of(self)
        todo = _model_state.gradients_of(nodes)
        for node, key, W, dW in todo:
            if getattr(W, "size", None) != getattr(dW, "size", None):
                raise ValueError(
                    f"Cannot update parameter '{key[1]}' of model '{node.name}': its shape is {W.shape}, "
                    f"that of its gradient {dW.shape}."
                )
        if not isinstance(optimizer, Optimizer):
            for node in nodes:
                for shim in node._shims:
                    shim.finish_update(optimizer)
            for node, key, W, dW in todo:
                new, _ = optimizer(key, W, dW)
                node.set_param(key[1], new)
            return
        if optimizer.gather_gradients(self):
            todo = _model_state.gradients_of(nodes)
        if optimizer.on_nonfinite == "raise":
            for node, key, _, dW in todo:
                if not is_finite(dW):
                    raise FloatingPointError(
                        f"Cannot update parameter '{key[1]}' of model '{node.name}': its gradient has NaNs or "
                        "infinities. Nothing has been changed."
                    )
        try:
            optimizer.prepare_update(nodes, todo)
            for node in nodes:
                for shim in node._shims:
                    shim.finish_update(optimizer)
            weights = [W for _, _, W, _ in todo]
            updated = update_each(
                optimizer, [key for _, key, _, _ in todo], weights, [dW for _, _, _, dW in todo]
            )
        finally:
            optimizer.end_update()
        for (node, key, W, _), new in zip(todo, updated, strict=True):
            if new is not W or node._params.proxy is not None:
                node.set_param(key[1], new)

    @contextmanager
    def use_params(self, params: Optional[Mapping[Any, Any]]) -> Iterator[None]:
        """Swap in other parameters, such as an optimizer's averages, for a block.

        Parameters
        ----------
        params : dict
            ``(id, name)`` to arrays; parameters of the tree that are not in it stay.

        Raises
        ------
        KeyError
            If one of them is not set now; nothing is changed then.
        """
        params = params or {}
        nodes = list(self.walk())
        swapped = [
            (node, name, node.get_param(name))
            for node in nodes
            for name in node._has_params
            if (node.id, name) in params
        ]
        with ExitStack() as stack:
            for node, name, old in swapped:
                stack.callback(node.set_param, name, old)
                node.set_param(name, params[(node.id, name)])
            for node in nodes:
                for shim in node._shims:
                    stack.enter_context(shim.use_params(params))
            yield

    def replace_callbacks(
        self, forward: Callable[..., Any], *, init: Optional[Callable[..., Any]] = None
    ) -> None:
        """Give the node another forward function and another ``init``, or none."""
        self._func = forward
        self.init = init

    # The tree

    def remove_node(self, node: "Model[Any, Any]") -> None:
        """Remove a node wherever it occurs below this one; references that then lead outside are unset."""
        _model_tree.remove_node(self, node)

    def replace_node(self, old: "Model[Any, Any]", new: "Model[Any, Any]") -> bool:
        """Put a node in the place of another wherever that occurs below this one, in layers and references.

        The old node itself is not changed, so the new one may contain it. This node cannot be replaced.

        Returns
        -------
        bool
            Whether the old node was found.
        """
        return _model_tree.replace_node(self, old, new)

    def copy(self) -> "Model[InT, OutT]":
        """Copy the tree, with all parameters, under new ids.

        Nodes, shims and arrays that occur more than once in the tree do so in the copy. References and
        attributes that hold a node of the tree hold its copy. Functions are shared; a subclass of Model
        becomes a plain one.
        """
        nodes = list(self.walk())
        copies: Dict[int, Model[Any, Any]] = {
            id(node): Model(node.name, node._func, init=node.init, dims=node._dims, ops=node.ops)
            for node in nodes
        }
        memo: Dict[int, Any] = dict(copies)
        for node in nodes:
            for shim in node._shims:
                if id(shim) not in memo:
                    memo[id(shim)] = shim.copy()
        for node in nodes:
            new = copies[id(node)]
            init = node.init
            if isinstance(init, functools.partial) and init.func is empty_init:
                new.init = functools.partial(empty_init, new)
            new._layers = [copies[id(child)] for child in node._layers]
            new._shims = [memo[id(shim)] for shim in node._shims]
            new._refs = {name: copies.get(id(ref), ref) for name, ref in node._refs.items()}
            if node._attrs:
                new._attrs = copy.deepcopy(node._attrs, memo)
            for name in node._has_params:
                new.set_param(name, _copy_once(node.maybe_get_param(name), memo))
                if node.has_grad(name):
                    new.set_grad(name, _copy_once(node.get_grad(name), memo))
        return copies[id(self)]

    def summary(self) -> "Summary":
        """The tree of layers as a table: dimensions, number and shapes of the parameters.

        Returns
        -------
        Summary
            Prints as text, and is a table in a notebook; `parameters` and `size` have the totals.

        Examples
        --------
        >>> print(model.summary())
        """
        from ._model_summary import Summary

        return Summary(self)

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()

    # Devices

    def to_gpu(self, gpu_id: int) -> None:
        """Move the tree to a GPU; its parameters become float32."""
        import cupy

        with cupy.cuda.Device(gpu_id):
            self._to_ops(CupyOps())

    def to_cpu(self) -> None:
        """Move the tree to the CPU; its parameters become float32."""
        self._to_ops(NumpyOps())

    def _to_ops(self, ops: Ops) -> None:
        nodes = list(self.walk())
        params = [
            (node, name, ops.asarray_f(node.get_param(name)))
            for node in nodes
            for name in node.param_names
            if node.has_param(name)
        ]
        grads = [
            (node, name, ops.asarray_f(node.get_grad(name))) for node in nodes for name in node.grad_names
        ]
        for node in nodes:
            for shim in node._shims:
                shim.to_device(ops.device_type, ops.device_id)
            node.ops = ops
        for node, name, value in params:
            node.set_param(name, value)
        for node, name, value in grads:
            node.set_grad(name, value)

    # Saving and loading

    def to_dict(self) -> Dict[str, List[Any]]:
        """Collect the state of the tree: lists of ``nodes``, ``attrs``, ``params`` and ``shims``.

        Each has an entry for each node, breadth first. Attributes are serialized with ``serialize_attr``;
        those that cannot be are left out. Parameters are the arrays themselves.

        Raises
        ------
        ValueError
            If a reference leads out of the tree.
        """
        return _model_io.to_dict(self)

    def from_dict(self, msg: Dict[str, Any]) -> "Model[InT, OutT]":
        """Load what ``to_dict`` gave into a tree of the same layers, initialized or not; return the model.

        Raises
        ------
        ValueError, KeyError, IndexError
            If the message does not fit. Only a shim that refuses its part can leave the tree half loaded.
        """
        _model_io.from_dict(self, msg)
        return self

    def to_bytes(self) -> bytes:
        """Serialize the tree to MessagePack; arrays are written little-endian. See ``to_dict``."""
        return _model_io.to_bytes(self)

    def from_bytes(self, bytes_data: bytes) -> "Model[InT, OutT]":
        """Load what ``to_bytes`` gave; return the model. See ``from_dict``."""
        return self.from_dict(unpack(bytes_data, f"model '{self.name}'"))

    def to_disk(self, path: Any) -> None:
        """Write ``to_bytes()`` to a file; ``path`` is a string or anything like a ``pathlib.Path``."""
        write_bytes(path, self.to_bytes())

    def from_disk(self, path: Any) -> "Model[InT, OutT]":
        """Load a file that ``to_disk`` wrote; return the model."""
        return self.from_dict(unpack(read_bytes(path), f"model '{self.name}' from {path}"))

    def can_from_dict(self, msg: Dict[str, Any], *, strict: bool = True) -> bool:
        """Tell whether a message fits the tree: its nodes, dimensions, shapes of parameters; change nothing.

        Parameters
        ----------
        msg : dict
            What ``to_dict`` gave.
        strict : bool
            Compare names and attributes as well.
        """
        return _model_io.can_from_dict(self, msg, strict=strict)

    def can_from_bytes(self, bytes_data: bytes, *, strict: bool = True) -> bool:
        """Tell whether serialized data fits the tree. See ``can_from_dict``."""
        try:
            msg = unpack(bytes_data, f"model '{self.name}'")
        except ValueError:
            return False
        return self.can_from_dict(msg, strict=strict)

    def can_from_disk(self, path: Any, *, strict: bool = True) -> bool:
        """Tell whether a file exists and fits the tree. See ``can_from_dict``."""
        try:
            data = read_bytes(path)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError):
            return False
        return self.can_from_bytes(data, strict=strict)


def change_attr_values(model: Model[InT, OutT], mapping: Mapping[str, Mapping[str, Any]]) -> Model[InT, OutT]:
    """Overwrite attributes in a tree, where a node has them; return the model.

    Parameters
    ----------
    model : Model
    mapping : dict
        Node names to dicts of attribute names to values.
    """
    for node in model.walk():
        for name, value in mapping.get(node.name, {}).items():
            if name in node.attrs:
                node.attrs[name] = value
    return model


def set_dropout_rate(
    model: Model[InT, OutT], drop: float, attrs: Sequence[str] = ["dropout_rate"]
) -> Model[InT, OutT]:
    """Set the dropout rate of every node of a tree that has one; return the model.

    Parameters
    ----------
    model : Model
    drop : float
        The new rate.
    attrs : list of str
        Names of the attributes to set, where a node has them.
    """
    for node in model.walk():
        for name in attrs:
            if name in node.attrs:
                node.attrs[name] = drop
    return model


def wrap_model_recursive(
    model: Model[Any, Any], wrapper: Callable[[Model[Any, Any]], Model[Any, Any]]
) -> Model[Any, Any]:
    """Wrap each node of a tree; return the wrapped root.

    Parameters
    ----------
    model : Model
        The root; its inner nodes are replaced in place.
    wrapper : callable
        Called once with each node; returns the node to put in its place, which usually contains it.
    """
    for node in list(model.walk()):
        if node is not model:
            model.replace_node(node, wrapper(node))
    return wrapper(model)
