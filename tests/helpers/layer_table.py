"""The table of all layers: how to build each, what to feed it, and what must go wrong."""

from dataclasses import dataclass, field
from typing import Any, Callable

import numpy

from thinc import layers
from thinc.backends import NumpyOps
from thinc.layers.resizable import resize_linear_weighted
from thinc.model import Model
from thinc.types import Padded, Ragged

from .batches import dot, random_like

Rng = numpy.random.Generator


def floats(rng: Rng, *shape: int) -> numpy.ndarray:
    return rng.normal(size=shape).astype("float32")


def ids(rng: Rng, *shape: int, high: int = 7) -> numpy.ndarray:
    return rng.integers(0, high, size=shape)


def ints(*values: int) -> numpy.ndarray:
    return numpy.array(values, dtype="int32")


def matrix(rng: Rng) -> numpy.ndarray:
    return floats(rng, 5, 4)


def ragged(rng: Rng) -> Ragged:
    return Ragged(floats(rng, 6, 4), ints(2, 1, 3))


def arrays(rng: Rng) -> list[numpy.ndarray]:
    return [floats(rng, 2, 4), floats(rng, 3, 4), floats(rng, 1, 4)]


def padded(rng: Rng) -> Padded:
    data = floats(rng, 3, 2, 4)
    data[1:, 1] = 0  # the second sequence has one step
    return Padded(data, ints(2, 1, 1), ints(3, 1), ints(1, 0))


def no_rows() -> numpy.ndarray:
    return numpy.zeros((0, 4), dtype="float32")


def no_sequences() -> Ragged:
    return Ragged(no_rows(), ints())


def wide(rng: Rng) -> numpy.ndarray:
    return floats(rng, 5, 9)


def wide_ragged(rng: Rng) -> Ragged:
    return Ragged(floats(rng, 6, 9), ints(2, 1, 3))


def wide_padded(rng: Rng) -> Padded:
    return Padded(floats(rng, 3, 2, 9), ints(2, 1, 1), ints(3, 1), ints(1, 0))


def no_steps() -> Padded:
    return Padded(numpy.zeros((0, 0, 4), dtype="float32"), ints(), ints(), ints())


def pair(rng: Rng) -> tuple[numpy.ndarray, numpy.ndarray]:
    return matrix(rng), matrix(rng)


def cube(rng: Rng) -> numpy.ndarray:
    return floats(rng, 3, 2, 4)


def nested(rng: Rng) -> list[list[numpy.ndarray]]:
    return [arrays(rng), [], arrays(rng)[:1]]


def long_ragged(rng: Rng) -> Ragged:
    return Ragged(floats(rng, 6, 4), ints(2, 1, 4))


def projection(Y: Any) -> tuple[float, Any]:
    """A loss that is linear in the output, with fixed random weights."""
    dY = random_like(Y, numpy.random.default_rng(1))
    return dot(Y, dY), dY


def crossentropy(Y: numpy.ndarray) -> tuple[float, numpy.ndarray]:
    """Cross-entropy for softmax: the gradient is that of the logits."""
    truth = numpy.eye(Y.shape[1], dtype=Y.dtype)[numpy.arange(len(Y)) % Y.shape[1]]
    return float(-(truth * numpy.log(Y)).sum()), Y - truth


@dataclass(frozen=True)
class Case:
    """A layer to test.

    Parameters
    ----------
    id
        Names the case.
    build
        Makes a new model, all dimensions known.
    X
        Makes a float32 batch.
    shapes
        Of the arrays of the output.
    loss
        Takes the output and returns a number and its gradient.
    empty
        Makes an empty batch, or is None where there is no such thing.
    empty_shapes
        Of the arrays of the output for it.
    bad
        Makes a batch that must be refused with the ``error``, or is None where anything goes.
    constants
        Names of parameters that are not trained.
    """

    id: str
    build: Callable[[], Model]
    X: Callable[[Rng], Any]
    shapes: list[tuple[int, ...]]
    loss: Callable[[Any], tuple[float, Any]] = projection
    empty: Callable[[], Any] | None = None
    empty_shapes: list[tuple[int, ...]] = field(default_factory=list)
    bad: Callable[[Rng], Any] | None = None
    error: type[Exception] | tuple[type[Exception], ...] = ValueError
    constants: tuple[str, ...] = ()

    def model(self) -> Model:
        """A model with normally distributed parameters: zeros would hide mistakes."""
        numpy.random.seed(0)
        model = self.build().initialize()
        rng = numpy.random.default_rng(2)
        for node in model.walk():
            for name in node.param_names:
                node.set_param(name, floats(rng, *node.get_param(name).shape))
        return model

    def batch(self) -> Any:
        return self.X(numpy.random.default_rng(3))


