"""The table's lines for layers with parameters and for activations: the model, PyTorch's module, JAX's function."""

from __future__ import annotations

from typing import Any

import numpy

from . import data
from .ops_rows import WINDOWS, jax_windows, windows
from .table import Layer
from .table_inputs import ROWS, SEGMENTS, WORDS

Shapes = list[tuple[int, ...]]
DENSE = ROWS.plus(nO=lambda X: X.shape[1], nI=lambda X: X.shape[1])
HEADS = ROWS.plus(
    nO=lambda: 60,
    nI=lambda X: X.shape[1],
    dY=lambda X: data.floats(len(X), 60, seed=1),
    nOs=lambda: (20, 20, 20),
)
WIDE = DENSE.plus(dY=lambda X: numpy.concatenate([X, -X], 1))
PIECES = 3
WINDOW = 3


def _dense_shapes(nO: int, nI: int) -> Shapes:
    return [(nO, nI), (nO,)]


def _maxout_shapes(nO: int, nI: int) -> Shapes:
    return [(nO, PIECES, nI), (nO, PIECES)]


def _norm_shapes(nO: int) -> Shapes:
    return [(nO,), (nO,)]


def _dense(name: str, torch: Any, jax: Any, unchecked: tuple[str, ...] = ()) -> Layer:
    """A product, a bias and an activation: of PyTorch the class of a module, of JAX a function of the outcome."""
    return Layer(
        DENSE,
        lambda t, nO, nI: getattr(t, name)(nO, nI),
        lambda t, nO, nI: t.nn.Sequential(t.nn.Linear(nI, nO), torch(t)),
        jax=lambda j, X, W, b: jax(j, X @ W.T + b),
        shapes=_dense_shapes,
        unchecked=unchecked,
    )


def _normalized(j: Any, X: Any, G: Any, b: Any) -> Any:
    mean = X.mean(-1, keepdims=True)
    variance = j.np.square(X - mean).mean(-1, keepdims=True)
    return (X - mean) * j.lax.rsqrt(variance + 1e-8) * G + b


def _pooled(j: Any, X: Any, W: Any, b: Any) -> Any:
    A = X @ W.reshape(-1, W.shape[-1]).T + b.reshape(-1)
    return A.reshape(len(X), -1, PIECES).max(-1)


def _dropped(j: Any, X: Any, key: Any) -> Any:
    kept = j.random.bernoulli(key, 1 - data.DROPOUT, X.shape)
    return j.np.where(kept, X / (1 - data.DROPOUT), 0)


def _pooling(name: str) -> Layer:
    """The rows of each sequence become one."""
    return Layer(
        SEGMENTS,
        lambda t: getattr(t, f"reduce_{name}")(),
        lambda t, lengths: _composed(t, lambda X: t.segment_reduce(X, name, lengths=lengths, unsafe=True)),
    )


def _picking(name: str, rows: str) -> Layer:
    return Layer(
        SEGMENTS,
        lambda t: getattr(t, f"reduce_{name}")(),
        lambda t, starts, lasts: _composed(t, lambda X: X[starts if rows == "starts" else lasts]),
    )


