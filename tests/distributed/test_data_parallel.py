"""Several workers with a share of each batch get the weights of one worker with the whole batches."""

import numpy
import pytest

from helpers.workers import run_all, run_workers
from thinc.api import (
    SGD,
    Adam,
    AdamW,
    LayerNorm,
    Linear,
    Maxout,
    Model,
    MomentumSGD,
    RAdam,
    Relu,
    Softmax_v2,
    chain,
    fix_random_seed,
    load_checkpoint,
    save_checkpoint,
    warmup_linear,
)
from thinc.distributed import DataParallelOptimizer, prepare_model, prepare_optimizer, shard, use_communicator
from thinc.distributed.buckets import average_, plan_buckets
from thinc.distributed.parameters import digest_parameters, parameters_of
from thinc.optimizers import Optimizer

N, BATCH = 240, 24
OPTIMIZERS = {
    "Adam": lambda: Adam(warmup_linear(0.01, 20, 400), L2=1e-3),
    "RAdam": lambda: RAdam(0.01, grad_clip=0.05),  # clips in every step
    "SGD": lambda: SGD(0.1, L2=1e-3, use_averages=True),
    "AdamW": lambda: AdamW(
        warmup_linear(0.01, 20, 400),
        L2=0.1,
        grad_clip=0.05,
        clip="global",
        use_averages=True,
        groups={"*.b": {"L2": 0.0}, "relu": {"lr_scale": 0.5}},
    ),
    "MomentumSGD": lambda: MomentumSGD(0.01, nesterov=True, use_averages=True),
}


def make_data():
    rng = numpy.random.default_rng(0)
    X = rng.normal(size=(N, 9)).astype("f")
    return X, numpy.eye(4, dtype="f")[rng.integers(0, 4, N)]


def make_model(seed=0):
    fix_random_seed(seed)
    X, Y = make_data()
    return chain(Maxout(16, nP=2), LayerNorm(), Relu(12), Softmax_v2(4)).initialize(X=X, Y=Y)


def weights_of(model):
    return [array.copy() for _, _, array in parameters_of(model)]


