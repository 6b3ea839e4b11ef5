"""Layers that reorder, pool and wrap batches of sequences, run by our package and by the published one."""

from __future__ import annotations

from typing import Any

import numpy

from thinc import api

from . import data
from .base import Work

ops = api.NumpyOps()


def layer(name: str, direction: str, n: int, shortest: int, longest: int, width: int) -> Work:
    """One pass of the layer, over n sequences of that many rows."""
    numpy.random.seed(0)
    model, X, dY = _LAYERS[name](data.sequences(n, shortest, longest, width))
    Y, backprop = model(X, True)
    if direction == "forward":
        run = lambda: model(X, True)[0]  # noqa: E731
    else:
        dY = Y if dY is None else dY
        run = lambda: backprop(dY)  # noqa: E731
    if name in ("bidirectional", "with_reshape", "with_flatten") or (
        name.endswith("map_ids") and direction == "backward"
    ):
        return Work(run)  # the published one does not reverse, loses the width, returns what memory holds
    return Work(run, check=lambda: _arrays(run()))


def _arrays(batch: Any) -> list[numpy.ndarray]:
    """The arrays in a batch of any kind; those of a list as one."""
    if isinstance(batch, api.Ragged):
        return [batch.dataXd, numpy.asarray(batch.lengths)]
    if isinstance(batch, api.Padded):
        return [batch.data, batch.size_at_t, batch.lengths, batch.indices]
    if isinstance(batch, list):
        return [numpy.concatenate([numpy.ravel(array) for item in batch for array in _arrays(item)] or [[]])]
    if isinstance(batch, tuple):
        return [array for item in batch for array in _arrays(item)]
    return [numpy.asarray(batch)]


def _ragged(Xs: list) -> api.Ragged:
    return api.Ragged(numpy.concatenate(Xs), numpy.array([len(X) for X in Xs], dtype="int32"))


def _padded(Xs: list) -> api.Padded:
    return ops.list2padded(Xs)


def _pass() -> api.Model:
    return api.Model("pass", lambda model, X, is_train: (X, lambda dY: dY))


def _double() -> api.Model:
    return api.Model("double", lambda model, X, is_train: (2 * X, lambda dY: 2 * dY))


def _doubled(*make: Any, batch: Any = numpy.concatenate) -> Any:
    """A combinator of layers whose outputs and gradients are their own."""
    return lambda Xs: (make[0](*[_double() for _ in make]), batch(Xs), None)


def _linear(Xs: list) -> api.Model:
    return api.Linear(Xs[0].shape[1], Xs[0].shape[1]).initialize()


def _attention(make: Any) -> Any:
    def build(Xs):
        model = make(nO=Xs[0].shape[1])
        model.initialize()
        return model, _ragged(Xs), None

    return build


def _sparse(make: Any) -> Any:
    def build(Xs):
        rng = numpy.random.default_rng(4)
        lengths = numpy.array([8 * len(X) for X in Xs], dtype="int32")  # n-grams
        keys = rng.integers(0, 2**63, lengths.sum(), dtype="uint64")
        model = make(nO=4)
        model.initialize()
        model.set_param("W", data.floats(model.get_param("W").size))
        values = rng.random(lengths.sum(), dtype="float32")
        return model, (keys, values, lengths), data.floats(len(Xs), 4, seed=1)

    return build


def _uniqued(Xs: list) -> tuple:
    words = sum(map(len, Xs))
    ids = numpy.minimum(numpy.random.default_rng(5).zipf(1.3, (words, 1)), 10**9).astype("uint64")
    model = api.uniqued(api.HashEmbed(Xs[0].shape[1], 1000, column=0, seed=1))
    model.initialize()
    for node in model.walk():
        if node.has_param("E"):
            node.set_param("E", data.floats(1000, Xs[0].shape[1]))
    return model, ids, None


def _ids(make: Any) -> Any:
    def build(Xs):
        ids = numpy.minimum(numpy.random.default_rng(5).zipf(1.3, sum(map(len, Xs))), 2000).astype("int64")
        return make({i: i + 1 for i in range(1000)}, default=0), ids, None

    return build


def _nested(Xs: list) -> tuple:
    return api.with_flatten_v2(_pass()), [list(range(len(X))) for X in Xs], None


def _flatten(Xs: list) -> tuple:
    inner = api.Model("rows", lambda model, X, is_train: (numpy.stack(X), list))
    return api.with_flatten(inner), [list(X) for X in Xs], Xs


