"""The training guide, statement by statement: each test is written as a user would write the code."""

import math
import pickle
from itertools import islice

import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from tqdm import tqdm

import thinc
from helpers.process import run_python
from thinc.api import (
    SGD,
    Adam,
    CategoricalCrossentropy,
    Config,
    CosineDistance,
    Dropout,
    L2Distance,
    Linear,
    Optimizer,
    Relu,
    SequenceCategoricalCrossentropy,
    Softmax,
    chain,
    compounding,
    fix_random_seed,
    glorot_uniform_init,
    registry,
)
from thinc.types import SizedGenerator

N_CLASSES = 10


@pytest.fixture(scope="module")
def digits():
    """Images (N, 64) in [0, 1] and one-hot labels (N, 10): a training and a development set."""
    images, labels = load_digits(return_X_y=True)
    X, Y = images.astype("float32") / 16, numpy.eye(N_CLASSES, dtype="float32")[labels]
    return (X[:512], Y[:512]), (X[512:700], Y[512:700])


@pytest.fixture(autouse=True)
def seeded():
    fix_random_seed(0)


def build():
    # Softmax starts with zeros by default, and then the first gradient of what is below it is zero.
    return chain(Relu(nO=64), Softmax(init_W=glorot_uniform_init))


def make_model(X, Y):
    return build().initialize(X=X[:5], Y=Y[:5])


def weights_of(model):
    return {
        (number, name): node.get_param(name).copy()
        for number, node in enumerate(model.walk())
        for name in node.param_names
    }


def gradients_of(model):
    return {
        (number, name): node.get_grad(name).copy()
        for number, node in enumerate(model.walk())
        for name in node.grad_names
    }


def assert_all_equal(found, expected):
    assert found.keys() == expected.keys()
    for key in expected:
        assert_array_equal(found[key], expected[key], err_msg=str(key))


def moved(before, after):
    return {key for key in before if not numpy.array_equal(before[key], after[key])}


def accuracy(model, X, Y):
    return float((model.predict(X).argmax(axis=1) == Y.argmax(axis=1)).mean())


# --- overview, training loop


def test_01_utilities_but_no_framework(tmp_path):
    """There are batches, schedules, losses, initializers; loading data and showing progress are the user's."""
    names = ("compounding", "CategoricalCrossentropy", "glorot_uniform_init", "Adam", "Model")
    assert all(callable(getattr(thinc.api, name)) for name in names)
    assert callable(thinc.api.get_current_ops().minibatch)
    weights = glorot_uniform_init(thinc.api.get_current_ops(), (30, 20))
    assert weights.dtype == "float32"
    assert 0 < numpy.abs(weights).max() <= math.sqrt(6 / 50)
    others = ["tqdm", "sklearn", "datasets", "torch", "ray", "optuna", "pandas"]
    code = f"import sys, thinc.api; print(*set({others}) & set(sys.modules))"
    assert run_python("-c", code, cwd=tmp_path).stdout.split() == []


def test_02_begin_update_gives_predictions_and_backprop(digits):
    (X, Y), _ = digits
    model = make_model(X, Y)
    predictions, backprop = model.begin_update(X[:20])
    assert predictions.shape == (20, N_CLASSES)
    assert_allclose(predictions.sum(axis=1), 1, rtol=1e-5)
    assert gradients_of(model) == {}
    dX = backprop((predictions - Y[:20]) / 20)
    assert dX.shape == (20, 64)
    gradients = gradients_of(model)
    assert gradients.keys() == weights_of(model).keys()
    assert all(numpy.abs(gradient).max() > 0 for gradient in gradients.values())


def test_03_finish_update_changes_the_weights(digits):
    (X, Y), _ = digits
    model = make_model(X, Y)
    predictions, backprop = model.begin_update(X[:50])
    backprop((predictions - Y[:50]) / 50)
    before, gradients = weights_of(model), gradients_of(model)
    model.finish_update(SGD(0.1, grad_clip=0.0, use_averages=False))
    for key, weights in weights_of(model).items():
        assert_allclose(weights, before[key] - 0.1 * gradients[key], rtol=1e-5, atol=1e-7)
    assert all(not gradient.any() for gradient in gradients_of(model).values())