def train(model, optimizer, X, Y, size, epochs):
    """Train without shuffling; return the fingerprints of the weights after each update."""
    digests = []
    for _ in range(epochs):
        for x, y in model.ops.multibatch(size, X, Y):
            Yh, backprop = model.begin_update(x)
            backprop((Yh - y) / len(x))
            model.finish_update(optimizer)
            optimizer.step_schedules()
            digests.append(digest_parameters(model))
    return digests


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("world_size, bucket_bytes", [(2, 2**22), (3, 200), (4, 1)])
def test_same_weights_as_one_worker(name, world_size, bucket_bytes):
    single = make_model()
    optimizer = OPTIMIZERS[name]()
    train(single, optimizer, *make_data(), BATCH, 20)  # 200 updates
    models = [make_model(seed) for seed in range(world_size)]

    def work(ring):
        with use_communicator(ring):
            model = prepare_model(models[ring.rank], bucket_bytes=bucket_bytes)
            optimizer = prepare_optimizer(OPTIMIZERS[name](), model, bucket_bytes=bucket_bytes)
            digests = train(model, optimizer, *shard(*make_data()), BATCH // world_size, 20)
        averages = [optimizer.averages[node.id, name] for node, name, _ in parameters_of(model)]
        return digests, weights_of(model), averages

    results = run_all(world_size, work)
    assert len({tuple(digests) for digests, *_ in results}) == 1
    assert len(set(results[0][0])) == 200
    for W, expected in zip(results[0][1], weights_of(single), strict=True):
        numpy.testing.assert_allclose(W, expected, rtol=1e-5, atol=1e-5)
    expected = [optimizer.averages[node.id, name] for node, name, _ in parameters_of(single)]
    for average, other in zip(results[0][2], expected, strict=True):
        numpy.testing.assert_allclose(average, other, rtol=1e-5, atol=1e-5)


def test_losses_that_are_sums():
    X, Y = make_data()
    single = make_model()
    models = [make_model() for _ in range(3)]
    Yh, backprop = single.begin_update(X)
    backprop(Yh - Y)
    single.finish_update(SGD(0.001, grad_clip=0.0))

    def work(ring):
        model = models[ring.rank]
        optimizer = prepare_optimizer(SGD(0.001, grad_clip=0.0), model, ring, reduction="sum")
        x, y = shard(X, Y, communicator=ring)
        Yh, backprop = model.begin_update(x)
        backprop(Yh - y)
        model.finish_update(optimizer)

    run_all(3, work)
    for W, expected in zip(weights_of(models[2]), weights_of(single), strict=True):
        numpy.testing.assert_allclose(W, expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="expected 'mean' or 'sum'"):
        prepare_optimizer(Adam(), single, reduction="max")


def test_prepare_model_gives_all_the_parameters_of_rank_0():
    models = [make_model(seed) for seed in range(3)]
    expected = digest_parameters(models[0])
    assert digest_parameters(models[1]) != expected
    run_all(3, lambda ring: prepare_model(models[ring.rank], ring, bucket_bytes=100))
    assert [digest_parameters(model) for model in models] == [expected] * 3


def test_different_architectures_are_an_error_everywhere():
    models = [Linear(2, 3).initialize(), Linear(2, 3).initialize(), Linear(3, 2).initialize()]
    before = [digest_parameters(model) for model in models]
    for prepare in (prepare_model, lambda model, ring: prepare_optimizer(Adam(), model, ring)):
        for err in run_workers(3, lambda ring, prepare=prepare: prepare(models[ring.rank], ring)):
            assert isinstance(err, ValueError) and "those of 1 of them differ" in str(err)
    assert [digest_parameters(model) for model in models] == before


def forward_first(model, X, is_train):
    """Use one of two layers, depending on the data: the other has no gradient."""
    Y, backprop = model.layers[int(X[0, 0] > 0)](X, is_train)
    return Y, backprop


def test_gradients_that_only_some_workers_have():
    models = [Model("either", forward_first, layers=[Linear(2, 2), Linear(2, 2)]) for _ in range(3)]
    unused = Linear(2, 2).initialize()
    for model in models:
        for layer in model.layers:
            layer.initialize()
        model.layers.append(unused.copy())
    inputs = [numpy.full((1, 2), sign, dtype="f") for sign in (1, -1, 1)]
    start = weights_of(models[0])

    def work(ring):
        model = prepare_model(models[ring.rank], ring)
        optimizer = prepare_optimizer(SGD(1.0, grad_clip=0.0), model, ring)
        _, backprop = model.begin_update(inputs[ring.rank])
        backprop(numpy.ones((1, 2), dtype="f"))
        model.finish_update(optimizer)
        return weights_of(model), sorted(optimizer.nr_update.values())

    results = run_all(3, work)
    for weights, counts in results:
        assert counts == [1, 1, 1, 1]  # not those of the layer that nobody used
        for W, first, share in zip(weights, start, (-1 / 3, 1 / 3, 2 / 3, 2 / 3, 0, 0), strict=True):
            numpy.testing.assert_allclose(W, first - share, rtol=1e-6)


def test_gradient_accumulation_and_directions():
    """Several backward passes before an update, gradients laid out in any way."""
    models = [make_model() for _ in range(2)]
    single = make_model()
    X, Y = make_data()
    for i in range(4):
        Yh, backprop = single.begin_update(X[i * 8 : i * 8 + 8])
        backprop((Yh - Y[i * 8 : i * 8 + 8]) / 16)
    single.finish_update(SGD(0.1))

    def work(ring):
        model = models[ring.rank]
        for i in (0, 2):
            rows = slice((i + ring.rank) * 8, (i + ring.rank) * 8 + 8)
            Yh, backprop = model.begin_update(X[rows])
            backprop((Yh - Y[rows]) / 8)
        node, name, _ = parameters_of(model)[0]
        node.set_grad(name, numpy.asfortranarray(node.get_grad(name)))
        model.finish_update(prepare_optimizer(SGD(0.1), model, ring))

    run_all(2, work)
    for W, expected in zip(weights_of(models[1]), weights_of(single), strict=True):
        numpy.testing.assert_allclose(W, expected, rtol=1e-5, atol=1e-6)


def test_one_worker_is_as_without():
    models = [make_model(), make_model()]
    optimizers = [OPTIMIZERS["Adam"](), OPTIMIZERS["Adam"]()]
    prepared = prepare_optimizer(optimizers[1], prepare_model(models[1]))
    data = shard(*make_data())
    assert (data[0] == make_data()[0]).all()
    digests = [train(models[i], o, *data, BATCH, 2) for i, o in enumerate((optimizers[0], prepared))]
    assert digests[0] == digests[1]


def test_state_goes_over_and_can_be_saved(tmp_path):
    model = make_model()
    optimizer = OPTIMIZERS["Adam"]()
    train(model, optimizer, *make_data(), BATCH, 1)
    prepared = prepare_optimizer(optimizer, model)
    assert prepared.mom1 is optimizer.mom1 and prepared.learn_rate == optimizer.learn_rate
    save_checkpoint(tmp_path / "run", model, prepared)
    other = make_model(1)
    again = prepare_optimizer(OPTIMIZERS["Adam"](), other)
    load_checkpoint(tmp_path / "run", other, again)
    assert train(model, prepared, *make_data(), BATCH, 1) == train(other, again, *make_data(), BATCH, 1)


def test_worker_that_fails_stops_the_others_before_the_update():
    models = [make_model() for _ in range(3)]
    before = digest_parameters(models[0])

    def work(ring):
        model = models[ring.rank]
        optimizer = prepare_optimizer(Adam(), model, ring)
        if ring.rank == 2:
            raise KeyError("bug")
        Yh, backprop = model.begin_update(make_data()[0])
        backprop(Yh)
        model.finish_update(optimizer)

    errors = run_workers(3, work)
    assert [type(err) for err in errors] == [ConnectionError, ConnectionError, KeyError]
    assert digest_parameters(models[0]) == digest_parameters(models[1]) == before


@pytest.mark.parametrize("bad", [numpy.nan, numpy.inf])
def test_gradient_that_is_not_finite_is_skipped_everywhere(bad):
    models = [Linear(2, 2).initialize() for _ in range(2)]

    def work(ring):
        model = prepare_model(models[ring.rank], ring)
        before = weights_of(model)
        optimizer = prepare_optimizer(Optimizer(0.1, on_nonfinite="skip"), model, ring)
        _, backprop = model.begin_update(numpy.full((1, 2), [1.0, bad][ring.rank], dtype="f"))
        backprop(numpy.ones((1, 2), dtype="f"))
        model.finish_update(optimizer)
        kept = [(old == W).all() for W, old in zip(weights_of(model), before, strict=True)]
        return kept, list(optimizer.nr_skipped.values()), list(optimizer.nr_update.values())

    # W, whose gradient has the NaN, and b
    assert run_all(2, work) == [([True, False], [1], [1])] * 2


def test_gradient_that_is_not_finite_is_an_error_everywhere():
    models = [make_model() for _ in range(3)]
    X, Y = make_data()

    def work(ring):
        model = prepare_model(models[ring.rank], ring)
        settings = {"use_averages": True, "on_nonfinite": "raise"}
        optimizer = prepare_optimizer(Optimizer(0.01, **settings), model, ring)
        train(model, optimizer, X[:BATCH], Y[:BATCH], BATCH, 1)
        before = digest_parameters(model), optimizer.to_bytes(model)
        Yh, backprop = model.begin_update(X[:BATCH])
        backprop((Yh - Y[:BATCH]) / BATCH)
        if ring.rank == 1:
            model.layers[-1].get_grad("W")[0, 0] = numpy.nan
        with pytest.raises(FloatingPointError, match="over 3 workers"):
            model.finish_update(optimizer)
        assert (digest_parameters(model), optimizer.to_bytes(model)) == before
        for node, name, _ in parameters_of(model):
            node.set_grad(name, node.ops.xp.zeros_like(node.get_param(name)))
        train(model, optimizer, X[:BATCH], Y[:BATCH], BATCH, 1)  # all can go on
        return digest_parameters(model)

    assert len(set(run_all(3, work))) == 1


def test_bad_use():
    class Own(Optimizer):
        def __call__(self, key, weights, gradient, *, lr_scale=1.0):
            return weights, gradient

    for bad in (Own(0.1), lambda key, W, dW: (W, dW), None):
        with pytest.raises(TypeError, match="expected thinc's Optimizer"):
            prepare_optimizer(bad, make_model())

    def work(ring):
        model, other = Linear(2, 2).initialize(), Linear(2, 2).initialize()
        optimizer = prepare_optimizer(Adam(), model, ring)
        _, backprop = other.begin_update(numpy.ones((1, 2), dtype="f"))
        backprop(numpy.ones((1, 2), dtype="f"))
        with pytest.raises(ValueError, match="is not in the tree of model 'linear'"):
            other.finish_update(optimizer)
        assert isinstance(optimizer, DataParallelOptimizer)

    run_all(2, work)


def test_buckets():
    assert plan_buckets([], []) == []
    shapes = [(10,), (2, 5), (100,), (1,), (1,), (0,)]
    f, d = numpy.dtype("f4"), numpy.dtype("f8")
    assert plan_buckets(shapes, [f] * 6, 80) == [[0, 1], [2], [3, 4, 5]]
    assert plan_buckets(shapes, [f, f, f, f, d, d], 10**6) == [[0, 1, 2, 3], [4, 5]]
    assert plan_buckets(shapes, [f] * 6, 1) == [[0], [1], [2], [3], [4], [5]]


@pytest.mark.parametrize("bucket_bytes", [1, 64, 2**20])
def test_average(bucket_bytes):
    rng = numpy.random.default_rng(1)
    shapes = [(3, 4), (5,), (), (0, 3), (2, 3, 4), (1,)]
    data = [[rng.normal(size=shape) for shape in shapes] for _ in range(3)]

    def work(ring):
        arrays = [
            numpy.array(array, dtype="f8" if i < 2 else "f4", order="F")
            for i, array in enumerate(data[ring.rank])
        ]
        average_(arrays, ring, bucket_bytes)
        return arrays

    for arrays in run_all(3, work):
        for i, array in enumerate(arrays):
            expected = numpy.mean([data[rank][i] for rank in range(3)], axis=0)
            numpy.testing.assert_allclose(array, expected, rtol=1e-5, atol=1e-6)


def test_shim_without_gradients_is_refused():
    from thinc.shims import Shim

    model = Model("foreign", lambda model, X, is_train: (X, lambda dY: dY), shims=[Shim(None)])
    assert prepare_model(model) is model  # alone
    for err in run_workers(2, lambda ring: prepare_model(model, ring)):
        assert isinstance(err, NotImplementedError) and "['foreign'] do not define get_gradients" in str(err)