Build = Callable[[], Model]


# Cases for a kind of batch, by the width of the output.


def on_matrix(id: str, build: Build, nO: int, **settings: Any) -> Case:
    return Case(id, build, matrix, [(5, nO)], empty=no_rows, empty_shapes=[(0, nO)], **settings)


def on_list(id: str, build: Build, nO: int, **settings: Any) -> Case:
    return Case(id, build, arrays, [(2, nO), (3, nO), (1, nO)], empty=list, **settings)


def on_ragged(id: str, build: Build, nO: int, **settings: Any) -> Case:
    return Case(id, build, ragged, [(6, nO)], empty=no_sequences, empty_shapes=[(0, nO)], **settings)


def on_padded(id: str, build: Build, nO: int, **settings: Any) -> Case:
    return Case(id, build, padded, [(3, 2, nO)], **settings)


def on_pair(id: str, build: Build, **settings: Any) -> Case:
    return Case(
        id, build, pair, [(5,)], empty=lambda: (no_rows(), no_rows()), empty_shapes=[(0,)], **settings
    )


def recurrent(id: str, build: Build, nO: int, **settings: Any) -> Case:
    settings = {"bad": wide_padded, "constants": ("HC0",), **settings}
    return on_padded(id, build, nO, empty=no_steps, empty_shapes=[(0, 0, nO)], **settings)


def dense(name: str, loss: Callable = projection, **settings: Any) -> Case:
    words = [name, *(f"{key}={value}" for key, value in settings.items())]
    return on_matrix("-".join(words), lambda: getattr(layers, name)(3, 4, **settings), 3, loss=loss, bad=wide)


def pooling(name: str) -> Case:
    return Case(
        name,
        getattr(layers, name),
        ragged,
        [(3, 4)],
        empty=no_sequences,
        empty_shapes=[(0, 4)],
        bad=long_ragged,
        error=IndexError,
    )


def embedding(id: str, build: Build, columns: tuple[int, ...], bad: Callable, error: Any) -> Case:
    return Case(
        id,
        build,
        lambda rng: ids(rng, 6, *columns),
        [(6, 3)],
        empty=lambda: numpy.zeros((0, *columns), dtype="uint64"),
        empty_shapes=[(0, 3)],
        bad=bad,
        error=error,
    )


def linear(nO: int = 4) -> Model:
    return layers.Linear(nO, 4)


def features(model: Model, keys: numpy.ndarray, is_train: bool) -> tuple[Any, Callable]:
    """Input for SparseLinear with fixed values: it has no gradient to give for them."""
    n = len(keys)
    values = numpy.linspace(-1, 1, n, dtype="float32")
    return (keys, values, ints(2, 0, n - 2) if n else ints()), lambda dX: numpy.zeros_like(dX[0])


def sparse(build: Callable) -> Model:
    return layers.chain(Model("features", features), build(3, length=7))


def multi_crossentropy(Y: numpy.ndarray) -> tuple[float, numpy.ndarray]:
    """Cross-entropy for two distributions side by side, of 2 and 3 classes."""
    losses, gradients = zip(*(crossentropy(part) for part in (Y[:, :2], Y[:, 2:])), strict=True)
    return sum(losses), numpy.concatenate(gradients, axis=1)


def stack(model: Model, Xs: list, is_train: bool) -> tuple[Any, Callable]:
    """From a list of vectors to a matrix."""
    return numpy.stack(Xs) if Xs else no_rows(), list


def stacked() -> Model:
    return layers.with_flatten(layers.chain(Model("stack", stack), linear(3)))


