"""What the training guide promises, item by item, as a user would write it."""

import itertools

import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import thinc
from thinc.api import (
    Adam,
    CategoricalCrossentropy,
    Config,
    Dropout,
    L2Distance,
    Model,
    Optimizer,
    Relu,
    Softmax,
    chain,
    compounding,
    registry,
)
from thinc.types import SizedGenerator

N, WIDTH, CLASSES = 500, 8, 3


@pytest.fixture
def data():
    """A problem that a small network learns: which of three directions a point lies in."""
    rng = numpy.random.default_rng(0)
    centres = rng.normal(size=(CLASSES, WIDTH)) * 2
    labels = rng.integers(0, CLASSES, N)
    X = (centres[labels] + rng.normal(size=(N, WIDTH))).astype("float32")
    return X, numpy.eye(CLASSES, dtype="float32")[labels]


@pytest.fixture
def model(data):
    thinc.util.fix_random_seed(0)
    model = chain(Relu(nO=16, dropout=0.1), Softmax())
    return model.initialize(X=data[0][:10], Y=data[1][:10])


def accuracy(model, X, Y):
    return (model.predict(X).argmax(axis=1) == Y.argmax(axis=1)).mean()


# --- overview, training loop


def test_item_1_utilities_for_training_exist():
    for name in ("minibatch", "multibatch"):
        assert callable(getattr(thinc.api.get_current_ops(), name))
    for name in ("compounding", "CategoricalCrossentropy", "glorot_uniform_init"):
        assert callable(getattr(thinc.api, name))


def test_item_2_begin_update_gives_predictions_and_backprop(model, data):
    X, Y = data
    predictions, backprop = model.begin_update(X)
    assert predictions.shape == Y.shape
    assert not any(node.has_grad("W") for node in model.walk() if node.has_param("W"))
    backprop(predictions - Y)
    assert all(node.has_grad("W") for node in model.walk() if node.has_param("W"))
    assert model.layers[-1].get_grad("W").any()


def test_item_3_finish_update_changes_the_weights(model, data):
    X, Y = data
    before = model.to_bytes()
    predictions, backprop = model.begin_update(X)
    backprop(predictions - Y)
    assert model.to_bytes() == before
    model.finish_update(Adam(0.01))
    assert model.to_bytes() != before


def test_item_4_basic_loop(model, data):
    train_X, train_Y = data

    def get_loss_and_gradient(predictions, Y):
        gradient = predictions - Y
        return (gradient**2).sum(), gradient

    optimizer = Adam()
    losses = []
    for _ in range(10):
        total = 0.0
        for X, Y in model.ops.multibatch(32, train_X, train_Y, shuffle=True):
            predictions, backprop = model.begin_update(X)
            loss, gradient = get_loss_and_gradient(predictions, Y)
            backprop(gradient)
            model.finish_update(optimizer)
            total += loss
        losses.append(total)
    assert losses[-1] < 0.5 * losses[0]
    assert accuracy(model, train_X, train_Y) > 0.8


def test_item_5_checkpoints_between_steps(model, data, tmp_path):
    train_X, train_Y = data
    optimizer = Adam(0.01)
    for step, (X, Y) in enumerate(model.ops.multibatch(50, train_X, train_Y)):
        predictions, backprop = model.begin_update(X)
        backprop(predictions - Y)
        if step == 3:
            model.to_disk(tmp_path / "checkpoint")
            saved, expected = model.to_bytes(), model.predict(train_X)
        model.finish_update(optimizer)
    assert_array_equal(model.copy().from_bytes(saved).predict(train_X), expected)
    assert_array_equal(model.copy().from_disk(tmp_path / "checkpoint").predict(train_X), expected)
    assert (model.predict(train_X) != expected).any()


def test_item_6_gradients_accumulate(data):
    X, Y = data
    model = chain(Relu(nO=16), Softmax()).initialize(X=X, Y=Y)
    parts = [slice(0, 10), slice(10, 30)]
    expected = 0
    for part in parts:
        fresh = model.copy()
        predictions, backprop = fresh.begin_update(X[part])
        backprop(predictions - Y[part])
        expected = expected + fresh.layers[-1].get_grad("W")
    for part in parts:
        predictions, backprop = model.begin_update(X[part])
        backprop(predictions - Y[part])
    assert_allclose(model.layers[-1].get_grad("W"), expected, rtol=1e-5, atol=1e-6)


