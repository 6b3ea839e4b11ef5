"""JAXShim: runs a pure function of parameters, updates these with our optimizers, saves and loads them."""

from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Tuple

import numpy

from .. import compat
from .._util.arrays import is_cupy_array, is_jax_gpu_array, to_numpy
from .._util.frameworks import assert_jax_installed
from .._util.msgpack import describe, pack, unpack
from ..backends._convert_jax import get_jax_default_device, get_jax_device, jax2xp, xp2jax
from ..optimizers import update_each
from ..types import ArgsKwargs
from ._jax_functions import CompiledFunctions
from ._jax_tree import Leaves, ParameterTree, pack_array, unpack_array
from .shim import Shim


class JAXShim(Shim):
    """Adapter around a pure function and the tree of its parameters.

    Parameters
    ----------
    apply_fn : callable
        ``apply_fn(params, *args, **kwargs) -> outputs``, which JAX can trace: a function of arrays without side
        effects, such as the ``apply`` of a flax module. If it has a parameter ``is_train`` that the input does not
        fill, it gets a bool there; if it has such a one called ``key``, it gets a random key, a new one for each call
        in training, and None in prediction.
    params
        A pytree of arrays, such as the variables of a flax module, or an equinox module. Arrays of floats are
        trained; others are saved, too; anything else in it belongs to the function. The arrays are copied.
    config : dict, optional
        Settings that are saved along.
    optimizer
        Kept as it is.
    device : jax.Device, optional
        Where the parameters shall be: by default that of the current ops; JAX arrays stay where they are.

    Raises
    ------
    ImportError
        If JAX is not installed.
    ValueError
        If `apply_fn` is no function, or a parameter is complex.

    Notes
    -----
    Optimizers are called with the keys ``(id, path)``, such as ``(7, "params.Dense_0.kernel")``.
    """

    def __init__(
        self,
        apply_fn: Callable[..., Any],
        params: Any,
        config: Optional[Dict[str, Any]] = None,
        optimizer: Any = None,
        *,
        device: Any = None,
    ):
        assert_jax_installed()
        if not callable(apply_fn):
            raise ValueError(f"Cannot wrap {type(apply_fn)}: expected a function apply_fn(params, *args)")
        super().__init__(apply_fn, config, optimizer)
        self._set_up(params, device)

    def _set_up(self, params: Any, device: Any) -> None:
        self._tree = ParameterTree(params)
        self._functions = CompiledFunctions(self._model, self._tree)
        trained, kept = self._tree.split(params)
        self._trained: Leaves = tuple(_to_device(leaf, device) for leaf in trained)
        self._kept: Leaves = tuple(_to_device(leaf, device) for leaf in kept)
        self._gradients: Optional[Leaves] = None
        self._seed_and_count: Optional[Tuple[Any, int]] = None

    @property
    def params(self) -> Any:
        """The parameters as they are now, in a tree like that given at first; assign one to replace them all."""
        return self._tree.join(self._trained, self._kept)

    @params.setter
    def params(self, params: Any) -> None:
        trained, kept = self._tree.split(params)
        names = [*self._tree.trained_names, *self._tree.kept_names]
        for name, old, new in zip(names, (*self._trained, *self._kept), (*trained, *kept), strict=True):
            _check_shape(name, old, new)
        self._trained = tuple(map(_to_device_like, trained, self._trained))
        self._kept = tuple(map(_to_device_like, kept, self._kept))

    # Running

    def __call__(
        self, inputs: ArgsKwargs, is_train: bool, *, input_gradient: bool = True
    ) -> Tuple[Any, Callable[..., Any]]:
        """Run the function.

        Parameters
        ----------
        inputs : ArgsKwargs
            Of JAX or NumPy arrays, alone or in pytrees.
        is_train : bool
        input_gradient : bool
            Whether the callback is to compute the gradients of the inputs; if not, all are None.

        Returns
        -------
        outputs
            Of the function, in JAX arrays.
        backprop : callable
            Takes the gradients of the outputs in their structure, with None where there is none; adds to the
            gradients of the parameters; returns the ArgsKwargs of those of the inputs, with None for integers. It
            may be called again. Outside training it raises ValueError.
        """
        functions, args, kwargs = self._functions, tuple(inputs.args), inputs.kwargs
        if not is_train:
            return functions.predict(self._trained, self._kept, args, kwargs), _backprop_outside_training
        begin_update = functions.begin_update if input_gradient else functions.begin_update_on_constants
        outputs, pull = begin_update(self._trained, self._kept, args, kwargs, self._next_seed())

        def backprop(d_outputs: Any) -> ArgsKwargs:
            gradients, (d_args, d_kwargs) = functions.backprop(pull, d_outputs)
            if self._gradients is not None:
                gradients = functions.add(self._gradients, gradients)
            self._gradients = gradients
            return ArgsKwargs(args=d_args, kwargs=d_kwargs)

        return outputs, backprop

    def _next_seed(self) -> Any:
        """For the random key of a call in training. The seed follows `fix_random_seed`, through NumPy's."""
        if not self._functions.takes_key:
            return None
        seed, count = self._seed_and_count or (numpy.uint32(numpy.random.randint(2**31)), 0)
        self._seed_and_count = (seed, count + 1)
        return seed, numpy.uint32(count)

    # Updating

    def finish_update(self, optimizer: Callable[..., Any]) -> None:
        """Update the trained parameters from their gradients, if there are any.

        Parameters
        ----------
        optimizer : callable
            ``optimizer((id, path), W, dW) -> (W, dW)``, with arrays of at least one dimension, float32 where the
            parameter is narrower. An `Optimizer` of ours updates all of them in one call of a kernel.
        """
        if self._gradients is None:
            return
        keys = [(self.id, name) for name in self._tree.trained_names]
        weights = [_to_writable(leaf) for leaf in self._trained]
        gradients = [_to_writable(leaf) for leaf in self._gradients]
        self._trained = self._store(update_each(optimizer, keys, weights, gradients))
        self._gradients = None

    def gradient_types(self) -> Dict[str, Tuple[Tuple[int, ...], str]]:
        """Path to shape and type of the gradient of each parameter that is trained, as an array."""
        pairs = zip(self._tree.trained_names, self._trained, strict=True)
        return {name: (tuple(leaf.shape) or (1,), _type_of(leaf)) for name, leaf in pairs}

    def get_gradients(self) -> Dict[str, Any]:
        """Path to a copy of the gradient, of all trained parameters or none; float32 where those are narrower."""
        if self._gradients is None:
            return {}
        pairs = zip(self._tree.trained_names, self._gradients, strict=True)
        return {name: to_numpy(_to_writable(leaf)) for name, leaf in pairs}

    def set_gradients(self, gradients: Mapping[str, Any]) -> None:
        """Replace the gradients of all trained parameters."""
        self._gradients = tuple(
            _to_device_like(gradients[name].reshape(leaf.shape), leaf)
            for name, leaf in zip(self._tree.trained_names, self._trained, strict=True)
        )

    def _store(self, arrays: List[Any]) -> Leaves:
        """The values of these arrays as trained parameters."""
        leaves = self._trained
        shaped = tuple(array.reshape(leaf.shape) for array, leaf in zip(arrays, leaves, strict=True))
        if any(
            is_cupy_array(array) or array.dtype != leaf.dtype
            for array, leaf in zip(shaped, leaves, strict=True)
        ):
            return tuple(_to_device_like(array, leaf) for array, leaf in zip(shaped, leaves, strict=True))
        store = self._functions.store_on(tuple(leaf.sharding for leaf in leaves))
        stored: Leaves = store(shaped)
        return stored

    @contextmanager
    def use_params(self, params: Optional[Mapping[Any, Any]]) -> Iterator[None]:
        """Swap in other parameters, such as an optimizer's averages, for a block.

        Parameters
        ----------
        params : dict
            ``(id, path)`` to arrays; parameters that are not in it stay.

        Raises
        ------
        ValueError
            If an array does not fit its parameter; nothing is changed then.
        """
        before = self._trained
        swapped = list(before)
        for i, name in enumerate(self._tree.trained_names):
            array = (params or {}).get((self.id, name))
            if array is not None:
                if array.size != before[i].size or (before[i].ndim and array.shape != before[i].shape):
                    _check_shape(name, before[i], array)
                swapped[i] = _to_device_like(array.reshape(before[i].shape), before[i])
        self._trained = tuple(swapped)
        try:
            yield
        finally:
            self._trained = before

    # Moving, copying, saving

    def to_device(self, device_type: str, device_id: int) -> None:
        """Move the parameters to ``"cpu"`` or ``"gpu"``; ValueError if this JAX has no such device."""
        device = get_jax_device(device_type, device_id)
        put = compat.jax.device_put
        trained, kept, gradients = (
            put(leaves, device) for leaves in (self._trained, self._kept, self._gradients)
        )
        self._trained, self._kept, self._gradients = trained, kept, gradients

    def copy(self) -> "JAXShim":
        """Copy under a fresh id. JAX arrays are constants, so that both may hold them, and what was compiled."""
        copied = self._copy_state()
        copied.id = self._draw_id()
        return copied

    def __deepcopy__(self, memo: Dict[int, Any]) -> "JAXShim":
        memo[id(self)] = copied = self._copy_state()
        return copied

    def _copy_state(self) -> "JAXShim":
        copied = type(self).__new__(type(self))
        copied.__dict__.update(self.__dict__)
        copied.cfg = dict(self.cfg)
        return copied

    def __getstate__(self) -> Dict[str, Any]:
        left_out = ("_tree", "_functions", "_trained", "_kept")
        state = {name: value for name, value in self.__dict__.items() if name not in left_out}
        return {**state, "params": self.params}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        assert_jax_installed()
        state = dict(state)
        params = state.pop("params")
        self._model = state["_model"]
        self._set_up(params, None)
        super().__setstate__(state)

    def to_bytes(self) -> bytes:
        """Serialize the settings and all arrays of the tree. The function is not saved."""
        tables = {name: pack_array(leaf) for name, leaf in self._named_leaves()}
        return pack({"config": self.cfg, "params": tables})

    def from_bytes(self, bytes_data: bytes) -> "JAXShim":
        """Load what ``to_bytes`` gave into a tree with the same paths and shapes; return the shim.

        Raises
        ------
        ValueError
            If the data are damaged or of another tree; nothing is changed then.
        """
        what = "the parameters of a JAX function"
        msg = unpack(bytes_data, what)
        tables = msg.get("params") if isinstance(msg, dict) else None
        if not isinstance(tables, dict) or not isinstance(msg.get("config"), dict):
            raise ValueError(
                f"Cannot load {what}: expected a dict with 'config' and 'params', got {describe(msg)}"
            )
        names = [name for name, _ in self._named_leaves()]
        if set(names) != set(tables):
            raise ValueError(
                f"Cannot load {what}: the tree lacks {sorted(set(tables) - set(names))}, "
                f"the data lack {sorted(set(names) - set(tables))}"
            )
        loaded = []
        for name, leaf in self._named_leaves():
            try:
                array = unpack_array(tables[name])
            except Exception as err:  # of the many ways in which a table can be wrong
                raise ValueError(f"Cannot load {what}: '{name}' is damaged ({err})") from err
            _check_shape(name, leaf, array)
            loaded.append(_to_device_like(array, leaf))
        n = len(self._trained)
        self._trained, self._kept, self._gradients = tuple(loaded[:n]), tuple(loaded[n:]), None
        self.cfg = msg["config"]
        return self

    def _named_leaves(self) -> List[Tuple[str, Any]]:
        names = [*self._tree.trained_names, *self._tree.kept_names]
        return list(zip(names, (*self._trained, *self._kept), strict=True))