def window_block() -> Model:
    maxout = layers.Maxout(4, 12, nP=2, normalize=True, dropout=0.2)
    return layers.residual(layers.chain(layers.expand_window(1), maxout))


def columns_embedded() -> Model:
    return layers.concatenate(
        layers.HashEmbed(2, 9, seed=1, column=0), layers.HashEmbed(1, 9, seed=2, column=1)
    )


DENSE = [
    dense("Linear"),
    dense("Relu"),
    dense("Mish"),
    dense("Swish"),
    dense("Gelu"),
    dense("Dish"),
    dense("HardSwish"),
    dense("HardSwishMobilenet"),
    dense("ClippedLinear", slope=0.7, offset=0.3, min_val=-0.5, max_val=1.5),
    dense("HardSigmoid"),
    dense("HardTanh"),
    dense("ReluK", k=1.5),
    dense("Sigmoid"),
    dense("Maxout"),
    dense("Maxout", nP=2),
    dense("Softmax", crossentropy),
    dense("Softmax_v2", crossentropy, temperature=0.6),
    dense("Softmax_v2", crossentropy, temperature=3.0),
    dense("Relu", normalize=True),
    dense("Mish", dropout=0.3),
    dense("Maxout", normalize=True, dropout=0.3),
    on_matrix("LayerNorm", lambda: layers.LayerNorm(4), 4, bad=wide),
    on_matrix("RMSNorm", lambda: layers.RMSNorm(4), 4, bad=wide),
    on_matrix("RMSNorm-eps", lambda: layers.RMSNorm(4, eps=0.5), 4, bad=wide),
    dense("GLU"),
    dense("SwiGLU"),
    dense("SwiGLU", normalize=True, dropout=0.3),
]

EMBEDDINGS = [
    embedding("Embed", lambda: layers.Embed(3, 7), (), lambda rng: ids(rng, 6) + 7, IndexError),
    embedding(
        "Embed-column-dropout",
        lambda: layers.Embed(3, 7, column=1, dropout=0.4),
        (2,),
        lambda rng: ids(rng, 6, 1),
        IndexError,
    ),
    embedding(
        "HashEmbed", lambda: layers.HashEmbed(3, 5, seed=4), (), lambda rng: ids(rng, 6, 2), ValueError
    ),
    embedding(
        "HashEmbed-column-dropout",
        lambda: layers.HashEmbed(3, 50, seed=4, column=1, dropout=0.4),
        (2,),
        lambda rng: ids(rng, 6, 1),
        IndexError,
    ),
    embedding("HashEmbed-concatenated", columns_embedded, (2,), lambda rng: ids(rng, 6, 1), IndexError),
]

SEQUENCES = [
    on_matrix("expand_window", lambda: layers.expand_window(1), 12, bad=arrays, error=TypeError),
    on_ragged(
        "expand_window-ragged", lambda: layers.expand_window(2), 20, bad=long_ragged, error=AssertionError
    ),
    pooling("reduce_first"),
    pooling("reduce_last"),
    pooling("reduce_max"),
    pooling("reduce_mean"),
    pooling("reduce_sum"),
    on_matrix("Dropout", lambda: layers.Dropout(0.4), 4),
    on_list("Dropout-list", lambda: layers.Dropout(0.4), 4),
    on_ragged("Dropout-ragged", lambda: layers.Dropout(0.4), 4),
    on_padded("Dropout-padded", lambda: layers.Dropout(0.4), 4),
]

