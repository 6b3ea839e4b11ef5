"""Save small models with the published package, to be loaded by ours.

How the files in ``published/`` were made::

    python -m venv venv && venv/bin/pip install thinc==8.3.14
    venv/bin/python tests/data/make_published_models.py

For each entry of `BUILDERS` there is ``NAME.bin``, what ``to_bytes`` gave, and ``NAME.npz``, the arrays of
the prediction for the entry's sample. The tests import `BUILDERS` to build the same layers.
"""

import pathlib

import numpy

from thinc import api

FOLDER = pathlib.Path(__file__).parent / "published"


def floats(*shape):
    return numpy.random.default_rng(0).normal(size=shape).astype("f")


def word_ids():
    """Three documents with two features for each word."""
    rng = numpy.random.default_rng(1)
    return [rng.integers(0, 2**63, size=(n, 2), dtype="uint64") for n in (3, 1, 4)]


def sequences():
    return [floats(n, 3) for n in (3, 1, 4)]


def mlp():
    return api.chain(api.Relu(4, 3, normalize=True, dropout=0.1), api.Mish(4), api.Softmax(2)), floats(5, 3)


def activations():
    layers = [
        api.Gelu(3, 3),
        api.Swish(3),
        api.HardSwish(3),
        api.ClippedLinear(3),
        api.Sigmoid(3),
        api.Maxout(3, nP=2, normalize=True),
    ]
    return api.chain(*layers), floats(5, 3)


def sums():
    return api.add(api.Linear(3, 3), api.chain(api.LayerNorm(3), api.Linear(3))), floats(5, 3)


def embedding():
    return api.chain(api.Embed(3, 7), api.Linear(2)), numpy.asarray([0, 1, 6, 1], dtype="i")


def encoder():
    """A small convolutional encoder, its features concatenated."""
    features = [api.HashEmbed(3, 11, seed=8 + i, column=i) for i in range(2)]
    embed = api.chain(api.concatenate(*features), api.Maxout(4, nP=2, normalize=True, dropout=0.0))
    window = api.residual(api.chain(api.expand_window(1), api.Maxout(4, 12, nP=2, normalize=True)))
    return api.chain(api.with_array(embed), api.with_array(api.clone(window, 2), pad=2)), word_ids()


def classifier():
    embed = api.with_array(api.HashEmbed(4, 11, seed=5, column=1))
    pooled = api.concatenate(
        api.reduce_sum(), api.reduce_mean(), api.reduce_max(), api.reduce_first(), api.reduce_last()
    )
    output = api.Softmax_v2(2, normalize_outputs=False, temperature=0.5)
    return api.chain(
        api.chain(embed, api.list2ragged()), api.ParametricAttention(4), pooled, output
    ), word_ids()


def attention():
    pooled = api.chain(api.ParametricAttention_v2(key_transform=api.Gelu(3, 3), nO=3), api.reduce_sum())
    return api.with_ragged(pooled), api.Ragged(floats(5, 3), numpy.asarray([2, 0, 3], dtype="i"))


def recurrent():
    return api.with_padded(api.LSTM(4, 3)), sequences()


def sparse():
    keys = numpy.asarray([1, 2**63 + 1, 3, 1], dtype="uint64")
    values = numpy.asarray([1, 0.5, -1, 2], dtype="f")
    return api.SparseLinear_v2(3, length=16), (keys, values, numpy.asarray([3, 0, 1], dtype="i"))


def similarity():
    model = api.siamese(api.Linear(3, 3), api.CauchySimilarity(3))
    return model, (floats(2, 3), -floats(2, 3))


def both_outputs():
    return api.tuplify(api.Linear(2, 3), api.Linear(4, 3)), floats(5, 3)


def bookkeeping():
    """What the layers do not use: attributes of every kind, references, unset dims and params."""

    def forward(model, X, is_train):
        return X, lambda dY: dY

    attrs = {
        "int": 2**40,
        "float": 0.1,
        "text": "ä",
        "none": None,
        "list": [1, [2.5, "x"], {"k": b"bytes"}],
        "array": floats(2, 2),
        "scalar": numpy.float32(0.5),
        "dropped": {1},
    }
    leaf = api.Model(
        "leaf", forward, dims={"nO": None, "nI": 0}, params={"W": floats(2), "b": None}, attrs=attrs
    )
    second = api.Model(
        "second", forward, layers=[leaf], params={"i": numpy.arange(3), "d": floats(2, 2).astype("d")}
    )
    model = api.Model("root", forward, layers=[leaf, second, leaf], refs={"leaf": leaf, "unset": None})
    model.set_ref("self", model)
    return model, floats(1, 1)


BUILDERS = {
    f.__name__: f
    for f in (
        mlp,
        activations,
        sums,
        embedding,
        encoder,
        classifier,
        attention,
        recurrent,
        sparse,
        similarity,
        both_outputs,
        bookkeeping,
    )
}


def arrays_of(Y):
    """Every array of an output."""
    if isinstance(Y, (list, tuple)):
        return [array for item in Y for array in arrays_of(item)]
    return [Y.data, Y.lengths] if isinstance(Y, api.Ragged) else [numpy.asarray(Y)]


def randomize(model):
    """Fill the parameters that start as zeros or ones, so that mixing them up shows."""
    rng = numpy.random.default_rng(2)
    for node in model.walk():
        for name in node.param_names:
            if node.has_param(name):
                W = node.get_param(name)
                node.set_param(name, (W + rng.normal(size=W.shape, scale=0.5)).astype(W.dtype))


def main():
    FOLDER.mkdir(exist_ok=True)
    for name, build in BUILDERS.items():
        api.fix_random_seed(0)
        model, X = build()
        if name != "bookkeeping":
            model.initialize(X=X)
            randomize(model)
        (FOLDER / f"{name}.bin").write_bytes(model.to_bytes())
        numpy.savez_compressed(FOLDER / f"{name}.npz", *arrays_of(model.predict(X)))


if __name__ == "__main__":
    main()