def test_04_basic_loop(digits):
    (train_X, train_Y), (dev_X, dev_Y) = digits
    model = make_model(train_X, train_Y)
    optimizer = Adam(0.005)

    def get_loss(predictions, Y):
        gradient = (predictions - Y) / len(Y)
        return float((gradient**2).sum()), gradient

    losses = []
    for _ in range(10):
        epoch_loss = 0.0
        for X, Y in zip(numpy.split(train_X, 8), numpy.split(train_Y, 8), strict=True):
            predictions, backprop = model.begin_update(X)
            loss, gradient = get_loss(predictions, Y)
            backprop(gradient)
            model.finish_update(optimizer)
            epoch_loss += loss
        losses.append(epoch_loss)
    assert losses[-1] < 0.3 * losses[0]
    assert losses == sorted(losses, reverse=True)
    assert accuracy(model, dev_X, dev_Y) > 0.8


def test_05_checkpoints_between_steps(digits, tmp_path):
    (X, Y), (dev_X, dev_Y) = digits
    model = make_model(X, Y)
    optimizer = Adam(0.01)
    checkpoints, scores = [], []
    for epoch in range(3):
        for batch_X, batch_Y in model.ops.multibatch(64, X, Y):
            predictions, backprop = model.begin_update(batch_X)
            backprop((predictions - batch_Y) / len(batch_Y))
            model.finish_update(optimizer)
        checkpoints.append(model.to_bytes())
        model.to_disk(tmp_path / f"epoch{epoch}.bin")
        scores.append(accuracy(model, dev_X, dev_Y))
    assert scores[0] < scores[-1]
    for epoch, score in enumerate(scores):
        assert accuracy(build().from_disk(tmp_path / f"epoch{epoch}.bin"), dev_X, dev_Y) == score
        assert accuracy(build().from_bytes(checkpoints[epoch]), dev_X, dev_Y) == score


def test_06_gradients_accumulate(digits):
    (X, Y), _ = digits
    model = make_model(X, Y)
    rounds = []
    for rows in (slice(0, 30), slice(30, 50)):
        single = model.copy()
        predictions, backprop = single.begin_update(X[rows])
        backprop(predictions - Y[rows])
        rounds.append(gradients_of(single))
    for rows in (slice(0, 30), slice(30, 50)):
        predictions, backprop = model.begin_update(X[rows])
        backprop(predictions - Y[rows])
    for key, gradient in gradients_of(model).items():
        assert_allclose(gradient, rounds[0][key] + rounds[1][key], rtol=1e-4, atol=1e-5)


def test_07_backprop_twice_or_never(digits):
    (X, Y), _ = digits
    model = make_model(X, Y)
    start = weights_of(model)
    predictions, backprop = model.begin_update(X[:40])
    optimizer = Adam(0.01, L2=0.1)
    model.finish_update(optimizer)
    assert_all_equal(weights_of(model), start)

    gradient = (predictions - Y[:40]) / 40
    backprop(gradient)
    once = gradients_of(model)
    backprop(gradient)
    for key, twice in gradients_of(model).items():
        assert_allclose(twice, 2 * once[key], rtol=1e-5, atol=1e-8)

    model.finish_update(optimizer)
    after_step = weights_of(model)
    model.finish_update(optimizer)  # the gradients are zero now, the momentum and the decay are not
    assert moved(after_step, weights_of(model)) == after_step.keys()


def test_08_gradients_of_single_layers_can_be_replaced(digits):
    (X, Y), _ = digits
    model = make_model(X, Y)
    _, output = model.layers
    before = weights_of(model)
    predictions, backprop = model.begin_update(X[:40])
    backprop((predictions - Y[:40]) / 40)
    for node in model.walk():
        for name in node.grad_names:
            gradient = node.get_grad(name)
            node.set_grad(name, 3 * gradient if node is output else numpy.zeros_like(gradient))
    tripled = {name: output.get_grad(name).copy() for name in output.grad_names}
    start = {name: output.get_param(name).copy() for name in output.param_names}
    model.finish_update(SGD(0.1, grad_clip=0.0))
    assert moved(before, weights_of(model)) == {key for key in before if key[0] == 2}
    for name, gradient in tripled.items():
        assert_allclose(output.get_param(name), start[name] - 0.1 * gradient, rtol=1e-5, atol=1e-7)
        assert gradient.any()