def test_item_7_backprop_twice_or_never(model, data):
    X, Y = data
    before = model.to_bytes()
    optimizer = Adam(0.01)
    model.begin_update(X)
    model.finish_update(optimizer)
    assert model.to_bytes() == before

    predictions, backprop = model.begin_update(X)
    backprop(predictions - Y)
    once = model.layers[-1].get_grad("W").copy()
    backprop(predictions - Y)
    assert_allclose(model.layers[-1].get_grad("W"), 2 * once, rtol=1e-5)

    model.finish_update(optimizer)  # from now on there are gradients, all zero, and Adam has momentum
    after = model.to_bytes()
    model.finish_update(optimizer)
    assert model.to_bytes() != after


def test_item_8_gradients_can_be_read_and_replaced(model, data):
    X, Y = data
    predictions, backprop = model.begin_update(X)
    backprop(predictions - Y)
    kept = {}
    for node in model.walk():
        for name in node.grad_names:
            kept[node.id, name] = node.get_param(name).copy()
            assert node.get_grad(name).shape == node.get_param(name).shape
            node.set_grad(name, numpy.zeros_like(node.get_param(name)))
    last = model.layers[-1]
    last.set_grad("b", numpy.array([1, 0, 0], dtype="float32"))
    model.finish_update(thinc.api.SGD(0.5))
    for node in model.walk():
        for name in node.param_names:
            if node is last and name == "b":
                assert_allclose(node.get_param(name) - kept[node.id, name], [-0.5, 0, 0])
            elif (node.id, name) in kept:
                assert_array_equal(node.get_param(name), kept[node.id, name])


# --- batching


def test_item_9_batching_belongs_to_ops(model):
    assert model.ops.minibatch
    assert model.ops.multibatch


@pytest.mark.parametrize("shuffle", [False, True])
def test_item_10_minibatch_slices_one_sequence(model, shuffle):
    for sequence in (list(range(10)), tuple(range(10)), numpy.arange(10)):
        batches = list(model.ops.minibatch(4, sequence, shuffle=shuffle))
        assert [len(batch) for batch in batches] == [4, 4, 2]
        assert all(type(batch) is type(sequence) for batch in batches)
        items = [int(item) for batch in batches for item in batch]
        assert sorted(items) == list(range(10))
        if not shuffle:
            assert items == list(range(10))


@pytest.mark.parametrize("shuffle", [False, True])
def test_item_11_multibatch_keeps_rows_aligned(model, data, shuffle):
    X, Y = data
    ids = list(range(N))
    for batch in model.ops.multibatch(64, X, ids, Y, shuffle=shuffle):
        assert isinstance(batch, list)
        x, i, y = batch
        assert_array_equal(x, X[i])
        assert_array_equal(y, Y[i])


def test_item_12_batch_samples(model, data):
    train_X, train_Y = data
    assert sum(len(batch) for batch in model.ops.minibatch(128, train_X, shuffle=True)) == N
    batches = model.ops.multibatch(128, train_X, train_Y, shuffle=True)
    assert sum(len(X) for X, Y in batches) == N


def test_item_13_batches_are_a_sized_generator(model, data):
    for batches in (model.ops.minibatch(128, data[0]), model.ops.multibatch(128, *data)):
        assert isinstance(batches, SizedGenerator)
        assert len(batches) == batches.length == 4
        assert len(list(batches.get_items())) == 4
        assert len(list(batches)) == 4


def test_item_14_progress_bar(model, data):
    tqdm = pytest.importorskip("tqdm").tqdm
    batches = model.ops.multibatch(128, *data, shuffle=True)
    bar = tqdm(batches, leave=False, disable=None)
    assert bar.total == 4
    seen = 0
    for X, Y in bar:
        predictions, _ = model.begin_update(X)
        assert predictions.shape == Y.shape
        seen += len(X)
    assert seen == N


def test_item_15_batches_are_never_used_up(model):
    batches = model.ops.minibatch(7, numpy.arange(100), shuffle=True)
    passes = [numpy.concatenate(list(batches)) for _ in range(3)]
    for items in passes:
        assert sorted(items.tolist()) == list(range(100))
    assert (passes[0] != passes[1]).any()
    assert (passes[1] != passes[2]).any()


def run_epochs(model, make_train, make_dev):
    coverage = []
    optimizer = Adam(0.01)
    for _ in range(10):
        train_rows = dev_rows = 0
        for X, Y in make_train():
            predictions, backprop = model.begin_update(X)
            backprop(predictions - Y)
            model.finish_update(optimizer)
            train_rows += len(X)
        for X, _ in make_dev():
            model.predict(X)
            dev_rows += len(X)
        coverage.append((train_rows, dev_rows))
    return coverage


def test_item_16_batches_made_inside_the_loop(model, data):
    X, Y = data
    coverage = run_epochs(
        model,
        lambda: model.ops.multibatch(128, X[:400], Y[:400], shuffle=True),
        lambda: model.ops.multibatch(128, X[400:], Y[400:]),
    )
    assert coverage == [(400, 100)] * 10