def _siamese(Xs: list) -> tuple:
    width = Xs[0].shape[1]
    model = api.siamese(_linear(Xs), api.CauchySimilarity(width).initialize())
    return model, (Xs[0], Xs[0]), None


def _similarity(Xs: list) -> tuple:
    X = numpy.concatenate(Xs)
    model = api.CauchySimilarity(X.shape[1])
    model.initialize()
    return model, (X, X[::-1].copy()), None


def _padded3d(Xs: list) -> tuple:
    return api.with_padded(_pass()), _padded(Xs).data, None


_LAYERS = {
    "list2array": lambda Xs: (api.list2array(), Xs, None),
    "list2ragged": lambda Xs: (api.list2ragged(), Xs, None),
    "list2padded": lambda Xs: (api.list2padded(), Xs, None),
    "ragged2list": lambda Xs: (api.ragged2list(), _ragged(Xs), None),
    "padded2list": lambda Xs: (api.padded2list(), _padded(Xs), None),
    "with_array-list": lambda Xs: (api.with_array(_pass(), pad=1), Xs, None),
    "with_array-ragged": lambda Xs: (api.with_array(_pass()), _ragged(Xs), None),
    "with_array-padded": lambda Xs: (api.with_array(_pass()), _padded(Xs), None),
    "with_array2d-list": lambda Xs: (api.with_array2d(_pass()), Xs, None),
    "with_array2d-ragged": lambda Xs: (api.with_array2d(_pass()), _ragged(Xs), None),
    "with_array2d-padded": lambda Xs: (api.with_array2d(_pass()), _padded(Xs), None),
    "with_list-ragged": lambda Xs: (api.with_list(_pass()), _ragged(Xs), None),
    "with_list-padded": lambda Xs: (api.with_list(_pass()), _padded(Xs), None),
    "with_list-list": lambda Xs: (api.with_list(_pass()), Xs, None),
    "with_ragged-list": lambda Xs: (api.with_ragged(_pass()), Xs, None),
    "with_ragged-padded": lambda Xs: (api.with_ragged(_pass()), _padded(Xs), None),
    "with_ragged-ragged": lambda Xs: (api.with_ragged(_pass()), _ragged(Xs), None),
    "with_padded-list": lambda Xs: (api.with_padded(_pass()), Xs, None),
    "with_padded-ragged": lambda Xs: (api.with_padded(_pass()), _ragged(Xs), None),
    "with_padded-padded": lambda Xs: (api.with_padded(_pass()), _padded(Xs), None),
    "with_padded-array": _padded3d,
    "with_flatten": _flatten,
    "with_flatten_v2": _nested,
    "with_getitem": lambda Xs: (api.with_getitem(1, _pass()), (Xs[0], Xs[0], Xs[0]), None),
    "with_cpu": lambda Xs: (api.with_cpu(_pass(), ops), numpy.concatenate(Xs), None),
    "with_cpu-list": lambda Xs: (api.with_cpu(_pass(), ops), Xs, None),
    "with_reshape": lambda Xs: (api.with_reshape(_linear(Xs)), _padded(Xs).data, None),
    "with_debug": lambda Xs: (api.with_debug(_pass()), Xs[0], None),
    "bidirectional": lambda Xs: (api.bidirectional(_pass()), _padded(Xs), None),
    "uniqued": _uniqued,
    "remap_ids": _ids(api.remap_ids_v2),
    "premap_ids": _ids(api.premap_ids),
    "strings2arrays": lambda Xs: (
        api.strings2arrays(),
        [[f"word{i}" for i in range(len(X))] for X in Xs],
        [],
    ),
    "array_getitem": lambda Xs: (api.array_getitem((slice(0, None), 1)), numpy.concatenate(Xs), None),
    "siamese": _siamese,
    "residual-list": lambda Xs: (api.residual(_pass()), Xs, None),
    "chain": lambda Xs: (api.chain(_pass(), _pass(), _pass()), Xs[0], None),
    "cauchysimilarity": _similarity,
    "map_list": lambda Xs: (api.map_list(_pass()), Xs, None),
    "add": _doubled(api.add, api.add),
    "residual": _doubled(api.residual),
    "concatenate": _doubled(api.concatenate, api.concatenate),
    "tuplify": _doubled(api.tuplify, api.tuplify),
    "attention": _attention(api.ParametricAttention),
    "attention_v2": _attention(api.ParametricAttention_v2),
    "sparselinear": _sparse(api.SparseLinear),
    "sparselinear_v2": _sparse(api.SparseLinear_v2),
}
LAYERS = tuple(_LAYERS)
