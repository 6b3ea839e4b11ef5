"""Repeats a piece of work many times and prints how many bytes and blocks are left over, as JSON.

Arguments: the name of the work, and how often. Python's allocations are counted by tracemalloc and by its number
of blocks, the C library's by its own statistics (NULL where it has none).
"""

import ctypes
import gc
import itertools
import json
import sys
import tracemalloc

import numpy

from thinc.api import (
    Adam,
    Config,
    HashEmbed,
    LayerNorm,
    Linear,
    Maxout,
    NumpyOps,
    Relu,
    Softmax_v2,
    chain,
    list2ragged,
    reduce_mean,
    with_array,
)
from thinc.kernels._memory import clear_cache

# The fields of the C library's `struct mallinfo2`.
MALLINFO2 = ["arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks"]
MALLINFO2 += ["keepcost"]


def make_trainer():
    """A step of a small classifier of sequences, over most of the kernels."""
    tokens = with_array(chain(HashEmbed(8, 40, column=0), Maxout(8, nP=2), LayerNorm()))
    model = chain(tokens, list2ragged(), reduce_mean(), Relu(8, dropout=0.2), Softmax_v2(3))
    X = [numpy.arange(3 * n, dtype="uint64").reshape(n, 3) for n in (3, 1, 4)]
    model.initialize(X=X)
    optimizer = Adam(0.001)

    def step():
        Yh, backprop = model.begin_update(X)
        backprop(Yh - 1 / 3)
        model.finish_update(optimizer)

    return step


def make_saver():
    model = chain(Relu(4, 3), Linear(2, 4)).initialize()
    optimizer = Adam()
    for node in model.walk():
        for name in node.param_names:
            optimizer((node.id, name), node.get_param(name), node.get_param(name) * 0 + 1)
    config = Config({"a": {"b": 1}})
    rounds = itertools.count()

    def save_and_load():
        if next(rounds) % 20 == 0:  # parsing text takes by far the longest
            config.from_bytes(config.to_bytes())
        model.from_bytes(model.to_bytes())
        optimizer.from_bytes(optimizer.to_bytes(model), model)

    return save_and_load


def make_failer():
    ops, model, optimizer = NumpyOps(), Linear(2, 3).initialize(), Adam()
    X, narrow = numpy.ones((4, 5), "f"), numpy.ones((2, 2), "f")
    data = model.to_bytes()
    calls = [
        lambda: model.predict(X),
        lambda: ops.gemm(X, narrow),
        lambda: ops.seq2col(X, -1),
        lambda: ops.reduce_sum(X, numpy.array([9], "i")),
        lambda: optimizer("k", X, narrow),
        lambda: model.from_bytes(data[:-5]),
        lambda: ops.minibatch(0, X),
        lambda: ops.maxout(X),
    ]

    def fail():
        for call in calls:
            try:
                call()
            except (AssertionError, IndexError, TypeError, ValueError):
                continue
            raise SystemExit("a call that was to fail did not")

    return fail


def native_bytes():
    """Bytes that the C library has given out, or None if it does not tell."""

    class Mallinfo2(ctypes.Structure):
        _fields_ = [(name, ctypes.c_size_t) for name in MALLINFO2]

    mallinfo2 = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if mallinfo2 is None:
        return None
    mallinfo2.restype = Mallinfo2
    info = mallinfo2()
    return info.uordblks + info.hblkhd


def count():
    gc.collect()
    clear_cache()
    return {"python blocks": sys.getallocatedblocks(), "native bytes": native_bytes()}


def main(name, n):
    """All rounds are counted in blocks; the last tenth also in bytes, for tracemalloc is slow."""
    work = {"steps": make_trainer, "saves": make_saver, "failures": make_failer}[name]()
    for _ in range(400):
        work()
    before = count()
    for _ in range(n - n // 10):
        work()
    after = count()
    tracemalloc.start()
    work()
    gc.collect()
    traced = tracemalloc.get_traced_memory()[0]
    for _ in range(n // 10):
        work()
    gc.collect()
    left = {key: None if after[key] is None else after[key] - before[key] for key in after}
    print(json.dumps({**left, "python bytes": tracemalloc.get_traced_memory()[0] - traced}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