# --- batching


def test_09_batching_is_a_method_of_ops(digits):
    (X, Y), _ = digits
    ops = make_model(X, Y).ops
    assert [len(batch) for batch in ops.minibatch(200, X)] == [200, 200, 112]
    assert [len(batch_X) for batch_X, _ in ops.multibatch(200, X, Y)] == [200, 200, 112]


def test_10_minibatch_slices_one_sequence(digits):
    (X, Y), _ = digits
    ops = make_model(X, Y).ops
    data = list(range(50))
    assert list(ops.minibatch(8, data)) == [data[i : i + 8] for i in range(0, 50, 8)]
    shuffled = [item for batch in ops.minibatch(8, data, shuffle=True) for item in batch]
    assert shuffled != data
    assert sorted(shuffled) == data
    assert_array_equal(numpy.concatenate(list(ops.minibatch(100, X))), X)


def test_11_multibatch_keeps_rows_aligned(digits):
    (X, Y), _ = digits
    ops = make_model(X, Y).ops
    names = [f"image {i}" for i in range(len(X))]
    seen = []
    for batch in ops.multibatch(100, X, Y, names, shuffle=True):
        assert isinstance(batch, list)
        batch_X, batch_Y, batch_names = batch
        rows = [int(name.split()[1]) for name in batch_names]
        assert_array_equal(batch_X, X[rows])
        assert_array_equal(batch_Y, Y[rows])
        seen += rows
    assert seen != sorted(seen)
    assert sorted(seen) == list(range(len(X)))
    assert all(isinstance(batch, list) and len(batch) == 1 for batch in ops.multibatch(100, X))


def test_12_batches_of_128(digits):
    (train_X, train_Y), _ = digits
    model = make_model(train_X, train_Y)
    data = [(x, y) for x, y in zip(train_X, train_Y, strict=True)]
    batches = model.ops.minibatch(128, data, shuffle=True)
    assert [len(batch) for batch in batches] == [128] * 4
    batches = model.ops.multibatch(128, train_X, train_Y, shuffle=True)
    assert [(X.shape, Y.shape) for X, Y in batches] == [((128, 64), (128, N_CLASSES))] * 4


@pytest.mark.parametrize("method", ["minibatch", "multibatch"])
def test_13_sized_generator(digits, method):
    (X, Y), _ = digits
    batches = getattr(make_model(X, Y).ops, method)(60, X)
    assert isinstance(batches, SizedGenerator)
    assert len(batches) == batches.length == math.ceil(len(X) / 60)
    calls = []
    counted = SizedGenerator(lambda: calls.append(1) or batches.get_items(), len(batches))
    assert sum(1 for _ in counted) == sum(1 for _ in counted) == len(counted)
    assert len(calls) == 2


def test_14_progress_bar_knows_the_total(digits):
    (train_X, train_Y), _ = digits
    model = make_model(train_X, train_Y)
    data = model.ops.multibatch(128, train_X, train_Y, shuffle=True)
    progress = tqdm(data, leave=False)
    rows = 0
    for X, Y in progress:
        predictions, _ = model.begin_update(X)
        assert predictions.shape == Y.shape
        rows += len(X)
    assert progress.total == progress.n == 4
    assert rows == len(train_X)


def test_15_never_used_up(digits):
    (X, Y), _ = digits
    batches = make_model(X, Y).ops.minibatch(32, numpy.arange(len(X)), shuffle=True)
    passes = [numpy.concatenate(list(batches)).tolist() for _ in range(3)]
    assert all(sorted(order) == list(range(len(X))) for order in passes)
    assert passes[0] != passes[1] != passes[2] != passes[0]
    plain = make_model(X, Y).ops.minibatch(32, X)
    for _ in range(2):
        assert_array_equal(numpy.concatenate(list(plain)), X)


def train_epoch(model, optimizer, batches):
    """One pass; returns the loss and how many rows it saw."""
    loss, rows = 0.0, 0
    for X, Y in batches:
        predictions, backprop = model.begin_update(X)
        gradient = (predictions - Y) / len(Y)
        backprop(gradient)
        model.finish_update(optimizer)
        loss += float((gradient**2).sum())
        rows += len(X)
    return loss, rows