def test_item_17_batches_made_before_the_loop(model, data):
    X, Y = data
    train = model.ops.multibatch(128, X[:400], Y[:400], shuffle=True)
    dev = model.ops.multibatch(128, X[400:], Y[400:])
    assert run_epochs(model, lambda: train, lambda: dev) == [(400, 100)] * 10


def test_item_18_buffer(model, data):
    X, Y = data
    for kwargs in ({}, {"shuffle": True}):
        numpy.random.seed(1)
        plain = list(model.ops.multibatch(32, X, Y, **kwargs))
        numpy.random.seed(1)
        buffered = list(model.ops.multibatch(32, X, Y, buffer=500, **kwargs))
        assert len(plain) == len(buffered)
        for (x1, y1), (x2, y2) in zip(plain, buffered, strict=True):
            assert_array_equal(x1, x2)
            assert_array_equal(y1, y2)
    batches = model.ops.minibatch(32, X, buffer=500)
    assert_array_equal(numpy.concatenate(list(batches)), X)


def test_item_19_a_list_of_batches(model, data):
    batches = list(model.ops.multibatch(128, *data))
    assert len(batches) == 4
    assert_array_equal(batches[1][0], data[0][128:256])


def test_item_20_sizes_from_a_schedule(model):
    batches = model.ops.minibatch(iter([1, 2, 4, 8, 16]), numpy.arange(20))
    assert [len(batch) for batch in batches] == [1, 2, 4, 8, 5]
    batches = model.ops.minibatch([1, 2, 4], numpy.arange(20))
    assert [len(batch) for batch in batches] == [1, 2, 4, 4, 4, 4, 1]


def test_item_21_compounding_sizes_cover_every_item(model):
    X, ids = numpy.arange(100), list(range(100))
    batches = model.ops.multibatch(compounding(1.0, 16.0, 1.001), X, ids, shuffle=True)
    for _ in range(2):
        seen = [i for _, batch in batches for i in batch]
        assert sorted(seen) == ids


BATCH_SIZE = """
[batch_size]
@schedules = "compounding.v1"
start = 1.0
stop = 16.0
compound = 1.001
"""


def test_item_22_batch_size_from_a_config():
    resolved = registry.resolve(Config().from_str(BATCH_SIZE))
    assert next(resolved["batch_size"]) == 1.0
    assert_allclose(next(resolved["batch_size"]), 1.001)


def test_item_23_config_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.cfg").write_text(BATCH_SIZE)
    for config in (Config().from_str("./config.cfg"), Config().from_disk("./config.cfg")):
        C = registry.make_from_config(config)
        assert list(itertools.islice(C["batch_size"], 1)) == [1.0]


# --- evaluation


def test_item_24_accuracy_is_a_tally_of_the_user(model, data):
    X, Y = data
    correct = total = 0
    for x, y in model.ops.multibatch(128, X, Y):
        correct += int((model.predict(x).argmax(axis=1) == y.argmax(axis=1)).sum())
        total += len(x)
    assert total == N
    assert_allclose(correct / total, accuracy(model, X, Y))


def test_item_25_evaluate(model, data):
    def evaluate(model, batch_size, Xs, Ys):
        correct = 0.0
        total = 0.0
        for X, Y in model.ops.multibatch(batch_size, Xs, Ys):
            correct += (model.predict(X).argmax(axis=0) == Y.argmax(axis=0)).sum()
            total += X.shape[0]
        return correct / total

    score = evaluate(model, 128, *data)
    assert 0 <= score <= 4 * CLASSES / N


def test_item_26_dropout_only_while_training(data):
    X, _ = data
    model = chain(Relu(nO=16, dropout=0.5), Relu(nO=CLASSES)).initialize(X=X)
    predicted = model.predict(X)
    assert_array_equal(predicted, model.predict(X))
    output, backprop = model(X, is_train=False)
    assert_array_equal(output, predicted)
    assert callable(backprop)
    trained, _ = model(X, is_train=True)
    assert (trained != predicted).any()
    dropout = Dropout(0.5).initialize()
    assert_array_equal(dropout.predict(X), X)
    assert (dropout.begin_update(X)[0] == 0).any()


# --- losses


def test_item_27_get_grad_is_enough_to_train(model, data):
    train_X, train_Y = data
    loss_calc = CategoricalCrossentropy(normalize=False)
    optimizer = Adam(0.01)
    before = accuracy(model, train_X, train_Y)
    for _ in range(5):
        for X, Y in model.ops.multibatch(32, train_X, train_Y, shuffle=True):
            guesses, backprop = model.begin_update(X)
            backprop(loss_calc.get_grad(guesses, Y))
            model.finish_update(optimizer)
    assert accuracy(model, train_X, train_Y) > max(0.8, before)


