"""Training does not grow: objects, blocks and kept bytes are the same after a thousand steps of an MLP or a tagger."""

import gc
import sys
import tracemalloc

import numpy
import pytest

from thinc.api import (
    Adam,
    CategoricalCrossentropy,
    HashEmbed,
    Maxout,
    Relu,
    SequenceCategoricalCrossentropy,
    Softmax,
    chain,
    concatenate,
    expand_window,
    list2ragged,
    ragged2list,
    residual,
    with_array,
)
from thinc.kernels._memory import cached_bytes, clear_cache

STEPS = 1000
RNG = numpy.random.default_rng(0)


def mlp():
    """Batches of two sizes, large enough that the memory of activations is used again."""
    X = [RNG.standard_normal((n, 20), dtype="float32") for n in (96, 64)]
    Y = [RNG.integers(0, 5, len(x)).astype("int32") for x in X]
    model = chain(Relu(64, 20, dropout=0.2), Relu(64, 64, dropout=0.2), Softmax(5, 64)).initialize()
    return model, CategoricalCrossentropy(normalize=True), list(zip(X, Y, strict=True))


def tagger():
    docs = [
        [RNG.integers(0, 900, (n, 2)).astype("uint64") for n in lengths] for lengths in ((9, 30, 41), (7, 25))
    ]
    tags = [[RNG.integers(0, 5, len(doc)).astype("int32") for doc in batch] for batch in docs]
    tables = concatenate(*(HashEmbed(32, 100, column=i, seed=i) for i in range(2)))
    block = residual(chain(expand_window(1), Maxout(32, 96, nP=3, normalize=True, dropout=0.1)))
    model = chain(
        list2ragged(),
        with_array(chain(tables, Maxout(32, 64, nP=3, normalize=True))),
        ragged2list(),
        with_array(block, pad=1),
        with_array(Softmax(5, 32)),
    ).initialize(X=docs[0])
    return model, SequenceCategoricalCrossentropy(normalize=False), list(zip(docs, tags, strict=True))


def trainer(build):
    model, loss, batches = build()
    optimizer = Adam(0.001)

    def step():
        for X, Y in batches:
            guesses, backprop = model.begin_update(X)
            gradient, _ = loss(guesses, Y)
            backprop(gradient)
            model.finish_update(optimizer)

    return step


def counts():
    gc.collect()
    return {
        "objects": len(gc.get_objects()),
        "blocks": sys.getallocatedblocks(),
        "kept bytes": cached_bytes(),
    }


@pytest.mark.parametrize("build", [mlp, tagger])
def test_nothing_grows_in_a_thousand_steps(build):
    step = trainer(build)
    clear_cache()
    for _ in range(20):
        step()
    before = counts()
    for _ in range(STEPS):
        step()
    after = counts()
    # One object or one block left over in every fifth step would be above these.
    assert after["objects"] - before["objects"] < STEPS // 5
    assert after["blocks"] - before["blocks"] < STEPS // 5
    assert after["kept bytes"] == before["kept bytes"] > 0


@pytest.mark.parametrize("build", [mlp, tagger])
def test_the_peak_of_a_step_does_not_grow(build):
    """What a step allocates at most is the same at the start and later on, with no collection in between."""
    step = trainer(build)
    for _ in range(20):
        step()
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        peaks = []
        for _ in range(30):
            tracemalloc.reset_peak()
            start = tracemalloc.get_traced_memory()[0]
            step()
            peaks.append(tracemalloc.get_traced_memory()[1] - start)
    finally:
        tracemalloc.stop()
        gc.enable()
    assert max(peaks[10:]) <= 1.02 * max(peaks[:10])