def score_batches(model, batches):
    correct = rows = 0
    for X, Y in batches:
        correct += int((model.predict(X).argmax(axis=1) == Y.argmax(axis=1)).sum())
        rows += len(X)
    return correct / rows, rows


def test_16_batches_created_in_each_epoch(digits):
    (train_X, train_Y), (dev_X, dev_Y) = digits
    model = make_model(train_X, train_Y)
    optimizer = Adam(0.01)
    losses, scores = [], []
    for _ in range(10):
        train_data = model.ops.multibatch(64, train_X, train_Y, shuffle=True)
        dev_data = model.ops.multibatch(64, dev_X, dev_Y)
        loss, n_train = train_epoch(model, optimizer, train_data)
        score, n_dev = score_batches(model, dev_data)
        assert (n_train, n_dev) == (len(train_X), len(dev_X))
        losses.append(loss)
        scores.append(score)
    assert losses[-1] < 0.3 * losses[0]
    assert scores[-1] > max(0.8, scores[0])


def test_17_batches_created_once(digits):
    (train_X, train_Y), (dev_X, dev_Y) = digits
    model = make_model(train_X, train_Y)
    optimizer = Adam(0.01)
    train_data = model.ops.multibatch(64, train_X, train_Y, shuffle=True)
    dev_data = model.ops.multibatch(64, dev_X, dev_Y)
    losses, scores = [], []
    for _ in range(10):
        loss, n_train = train_epoch(model, optimizer, train_data)
        score, n_dev = score_batches(model, dev_data)
        assert (n_train, n_dev) == (len(train_X), len(dev_X))
        losses.append(loss)
        scores.append(score)
    assert losses[-1] < 0.3 * losses[0]
    assert scores[-1] > max(0.8, scores[0])


def test_18_buffer_gives_the_same_batches(digits):
    (X, Y), _ = digits
    ops = make_model(X, Y).ops
    streams = []
    for buffer in (1, 500):
        fix_random_seed(7)
        streams.append(
            [
                *(batch for batch in ops.minibatch(30, X, shuffle=True, buffer=buffer)),
                *(
                    array
                    for batch in ops.multibatch(30, X, Y, shuffle=True, buffer=buffer)
                    for array in batch
                ),
            ]
        )
    assert len(streams[0]) == len(streams[1]) == 18 * 3
    for plain, buffered in zip(*streams, strict=True):
        assert_array_equal(plain, buffered)


def test_19_list_materialises_the_stream(digits):
    (X, Y), _ = digits
    batches = make_model(X, Y).ops.multibatch(100, X, Y, shuffle=True)
    stream = list(batches)
    assert len(stream) == len(batches) == 6
    rows = numpy.concatenate([batch_X for batch_X, _ in stream])
    assert_array_equal(numpy.sort(rows.sum(axis=1)), numpy.sort(X.sum(axis=1)))
    rows[:] = -1
    assert X.min() >= 0


@pytest.mark.parametrize(
    "size", [[1, 2, 4, 8], (1, 2, 4, 8), iter([1, 2, 4, 8])], ids=["list", "tuple", "iterator"]
)
def test_20_batch_sizes_may_vary(digits, size):
    (X, Y), _ = digits
    batches = make_model(X, Y).ops.multibatch(size, X[:20], Y[:20])
    assert [len(batch_X) for batch_X, _ in batches] == [1, 2, 4, 8, 5]


def test_21_compounding_batch_sizes_cover_everything(digits):
    (X, Y), _ = digits
    rows = list(range(100))
    batches = make_model(X, Y).ops.multibatch(compounding(1.0, 16.0, 1.001), X[:100], rows, shuffle=True)
    for _ in range(2):
        seen = [row for _, batch in batches for row in batch]
        assert sorted(seen) == rows
    growing = make_model(X, Y).ops.multibatch(compounding(1.0, 16.0, 1.5), X[:100], rows)
    assert [len(batch) for _, batch in growing] == [1, 1, 2, 3, 5, 7, 11, 16, 16, 16, 16, 6]
    assert len(growing) == 12


BATCH_CONFIG = """
[batch_size]
@schedules = "compounding.v1"
start = 1.0
stop = 16.0
compound = 1.001
"""


