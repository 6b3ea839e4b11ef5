"""Train a JAX function between layers of ours: two gated layers with a skip connection, in four lines of JAX.

pip install thinc[jax]
python examples/frameworks/jax_function.py
"""

import jax
import jax.numpy as jnp
import numpy
from spirals import N_CLASSES, run

from thinc.api import JAXWrapper, Linear, Model, Softmax, chain

WIDTH = 32


def gated(params: dict, X: jax.Array) -> jax.Array:
    """Any pure function will do: parameters first, then what goes in."""
    for layer in params["layers"]:
        X = X + jnp.tanh(X @ layer["W"] + layer["b"]) * jax.nn.sigmoid(X @ layer["gate"])
    return X * params["scale"]


def build() -> Model:
    rng = numpy.random.default_rng(0)

    def weights() -> numpy.ndarray:
        return rng.normal(scale=WIDTH**-0.5, size=(WIDTH, WIDTH)).astype("float32")

    layers = [{"W": weights(), "gate": weights(), "b": numpy.zeros(WIDTH, "float32")} for _ in range(2)]
    params = {"layers": layers, "scale": numpy.float32(1)}
    return chain(Linear(WIDTH, 2), JAXWrapper(gated, params), Softmax(N_CLASSES, WIDTH))


if __name__ == "__main__":
    run(build)
