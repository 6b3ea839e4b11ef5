"""The errors of float32 operations are within the bounds that docs/performance.md states, on every instruction set.

The oracle is the readable reference, `Ops`, in float64.
"""

import re
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest

from thinc.api import (
    SGD,
    Adam,
    BinaryCrossEntropy,
    CategoricalCrossentropy,
    CategoricalCrossentropy_v4,
    CosineDistance,
    FocalLoss,
    L2Distance,
    NumpyOps,
    Ops,
)
from thinc.kernels._dispatch import available_isas, use_isa

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
EPS = numpy.finfo("float32").eps
ROWS, WIDTH = 500, 300
LENGTHS = numpy.array([1, 199, 0, 300], "i")


def numbers(*shape, seed=0):
    return numpy.random.default_rng(seed).normal(size=shape).astype("f")


def probabilities(*shape):
    X = numpy.exp(numbers(*shape))
    return X / X.sum(axis=-1, keepdims=True)


def updated(optimizer, W, *gradients):
    W = W.copy()
    for dW in gradients:
        optimizer("W", W, dW.copy())
    return W


def update_of(make: Callable) -> Callable:
    """The weights after a few steps."""
    W = numbers(ROWS, WIDTH)
    gradients = [numbers(ROWS, WIDTH, seed=i + 1) for i in range(8)]

    def run(ops, dtype):
        if dtype == "float32":
            return updated(make(), W, *gradients)
        return formulas(make(), W.astype(dtype), [dW.astype(dtype) for dW in gradients])

    return run


def formulas(optimizer, W, gradients):
    """Kingma and Ba 2015; Liu et al. 2020 with the step count of the 8.3 line; in float64."""
    m = v = numpy.zeros_like(W)
    b1, b2, lr = optimizer.b1, optimizer.b2, optimizer.learn_rate
    for t, g in enumerate(gradients, 1):
        norm = numpy.sqrt((g * g).sum())
        if optimizer.grad_clip and norm >= optimizer.grad_clip:
            g = g * optimizer.grad_clip / norm
        if b1 == 0:
            W = W - lr * g
            continue
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        W = W - lr * numpy.sqrt(1 - b2**t) / (1 - b1**t) * m / (numpy.sqrt(v) + optimizer.eps)
    return W


def on(name, *arrays, pick=None, **settings):
    """The operation of this name on arrays of the wanted type."""

    def run(ops, dtype):
        args = [A.astype(dtype) if getattr(A, "dtype", None) == "float32" else A for A in arrays]
        result = getattr(ops, name)(*args, **settings)
        return result if pick is None else result[pick]

    return run


def slope_of(name, *arrays):
    return on("backprop_" + name, *arrays)


def scatter(ops, dtype):
    table = numpy.zeros((50, WIDTH), dtype)
    ops.scatter_add(table, numpy.arange(ROWS) % 50, numbers(ROWS, WIDTH).astype(dtype))
    return table


def from_logits(cls, truths):
    """Gradient and scalar of a loss, in one array."""
    make = cls(from_logits=True, normalize=False)

    def run(ops, dtype):
        wider = "float32" if dtype == "float32" else "longdouble"  # which no kernel takes
        gradient, scalar = make(X.astype(wider), truths)
        return numpy.append(gradient, scalar / X.size).astype(dtype)

    return run


def loss(make, guesses, truths, wanted):
    def run(ops, dtype):
        if dtype == "float32":
            return make().get_grad(guesses, truths)
        return wanted(guesses.astype(dtype), truths)

    return run


X, Y, dY = numbers(ROWS, WIDTH), numbers(ROWS, WIDTH, seed=1), numbers(ROWS, WIDTH, seed=2)
W, b = numbers(WIDTH, WIDTH, seed=3), numbers(WIDTH, seed=4)
PIECES = numbers(40, 3, WIDTH, seed=5)
P = probabilities(ROWS, 10)
LABELS = numpy.arange(ROWS) % 10


def norms(ops, dtype):
    Z, G, c = X.astype(dtype), b.astype(dtype), b.astype(dtype)
    _, mu, rstd = ops._layernorm(Z, G, c)
    return ops._backprop_layernorm(dY.astype(dtype), Z, G, mu, rstd)


def rms_norms(ops, dtype):
    Z, G = X.astype(dtype), b.astype(dtype)
    Y, rstd = ops._rmsnorm(Z, G, 1e-6)
    return Y, ops._backprop_rmsnorm(dY.astype(dtype), Z, G, rstd)[0]


def attention(ops, dtype):
    heads = X.astype(dtype)
    Y, sums = ops._attend_heads(heads, [200, 300], 4)
    return Y, ops._backprop_attend_heads(dY[:, :100].astype(dtype), heads, Y, sums, [200, 300], 4)


def query_attention(ops, dtype):
    Z, Q = X.astype(dtype), b.astype(dtype) / 20
    Y, weights = ops._attend(Z, None, Q, LENGTHS)
    dX, _, dQ = ops._backprop_attend(dY.astype(dtype), Z, None, Q, weights, LENGTHS)
    return Y, dX, dQ


def maxout_gradients(ops, dtype):
    dA, weights = dY[:, :40].astype(dtype), PIECES.astype(dtype)
    which = numpy.arange(ROWS * 40).reshape(ROWS, 40).astype("uint8") % 3
    return ops._backprop_maxout_dense(dA, which, X.astype(dtype), weights)