def test_22_batch_size_from_config(digits):
    C = registry.resolve(Config().from_str(BATCH_CONFIG))
    assert_allclose(list(islice(C["batch_size"], 3)), [1.0, 1.001, 1.001**2])
    C = registry.resolve(Config().from_str(BATCH_CONFIG))
    (X, Y), _ = digits
    batches = make_model(X, Y).ops.minibatch(C["batch_size"], range(100), shuffle=True)
    assert sorted(row for batch in batches for row in batch) == list(range(100))


def test_23_config_from_a_file(tmp_path, monkeypatch):
    (tmp_path / "config.cfg").write_text(BATCH_CONFIG, encoding="utf8")
    monkeypatch.chdir(tmp_path)
    config = Config().from_str("./config.cfg")
    assert config == Config().from_disk("./config.cfg") == Config().from_str(BATCH_CONFIG)
    C = registry.make_from_config(config)
    assert type(C) is dict
    assert [next(C["batch_size"]), next(C["batch_size"])] == [1.0, 1.001]
    with pytest.raises(ValueError, match="section"):
        Config().from_str("./missing.cfg")


# --- evaluation


def test_24_the_user_keeps_the_tally(digits):
    (X, Y), (dev_X, dev_Y) = digits
    assert [
        name for name in thinc.api.__all__ if "accuracy" in name.lower() or "evaluate" in name.lower()
    ] == []
    model = make_model(X, Y)
    optimizer = Adam(0.01)
    scores = []
    for _ in range(5):
        train_epoch(model, optimizer, model.ops.multibatch(64, X, Y, shuffle=True))
        correct = 0
        for batch_X, batch_Y in model.ops.multibatch(50, dev_X, dev_Y):
            correct += int((model.predict(batch_X).argmax(axis=1) == batch_Y.argmax(axis=1)).sum())
        scores.append(correct / len(dev_X))
    assert scores[0] < scores[-1]
    assert scores[-1] == accuracy(model, dev_X, dev_Y)


def test_25_evaluate(digits):
    (X, Y), _ = digits

    def evaluate(model, batch_size, Xs, Ys, axis=0):
        correct = 0.0
        total = 0.0
        for X, Y in model.ops.multibatch(batch_size, Xs, Ys):
            correct += (model.predict(X).argmax(axis=axis) == Y.argmax(axis=axis)).sum()
            total += X.shape[0]
        return float(correct / total)

    model = make_model(X, Y)
    # Along axis 0 there is one argmax per class and batch: a perfect model gets them all.
    targets = model.predict(X)
    n_batches = math.ceil(len(X) / 100)
    assert evaluate(model, 100, X, targets) == N_CLASSES * n_batches / len(X)
    assert evaluate(model, 100, X, targets, axis=1) == 1.0
    before = evaluate(model, 100, X, Y, axis=1)
    for _ in range(10):
        train_epoch(model, Adam(0.01), model.ops.multibatch(64, X, Y, shuffle=True))
    assert 0 <= evaluate(model, 100, X, Y) <= N_CLASSES * n_batches / len(X)
    assert evaluate(model, 100, X, Y, axis=1) > max(0.8, before)


def test_26_prediction_context(digits):
    (X, Y), _ = digits
    model = chain(Relu(nO=200), Dropout(0.5), Softmax(init_W=glorot_uniform_init)).initialize(X=X, Y=Y)
    predicted = model.predict(X)
    output, callback = model(X, is_train=False)
    assert callable(callback)
    assert_array_equal(output, predicted)
    assert_array_equal(model.predict(X), predicted)
    first, second = model.begin_update(X)[0], model.begin_update(X)[0]
    assert not numpy.array_equal(first, predicted)
    assert not numpy.array_equal(first, second)
    hidden = chain(Linear(nO=200), Dropout(0.5)).initialize(X=X)
    assert (hidden.predict(X) == 0).mean() < 0.01
    assert 0.45 < (hidden.begin_update(X)[0] == 0).mean() < 0.55


# --- losses


def test_27_training_with_the_gradient_alone(digits):
    (X, Y), (dev_X, dev_Y) = digits
    model = make_model(X, Y)
    optimizer = Adam(0.01)
    loss_calc = CategoricalCrossentropy()
    for _ in range(8):
        for batch_X, batch_Y in model.ops.multibatch(64, X, Y, shuffle=True):
            guesses, backprop = model.begin_update(batch_X)
            backprop(loss_calc.get_grad(guesses, batch_Y))
            model.finish_update(optimizer)
    assert accuracy(model, dev_X, dev_Y) > 0.8


