"""Training and predicting in thinc's public API, run by our package and by the published one."""

from __future__ import annotations

import inspect
import itertools
from typing import Any

import numpy

from thinc import api

from . import data
from .base import Work

WITHOUT_INPUT_GRADIENT = (
    {"input_gradient": False}
    if "input_gradient" in inspect.signature(api.Model.begin_update).parameters
    else {}
)


def begin_update(model: api.Model, X):
    """As a training loop does it that has no use for the gradient of X; the published package always computes it."""
    return model.begin_update(X, **WITHOUT_INPUT_GRADIENT)


def adam(n: int) -> Work:
    """L2 as weight decay, clipping by norm; the gradient is zeroed."""
    g = data.floats(n, seed=1)
    gradient = g.copy()

    def make():
        return api.Adam(data.LEARN_RATE, L2=data.L2, grad_clip=data.GRAD_CLIP, use_averages=False)

    def check():
        w, optimizer = data.floats(n), make()
        for _ in range(3):
            w, _ = optimizer((1, "W"), w, g.copy())
        return [w]

    w, optimizer = data.floats(n), make()

    def prepare():
        gradient[:] = g

    return Work(lambda: optimizer((0, "W"), w, gradient), prepare, check)


def adam_many() -> Work:
    """36 parameters of one model, with averaged weights, no clipping and no L2."""
    gradients = [data.floats(*shape, seed=i) for i, shape in enumerate(data.mixed_shapes())]

    def make():
        params = {str(i): data.floats(*g.shape, seed=100 + i) for i, g in enumerate(gradients)}
        model = api.Model("many", lambda model, X, is_train: (X, lambda dY: dY), params=params)
        for i, g in enumerate(gradients):
            model.set_grad(str(i), g.copy())
        return model, api.Adam(data.LEARN_RATE, L2=0.0, grad_clip=0.0, use_averages=True)

    def refill(model):
        for i, g in enumerate(gradients):
            model.get_grad(str(i))[...] = g

    def check():
        model, optimizer = make()
        for _ in range(3):
            refill(model)
            model.finish_update(optimizer)
        return [model.get_param(str(i)) for i in range(len(gradients))]

    model, optimizer = make()
    return Work(lambda: model.finish_update(optimizer), lambda: refill(model), check)


def multibatch(n: int, width: int, size: int) -> Work:
    X, Y = data.floats(n, width), data.labels(n, 10)
    batches = api.NumpyOps().multibatch(size, X, Y, shuffle=True)

    def run():
        for _ in batches:
            pass

    def check():
        numpy.random.seed(0)
        return [x[:, 0] for x, _ in batches]

    return Work(run, check=check)


def layernorm(direction: str, n: int, width: int) -> Work:
    X, dY = data.floats(n, width), data.floats(n, width, seed=1)
    model = api.LayerNorm(width)
    model.initialize()
    if direction == "forward":
        return Work(lambda: model.predict(X), check=lambda: [model.predict(X)])
    _, backprop = model(X, is_train=True)
    return Work(lambda: backprop(dY), check=lambda: [backprop(dY)])


def _mlp(*widths: int, dropout: float | None) -> api.Model:
    numpy.random.seed(0)
    hidden = [api.Relu(nO, nI, dropout=dropout) for nI, nO in itertools.pairwise(widths[:-1])]
    model = api.chain(*hidden, api.Softmax(widths[-1], widths[-2]))
    model.initialize()
    return model


def mlp_train(n_batches: int = 20) -> Work:
    X, Y = data.mlp_batches(n_batches)
    loss = api.CategoricalCrossentropy(normalize=True)

    def make(dropout):
        optimizer = api.Adam(data.LEARN_RATE, L2=0.0, grad_clip=0.0, use_averages=False)
        return _mlp(*data.MLP_WIDTHS, dropout=dropout), optimizer

    def epoch(model, optimizer):
        for x, y in zip(X, Y, strict=True):
            guesses, backprop = begin_update(model, x)
            gradient, _ = loss(guesses, y)
            backprop(gradient)
            model.finish_update(optimizer)

    def check():  # without dropout: the streams of random numbers differ
        model, optimizer = make(0.0)
        epoch(model, optimizer)
        return [model.predict(X[0])]

    model, optimizer = make(data.DROPOUT)
    return Work(lambda: epoch(model, optimizer), check=check)


def mlp_predict(*widths: int) -> Work:
    model, X = _mlp(*widths, dropout=None), data.floats(1, widths[0])
    return Work(lambda: model.predict(X), check=lambda: [model.predict(X)])


