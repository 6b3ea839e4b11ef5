"""Train a flax module, with dropout, between layers of ours.

pip install thinc[jax] flax
python examples/frameworks/flax_module.py
"""

import flax.linen as nn
import jax
import numpy
from spirals import N_CLASSES, run

from thinc.api import JAXWrapper, Linear, Model, Softmax, chain

WIDTH = 32


class Block(nn.Module):
    """Two dense layers, normalized, and dropout."""

    @nn.compact
    def __call__(self, X: jax.Array, is_train: bool) -> jax.Array:
        for _ in range(2):
            X = nn.LayerNorm()(nn.gelu(nn.Dense(WIDTH)(X)))
        return nn.Dropout(0.1, deterministic=not is_train)(X)


def build() -> Model:
    module = Block()
    params = module.init(jax.random.key(0), numpy.zeros((1, WIDTH), "float32"), is_train=False)

    # A parameter named is_train gets what it says; one named key gets a new random key for every step.
    def apply(params: dict, X: jax.Array, is_train: bool, key: jax.Array | None) -> jax.Array:
        return module.apply(params, X, is_train, rngs={"dropout": key} if is_train else None)

    return chain(Linear(WIDTH, 2), JAXWrapper(apply, params), Softmax(N_CLASSES, WIDTH))


if __name__ == "__main__":
    run(build)
