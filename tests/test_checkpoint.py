"""Checkpoints: training goes on bit for bit where it was, and what cannot be loaded changes nothing."""

import itertools
import pickle
from copy import deepcopy
from fractions import Fraction
from pathlib import Path

import numpy
import pytest

import thinc.checkpoint
from helpers.process import run_python
from helpers.resumable_run import Run, make_batches, make_data
from thinc._util.msgpack import seal, unseal
from thinc.api import (
    Adafactor,
    Adam,
    LayerNorm,
    Linear,
    Maxout,
    NumpyOps,
    Relu,
    chain,
    load_checkpoint,
    save_checkpoint,
)
from thinc.optimizers import SGD, Optimizer
from thinc.schedules import compounding, constant

SCRIPT = Path(__file__).parent / "helpers" / "resumable_run.py"
OPTIMIZERS = ["Adam", "RAdam", "SGD", "without averages"]


def epoch_length():
    return len(make_batches(None))


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("seed", [None, 3], ids=["numpy", "seeded"])
def test_resumes_bit_for_bit_in_a_new_process(tmp_path, name, seed):
    path, steps = tmp_path / "run.ckpt", 2 * epoch_length() + 9
    save_at = epoch_length() + 5  # within the second epoch
    straight = Run(name, seed=seed).initialize().train(steps).digest()
    saving = Run(name, seed=seed).initialize().train(steps, save_at=save_at, path=path).digest()
    assert saving == straight
    resumed = run_python(SCRIPT, name, path, steps, "" if seed is None else seed)
    assert resumed.stdout.strip() == straight


@pytest.mark.parametrize("save_at", [1, 4, -1, 0, 1000], ids=["first", "odd", "last", "end", "epochs later"])
def test_resumes_wherever_it_was_saved(tmp_path, save_at):
    """Also where one batch of those buffered has been used, and in the last step of an epoch."""
    path, length = tmp_path / "run.ckpt", epoch_length()
    at = {-1: length - 1, 0: length, 1000: 3 * length + 2}.get(save_at, save_at)
    steps = at + length + 3
    straight = Run("Adam").initialize().train(steps, save_at=at, path=path)
    expected = straight.digest()
    resumed = Run("Adam", random_seed=1).load(path)
    assert len(resumed.losses) == at
    resumed.train(steps)
    assert resumed.losses == straight.losses
    assert resumed.digest() == expected


def test_saved_between_two_epochs_the_next_one_is_whole(tmp_path):
    run = Run("SGD").initialize()
    for X, y in run.batches:
        run.step(X, y)
    save_checkpoint(tmp_path / "c", run.model, run.optimizer, batches=run.batches)
    rest = [X for X, _ in run.batches]
    resumed = Run("SGD", random_seed=5)
    load_checkpoint(tmp_path / "c", resumed.model, resumed.optimizer, batches=resumed.batches)
    again = [X for X, _ in resumed.batches]
    assert len(again) == epoch_length()
    assert all(numpy.array_equal(a, b) for a, b in zip(rest, again, strict=True))


def test_saved_in_the_last_step_nothing_is_left_of_the_epoch(tmp_path):
    batches = NumpyOps().minibatch(4, numpy.arange(8), shuffle=True)
    model, optimizer = Linear(2, 2).initialize(), SGD(0.1)
    for _ in batches:
        save_checkpoint(tmp_path / "c", model, optimizer, batches=batches)
    other = NumpyOps().minibatch(4, numpy.arange(8), shuffle=True)
    load_checkpoint(tmp_path / "c", model, optimizer, batches=other)
    assert list(other) == []
    assert len(list(other)) == 2


def test_loading_takes_a_running_optimizer_back(tmp_path):
    run = Run("SGD").initialize().train(6, save_at=3, path=tmp_path / "c")
    losses = run.losses
    assert run.load(tmp_path / "c").losses == losses[:3]
    assert run.train(6).losses == losses