@pytest.mark.parametrize("make", [CategoricalCrossentropy, L2Distance, thinc.api.CosineDistance])
def test_item_28_losses_give_gradient_loss_or_both(model, data, make):
    X, Y = data
    for normalize in (True, False):
        loss_calc = make(normalize=normalize)
        guesses = model.predict(X)
        gradient, loss = loss_calc(guesses, Y)
        assert_array_equal(gradient, loss_calc.get_grad(guesses, Y))
        assert loss == loss_calc.get_loss(guesses, Y)


def test_item_29_gradient_first(model, data):
    guesses, truths = model.predict(data[0]), data[1]
    loss_calc = CategoricalCrossentropy()
    grad, loss = loss_calc(guesses, truths)
    assert_allclose(grad, (guesses - truths) / N, rtol=1e-5, atol=1e-8)
    assert_allclose(loss, (grad**2).sum(), rtol=1e-5)


def test_item_30_loss_from_a_config():
    config = Config().from_str('[loss]\n@losses = "CategoricalCrossentropy.v1"\nnormalize = true\n')
    loss = registry.resolve(config)["loss"]
    assert isinstance(loss, CategoricalCrossentropy)
    assert loss.normalize is True


# --- schedules


def there_and_back(values=(0.001, 0.01, 0.1)):
    while True:
        yield from values
        yield from reversed(values)


def test_item_31_a_schedule_is_a_generator_function():
    assert list(itertools.islice(there_and_back(), 3)) == [0.001, 0.01, 0.1]
    for name in ("constant", "decaying", "compounding", "warmup_linear", "cyclic_triangular"):
        assert callable(getattr(thinc.api, name))


def test_item_32_schedules_work_with_next():
    schedule = compounding(1.0, 16.0, 2.0)
    assert [next(schedule) for _ in range(6)] == [1.0, 2.0, 4.0, 8.0, 16.0, 16.0]


@pytest.mark.parametrize("name", ["learn_rate", "L2", "beta1", "beta2", "eps", "grad_clip"])
def test_item_33_settings_are_numbers_lists_or_iterators(name):
    attr = {"beta1": "b1", "beta2": "b2"}.get(name, name)
    assert getattr(Adam(**{name: 0.5}), attr) == 0.5
    for values in ([0.5, 0.25], iter([0.5, 0.25])):
        optimizer = Adam(**{name: values})
        assert getattr(optimizer, attr) == 0.5
        optimizer.step_schedules()
        assert getattr(optimizer, attr) == 0.25


def check_there_and_back(optimizer):
    assert optimizer.learn_rate == 0.001
    for expected in (0.01, 0.1, 0.1, 0.01, 0.001, 0.001):
        optimizer.step_schedules()
        assert optimizer.learn_rate == expected


def test_item_34_custom_schedule():
    def my_schedule():
        values = [0.001, 0.01, 0.1]
        while True:
            for value in values:
                yield value
            for value in reversed(values):
                yield value

    check_there_and_back(Adam(learn_rate=my_schedule()))


@pytest.fixture
def my_schedule():
    @thinc.registry.schedules("my_schedule.v1")
    def my_schedule(values):
        while True:
            for value in values:
                yield value
            for value in reversed(values):
                yield value

    return my_schedule


def test_item_35_registered_schedule(my_schedule):
    assert thinc.registry.schedules.get("my_schedule.v1") is my_schedule
    check_there_and_back(Adam(learn_rate=my_schedule([0.001, 0.01, 0.1])))


def test_item_36_optimizer_from_a_config(my_schedule):
    config = Config().from_str(
        """
        [optimizer]
        @optimizers = "Adam.v1"

        [optimizer.learn_rate]
        @schedules = "my_schedule.v1"
        values = [0.001, 0.01, 0.1]
        """
    )
    optimizer = registry.make_from_config(config)["optimizer"]
    assert isinstance(optimizer, Optimizer)
    check_there_and_back(optimizer)


def test_item_37_distributed_training_can_be_written(model, data):
    X, Y = data
    worker = Model.from_bytes(model.copy(), model.to_bytes())
    predictions, backprop = worker.begin_update(X)
    backprop(predictions - Y)
    for node, other in zip(model.walk(), worker.walk(), strict=True):
        for name in other.grad_names:
            node.set_grad(name, other.get_grad(name))
    before = model.predict(X)
    model.finish_update(Adam(0.01))
    assert (model.predict(X) != before).any()