TRANSFERS = [
    Case("list2array", layers.list2array, arrays, [(6, 4)], empty=list, empty_shapes=[(0, 0)], bad=ragged),
    Case("list2ragged", layers.list2ragged, arrays, [(6, 4)], empty=list, empty_shapes=[(0, 0)], bad=matrix),
    Case("list2padded", layers.list2padded, arrays, [(3, 3, 4)], empty=list, empty_shapes=[(0, 0, 0)]),
    Case("ragged2list", layers.ragged2list, ragged, [(2, 4), (1, 4), (3, 4)], empty=no_sequences),
    Case("padded2list", layers.padded2list, padded, [(1, 4), (3, 4)]),
    on_matrix("array_getitem", lambda: layers.array_getitem((slice(0, None), slice(1, 3))), 2),
    on_matrix("with_array", lambda: layers.with_array(linear(3)), 3, bad=wide),
    on_list("with_array-list", lambda: layers.with_array(linear(3)), 3),
    on_list("with_array-pad", lambda: layers.with_array(layers.expand_window(1), pad=1), 12),
    on_ragged("with_array-ragged", lambda: layers.with_array(linear(3)), 3, bad=wide_ragged),
    on_padded("with_array-padded", lambda: layers.with_array(layers.Dropout(0.4)), 4),
    on_matrix("with_array2d", lambda: layers.with_array2d(linear(3)), 3, bad=wide),
    on_list("with_array2d-list", lambda: layers.with_array2d(linear(3)), 3),
    on_ragged("with_array2d-ragged", lambda: layers.with_array2d(linear(3)), 3, bad=wide_ragged),
    on_padded("with_array2d-padded", lambda: layers.with_array2d(linear(3)), 3),
]

COMBINATORS = [
    on_matrix("noop", lambda: layers.noop(layers.Dropout(0.4)), 4),
    on_matrix("chain", lambda: layers.chain(layers.Mish(3, 4), layers.Linear(2, 3)), 2, bad=wide),
    on_matrix("clone", lambda: layers.clone(linear(), 3), 4, bad=wide),
    on_matrix("concatenate", lambda: layers.concatenate(linear(3), linear(2)), 5, bad=wide),
    on_list("concatenate-list", lambda: layers.concatenate(layers.with_array(linear(3)), layers.noop()), 7),
    on_ragged(
        "concatenate-ragged", lambda: layers.concatenate(layers.with_array(linear(3)), layers.noop()), 7
    ),
    on_padded(
        "concatenate-padded", lambda: layers.concatenate(layers.with_array2d(linear(3)), layers.noop()), 7
    ),
    on_matrix("add", lambda: layers.add(linear(), layers.noop(), linear()), 4, bad=wide),
    on_list("add-list", lambda: layers.add(layers.noop(), layers.with_array(linear())), 4),
    on_ragged("add-ragged", lambda: layers.add(layers.with_array(linear()), layers.noop()), 4),
    on_padded("add-padded", lambda: layers.add(layers.with_array2d(linear()), layers.noop()), 4),
    on_matrix("residual", lambda: layers.residual(layers.Gelu(4, 4)), 4, bad=wide),
    on_matrix("residual-noop", lambda: layers.residual(layers.noop()), 4),
    on_list("residual-list", lambda: layers.residual(layers.with_array(linear())), 4),
    on_ragged("residual-ragged", lambda: layers.residual(layers.with_array(linear())), 4),
    on_padded("residual-padded", lambda: layers.residual(layers.with_array2d(linear())), 4),
    on_matrix("window_block", window_block, 4, bad=wide),
    Case(
        "concatenate-pooling",
        lambda: layers.concatenate(layers.reduce_max(), layers.reduce_mean(), layers.reduce_last()),
        ragged,
        [(3, 12)],
        empty=no_sequences,
        empty_shapes=[(0, 12)],
    ),
]

ATTENTION = [
    on_ragged(name, build, 4, bad=bad, error=(IndexError, ValueError))
    for name, build, bad in [
        ("ParametricAttention", lambda: layers.ParametricAttention(4), long_ragged),
        ("ParametricAttention_v2", lambda: layers.ParametricAttention_v2(nO=4), wide_ragged),
        (
            "ParametricAttention_v2-key",
            lambda: layers.ParametricAttention_v2(key_transform=layers.Gelu(4, 4), nO=4),
            wide_ragged,
        ),
    ]
]