def _to_device(leaf: Any, device: Any) -> Any:
    """A JAX array that nobody else can change or free.

    It is always committed to a device: what is compiled for such arrays is compiled again for others.
    """
    jax = compat.jax
    if is_cupy_array(leaf):
        leaf = xp2jax(leaf)
    if isinstance(leaf, jax.Array):
        copied = jax.numpy.array(leaf, copy=True)
        return jax.device_put(copied, copied.sharding if device is None else device)
    # `device_put` would share the memory of some NumPy arrays, even if told not to.
    return jax.numpy.array(leaf, copy=True, device=device or get_jax_default_device())


def _to_device_like(array: Any, leaf: Any) -> Any:
    """A JAX array on the device of another, and of its type."""
    moved = _to_device(array, leaf.sharding)
    return moved if moved.dtype == leaf.dtype else moved.astype(leaf.dtype)


def _to_writable(leaf: Any) -> Any:
    """A copy for the optimizer, which works in place, on arrays of one dimension or more."""
    array = jax2xp(leaf).copy() if compat.has_cupy and is_jax_gpu_array(leaf) else numpy.array(leaf)
    if array.dtype.itemsize < 4:
        array = array.astype("float32")
    return array if array.ndim else array.reshape(1)


def _type_of(leaf: Any) -> str:
    """The type of what `_to_writable` makes of it."""
    return "float32" if leaf.dtype.itemsize < 4 else str(leaf.dtype)


def _check_shape(name: str, old: Any, new: Any) -> None:
    if tuple(new.shape) != tuple(old.shape):
        raise ValueError(
            f"Cannot use or load an array of shape {tuple(new.shape)} as the JAX parameter '{name}': its shape is "
            f"{tuple(old.shape)}"
        )


def _backprop_outside_training(d_outputs: Any) -> Any:
    raise ValueError(
        "Cannot run the backward pass of a prediction: a JAX function records what that needs only in training. "
        "Use 'begin_update(X)', or 'model(X, is_train=True)'."
    )