@pytest.mark.parametrize(
    "loss_calc",
    [
        CategoricalCrossentropy(normalize=False),
        CategoricalCrossentropy(normalize=True),
        L2Distance(normalize=True),
        CosineDistance(normalize=False, ignore_zeros=True),
        SequenceCategoricalCrossentropy(normalize=True),
    ],
    ids=lambda loss: type(loss).__name__,
)
def test_28_losses_are_configured_at_construction(digits, loss_calc):
    (X, Y), _ = digits
    guesses = make_model(X, Y).predict(X)
    truths = Y
    if isinstance(loss_calc, SequenceCategoricalCrossentropy):
        guesses, truths = numpy.split(guesses, 4), numpy.split(truths, 4)
    gradient, loss = loss_calc(guesses, truths)
    assert float(loss) > 0
    assert_allclose(loss_calc.get_loss(guesses, truths), loss, rtol=1e-6)
    for found, expected in zip(loss_calc.get_grad(guesses, truths), gradient, strict=True):
        assert_array_equal(found, expected)
    rows = numpy.concatenate(gradient) if isinstance(gradient, list) else gradient
    assert rows.shape == Y.shape


def test_29_gradient_comes_first(digits):
    (X, truths), _ = digits
    guesses = make_model(X, truths).predict(X)
    loss_calc = CategoricalCrossentropy()
    grad, loss = loss_calc(guesses, truths)
    assert_allclose(grad, (guesses - truths) / len(X), rtol=1e-5, atol=1e-8)
    assert_allclose(loss, (grad.astype("float64") ** 2).sum(), rtol=1e-5)
    assert numpy.ndim(loss) == 0


LOSS_CONFIG = """
[loss]
@losses = "CategoricalCrossentropy.v1"
normalize = {}
"""


def test_30_loss_from_config(digits):
    (X, truths), _ = digits
    guesses = make_model(X, truths).predict(X)
    losses = {
        flag: registry.resolve(Config().from_str(LOSS_CONFIG.format(flag)))["loss"]
        for flag in ("true", "false")
    }
    assert all(isinstance(loss, CategoricalCrossentropy) for loss in losses.values())
    summed, averaged = losses["false"].get_grad(guesses, truths), losses["true"].get_grad(guesses, truths)
    assert_allclose(averaged * len(X), summed, rtol=1e-5)


# --- schedules


def my_schedule(values):
    while True:
        yield from values
        yield from reversed(values)


def test_31_a_schedule_is_a_generator_function(digits):
    (X, Y), _ = digits

    def linear_decay(start, step):
        rate = start
        while True:
            yield rate
            rate = max(0.0, rate - step)

    optimizer = SGD(linear_decay(0.3, 0.1))
    rates = [optimizer.learn_rate]
    for _ in range(4):
        optimizer.step_schedules()
        rates.append(optimizer.learn_rate)
    assert_allclose(rates, [0.3, 0.2, 0.1, 0.0, 0.0], atol=1e-12)
    sizes = [len(batch) for batch in make_model(X, Y).ops.minibatch(my_schedule([2, 5]), X[:20])]
    assert sizes == [2, 5, 5, 2, 2, 4]
    shipped = "constant constant_then decaying compounding warmup_linear slanted_triangular cyclic_triangular"
    assert all(
        registry.has("schedules", f"{name}.v1") and hasattr(thinc.api, name) for name in shipped.split()
    )


def test_32_schedules_work_with_next():
    schedule = compounding(1.0, 16.0, 2.0)
    assert [next(schedule) for _ in range(6)] == [1.0, 2.0, 4.0, 8.0, 16.0, 16.0]


@pytest.mark.parametrize("setting", ["learn_rate", "L2", "beta1", "beta2", "eps", "grad_clip"])
@pytest.mark.parametrize("kind", [float, list, iter])
def test_33_settings_of_the_optimizer(setting, kind):
    attribute = {"beta1": "b1", "beta2": "b2"}.get(setting, setting)
    values = [0.5, 0.25, 0.125]
    optimizer = Adam(**{setting: 0.5 if kind is float else kind(values)})
    found = [getattr(optimizer, attribute)]
    for _ in range(4):
        optimizer.step_schedules()
        found.append(getattr(optimizer, attribute))
    assert found == ([0.5] * 5 if kind is float else [0.5, 0.25, 0.125, 0.125, 0.125])