def test_extra_comes_back(tmp_path):
    extra = {"epoch": 3, "best": 0.5, "names": ["a"], "scores": numpy.arange(3.0)}
    model = Linear(2, 2).initialize()
    save_checkpoint(tmp_path / "c", model, None, extra=extra)
    loaded = load_checkpoint(str(tmp_path / "c"), model, None)
    assert numpy.array_equal(loaded.pop("scores"), extra.pop("scores"))
    assert loaded == extra


@pytest.mark.parametrize(
    "extra",
    [
        {(1, 2): 3},
        {"a": [object()]},
        {1, 2},
        2**70,
        numpy.array([None, "a"]),
        numpy.datetime64(1, "s"),
        "\ud800",
    ],
    ids=["tuple as key", "object", "set", "large", "array of objects", "date", "half a character"],
)
def test_extra_that_cannot_be_read_back_leaves_the_file(tmp_path, extra):
    model = Linear(2, 2).initialize()
    save_checkpoint(tmp_path / "c", model, None, extra=1)
    with pytest.raises(TypeError, match="`extra`"):
        save_checkpoint(tmp_path / "c", model, None, extra=extra)
    assert load_checkpoint(tmp_path / "c", model, None) == 1


def trained():
    model = chain(Relu(4), Linear(2))
    X = numpy.random.RandomState(0).normal(size=(6, 3)).astype("f")
    model.initialize(X=X)
    optimizer = Adam(constant(0.01))
    Yh, backprop = model.begin_update(X)
    backprop(Yh)
    model.finish_update(optimizer)
    return model, optimizer


def state_of(model, optimizer, batches):
    return (
        model.to_bytes(),
        optimizer.to_bytes(model),
        str(batches.get_state()),
        str(numpy.random.get_state()),
    )


DIFFERENT = {
    "another tree": (lambda: chain(Relu(4), Relu(4), Linear(2)), lambda: Adam(constant(0.01)), {}, "nodes"),
    "another width": (lambda: chain(Relu(5), Linear(2)), lambda: Adam(constant(0.01)), {}, "dimension"),
    "no schedule": (None, lambda: Adam(0.01), {}, "schedule for 'learn_rate'"),
    "another schedule": (None, lambda: Adam(constant(0.01), L2=constant(0.1)), {}, r"schedules for \['L2'\]"),
    "fewer items": (None, None, {"n": 7}, "10 items, the data set now has 7"),
    "not shuffled": (None, None, {"shuffle": False}, "shuffle=True"),
    "another seed": (None, None, {"seed": 1}, "seed=None"),
}


@pytest.mark.parametrize("case", DIFFERENT, ids=str)
def test_what_does_not_fit_changes_nothing(tmp_path, case):
    make_model, make_optimizer, changes, message = DIFFERENT[case]
    model, optimizer = trained()
    batches = NumpyOps().minibatch(3, range(10), shuffle=True)
    next(iter(batches))
    save_checkpoint(tmp_path / "c", model, optimizer, batches=batches)
    if make_model is not None:
        model = make_model()
        model.initialize(X=numpy.ones((1, 3), "f"))
    if make_optimizer is not None:
        optimizer = make_optimizer()
    settings = {"n": 10, "shuffle": True, "seed": None} | changes
    batches = NumpyOps().minibatch(3, range(settings.pop("n")), **settings)
    numpy.random.rand()
    before = state_of(model, optimizer, batches)
    with pytest.raises(ValueError, match=message) as caught:
        load_checkpoint(tmp_path / "c", model, optimizer, batches=batches)
    assert str(tmp_path / "c") in str(caught.value)
    assert state_of(model, optimizer, batches) == before


def test_parts_that_were_not_saved_are_missed(tmp_path):
    model, optimizer = trained()
    save_checkpoint(tmp_path / "c", model, None)
    with pytest.raises(ValueError, match="saved without an optimizer"):
        load_checkpoint(tmp_path / "c", model, optimizer)
    with pytest.raises(ValueError, match="saved without batches"):
        load_checkpoint(tmp_path / "c", model, None, batches=NumpyOps().minibatch(3, range(10)))


