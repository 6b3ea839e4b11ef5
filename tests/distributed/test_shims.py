"""Networks of other frameworks on several workers: the parameters of rank 0, and averages of the gradients."""

import warnings

import numpy
import pytest

from helpers.workers import run_all
from thinc import compat
from thinc.api import (
    Adam,
    JAXWrapper,
    Linear,
    PyTorchWrapper,
    Relu,
    TensorFlowWrapper,
    chain,
    enable_tensorflow,
)
from thinc.distributed import prepare_model, prepare_optimizer, shard
from thinc.optimizers import Optimizer

N, BATCH = 48, 12


def make_pytorch(seed):
    torch = compat.torch
    torch.manual_seed(seed)
    frozen = torch.nn.Linear(6, 6)
    frozen.requires_grad_(False)
    return PyTorchWrapper(torch.nn.Sequential(torch.nn.Linear(5, 6), torch.nn.ReLU(), frozen))


def make_jax(seed):
    rng = numpy.random.default_rng(seed)
    params = {"W": rng.normal(size=(5, 6)).astype("f"), "b": numpy.zeros(6, "f"), "step": numpy.array(seed)}

    def apply(params, X):
        return X @ params["W"] + params["b"]

    return JAXWrapper(apply, params)


def make_tensorflow(seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        enable_tensorflow()
    keras = compat.tensorflow.keras
    keras.utils.set_random_seed(seed)
    network = keras.Sequential([keras.layers.Input((5,)), keras.layers.Dense(7), keras.layers.Dense(6)])
    return TensorFlowWrapper(network)


MAKERS = {"torch": make_pytorch, "jax": make_jax, "tensorflow": make_tensorflow}


@pytest.fixture(params=MAKERS)
def make(request):
    pytest.importorskip(request.param)
    maker = MAKERS[request.param]

    def make(seed):
        rng = numpy.random.default_rng(seed)
        first = Relu(5, 4, init_W=lambda ops, shape: rng.normal(size=shape).astype("f"))
        return chain(first.initialize(), maker(seed), Linear(2, 6).initialize())

    return make


def make_data():
    rng = numpy.random.default_rng(0)
    return rng.normal(size=(N, 4)).astype("f"), rng.normal(size=(N, 2)).astype("f")


def train(model, optimizer, X, Y, size):
    for _ in range(5):
        for x, y in model.ops.multibatch(size, X, Y):
            Yh, backprop = model.begin_update(x)
            backprop((Yh - y) / len(x))
            model.finish_update(optimizer)


def test_same_results_as_one_worker(make):
    X, Y = make_data()
    single = make(0)
    single.layers[2].set_param("W", numpy.ones((2, 6), "f"))
    models = [single.copy(), make(1)]
    train(single, Adam(0.01), X, Y, BATCH)

    def work(ring):
        model = prepare_model(models[ring.rank], ring)
        optimizer = prepare_optimizer(Adam(0.01), model, ring)
        train(model, optimizer, *shard(X, Y, communicator=ring), BATCH // 2)
        return model.predict(X)

    results = run_all(2, work)
    assert (results[0] == results[1]).all()
    numpy.testing.assert_allclose(results[0], single.predict(X), rtol=1e-4, atol=1e-5)


def test_gradient_of_one_worker_only(make):
    models = [make(seed) for seed in range(2)]
    X, _ = make_data()

    def work(ring):
        model = prepare_model(models[ring.rank], ring)
        optimizer = prepare_optimizer(Adam(0.01), model, ring)
        _, backprop = model.begin_update(X)
        if ring.rank:
            backprop(numpy.ones((N, 2), "f"))
        before = model.predict(X)
        model.finish_update(optimizer)
        assert (model.predict(X) != before).any()
        return model.predict(X)

    first, second = run_all(2, work)
    assert (first == second).all()


def test_nothing_is_changed_by_gradients_that_are_not_finite(make):
    models = [make(seed) for seed in range(2)]
    X, _ = make_data()

    def work(ring):
        model = prepare_model(models[ring.rank], ring)
        optimizer = prepare_optimizer(Optimizer(0.01, on_nonfinite="raise"), model, ring)
        _, backprop = model.begin_update(X)
        backprop(numpy.full((N, 2), [1, numpy.nan][ring.rank], "f"))
        before = model.predict(X)
        with pytest.raises(FloatingPointError, match="over 2 workers"):
            model.finish_update(optimizer)
        assert (model.predict(X) == before).all() and not optimizer.nr_update

    run_all(2, work)


def test_different_networks_are_an_error(make):
    models = [make(0), chain(Relu(5, 4).initialize(), Relu(6, 5).initialize(), Linear(2, 6).initialize())]

    def work(ring):
        with pytest.raises(ValueError, match="those of 1 of them differ"):
            prepare_model(models[ring.rank], ring)

    run_all(2, work)