def rates_of(optimizer, n):
    rates = []
    for _ in range(n):
        rates.append(optimizer.learn_rate)
        optimizer.step_schedules()
    return rates


TRIANGLE = [0.001, 0.01, 0.1, 0.1, 0.01, 0.001, 0.001, 0.01]


def test_34_schedule_of_the_learning_rate():
    def custom():
        while True:
            yield from [0.001, 0.01, 0.1]
            yield from [0.1, 0.01, 0.001]

    optimizer = Adam(learn_rate=custom())
    assert optimizer.learn_rate == 0.001
    optimizer.step_schedules()
    assert optimizer.learn_rate == 0.01
    optimizer.step_schedules()
    assert optimizer.learn_rate == 0.1
    assert rates_of(Adam(learn_rate=custom()), 8) == TRIANGLE


@pytest.fixture
def registered_schedule():
    """`my_schedule`, registered and later forgotten."""
    import catalogue

    decorated = thinc.registry.schedules("my_schedule.v1")(my_schedule)
    yield decorated
    del catalogue.REGISTRY["thinc", "schedules", "my_schedule.v1"]


def test_35_registering_a_schedule(registered_schedule):
    assert registered_schedule is my_schedule
    assert thinc.registry.get("schedules", "my_schedule.v1") is my_schedule
    optimizer = Adam(learn_rate=registered_schedule([0.001, 0.01, 0.1]))
    assert rates_of(optimizer, 8) == TRIANGLE


def test_36_schedule_from_config(registered_schedule):
    config = Config().from_str(
        """
        [optimizer]
        @optimizers = "Adam.v1"

        [optimizer.learn_rate]
        @schedules = "my_schedule.v1"
        values = [0.001, 0.01, 0.1]
        """.replace("        ", "")
    )
    optimizer = registry.resolve(config)["optimizer"]
    assert isinstance(optimizer, Optimizer)
    assert rates_of(optimizer, 8) == TRIANGLE
    again = registry.make_from_config(config)["optimizer"]
    assert again.learn_rate == 0.001


# --- distributed


def train_on_two_workers(model, optimizer, X, Y, restart=False):
    """Workers compute gradients on copies made of bytes; the owner averages and applies them."""
    for _ in range(4):
        workers = []
        for batch_X, batch_Y in model.ops.multibatch(len(X) // 2, X, Y):
            worker = build().from_bytes(model.to_bytes())
            predictions, backprop = worker.begin_update(batch_X)
            backprop((predictions - batch_Y) / len(batch_Y))
            workers.append(list(worker.walk()))
        for number, node in enumerate(model.walk()):
            for name in node.param_names:
                node.set_grad(name, sum(nodes[number].get_grad(name) for nodes in workers) / len(workers))
        if restart:
            optimizer = pickle.loads(pickle.dumps(optimizer))
        model.finish_update(optimizer)
    return weights_of(model)


def test_37_data_parallel_training_can_be_written(digits):
    (X, Y), _ = digits
    start = make_model(X, Y).to_bytes()
    names = [(node.id, name) for node in make_model(X, Y).walk() for name in node.param_names]
    assert len(set(names)) == len(names) == 4

    single, optimizer = build().from_bytes(start), SGD(0.2, grad_clip=0.0)
    before = weights_of(single)
    for _ in range(4):
        predictions, backprop = single.begin_update(X)
        backprop((predictions - Y) / len(X))
        single.finish_update(optimizer)
    assert moved(before, weights_of(single)) == before.keys()
    found = train_on_two_workers(build().from_bytes(start), SGD(0.2, grad_clip=0.0), X, Y)
    for key, weights in weights_of(single).items():
        assert_allclose(found[key], weights, rtol=1e-4, atol=1e-6)

    # An optimizer that was pickled goes on with its moments.
    expected = train_on_two_workers(build().from_bytes(start), Adam(0.01), X, Y)
    restarted = train_on_two_workers(build().from_bytes(start), Adam(0.01), X, Y, restart=True)
    assert_all_equal(restarted, expected)