def mlp_step(rows: int, width: int) -> Work:
    """One step of training, on rows so few that the calls cost more than the arithmetic."""
    X, dY = data.floats(rows, width), data.floats(rows, width, seed=1)

    def make():
        numpy.random.seed(0)
        layers = [api.Relu(width, width), api.Relu(width, width), api.Linear(width, width)]
        model = api.chain(*layers)
        model.initialize()
        return model, api.Adam(data.LEARN_RATE, L2=0.0, grad_clip=0.0, use_averages=False)

    def step(model, optimizer):
        _, backprop = begin_update(model, X)
        backprop(dY)
        model.finish_update(optimizer)

    def check():
        model, optimizer = make()
        for _ in range(3):
            step(model, optimizer)
        return [model.predict(X)]

    model, optimizer = make()
    return Work(lambda: step(model, optimizer), check=check)


def lstm(passes: str, nO: int, nI: int, n: int, shortest: int, longest: int) -> Work:
    """Prediction, the forward pass in training, or both passes, over a padded batch."""
    ops = api.NumpyOps()
    Xp = ops.list2padded(data.sequences(n, shortest, longest, nI))
    model = api.LSTM(nO, nI)
    model.initialize()
    model.set_param("LSTM", 0.1 * data.floats(model.get_param("LSTM").size))
    dY = api.Padded(data.floats(*Xp.data.shape[:2], nO, seed=1), Xp.size_at_t, Xp.lengths, Xp.indices)

    def both():
        Yp, backprop = model(Xp, True)
        backprop(dY)
        return [Yp.data]  # not the gradients: those of the published one are wrong

    run = {
        "predict": lambda: [model.predict(Xp).data],
        "forward": lambda: [model(Xp, True)[0].data],
        "both": both,
    }[passes]
    return Work(run, check=run)


def gru(passes: str, nO: int, nI: int, n: int, shortest: int, longest: int) -> Work:
    """Prediction or both passes, over a padded batch."""
    ops = api.NumpyOps()
    Xp = ops.list2padded(data.sequences(n, shortest, longest, nI))
    model = api.GRU(nO, nI)
    model.initialize()
    model.set_param("GRU", 0.1 * data.floats(model.get_param("GRU").size))
    dY = api.Padded(data.floats(*Xp.data.shape[:2], nO, seed=1), Xp.size_at_t, Xp.lengths, Xp.indices)
    return _passes(model, Xp, dY, passes)


def attention(passes: str, n: int, width: int, heads: int) -> Work:
    """Prediction or both passes, over one sequence."""
    return _on_sequence(api.MultiHeadAttention(width, width, nH=heads), passes, n, width)


def block(passes: str, n: int, width: int, heads: int) -> Work:
    """The same, with the dense network behind it."""
    return _on_sequence(api.TransformerBlock(width, nH=heads, activation="relu"), passes, n, width)


def _on_sequence(model: api.Model, passes: str, n: int, width: int) -> Work:
    ops = api.NumpyOps()
    X, dY = (api.Ragged(data.floats(n, width, seed=seed), ops.asarray1i([n])) for seed in (0, 1))
    model.initialize()
    return _passes(model, X, dY, passes)


def _passes(model: api.Model, X: Any, dY: Any, passes: str) -> Work:
    def both():
        for node in model.walk():
            for name in node.grad_names:
                node.get_grad(name)[...] = 0
        model(X, True)[1](dY)

    return Work(both if passes == "both" else lambda: model.predict(X))


def _tagger(docs: list) -> api.Model:
    numpy.random.seed(0)
    width, pieces, depth = data.TAGGER_WIDTH, data.TAGGER_PIECES, data.TAGGER_DEPTH
    tables = [api.HashEmbed(width, rows, seed=i, column=i) for i, rows in enumerate(data.TAGGER_TABLES)]
    embed = api.chain(api.concatenate(*tables), api.Maxout(width, 4 * width, nP=pieces, normalize=True))
    block = api.chain(api.expand_window(1), api.Maxout(width, 3 * width, nP=pieces, normalize=True))
    encode = api.clone(api.residual(block), depth)
    model = api.chain(
        api.list2ragged(),
        api.with_array(embed),
        api.ragged2list(),
        api.with_array(encode, pad=depth),
        api.with_array(api.Softmax(data.TAGGER_TAGS, width)),
    )
    model.initialize(X=docs[:4])
    return model


def tagger_train() -> Work:
    docs, tags = data.documents()
    loss = api.SequenceCategoricalCrossentropy(normalize=False)

    def make():
        return _tagger(docs), api.Adam(data.LEARN_RATE, L2=0.0, grad_clip=0.0, use_averages=False)

    def step(model, optimizer):
        guesses, backprop = begin_update(model, docs)
        gradient, _ = loss(guesses, tags)
        backprop(gradient)
        model.finish_update(optimizer)

    def check():
        model, optimizer = make()
        for _ in range(3):
            step(model, optimizer)
        return [numpy.concatenate(model.predict(docs))]

    model, optimizer = make()
    return Work(lambda: step(model, optimizer), check=check)


def tagger_predict() -> Work:
    docs, _ = data.documents()
    model = _tagger(docs)
    return Work(lambda: model.predict(docs), check=lambda: [numpy.concatenate(model.predict(docs))])