def test_batches_of_another_make_are_refused(tmp_path):
    model, optimizer = trained()
    with pytest.raises(TypeError, match="minibatch"):
        save_checkpoint(tmp_path / "c", model, optimizer, batches=[1, 2])
    with pytest.raises(TypeError, match="serialize"):
        save_checkpoint(tmp_path / "c", model, optimizer, extra=object())
    assert list(tmp_path.iterdir()) == []


def test_state_of_a_parameter_outside_the_model_is_refused(tmp_path):
    model, optimizer = trained()
    stranger = Linear(2, 2).initialize()
    optimizer((stranger.id, "W"), stranger.get_param("W"), numpy.ones((2, 2), "f"))
    with pytest.raises(ValueError, match="not in the tree"):
        save_checkpoint(tmp_path / "c", model, optimizer)


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "other kind", "zeros"])
def test_a_damaged_file_is_named_and_changes_nothing(tmp_path, damage):
    model, optimizer = trained()
    batches = NumpyOps().minibatch(3, range(10), shuffle=True)
    path = tmp_path / "run.ckpt"
    save_checkpoint(path, model, optimizer, batches=batches)
    data = path.read_bytes()
    before = state_of(model, optimizer, batches)
    for position in range(0, len(data), 97):
        damaged = {
            "cut": data[:position],
            "flip": data[:position] + bytes([data[position] ^ 4]) + data[position + 1 :],
            "empty": b"",
            "other kind": model.to_bytes(),
            "zeros": data[:position] + bytes(len(data) - position),
        }[damage]
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"run\.ckpt"):
            load_checkpoint(path, model, optimizer, batches=batches)
        assert state_of(model, optimizer, batches) == before


# Optimizer.to_bytes and the like


def test_optimizer_bytes_by_place(tmp_path):
    model, optimizer = trained()
    copied, other = trained()
    for array in other.mom1.values():
        array += 1
    other.from_bytes(optimizer.to_bytes(model), copied)
    for node, twin in zip(model.walk(), copied.walk(), strict=True):
        for name in node.param_names:
            for table in ("mom1", "mom2", "averages"):
                mine = getattr(other, table)[twin.id, name]
                assert numpy.array_equal(mine, getattr(optimizer, table)[node.id, name])
                assert mine.flags.writeable
    optimizer.to_disk(tmp_path / "o", model)
    assert Adam(constant(0.5)).from_disk(tmp_path / "o", model).learn_rate == 0.01
    with pytest.raises(ValueError, match="model="):
        Adam(constant(0.5)).from_bytes(optimizer.to_bytes(model))