def _beside(t: Any, nO: int, nI: int, join: Any) -> Any:
    """Two products of the same input, and what becomes of them."""

    class Beside(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.other = t.nn.Linear(nI, nO), t.nn.Linear(nI, nO)

        def forward(self, X):
            return join(self.one(X), self.other(X))

    return Beside()


def _maxout(t: Any, nO: int, nI: int) -> Any:
    """The product, and the maximum over pieces."""

    class Maxout(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = t.nn.Linear(nI, nO * PIECES)

        def forward(self, X):
            return self.linear(X).view(len(X), nO, PIECES).max(-1).values

    return Maxout()


def _blocks(t: Any, nOs: Any, nI: int) -> Any:
    class MultiSoftmax(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = t.nn.Linear(nI, sum(nOs))

        def forward(self, X):
            return self.linear(X).view(len(X), len(nOs), -1).softmax(-1).flatten(1)

    return MultiSoftmax()


def _composed(t: Any, function: Any) -> Any:
    """A module of a function without parameters."""

    class Function(t.nn.Module):
        def forward(self, X):
            return function(X)

    return Function()


def _gated(name: str, torch: Any, jax: Any) -> Layer:
    """A product with values and gates side by side: functions of PyTorch, and JAX, and the two."""
    return Layer(
        DENSE,
        lambda t, nO, nI: getattr(t, name)(nO, nI),
        lambda t, nO, nI: t.nn.Sequential(
            t.nn.Linear(nI, 2 * nO), _composed(t, lambda A: torch(t, *A.chunk(2, -1)))
        ),
        jax=lambda j, X, W, b: jax(j, *j.np.split(X @ W.reshape(-1, W.shape[-1]).T + b.reshape(-1), 2, -1)),
        shapes=lambda nO, nI: [(2, nO, nI), (2, nO)],
        published=False,
    )


def _convolution(t: Any, nO: int, nI: int) -> Any:
    """Over one sequence (n, nI), with weights (nO, WINDOW, nI)."""

    class Convolution(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.W = t.nn.Parameter(t.empty(nO, WINDOW, nI))
            self.b = t.nn.Parameter(t.empty(nO))

        def forward(self, X):
            return t.conv1d(X.T[None], self.W.permute(0, 2, 1), self.b, padding=WINDOW // 2)[0].T

    return Convolution()


def _convolved(j: Any, X: Any, W: Any, b: Any) -> Any:
    layout = ("NWC", "OWI", "NWC")
    return j.lax.conv_general_dilated(X[None], W, (1,), "SAME", dimension_numbers=layout)[0] + b


LAYERS: dict[str, Layer] = {
    "Linear": Layer(
        DENSE,
        lambda t, nO, nI: t.Linear(nO, nI),
        lambda t, nO, nI: t.nn.Linear(nI, nO),
        jax=lambda j, X, W, b: X @ W.T + b,
        shapes=_dense_shapes,
    ),
    "Relu": _dense("Relu", lambda t: t.nn.ReLU(), lambda j, A: j.nn.relu(A)),
    "Relu-norm-dropout": Layer(
        DENSE,
        lambda t, nO, nI: t.Relu(nO, nI, normalize=True, dropout=data.DROPOUT),
        lambda t, nO, nI: t.nn.Sequential(
            t.nn.Linear(nI, nO), t.nn.ReLU(), t.nn.LayerNorm(nO, eps=1e-8), t.nn.Dropout(data.DROPOUT)
        ),
        jax=lambda j, X, W, b, G, c, key: _dropped(j, _normalized(j, j.nn.relu(X @ W.T + b), G, c), key),
        shapes=lambda nO, nI: _dense_shapes(nO, nI) + _norm_shapes(nO),
        unchecked=("published", "torch", "jax"),
    ),
    "Mish": _dense("Mish", lambda t: t.nn.Mish(), lambda j, A: A * j.np.tanh(j.nn.softplus(A))),
    "Gelu": _dense("Gelu", lambda t: t.nn.GELU(), lambda j, A: j.nn.gelu(A, approximate=False)),
    "Swish": _dense("Swish", lambda t: t.nn.SiLU(), lambda j, A: j.nn.silu(A)),
    "Dish": _dense(
        "Dish",
        lambda t: _composed(t, lambda A: 0.5 * A * (A * t.rsqrt(A * A + 1) + 1)),
        lambda j, A: 0.5 * A * (A / j.np.sqrt(1 + A * A) + 1),
        unchecked=("published",),  # its gradient is that of another function
    ),
    "Sigmoid": _dense("Sigmoid", lambda t: t.nn.Sigmoid(), lambda j, A: j.nn.sigmoid(A)),
    # PyTorch's have another slope, and the same arithmetic.
    "HardSigmoid": _dense(
        "HardSigmoid",
        lambda t: t.nn.Hardsigmoid(),
        lambda j, A: j.np.clip(0.2 * A + 0.5, 0, 1),
        unchecked=("torch",),
    ),
    "HardSwish": _dense(
        "HardSwish",
        lambda t: t.nn.Hardswish(),
        lambda j, A: A * j.np.clip(0.2 * A + 0.5, 0, 1),
        unchecked=("torch",),
    ),
    "HardSwishMobilenet": _dense(
        "HardSwishMobilenet", lambda t: t.nn.Hardswish(), lambda j, A: j.nn.hard_swish(A)
    ),
    "HardTanh": _dense("HardTanh", lambda t: t.nn.Hardtanh(), lambda j, A: j.np.clip(A, -1, 1)),
    "ReluK": _dense("ReluK", lambda t: t.nn.ReLU6(), lambda j, A: j.np.clip(A, 0, 6)),
    "ClippedLinear": _dense(
        "ClippedLinear", lambda t: t.nn.Hardtanh(0.0, 1.0), lambda j, A: j.np.clip(A, 0, 1)
    ),
    "Maxout": Layer(
        DENSE,
        lambda t, nO, nI: t.Maxout(nO, nI, nP=PIECES),
        _maxout,
        jax=_pooled,
        shapes=_maxout_shapes,
    ),
    "Maxout-norm": Layer(
        DENSE,
        lambda t, nO, nI: t.Maxout(nO, nI, nP=PIECES, normalize=True),
        lambda t, nO, nI: t.nn.Sequential(_maxout(t, nO, nI), t.nn.LayerNorm(nO, eps=1e-8)),
        jax=lambda j, X, W, b, G, c: _normalized(j, _pooled(j, X, W, b), G, c),
        shapes=lambda nO, nI: _maxout_shapes(nO, nI) + _norm_shapes(nO),
    ),
    "Maxout-norm-dropout": Layer(
        DENSE,
        lambda t, nO, nI: t.Maxout(nO, nI, nP=PIECES, normalize=True, dropout=data.DROPOUT),
        lambda t, nO, nI: t.nn.Sequential(
            _maxout(t, nO, nI), t.nn.LayerNorm(nO, eps=1e-8), t.nn.Dropout(data.DROPOUT)
        ),
        jax=lambda j, X, W, b, G, c, key: _dropped(j, _normalized(j, _pooled(j, X, W, b), G, c), key),
        shapes=lambda nO, nI: _maxout_shapes(nO, nI) + _norm_shapes(nO),
        unchecked=("published", "torch", "jax"),
    ),
    # thinc's gradient is that of the logits: what a cross-entropy on them gives.
    "Softmax": Layer(
        HEADS,
        lambda t, nO, nI: t.Softmax(nO, nI),
        lambda t, nO, nI: t.nn.Sequential(t.nn.Linear(nI, nO), t.nn.Softmax(-1)),
        torch_backward=lambda t, nO, nI: t.nn.Linear(nI, nO),
        jax=lambda j, X, W, b: j.logits(X @ W.T + b, lambda A: j.nn.softmax(A)),
        shapes=_dense_shapes,
    ),
    "MultiSoftmax": Layer(
        HEADS,
        lambda t, nOs, nI: t.MultiSoftmax(nOs, nI),
        _blocks,
        torch_backward=lambda t, nO, nI: t.nn.Linear(nI, nO),
        jax=lambda j, X, W, b: j.logits(
            X @ W.T + b, lambda A: j.nn.softmax(A.reshape(len(A), 3, -1)).reshape(A.shape)
        ),
        shapes=_dense_shapes,
        unchecked=("published",),  # it returns the logits
    ),
    "LayerNorm": Layer(
        DENSE,
        lambda t, nI: t.LayerNorm(nI),
        lambda t, nI: t.nn.LayerNorm(nI, eps=1e-8),
        jax=_normalized,
        shapes=_norm_shapes,
    ),
    "RMSNorm": Layer(
        DENSE,
        lambda t, nI: t.RMSNorm(nI),
        lambda t, nI: t.nn.RMSNorm(nI, eps=1e-6),
        jax=lambda j, X, G: X * j.lax.rsqrt(j.np.square(X).mean(-1, keepdims=True) + 1e-6) * G,
        shapes=lambda nI: [(nI,)],
        published=False,
    ),
    "GLU": _gated("GLU", lambda t, V, A: V * t.sigmoid(A), lambda j, V, A: V * j.nn.sigmoid(A)),
    "SwiGLU": _gated("SwiGLU", lambda t, V, A: V * t.nn.functional.silu(A), lambda j, V, A: V * j.nn.silu(A)),
    "Conv1d": Layer(
        DENSE,
        lambda t, nO, nI: t.Conv1d(nO, nI, kernel_size=WINDOW),
        _convolution,
        jax=_convolved,
        shapes=lambda nO, nI: [(nO, WINDOW, nI), (nO,)],
        published=False,
    ),
    "Dropout": Layer(
        ROWS,
        lambda t: t.Dropout(data.DROPOUT),
        lambda t: t.nn.Dropout(data.DROPOUT),
        jax=lambda j, X, key: _dropped(j, X, key),
        unchecked=("published", "torch", "jax"),
    ),
    "sigmoid_activation": Layer(
        ROWS,
        lambda t: t.sigmoid_activation(),
        lambda t: t.nn.Sigmoid(),
        jax=lambda j, X: j.nn.sigmoid(X),
    ),
    "softmax_activation": Layer(
        ROWS,
        lambda t: t.softmax_activation(),
        lambda t: t.nn.Softmax(-1),
        torch_backward=lambda t: t.nn.Softmax(-1),
        jax=lambda j, X: j.nn.softmax(X),
    ),
    "Logistic": Layer(
        ROWS, lambda t: t.Logistic(), lambda t: t.nn.Sigmoid(), jax=lambda j, X: j.nn.sigmoid(X)
    ),
    "clone": Layer(
        DENSE,
        lambda t, nO, nI: t.clone(t.Relu(nO, nI), 3),
        lambda t, nO, nI: t.nn.Sequential(
            *[layer for _ in range(3) for layer in (t.nn.Linear(nI, nO), t.nn.ReLU())]
        ),
        jax=lambda j, X, W1, b1, W2, b2, W3, b3: j.nn.relu(
            j.nn.relu(j.nn.relu(X @ W1.T + b1) @ W2.T + b2) @ W3.T + b3
        ),
        shapes=lambda nO, nI: 3 * _dense_shapes(nO, nI),
    ),
    "chain-mlp": Layer(
        DENSE,
        lambda t, nO, nI: t.chain(t.Relu(nO, nI), t.Maxout(nO, nI, nP=PIECES), t.Linear(nO, nI)),
        lambda t, nO, nI: t.nn.Sequential(
            t.nn.Linear(nI, nO), t.nn.ReLU(), _maxout(t, nO, nI), t.nn.Linear(nI, nO)
        ),
        jax=lambda j, X, W1, b1, W2, b2, W3, b3: _pooled(j, j.nn.relu(X @ W1.T + b1), W2, b2) @ W3.T + b3,
        shapes=lambda nO, nI: [*_dense_shapes(nO, nI), *_maxout_shapes(nO, nI), *_dense_shapes(nO, nI)],
    ),
    "residual-relu": Layer(
        DENSE,
        lambda t, nO, nI: t.residual(t.Relu(nO, nI)),
        lambda t, nO, nI: _residual(t, t.nn.Sequential(t.nn.Linear(nI, nO), t.nn.ReLU())),
        jax=lambda j, X, W, b: X + j.nn.relu(X @ W.T + b),
        shapes=_dense_shapes,
    ),
    # Not in JAX: it sees that both products have the same gradient, and computes one.
    "add-linear": Layer(
        DENSE,
        lambda t, nO, nI: t.add(t.Linear(nO, nI), t.Linear(nO, nI)),
        lambda t, nO, nI: _beside(t, nO, nI, lambda Y, Z: Y + Z),
        shapes=lambda nO, nI: 2 * _dense_shapes(nO, nI),
    ),
    "concatenate-linear": Layer(
        WIDE,
        lambda t, nO, nI: t.concatenate(t.Linear(nO, nI), t.Linear(nO, nI)),
        lambda t, nO, nI: _beside(t, nO, nI, lambda Y, Z: t.cat([Y, Z], 1)),
        jax=lambda j, X, W, b, V, c: j.np.concatenate([X @ W.T + b, X @ V.T + c], 1),
        shapes=lambda nO, nI: 2 * _dense_shapes(nO, nI),
    ),
    "expand_window": Layer(
        WINDOWS,
        lambda t: t.expand_window(1),
        lambda t: _composed(t, lambda X: windows(t, X)()),
        jax=jax_windows,
    ),
    **{f"reduce_{name}": _pooling(name) for name in ("sum", "mean", "max")},
    "reduce_first": _picking("first", "starts"),
    "reduce_last": _picking("last", "lasts"),
    "Embed": Layer(
        WORDS,
        lambda t, width, nV: t.Embed(width, nV),
        lambda t, width, nV: t.nn.Embedding(nV, width),
        jax=lambda j, X, E: E[X],
        shapes=lambda width, nV: [(nV, width)],
    ),
    # The peers get the row numbers ready made; ours hashes.
    "HashEmbed": Layer(
        WORDS.plus(X=lambda keys: keys),
        lambda t, width, nV: t.HashEmbed(width, nV, seed=1),
        lambda t, width, nV: t.nn.EmbeddingBag(nV, width, mode="sum"),
        jax=lambda j, X, E: E[X].sum(1),
        shapes=lambda width, nV: [(nV, width)],
        unchecked=("torch", "jax"),
    ),
}


def _residual(t: Any, inner: Any) -> Any:
    class Residual(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = inner

        def forward(self, X):
            return X + self.inner(X)

    return Residual()


def inputs_of(line: Layer, *size: int) -> dict[str, Any]:
    """The inputs of a layer: float32, and among them ``X`` and ``dY``."""
    return line.inputs.make("float32", *size)


def for_peers(values: dict[str, Any]) -> dict[str, Any]:
    """With the rows of an embedding in the place of the keys that are hashed to them."""
    X = values["X"]
    return {**values, "X": values["rows"]} if X.dtype == numpy.uint64 else values
