"""Threads: one model for many of them, and a model each, give what one thread alone gives."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy
import pytest

from helpers.process import run_python
from thinc.api import (
    Adam,
    CategoricalCrossentropy,
    HashEmbed,
    LayerNorm,
    Linear,
    Maxout,
    NumpyOps,
    Ops,
    Relu,
    Softmax_v2,
    chain,
    concatenate,
    expand_window,
    get_current_ops,
    residual,
    use_ops,
    with_array,
)

THREADS = 8


def make_classifier(seed=0):
    rng = numpy.random.RandomState(seed)
    model = chain(Relu(24), LayerNorm(), Maxout(16, nP=3), Softmax_v2(5))
    model.initialize(X=rng.normal(size=(2, 10)).astype("f"))
    for node in model.walk():
        for name in node.param_names:
            W = node.get_param(name)
            node.set_param(name, rng.normal(size=W.shape, scale=0.3).astype("f"))
    return model


def make_tagger():
    columns = [HashEmbed(8, 50, column=i, seed=i) for i in range(3)]
    window = chain(expand_window(1), Maxout(8, 24, nP=2, normalize=True))
    model = with_array(chain(concatenate(*columns), Maxout(8, nP=2), residual(window), Linear(4)))
    return model.initialize(X=[numpy.zeros((3, 3), "uint64")])


def run_in_threads(work, n=THREADS):
    """Call ``work(i)`` in n threads that all begin at once; their results in order."""
    barrier = threading.Barrier(n)

    def begin(i):
        barrier.wait()
        return work(i)

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(begin, range(n)))


def test_many_threads_predict_on_one_model():
    model = make_classifier()
    inputs = [numpy.random.RandomState(i).normal(size=(i % 40 + 1, 10)).astype("f") for i in range(200)]
    expected = [model.predict(X) for X in inputs]

    def work(i):
        order = numpy.random.RandomState(i).permutation(len(inputs))
        return all(numpy.array_equal(model.predict(inputs[j]), expected[j]) for j in order)

    assert all(run_in_threads(work))


def test_many_threads_predict_on_one_tagger():
    model = make_tagger()
    rng = numpy.random.RandomState(0)
    inputs = [
        [rng.randint(0, 1000, (n, 3)).astype("uint64") for n in rng.randint(0, 20, 6)] for _ in range(40)
    ]
    expected = [model.predict(X) for X in inputs]

    def work(i):
        return all(
            numpy.array_equal(Y, Z)
            for X, Ys in zip(inputs, expected, strict=True)
            for Y, Z in zip(model.predict(X), Ys, strict=True)
        )

    assert all(run_in_threads(work))


def train(seed):
    rng = numpy.random.RandomState(seed)
    model, optimizer, loss = make_classifier(seed), Adam(0.01), CategoricalCrossentropy()
    X, y = rng.normal(size=(300, 10)).astype("f"), rng.randint(0, 5, 300)
    for _ in range(3):
        for Xb, yb in model.ops.multibatch(16, X, y, shuffle=True, seed=seed):
            Yh, backprop = model.begin_update(Xb)
            backprop(loss.get_grad(Yh, yb))
            model.finish_update(optimizer)
    return model.to_bytes()


def test_different_models_train_side_by_side():
    expected = [train(seed) for seed in range(THREADS)]
    assert run_in_threads(train) == expected


def test_predictions_beside_training_of_another_model():
    model = make_classifier(1)
    X = numpy.random.RandomState(3).normal(size=(30, 10)).astype("f")
    expected = model.predict(X)
    alone = train(5)

    def work(i):
        if i % 2:
            return train(5) == alone
        return all(numpy.array_equal(model.predict(X), expected) for _ in range(200))

    assert all(run_in_threads(work))


def test_ops_of_one_context_are_not_those_of_another():
    class Marked(NumpyOps):
        name = "numpy"

    def work(i):
        mine = Marked()
        with use_ops("numpy"):
            for _ in range(100):
                if type(get_current_ops()) is Marked:
                    return False
        from thinc.api import set_current_ops

        set_current_ops(mine)
        return all(get_current_ops() is mine for _ in range(200))

    before = get_current_ops()
    assert all(run_in_threads(work))
    assert get_current_ops() is before


def test_ids_are_unique_across_threads():
    ids = run_in_threads(lambda i: [Linear(1, 1).id for _ in range(200)])
    assert len({i for drawn in ids for i in drawn}) == THREADS * 200


@pytest.mark.parametrize("ops", [NumpyOps(), Ops()], ids=["compiled", "reference"])
def test_kernels_release_and_share_nothing(ops):
    """Products, sums and searches at once on the same input: no scratch memory is shared."""
    rng = numpy.random.RandomState(0)
    A, B = rng.normal(size=(70, 65)).astype("f"), rng.normal(size=(65, 90)).astype("f")
    product, normal = ops.gemm(A, B), ops.softmax(A)
    best, which = ops.maxout(A.reshape(70, 13, 5))

    def work(i):
        for _ in range(100):
            again, chosen = ops.maxout(A.reshape(70, 13, 5))
            if not (
                numpy.array_equal(ops.gemm(A, B), product)
                and numpy.array_equal(ops.softmax(A), normal)
                and numpy.array_equal(again, best)
                and numpy.array_equal(chosen, which)
            ):
                return False
        return True

    assert all(run_in_threads(work))


@pytest.mark.parametrize("method", ["flatten", "pad", "list2padded"])
def test_a_list_that_changes_while_it_is_read(method):
    """Its arrays stay alive until they have been copied, and there is room for them, however the list changes."""
    code = """
import sys, threading
import numpy
from thinc.api import NumpyOps

method = sys.argv[1]
n = 40

def array(i):
    return numpy.full((3000 + i, 64), i, dtype="f")

arrays = [array(i) for i in range(n)]
done = threading.Event()

def change():
    while not done.is_set():
        arrays[:] = []
        arrays[:] = [array(i) for i in range(n)]
        for i in range(n):
            arrays[i] = array(i)

sys.setswitchinterval(1e-5)
thread = threading.Thread(target=change)
thread.start()
ops = NumpyOps()
try:
    for _ in range(60):
        try:
            X = getattr(ops, method)(arrays)
        except (ValueError, IndexError):  # there were none
            continue
        if method != "flatten":
            continue
        start = 0
        while start < len(X):
            i = int(X[start, 0])
            assert (X[start : start + 3000 + i] == i).all(), "the memory of an array that was gone"
            start += 3000 + i
finally:
    done.set()
    thread.join()
print("alive")
"""
    done = run_python("-c", code, method, check=False)
    assert done.stdout == "alive\n", f"{done.returncode} {done.stderr[-2000:]}"