RECURRENT = [
    recurrent("LSTM", lambda: layers.LSTM(3, 4), 3),
    recurrent("LSTM-bi", lambda: layers.LSTM(4, 4, bi=True), 4),
    recurrent("LSTM-deep", lambda: layers.LSTM(2, 4, depth=3), 2),
    recurrent("LSTM-bi-deep-dropout", lambda: layers.LSTM(4, 4, bi=True, depth=2, dropout=0.3), 4),
    recurrent("bidirectional-LSTM", lambda: layers.bidirectional(layers.LSTM(3, 4)), 6),
    recurrent(
        "bidirectional-widths",
        lambda: layers.bidirectional(layers.LSTM(1, 4), layers.with_array2d(layers.Mish(3, 4))),
        4,
    ),
    on_list(
        "with_padded-LSTM-list",
        lambda: layers.with_padded(layers.LSTM(3, 4)),
        3,
        bad=matrix,
        constants=("HC0",),
    ),
    on_ragged(
        "with_padded-LSTM-ragged", lambda: layers.with_padded(layers.LSTM(3, 4)), 3, constants=("HC0",)
    ),
    Case(
        "with_padded-LSTM-array",
        lambda: layers.with_padded(layers.LSTM(3, 4)),
        cube,
        [(3, 2, 3)],
        constants=("HC0",),
    ),
]

RECURRENT += [
    recurrent("GRU", lambda: layers.GRU(3, 4), 3, constants=()),
    recurrent("GRU-bi", lambda: layers.GRU(4, 4, bi=True), 4, constants=()),
    recurrent(
        "GRU-bi-deep-dropout", lambda: layers.GRU(4, 4, bi=True, depth=2, dropout=0.3), 4, constants=()
    ),
    on_list("with_padded-GRU-list", lambda: layers.with_padded(layers.GRU(3, 4)), 3, bad=matrix),
]

HEADS = [
    ("", {}),
    ("-causal", {"causal": True}),
    ("-rotary", {"rotary": True}),
    ("-dropout", {"causal": True, "rotary": True, "dropout": 0.4}),
]

TRANSFORMERS = [
    *(
        on_ragged(
            f"MultiHeadAttention{id}",
            lambda more=more: layers.MultiHeadAttention(4, 4, nH=2, **more),
            4,
            bad=wide_ragged,
        )
        for id, more in HEADS
    ),
    on_ragged(
        "MultiHeadAttention-widths",
        lambda: layers.MultiHeadAttention(6, 4, nH=3),
        6,
        bad=long_ragged,
        error=IndexError,
    ),
    on_padded("MultiHeadAttention-padded", lambda: layers.MultiHeadAttention(6, 4, nH=1), 6, bad=wide_padded),
    on_list(
        "MultiHeadAttention-list",
        lambda: layers.with_ragged(layers.MultiHeadAttention(4, 4, nH=4)),
        4,
        bad=matrix,
    ),
    on_ragged("TransformerBlock", lambda: layers.TransformerBlock(4, nH=2, nF=5), 4, bad=wide_ragged),
    on_list(
        "TransformerBlock-list",
        lambda: layers.TransformerBlock(
            4, nH=2, nF=3, norm="rms", activation="swiglu", rotary=True, causal=True
        ),
        4,
        bad=matrix,
    ),
    on_padded("TransformerBlock-padded", lambda: layers.TransformerBlock(4, nH=1, nF=3, dropout=0.2), 4),
    on_ragged("SinusoidalPositions", lambda: layers.SinusoidalPositions(4), 4, bad=wide_ragged),
    on_padded("SinusoidalPositions-padded", lambda: layers.SinusoidalPositions(4), 4, bad=wide_padded),
]

CONVOLUTIONS = [
    on_matrix("Conv1d", lambda: layers.Conv1d(3, 4), 3, bad=wide),
    on_ragged("Conv1d-ragged", lambda: layers.Conv1d(3, 4, 5), 3, bad=wide_ragged),
    on_padded("Conv1d-padded", lambda: layers.Conv1d(3, 4, dilation=2), 3, bad=wide_padded),
    Case("Conv1d-strided", lambda: layers.Conv1d(3, 4, 2, stride=2, padding=1), ragged, [(5, 3)], bad=arrays),
    Case("Conv1d-shorter", lambda: layers.Conv1d(3, 4, 2, padding=0), padded, [(2, 2, 3)], bad=wide_padded),
]