@pytest.mark.parametrize(
    "other, message",
    [
        (chain(Relu(5), Linear(2)), r"it has \d+ numbers .*'relu', which has \d+"),
        (chain(LayerNorm(3), Linear(2)), r"'W' of the node 'layernorm', which has .*'G'"),
        (chain(Maxout(4), Linear(2)), r"it has \d+ numbers .*'maxout', which has \d+"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
@pytest.mark.parametrize("make", [Adam, Adafactor])
def test_optimizer_bytes_of_a_model_of_other_sizes_are_refused(make, other, message):
    model, _ = trained()
    optimizer = make(0.1, use_averages=True)
    for node in model.walk():
        for name in node.param_names:
            W = node.get_param(name)
            optimizer((node.id, name), W, W * 0.1)
    loaded = make(0.1, use_averages=True)
    data = optimizer.to_bytes(model)
    other.initialize(X=numpy.zeros((1, 3), "f"))
    with pytest.raises(ValueError, match=message):
        loaded.from_bytes(data, other)
    assert not loaded.nr_update
    fresh = chain(Relu(5), Linear(2))  # has no parameters yet that could tell
    assert loaded.from_bytes(data, fresh).nr_update[fresh.layers[0].id, "W"] == 1


@pytest.mark.parametrize("key", ["W", 3, (3, "W"), ("a", (1, b"x"), None)], ids=str)
def test_optimizer_bytes_by_key(key):
    optimizer = Adam()
    optimizer(key, numpy.ones(3, "f"), numpy.ones(3, "f"))
    loaded = Adam().from_bytes(optimizer.to_bytes())
    assert list(loaded.mom1) == [key]
    assert numpy.array_equal(loaded.mom1[key], optimizer.mom1[key])
    assert loaded.nr_update == {key: 1}
    assert loaded.nr_update["new"] == 0


@pytest.mark.parametrize(
    "number", [numpy.float32(0.5), numpy.int64(1), numpy.array(0.5), Fraction(1, 2), True, 2], ids=repr
)
def test_settings_that_have_been_assigned_come_back(number):
    optimizer = Optimizer(0.1, groups={"linear": {"eps": 0.1}})
    optimizer.learn_rate = optimizer.L2 = optimizer.groups[0].values["eps"] = number
    optimizer.grad_clip = None  # switches it off
    loaded = Optimizer(0.1, groups={"linear": {"eps": 0.1}}).from_bytes(optimizer.to_bytes())
    assert loaded.learn_rate == loaded.L2 == loaded.groups[0].values["eps"] == number
    assert not loaded.grad_clip


@pytest.mark.parametrize("value", ["0.1", None, 1j, [0.1]])
def test_settings_that_are_no_numbers_are_not_written(value):
    optimizer = Adam()
    optimizer.learn_rate = value
    with pytest.raises(ValueError, match=r"'learn_rate' is .*expected a number"):
        optimizer.to_bytes()


def test_optimizer_keys_that_cannot_be_written():
    optimizer = Adam()
    optimizer(frozenset(), numpy.ones(3, "f"), numpy.ones(3, "f"))
    with pytest.raises(TypeError, match="frozenset"):
        optimizer.to_bytes()


def test_a_generator_of_the_user_is_replayed_but_cannot_go_back():
    def halving():
        value = 1.0
        while True:
            yield value
            value /= 2

    optimizer = SGD(halving())
    for _ in range(3):
        optimizer.step_schedules()
    data = optimizer.to_bytes()
    fresh = SGD(halving()).from_bytes(data)
    assert fresh.learn_rate == 0.125
    fresh.step_schedules()
    assert fresh.learn_rate == 0.0625
    with pytest.raises(ValueError, match="cannot go back"):
        fresh.from_bytes(data)
    assert fresh.learn_rate == 0.0625


def test_an_optimizer_can_be_pickled_and_copied():
    optimizer = Adam(compounding(0.01, 1.0, 1.5), L2=[0.1, 0.2])
    optimizer("k", numpy.ones(3, "f"), numpy.ones(3, "f"))
    optimizer.step_schedules()
    for twin in (pickle.loads(pickle.dumps(optimizer)), deepcopy(optimizer)):
        twin.step_schedules()
        assert twin.learn_rate == 0.01 * 1.5 * 1.5
        assert numpy.array_equal(twin.mom1["k"], optimizer.mom1["k"])
    optimizer.step_schedules()
    assert optimizer.learn_rate == 0.01 * 1.5 * 1.5


MALFORMED = [
    None,
    [],
    {},
    {"settings": {"learn_rate": "x"}},
    {"flags": {"use_radam": 1}},
    {"schedules": {"learn_rate": 10**12}},
    {"schedules": {"learn_rate": -1}},
    {"parameters": [{}]},
    {"parameters": [{"key": {"plain": "W"}, "nr_update": -1, "nr_skipped": 0}]},
    {"parameters": [{"key": {"plain": "W"}, "nr_update": 1, "nr_skipped": 0, "moment1": [1.0]}]},
    {"parameters": [{"key": {"plain": "W"}, "nr_update": 1, "nr_skipped": 0}] * 2},
    {"parameters": [{"key": {"place": [9], "name": "W"}, "nr_update": 1, "nr_skipped": 0}]},
    {
        "parameters": [
            {
                "key": {"plain": "W"},
                "nr_update": 1,
                "nr_skipped": 0,
                "moment1": numpy.zeros(3, "f"),
                "moment2": numpy.zeros(4, "f"),
            }
        ]
    },
]


@pytest.mark.parametrize("changes", MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_state_changes_nothing(changes):
    from thinc._optimizer_state import prepare_state, to_state

    model, optimizer = trained()
    state = to_state(optimizer, model)
    before = optimizer.to_bytes(model)
    if changes:
        for name, value in changes.items():
            state[name] = value if isinstance(value, list) else {**state[name], **value}
    with pytest.raises(ValueError, match="Cannot load the optimizer's state"):
        prepare_state(optimizer, state if changes else changes, model)
    assert optimizer.to_bytes(model) == before


# Gradients that are not finite


@pytest.mark.parametrize("bad", [numpy.nan, numpy.inf, -numpy.inf])
@pytest.mark.parametrize("make", [Adam, lambda: SGD(0.1), lambda: Optimizer(0.1, use_radam=True)])
def test_nonfinite_gradients(make, bad):
    optimizer = make()
    weights = {"a": numpy.ones(40, "f"), "b": numpy.ones(40, "f")}
    gradients = {"a": numpy.ones(40, "f"), "b": numpy.ones(40, "f")}
    gradients["b"][17] = bad
    optimizer.on_nonfinite = "raise"
    with pytest.raises(FloatingPointError, match="parameter b"):
        optimizer.update_many(list(weights), list(weights.values()), list(gradients.values()))
    with pytest.raises(FloatingPointError, match="parameter b"):
        optimizer("b", weights["b"], gradients["b"])
    assert all((W == 1).all() for W in weights.values())
    assert (gradients["a"] == 1).all()
    assert not optimizer.nr_update
    optimizer.on_nonfinite = "skip"
    updated = optimizer.update_many(list(weights), list(weights.values()), list(gradients.values()))
    assert (updated[0] < 1).all() and (updated[1] == 1).all()
    assert not gradients["b"].any() and not gradients["a"].any()
    assert dict(optimizer.nr_update) == {"a": 1} and optimizer.nr_skipped == {"b": 1}
    assert "b" not in optimizer.mom1 and "b" not in optimizer.averages
    gradients["b"][3] = bad
    optimizer("b", weights["b"], gradients["b"])
    assert optimizer.nr_skipped == {"b": 2}
    assert Optimizer(0.1, use_radam=optimizer.use_radam).from_bytes(optimizer.to_bytes()).nr_skipped == {
        "b": 2
    }


def test_large_finite_gradients_are_finite():
    optimizer = Optimizer(1e-40, on_nonfinite="raise", grad_clip=0.0)
    optimizer("a", numpy.ones(4, "f"), numpy.full(4, 3e38, "f"))
    assert optimizer.nr_update == {"a": 1}


def test_nonfinite_is_ignored_by_default_and_unknown_settings_are_refused():
    optimizer = SGD(0.1)
    W, _ = optimizer("a", numpy.ones(2, "f"), numpy.full(2, numpy.nan, "f"))
    assert numpy.isnan(W).all()
    with pytest.raises(ValueError, match="on_nonfinite"):
        Optimizer(0.1, on_nonfinite="stop")


def test_a_model_names_the_parameter_and_stays_as_it_was():
    model, optimizer = trained()
    optimizer.on_nonfinite = "raise"
    last = model.layers[1]
    last.inc_grad("W", numpy.full((2, 4), numpy.inf, "f"))
    model.layers[0].inc_grad("b", numpy.ones(4, "f"))
    before = model.to_bytes()
    with pytest.raises(FloatingPointError, match=r"'W' of model 'linear'"):
        model.finish_update(optimizer)
    assert model.to_bytes() == before


@pytest.mark.parametrize("name", ["MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"])
def test_every_generator_of_numpy_goes_on_where_it_was(tmp_path, name):
    script = f"""
import numpy
from thinc.api import Linear, load_checkpoint, save_checkpoint
numpy.random.set_bit_generator(numpy.random.{name}(3))
model = Linear(2, 2).initialize()
save_checkpoint({str(tmp_path / "c")!r}, model, None)
numbers = numpy.random.random(3)
load_checkpoint({str(tmp_path / "c")!r}, model, None)
assert numpy.array_equal(numpy.random.random(3), numbers)
"""
    run_python("-c", script)


# Orders with a seed of their own


def test_seeded_orders_depend_on_seed_and_pass_alone():
    X, _ = make_data()

    def orders(seed, passes=3):
        batches = NumpyOps().minibatch(16, X, shuffle=True, seed=seed)
        return [numpy.concatenate(list(batches)) for _ in range(passes)]

    numpy.random.seed(1)
    first = orders(7)
    state = numpy.random.get_state()[1].copy()
    numpy.random.seed(2)
    again = orders(7)
    numpy.random.seed(1)
    assert numpy.array_equal(numpy.random.get_state()[1], state)  # not drawn from
    assert all(numpy.array_equal(a, b) for a, b in zip(first, again, strict=True))
    everything = [*first, *orders(8)]
    for a, b in itertools.combinations(everything, 2):
        assert not numpy.array_equal(a, b)
        assert numpy.array_equal(numpy.sort(a, axis=0), numpy.sort(b, axis=0))


@pytest.mark.parametrize(("seed", "error"), [(-1, ValueError), (0.5, TypeError), ("1", TypeError)])
def test_bad_seeds(seed, error):
    with pytest.raises(error, match="seed"):
        NumpyOps().minibatch(2, range(4), shuffle=True, seed=seed)


@pytest.mark.parametrize("key", ["bounds", "shuffle", "seed", "passes", "position", "order", "sizes"])
def test_a_position_without_one_of_its_parts_is_refused(key):
    batches = NumpyOps().minibatch(3, range(10), shuffle=True)
    state = batches.get_state()
    del state[key]
    for prepare in (batches.prepare_state, batches.prepare_share):
        with pytest.raises(ValueError, match=f"it has no .*{key}"):
            prepare(state, "'file'")


def test_a_position_in_another_share():
    batches = NumpyOps().minibatch(2, range(20), shuffle=True, seed=0)
    list(batches)
    expected = list(batches)  # the order of the second pass
    for n_done, n_now in [(0, 0), (1, 3), (2, 6), (3, 10)]:
        old = NumpyOps().minibatch(3, range(7), shuffle=True, seed=0)
        list(old)
        passing = iter(old)
        for _ in range(n_done):
            next(passing)
        batches.prepare_share(old.get_state(), "'file'")()
        assert list(batches) == (expected[n_now:] if n_done else expected)
        assert len(list(batches)) == 10
    old = NumpyOps().minibatch(3, range(7), shuffle=False)
    with pytest.raises(ValueError, match="saved with shuffle=False"):
        batches.prepare_share(old.get_state(), "'file'")


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("buffer", [1, 4])
def test_batches_by_length_go_on_where_they_were(tmp_path, seed, buffer):
    texts = [[i] * (1 + i * 7 % 11) for i in range(60)]

    def make():
        return NumpyOps().multibatch_by_length(
            40, texts, range(60), padded=True, bucket=2, shuffle=True, seed=seed, buffer=buffer
        )

    model, optimizer = trained()
    batches = make()
    list(batches)
    running = iter(batches)
    next(running), next(running)
    save_checkpoint(tmp_path / "c", model, optimizer, batches=batches)
    expected = [list(running), list(batches)]
    again = make()
    load_checkpoint(tmp_path / "c", model, optimizer, batches=again)
    assert [list(again), list(again)] == expected
    other = NumpyOps().multibatch_by_length(50, texts, range(60), shuffle=True, seed=seed)
    with pytest.raises(ValueError, match=r"other lengths, size, padded or bucket"):
        load_checkpoint(tmp_path / "c", model, optimizer, batches=other)


@pytest.mark.parametrize("buffer", [1, 3])
@pytest.mark.parametrize("seed", [None, 1])
def test_an_iterator_from_before_loading_does_not_move_the_position(tmp_path, seed, buffer):
    ops, model = NumpyOps(), Linear(2, 2).initialize()
    batches = ops.minibatch(2, numpy.arange(12), shuffle=True, seed=seed, buffer=buffer)
    running = iter(batches)
    next(running)
    save_checkpoint(tmp_path / "c", model, None, batches=batches)
    rest = [next(running).tolist() for _ in range(2)]
    load_checkpoint(tmp_path / "c", model, None, batches=batches)
    next(running)
    resumed = iter(batches)
    assert [next(resumed).tolist() for _ in range(2)] == rest
    list(running)
    assert batches.get_state()["position"] == 3
    assert len(list(resumed)) == 3


@pytest.mark.parametrize(
    "extra, message",
    [
        ({(1, 2): 3}, "unhashable"),
        ([numpy.array([1, "a"], dtype=object)], "OBJECT"),
        ({"n": 2**70}, "out of range"),
        ({"n": {1, 2}}, "'set'"),
        ("\ud800", "surrogates"),
        (numpy.array(["2020-01-01"], dtype="datetime64[D]"), "dtype 'M'"),
    ],
)
def test_extra_that_could_not_be_read_again_is_refused(tmp_path, extra, message):
    model = Linear(2, 2).initialize()
    save_checkpoint(tmp_path / "c", model, None, extra="old")
    with pytest.raises(TypeError, match=f"cannot hold this as `extra` .*{message}.* expected numbers"):
        save_checkpoint(tmp_path / "c", model, None, extra=extra)
    assert load_checkpoint(tmp_path / "c", model, None) == "old"


def test_positions_that_would_take_forever_are_refused():
    batches = NumpyOps().minibatch(compounding(1, 8, 1.1), range(40))
    state = {**batches.get_state(), "sizes": 2**62}
    for prepare in (batches.prepare_state, batches.prepare_share):
        with pytest.raises(ValueError, match="of its sizes have been drawn, expected up to 1000000000"):
            prepare(state, "'file'")


@pytest.mark.parametrize("part_bytes", [1, 100, 10**6])
def test_a_model_in_parts(tmp_path, monkeypatch, part_bytes):
    """One that is larger than the format takes in one piece."""
    model = Linear(3, 4).initialize()
    monkeypatch.setattr(thinc.checkpoint, "PART_BYTES", part_bytes)
    save_checkpoint(tmp_path / "c", model, None)
    other = Linear()
    load_checkpoint(tmp_path / "c", other, None)
    assert other.to_bytes() == model.to_bytes()


@pytest.mark.parametrize("parts", [None, [1], [b"", "x"], [], "x", {}])
def test_parts_of_no_model(tmp_path, parts):
    model = Linear(3, 4).initialize()
    save_checkpoint(tmp_path / "c", model, None)
    content = unseal("checkpoint 1", (tmp_path / "c").read_bytes(), "it")
    (tmp_path / "c").write_bytes(seal("checkpoint 1", {**content, "model": parts}))
    before = model.to_bytes()
    with pytest.raises(ValueError, match=r"not laid out as a checkpoint|not a valid MessagePack message"):
        load_checkpoint(tmp_path / "c", model, None)
    assert model.to_bytes() == before
