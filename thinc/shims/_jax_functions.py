"""The compiled functions of a JAX node: prediction, the forward pass in training, and the backward pass."""

import functools
import inspect
from typing import Any, Callable, Dict, Tuple

import numpy

from .. import compat
from ._jax_tree import Leaves, ParameterTree


class CompiledFunctions:
    """What JAX compiles, once for every shape of the input.

    In training the forward pass returns, along with its output, what the backward pass needs: JAX's own
    vector-Jacobian product, whose intermediate values leave the compiled function as arrays. Both passes are then
    compiled, and nothing is computed twice.

    Parameters
    ----------
    apply_fn : callable
        ``apply_fn(params, *args, **kwargs)``. If it has parameters ``is_train`` and ``key`` that the input does not
        fill, these get a bool, and in training a random key, a new one for each call, else None.
    tree : ParameterTree
    """

    def __init__(self, apply_fn: Callable[..., Any], tree: ParameterTree):
        jit = compat.jax.jit
        self._apply_fn = apply_fn
        self._tree = tree
        self._signature = _find_signature(apply_fn)
        self.takes_key = "key" in _named_parameters(self._signature)
        self.predict = jit(self._predict)
        self.begin_update = jit(functools.partial(self._begin_update, True))
        self.begin_update_on_constants = jit(functools.partial(self._begin_update, False))
        self.backprop = jit(lambda pull, d_outputs: pull(d_outputs))
        self.add = jit(_add)
        self._stores: Dict[Any, Callable[..., Any]] = {}

    def store_on(self, shardings: Tuple[Any, ...]) -> Callable[..., Any]:
        """A function from a tuple of NumPy arrays to JAX arrays there: by far the fastest way to make many."""
        store = self._stores.get(shardings)
        if store is None:
            store = self._stores[shardings] = compat.jax.jit(_identity, out_shardings=shardings)
        return store

    def _apply(self, params: Tuple[Leaves, Leaves], args: Any, kwargs: Any, is_train: bool, key: Any) -> Any:
        tree = self._tree.join(*params)
        free = _named_parameters(self._signature)
        if free & {"is_train", "key"}:
            free -= set(self._signature.bind_partial(tree, *args, **kwargs).arguments)
        extra = {name: value for name, value in (("is_train", is_train), ("key", key)) if name in free}
        return self._apply_fn(tree, *args, **kwargs, **extra)

    def _predict(self, trained: Leaves, kept: Leaves, args: Any, kwargs: Any) -> Any:
        return self._apply((trained, kept), args, kwargs, False, None)

    def _begin_update(
        self, input_gradient: bool, trained: Leaves, kept: Leaves, args: Any, kwargs: Any, seed_and_count: Any
    ) -> Tuple[Any, Any]:
        jax = compat.jax
        key = None
        if self.takes_key:
            seed, count = seed_and_count
            key = jax.random.fold_in(jax.random.key(seed), count)
        leaves, treedef = jax.tree_util.tree_flatten((args, kwargs))
        leaves = [jax.numpy.asarray(leaf) for leaf in leaves]
        wanted = [input_gradient and jax.numpy.issubdtype(leaf.dtype, jax.numpy.inexact) for leaf in leaves]

        def run(trained: Leaves, floats: Leaves) -> Any:
            given = iter(floats)
            merged = [
                next(given) if is_wanted else leaf for leaf, is_wanted in zip(leaves, wanted, strict=True)
            ]
            args, kwargs = jax.tree_util.tree_unflatten(treedef, merged)
            outputs = self._apply((trained, kept), args, kwargs, True, key)
            return jax.tree_util.tree_map(jax.numpy.asarray, outputs)

        floats = tuple(leaf for leaf, is_wanted in zip(leaves, wanted, strict=True) if is_wanted)
        outputs, vjp = jax.vjp(run, trained, floats)
        like = jax.tree_util.tree_map(lambda y: jax.ShapeDtypeStruct(y.shape, y.dtype), outputs)

        def pull(vjp: Any, d_outputs: Any) -> Tuple[Leaves, Any]:
            d_trained, d_floats = vjp(_as_cotangents(like, d_outputs))
            given = iter(d_floats)
            d_leaves = [next(given) if is_wanted else None for is_wanted in wanted]
            return d_trained, jax.tree_util.tree_unflatten(treedef, d_leaves)

        return outputs, jax.tree_util.Partial(pull, vjp)


def _add(totals: Any, gradients: Any) -> Any:
    return compat.jax.tree_util.tree_map(compat.jax.numpy.add, totals, gradients)


def _identity(leaves: Any) -> Any:
    return leaves


def _find_signature(function: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # built in
        return inspect.Signature()


def _named_parameters(signature: inspect.Signature) -> set[str]:
    parameters = signature.parameters.values()
    return {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}


def _as_cotangents(like: Any, d_outputs: Any) -> Any:
    """Gradients of the outputs as JAX wants them. None stands for zeros; those of integers do not count."""
    jax = compat.jax
    leaves, treedef = jax.tree_util.tree_flatten(like)
    try:
        given = treedef.flatten_up_to(d_outputs)
    except (TypeError, ValueError) as err:
        raise ValueError(f"The gradient must have the structure of the output, {treedef}: {err}") from err
    return jax.tree_util.tree_unflatten(
        treedef, [_as_cotangent(*pair) for pair in zip(leaves, given, strict=True)]
    )


def _as_cotangent(like: Any, gradient: Any) -> Any:
    jax = compat.jax
    if not jax.numpy.issubdtype(like.dtype, jax.numpy.inexact):
        return numpy.zeros(like.shape, jax.dtypes.float0)
    if gradient is None:
        return jax.numpy.zeros(like.shape, like.dtype)
    if gradient.shape != like.shape:
        raise ValueError(f"Shape mismatch in backprop. Y: {like.shape}, dY: {gradient.shape}")
    return jax.numpy.asarray(gradient, like.dtype)
