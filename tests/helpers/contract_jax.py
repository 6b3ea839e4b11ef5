"""JAX's rows in the contract of the wrappers: plain functions, flax and equinox modules."""

from typing import Any

import numpy
import pytest

from thinc.layers.jaxwrapper import JAXWrapper
from thinc.types import ArgsKwargs

from .contract import N_STEPS, RATES, Arrays, Case, Framework

Network = tuple[Any, Any]  # the function and its parameters


class JAX(Framework):
    name = extra = "jax"
    missing = ("JAXWrapper(None, None)", "JAXShim(None, None)", "xp2jax(None)", "jax2xp(None)")

    def __init__(self, *libraries: str):
        self.libraries = libraries

    def require(self) -> None:
        super().require()
        for library in self.libraries:
            pytest.importorskip(library, reason=f"needs the JAX library: pip install {library}")

    def gradients(
        self, case: Case, network: Network, Xs: list[Any], dYs: list[Any]
    ) -> tuple[list[Any], list[Any], Arrays]:
        import jax

        function, params = network
        positions = [i for i, X in enumerate(Xs) if X.dtype.kind == "f"]

        def run(params: Any, floats: list[Any]) -> list[Any]:
            given = dict(zip(positions, floats, strict=True))
            return case.apply((function, params), [given.get(i, X) for i, X in enumerate(Xs)])

        trained, rest = partition(params)

        @jax.jit
        def run_and_pull(trained: Any, floats: list[Any], dYs: list[Any]) -> Any:
            Ys, vjp = jax.vjp(lambda trained, floats: run(combine(trained, rest), floats), trained, floats)
            return Ys, vjp(dYs)

        Ys, (d_params, d_floats) = run_and_pull(trained, [Xs[i] for i in positions], dYs)
        found = dict(zip(positions, d_floats, strict=True))
        dXs = [numpy.asarray(found[i]) if i in found else None for i in range(len(Xs))]
        return [numpy.asarray(Y) for Y in Ys], dXs, named(d_params)

    def train(self, case: Case, network: Network, Xs: list[Any], Ts: list[Any], optimizer: str) -> Arrays:
        import jax
        import optax

        function, params = network
        trained, rest = partition(params)
        steps = {"sgd": optax.sgd, "adam": optax.adam}[optimizer](RATES[optimizer])
        state = steps.init(trained)

        def loss(trained: Any) -> Any:
            Ys = case.apply((function, combine(trained, rest)), Xs)
            return sum(((Y - T) ** 2).sum() for Y, T in zip(Ys, Ts, strict=True)) / 2

        @jax.jit
        def step(trained: Any, state: Any) -> Any:
            updates, state = steps.update(jax.grad(loss)(trained), state)
            return optax.apply_updates(trained, updates), state

        for _ in range(N_STEPS):
            trained, state = step(trained, state)
        return named(trained)

    def weights(self, model: Any) -> Arrays:
        return named(partition(model.shims[0].params)[0])


def is_trained(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") and leaf.dtype.kind == "f"


def partition(params: Any) -> tuple[Any, Any]:
    """Two trees, with None for what is in the other."""
    import jax

    trained = jax.tree.map(lambda leaf: leaf if is_trained(leaf) else None, params)
    return trained, jax.tree.map(lambda leaf: None if is_trained(leaf) else leaf, params)


def combine(trained: Any, rest: Any) -> Any:
    import jax

    return jax.tree.map(lambda a, b: b if a is None else a, trained, rest, is_leaf=lambda leaf: leaf is None)


def named(tree: Any) -> Arrays:
    import jax

    paths, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="."): numpy.array(leaf) for path, leaf in paths}


def floats(*shape: int, seed: int = 1) -> numpy.ndarray:
    return numpy.random.default_rng(seed).normal(size=shape).astype("float32")


def layer(nO: int, nI: int, seed: int) -> dict[str, numpy.ndarray]:
    return {"W": floats(nI, nO, seed=seed), "b": floats(nO, seed=seed + 1)}


def mlp() -> Network:
    import jax.numpy as jnp

    def apply(params: Any, X: Any) -> Any:
        hidden = jnp.tanh(X @ params[0]["W"] + params[0]["b"])
        return hidden @ params[1]["W"] + params[1]["b"]

    return apply, [layer(5, 4, 2), layer(3, 5, 4)]


def two() -> Network:
    """Two inputs, three outputs, a parameter without dimensions, and arrays that are not trained."""
    import jax.numpy as jnp

    def apply(params: Any, x: Any, y: Any) -> Any:
        h = jnp.tanh(x @ params["W"] + params["shift"][0])
        return {"sum": h * params["scale"] + y, "parts": (h @ params["W"].T, h.sum())}

    return apply, {
        "W": floats(4, 3, seed=5),
        "scale": jnp.float32(0.5),
        "shift": numpy.array([1, 2], dtype="int32"),
    }


def embedding() -> Network:
    def apply(params: Any, ids: Any) -> Any:
        return params["table"][ids] @ params["W"]

    return apply, {"table": floats(7, 4, seed=6), "W": floats(4, 3, seed=7)}


def flax_network() -> Network:
    import flax.linen as nn
    import jax

    module = nn.Sequential([nn.Dense(5), nn.tanh, nn.LayerNorm(), nn.Dense(3)])
    return module.apply, module.init(jax.random.key(1), floats(6, 4))


def equinox_network() -> Network:
    import equinox
    import jax

    module = equinox.nn.MLP(4, 3, 5, 1, activation=jax.numpy.tanh, key=jax.random.key(2))
    return lambda module, X: jax.vmap(module)(X), module


def wrap(network: Network) -> Any:
    return JAXWrapper(*network)


def one_output(network: Network, tensors: list[Any]) -> list[Any]:
    function, params = network
    return [function(params, *tensors)]


def three_outputs(network: Network, tensors: list[Any]) -> list[Any]:
    function, params = network
    Y = function(params, x=tensors[0], y=tensors[1])
    return [*Y["parts"], Y["sum"]]  # JAX sorts the keys of dicts


PLAIN = JAX("optax")
CASES = [
    Case("jax", PLAIN, mlp, wrap, lambda: floats(6, 4), one_output),
    Case("jax-ids", PLAIN, embedding, wrap, lambda: numpy.array([0, 6, 2, 2, 5]), one_output),
    Case("jax-several", PLAIN, two, wrap, lambda: {"x": floats(6, 4), "y": floats(6, 3)}, three_outputs),
    Case(
        "jax-call",
        PLAIN,
        two,
        wrap,
        lambda: ArgsKwargs((floats(6, 4),), {"y": floats(6, 3)}),
        three_outputs,
    ),
    Case("jax-flax", JAX("optax", "flax"), flax_network, wrap, lambda: floats(6, 4), one_output),
    Case("jax-equinox", JAX("optax", "equinox"), equinox_network, wrap, lambda: floats(6, 4), one_output),
]
