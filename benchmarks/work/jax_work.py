"""The work in JAX, compiled with jit, the optimizer from optax."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import optax

from . import data
from .base import Work


def settle() -> None:
    """Before each piece of work: numbers of 32 bits."""
    jax.config.update("jax_enable_x64", False)


def mlp_train() -> Work:
    X, Y = ([jnp.asarray(a) for a in arrays] for arrays in data.mlp_batches())
    optimizer = optax.adam(data.LEARN_RATE)

    def logits(params, x, key):
        for W, b in params[:-1]:
            key, draw = jax.random.split(key)
            x = jax.nn.relu(x @ W + b)
            x = jnp.where(jax.random.bernoulli(draw, 1 - data.DROPOUT, x.shape), x / (1 - data.DROPOUT), 0)
        W, b = params[-1]
        return x @ W + b

    def loss(params, x, y, key):
        return optax.softmax_cross_entropy_with_integer_labels(logits(params, x, key), y).mean()

    def step(params, state, key, x, y):
        key, draw = jax.random.split(key)
        _, gradient = jax.value_and_grad(loss)(params, x, y, draw)
        updates, state = optimizer.update(gradient, state)
        return optax.apply_updates(params, updates), state, key

    step = jax.jit(step, donate_argnums=(0, 1, 2))
    widths = itertools.pairwise(data.MLP_WIDTHS)
    params = [(jnp.asarray(data.floats(i, o) * i**-0.5), jnp.zeros(o)) for i, o in widths]
    carried = (params, optimizer.init(params), jax.random.key(0))

    def run():
        nonlocal carried
        for x, y in zip(X, Y, strict=True):
            carried = step(*carried, x, y)
        jax.block_until_ready(carried[0])

    return Work(run)