PAIRS = [
    on_pair("CauchySimilarity", lambda: layers.CauchySimilarity(4), bad=lambda rng: (wide(rng), wide(rng))),
    on_pair("siamese", lambda: layers.siamese(layers.Mish(3, 4), layers.CauchySimilarity(3))),
    Case(
        "with_getitem",
        lambda: layers.with_getitem(-1, layers.Relu(3, 4)),
        pair,
        [(5, 4), (5, 3)],
        bad=lambda rng: (),
        error=IndexError,
    ),
    Case("tuplify", lambda: layers.tuplify(linear(3), layers.noop()), matrix, [(5, 3), (5, 4)], bad=wide),
]

SPARSE = [
    Case(
        build.__name__,
        lambda build=build: sparse(build),
        lambda rng: ids(rng, 6, high=2**40),
        [(3, 3)],
        empty=lambda: numpy.zeros(0, dtype="uint64"),
        empty_shapes=[(0, 3)],
        bad=matrix,
    )
    for build in (layers.SparseLinear, layers.SparseLinear_v2)
]

WITHOUT_WEIGHTS = [
    on_matrix("softmax_activation", layers.softmax_activation, 4),
    on_matrix("sigmoid_activation", layers.sigmoid_activation, 4),
    on_matrix("Logistic", layers.Logistic, 4),
    Case("sigmoid_activation-cube", layers.sigmoid_activation, cube, [(3, 2, 4)]),
]

WRAPPERS = [
    on_list("map_list", lambda: layers.map_list(linear(3)), 3),
    on_list("with_list", lambda: layers.with_list(layers.map_list(linear(3))), 3),
    Case("with_list-ragged", lambda: layers.with_list(layers.with_array(linear(3))), ragged, [(6, 3)]),
    on_padded("with_list-padded", lambda: layers.with_list(layers.map_list(linear(3))), 3),
    on_list("with_ragged-list", lambda: layers.with_ragged(layers.ParametricAttention(4)), 4, bad=matrix),
    on_ragged("with_ragged", lambda: layers.with_ragged(layers.ParametricAttention(4)), 4, bad=wide_ragged),
    on_padded("with_ragged-padded", lambda: layers.with_ragged(layers.ParametricAttention(4)), 4),
    Case(
        "with_flatten",
        stacked,
        lambda rng: [list(matrix(rng)), [], list(matrix(rng))],
        [(5, 3), (0, 3), (5, 3)],
        empty=list,
    ),
    Case(
        "with_flatten_v2",
        lambda: layers.with_flatten_v2(layers.with_array(linear(3))),
        nested,
        [(2, 3), (3, 3), (1, 3), (2, 3)],
        empty=list,
    ),
    Case("with_reshape", lambda: layers.with_reshape(linear(3)), cube, [(3, 2, 3)], bad=matrix),
    on_matrix("with_cpu", lambda: layers.with_cpu(linear(3), NumpyOps()), 3, bad=wide),
    on_ragged("with_cpu-ragged", lambda: layers.with_cpu(layers.with_array(linear(3)), NumpyOps()), 3),
    on_matrix("with_debug", lambda: layers.with_debug(linear(3)), 3, bad=wide),
    on_matrix("with_nvtx_range", lambda: layers.with_nvtx_range(linear(3)), 3, bad=wide),
    on_matrix("resizable", lambda: layers.resizable(linear(3), resize_linear_weighted), 3, bad=wide),
    embedding(
        "uniqued",
        lambda: layers.uniqued(layers.Embed(3, 7, column=0)),
        (2,),
        lambda rng: ids(rng, 6, 2) + 7,
        IndexError,
    ),
    on_matrix("MultiSoftmax", lambda: layers.MultiSoftmax((2, 3), 4), 5, loss=multi_crossentropy, bad=wide),
]

LAYERS = [
    *DENSE,
    *EMBEDDINGS,
    *SEQUENCES,
    *TRANSFERS,
    *COMBINATORS,
    *ATTENTION,
    *RECURRENT,
    *TRANSFORMERS,
    *CONVOLUTIONS,
    *PAIRS,
    *SPARSE,
    *WITHOUT_WEIGHTS,
    *WRAPPERS,
]
