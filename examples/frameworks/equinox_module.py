"""Train an equinox module between layers of ours.

pip install thinc[jax] equinox
python examples/frameworks/equinox_module.py
"""

import equinox
import jax
from spirals import N_CLASSES, run

from thinc.api import JAXWrapper, Linear, Model, Softmax, chain

WIDTH = 32


def apply(module: equinox.Module, X: jax.Array) -> jax.Array:
    """An equinox module works on one row, and is its own tree of parameters."""
    return jax.vmap(module)(X)


def build() -> Model:
    module = equinox.nn.MLP(WIDTH, WIDTH, WIDTH, depth=2, key=jax.random.key(0))
    return chain(Linear(WIDTH, 2), JAXWrapper(apply, module), Softmax(N_CLASSES, WIDTH))


if __name__ == "__main__":
    run(build)