def swish_gradient(ops, dtype):
    Z = X.astype(dtype)
    return ops.backprop_swish(dY.astype(dtype), Z, ops.swish(Z))


def cosine_gradient(A, B):
    B = B.astype(A.dtype)
    a, c = numpy.linalg.norm(A, axis=1, keepdims=True), numpy.linalg.norm(B, axis=1, keepdims=True)
    cosine = (A * B).sum(axis=1, keepdims=True) / (a * c)
    return -(B / (a * c) - cosine * A / a**2)


CASES = {
    "`gemm`": on("gemm", X, W),
    "`affine`": on("affine", X, W, b),
    "`softmax`": on("softmax", X),
    "`backprop_softmax`": on("backprop_softmax", probabilities(ROWS, WIDTH), dY),
    "layer normalization": on("_layernorm", X, b, b, pick=0),
    "its gradient": lambda ops, dtype: norms(ops, dtype)[0],
    "gradients of gain and bias": lambda ops, dtype: numpy.stack(norms(ops, dtype)[1:]),
    "RMS normalization": lambda ops, dtype: rms_norms(ops, dtype)[0],
    "the gradient of RMS normalization": lambda ops, dtype: rms_norms(ops, dtype)[1],
    "attention of 4 heads": lambda ops, dtype: attention(ops, dtype)[0],
    "the gradient of attention": lambda ops, dtype: attention(ops, dtype)[1],
    "attention of one query": lambda ops, dtype: query_attention(ops, dtype)[0],
    "the gradient of its rows": lambda ops, dtype: query_attention(ops, dtype)[1],
    "the gradient of the query": lambda ops, dtype: query_attention(ops, dtype)[2],
    "a SwiGLU's product": on("_swiglu", X),
    "its slopes": on("_backprop_swiglu", dY[:, :150], X),
    "`maxout`": on("maxout", numbers(ROWS, WIDTH, 3), pick=0),
    "a maxout layer": on("_maxout_dense", X, PIECES, numbers(40, 3), pick=0),
    "the gradient of its input": lambda ops, dtype: maxout_gradients(ops, dtype)[0],
    "the gradient of its weights": lambda ops, dtype: maxout_gradients(ops, dtype)[1],
    "the gradient of its bias": lambda ops, dtype: maxout_gradients(ops, dtype)[2],
    "`seq2col`": on("seq2col", X, 1),
    "`backprop_seq2col`": on("backprop_seq2col", numbers(ROWS, 3 * WIDTH), 1),
    "`reduce_sum`": on("reduce_sum", X, LENGTHS),
    "`reduce_mean`": on("reduce_mean", X, LENGTHS),
    "`gather_add`": on("gather_add", W, numpy.arange(ROWS * 4).reshape(ROWS, 4) % WIDTH),
    "`scatter_add`": scatter,
    "`gelu`": on("gelu", X),
    "`backprop_gelu`": slope_of("gelu", dY, X),
    "`mish`": on("mish", X),
    "`backprop_mish`": slope_of("mish", dY, X),
    "`sigmoid`": on("sigmoid", X),
    "`swish`": on("swish", X),
    "`backprop_swish`": swish_gradient,
    "`erf`": on("erf", X),
    "`dish`": on("dish", X),
    "`logloss`": on("logloss", P[::-1], P),
    "cross entropy's gradient": loss(
        lambda: CategoricalCrossentropy(normalize=False), P, LABELS, lambda G, y: G - numpy.eye(10)[y]
    ),
    "cross entropy from logits": from_logits(CategoricalCrossentropy_v4, LABELS),
    "binary cross entropy from logits": from_logits(BinaryCrossEntropy, X > 0.5),
    "focal loss from logits": from_logits(FocalLoss, X > 0.5),
    "squared distance's gradient": loss(lambda: L2Distance(normalize=False), X, Y, lambda A, B: A - B),
    "cosine distance's gradient": loss(lambda: CosineDistance(normalize=False), X, Y, cosine_gradient),
    "8 steps of `SGD`": update_of(lambda: SGD(0.01, grad_clip=0.0)),
    "8 steps of `Adam`": update_of(lambda: Adam(0.01, grad_clip=0.0)),
    "8 steps of `Adam`, clipped": update_of(lambda: Adam(0.01, grad_clip=1.0)),
}


def stated_bounds():
    """The rows of the table on the page: operations, and factors of epsilon times the largest number."""
    section = PAGE.read_text().split("## Accuracy")[1].split("\n## ")[0]
    return {title: float(bound) for title, bound in re.findall(r"^\| (.+?) \| ([\d.]+) \|", section, re.M)}


def test_the_page_states_a_bound_for_each():
    assert set(stated_bounds()) == set(CASES)


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize("title", CASES)
def test_errors_are_within_the_bounds(title, isa):
    run = CASES[title]
    exact = run(Ops(), "float64")
    with use_isa(isa):
        found = run(NumpyOps(), "float32")
    assert (found.dtype, exact.dtype) == ("float32", "float64")
    error = numpy.abs(found - exact).max() / numpy.abs(exact).max() / EPS
    assert error <= stated_bounds()[title]
