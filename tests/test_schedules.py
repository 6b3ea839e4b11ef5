"""Schedules, against closed formulas and published values."""

import copy
import pickle
from itertools import islice

import numpy
import pytest

from thinc import schedules
from thinc.api import Adam, NumpyOps
from thinc.config import registry


def take(schedule, n):
    return list(islice(schedule, n))


def test_constant():
    assert take(schedules.constant(0.5), 3) == [0.5] * 3


def test_constant_then_ends_with_the_other():
    assert list(schedules.constant_then(1.0, 2, [3.0, 4.0])) == [1.0, 1.0, 3.0, 4.0]
    assert take(schedules.constant_then(1.0, 1, schedules.constant(2.0)), 3) == [1.0, 2.0, 2.0]


def test_decaying():
    numpy.testing.assert_allclose(
        take(schedules.decaying(0.001, 1e-4), 2), [0.001, 0.000999900009999], rtol=1e-9
    )
    n = numpy.arange(50)
    numpy.testing.assert_allclose(take(schedules.decaying(2.0, 0.3, t=5), 50), 2.0 / (1 + 0.3 * (5 + n)))


@pytest.mark.parametrize(
    ("start", "stop", "factor"), [(1, 16, 1.5), (16.0, 1.0, 0.7), (2, 2, 2), (1.0, 4, 1.0)]
)
def test_compounding(start, stop, factor):
    values = take(schedules.compounding(start, stop, factor), 40)
    expected = numpy.clip(start * factor ** numpy.arange(40.0), min(start, stop), max(start, stop))
    numpy.testing.assert_allclose(values, expected)
    assert all(type(v) is type(stop) for v in values if v == stop)


def test_compounding_does_not_overflow():
    series = schedules.compounding(1.0, 10.0, 1e200)
    assert take(series, 1000)[-1] == 10.0


@pytest.mark.parametrize(
    ("arguments", "values"),
    [
        ((4, 4, 0.5), [4, 2, 1, 0.5]),  # equal ends: the limit is an upper one
        ((1, 16, 0.5), [1, 0.5, 0.25, 0.125]),
        ((16, 1, 2), [16, 32, 64, 128]),
        ((1, 3, -2), [1, -2, 3, -8]),
    ],
)
def test_compounding_is_a_running_product(arguments, values):
    assert take(schedules.compounding(*arguments), 4) == values


def test_edge_training_17_compounding_ignores_t():
    assert take(schedules.compounding(1.0, 8.0, 2.0, t=3.0), 2) == [1.0, 2.0]


def test_warmup_linear():
    expected = [0, 0.5, 1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0, 0]
    assert take(schedules.warmup_linear(1, 2, 10), 12) == expected
    assert take(schedules.warmup_linear(1.0, 0, 0), 3) == [0.0, 0.0, 0.0]


def test_edge_training_17_slanted_triangular():
    values = take(schedules.slanted_triangular(1, 20, ratio=10), 40)
    numpy.testing.assert_allclose(values[:4], [0.55, 1, 0.95, 0.9])
    numpy.testing.assert_allclose(values[19:], 0.1)  # the floor is max_rate / ratio
    assert take(schedules.slanted_triangular(1, 20, ratio=10, t=2), 1) == pytest.approx([0.95])


@pytest.mark.parametrize(("num_steps", "cut_frac"), [(5, 0.1), (1, 0.5), (0, 0.1), (10, 0.0), (10, 1.0)])
def test_edge_training_17_slanted_triangular_with_few_steps(num_steps, cut_frac):
    values = take(schedules.slanted_triangular(1.0, num_steps, cut_frac=cut_frac), 15)
    assert all(1 / 32 - 1e-9 <= v <= 1.0 for v in values)
    assert values[-1] == pytest.approx(1 / 32)


@pytest.mark.parametrize("decay", [0.0, 0.5, 3.0])
def test_edge_training_17_slanted_triangular_ignores_decay(decay):
    expected = take(schedules.slanted_triangular(1.0, 10), 12)
    assert take(schedules.slanted_triangular(1.0, 10, decay=decay), 12) == expected


def test_cyclic_triangular():
    numpy.testing.assert_allclose(
        take(schedules.cyclic_triangular(0.1, 1, 2), 9), [0.55, 1, 0.55, 0.1, 0.55, 1, 0.55, 0.1, 0.55]
    )


def test_warmup_cosine():
    n = numpy.arange(8)
    numpy.testing.assert_allclose(
        take(schedules.warmup_cosine(1.0, 4, 12, final_rate=0.1), 14),
        [0, 0.25, 0.5, 0.75, *(0.1 + 0.9 * (1 + numpy.cos(numpy.pi * n / 8)) / 2), 0.1, 0.1],
    )
    assert take(schedules.warmup_cosine(1.0, 0, 1), 2) == [1.0, 0.0]


def test_one_cycle():
    values = take(schedules.one_cycle(2.0, 20), 25)
    # As PyTorch's OneCycleLR gives them
    numpy.testing.assert_allclose(
        values[:8], [0.08, 0.263344, 0.743344, 1.336656, 1.816656, 2.0, 1.974928, 1.900969], atol=1e-6
    )
    numpy.testing.assert_allclose(values[19:], 0.08 / 1e4)
    assert values.index(max(values)) == 5


def test_polynomial():
    numpy.testing.assert_allclose(
        take(schedules.polynomial(1.0, 4, power=2.0, final_rate=0.5), 6),
        [1.0, 0.5 + 0.5 * 0.5625, 0.625, 0.53125, 0.5, 0.5],
    )


def test_exponential():
    assert take(schedules.exponential(1.0, 0.5, final_rate=0.2), 5) == [1, 0.5, 0.25, 0.2, 0.2]
    numpy.testing.assert_allclose(take(schedules.exponential(2.0, 0.25, steps=2), 3), [2, 1, 0.5])
    assert take(schedules.exponential(1.0, 0.5, final_rate=1e-300), 3000)[-1] == 1e-300


def test_sequence():
    series = schedules.sequence(schedules.constant(1.0), [5.0, 6.0, 7.0], (0.5, 0.25), steps=[2, 1])
    assert list(series) == [1.0, 1.0, 5.0, 0.5, 0.25]
    assert list(schedules.sequence([1.0, 2.0], steps=[])) == [1.0, 2.0]
    # one that ends early leaves its turn to the next
    assert list(schedules.sequence([1.0], [2.0], steps=[5])) == [1.0, 2.0]


@pytest.mark.parametrize("position", [0, 1, 3, 6])
def test_sequences_resume_with_the_schedules_in_them(position):
    series = schedules.sequence(
        schedules.warmup_linear(1.0, 4, 8), schedules.exponential(1.0, 0.5), steps=[3]
    )
    whole = take(series, 8)
    series.seek(position)
    for resumed in (copy.copy(series), pickle.loads(pickle.dumps(series)), series):
        assert take(resumed, 8 - position) == whole[position:]


class Popping:
    """An iterator of a user; `rest` may be a generator, which cannot be copied."""

    def __init__(self, rest):
        self.rest = rest

    def __iter__(self):
        return self

    def __next__(self):
        if isinstance(self.rest, list) and not self.rest:
            raise StopIteration
        return self.rest.pop(0) if isinstance(self.rest, list) else next(self.rest)


@pytest.mark.parametrize(
    "make",
    [
        lambda: map(float, [1, 2, 3, 4, 5]),
        lambda: filter(None, iter([0, 1.0, 2.0, 3.0, 4.0, 5.0])),
        lambda: Popping([1.0, 2.0, 3.0, 4.0, 5.0]),
    ],
)
def test_iterators_that_hold_others_are_copied_with_these(make):
    series = schedules.constant_then(0.5, 1, make())
    take(series, 3)
    copied = copy.copy(series)
    assert take(copied, 2) == [3.0, 4.0]
    assert take(series, 2) == [3.0, 4.0]
    series.seek(2)
    assert list(series) == [2.0, 3.0, 4.0, 5.0]


def test_iterators_that_hold_generators_cannot_be_copied():
    series = schedules.constant_then(0.5, 1, Popping(x for x in [1.0, 2.0]))
    with pytest.raises(TypeError, match=r"'constant_then'.*draws from a Popping"):
        copy.copy(series)
    assert list(series) == [0.5, 1.0, 2.0]


def test_sequences_of_plain_generators_cannot_be_copied():
    series = schedules.sequence((x for x in [1.0]), [2.0], steps=[1])
    with pytest.raises(TypeError, match=r"'sequence'.*draws from a generator"):
        copy.copy(series)
    assert list(series) == [1.0, 2.0]


def square(n):
    return n * n


def test_functions_of_the_step():
    assert take(schedules.of_step(square), 4) == [0, 1, 4, 9]
    series = schedules.of_step(square)
    next(series)
    assert take(pickle.loads(pickle.dumps(series)), 2) == [1, 4]
    optimizer = Adam(lambda n: 0.1 / (n + 1), L2=square)
    assert (optimizer.learn_rate, optimizer.L2) == (0.1, 0)
    optimizer.step_schedules()
    optimizer.step_schedules()
    assert (optimizer.learn_rate, optimizer.L2) == (pytest.approx(0.1 / 3), 4)
    with pytest.raises(ValueError, match="starts with 'text'"):
        Adam(lambda n: "text")
    sizes = [len(batch) for batch in NumpyOps().minibatch(lambda n: n + 1, range(10))]
    assert sizes == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: schedules.warmup_cosine(1.0, 5, 5),
            "warmup_cosine: expected 0 <= warmup_steps < total_steps",
        ),
        (lambda: schedules.warmup_cosine(0.1, 1, 5, final_rate=0.2), "initial_rate not below final_rate"),
        (lambda: schedules.one_cycle(1.0, 3), "more total_steps"),
        (lambda: schedules.one_cycle(1.0, 30, rising=1.0), "a share between 0 and 1"),
        (
            lambda: schedules.one_cycle(1.0, 30, final_factor=0.5),
            "at least 1 as start_factor and final_factor",
        ),
        (lambda: schedules.polynomial(1.0, 0), "at least 1 as total_steps"),
        (lambda: schedules.polynomial(1.0, 5, power=0.0), "a positive power"),
        (lambda: schedules.exponential(1.0, 1.5), "a decay in"),
        (lambda: schedules.exponential(1.0, 0.5, steps=0), "at least 1 as steps"),
        (lambda: schedules.sequence([1.0], steps=[1]), "1 for 1 schedules"),
        (lambda: schedules.sequence(steps=[]), "0 for 0 schedules"),
        (lambda: schedules.sequence([1.0], [2.0], steps=[-1]), "numbers of steps from 0"),
    ],
)
def test_bad_arguments_are_refused_at_once(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_of_step_takes_functions_only():
    with pytest.raises(TypeError, match="of_step: expected a function"):
        schedules.of_step(0.5)


LAZY = [
    "constant",
    "constant_then",
    "decaying",
    "compounding",
    "warmup_linear",
    "slanted_triangular",
    "cyclic_triangular",
]


@pytest.mark.parametrize("name", schedules.__all__)
def test_registered(name):
    assert registry.get("schedules", f"{name}.v1") is getattr(schedules, name)


@pytest.mark.parametrize("name", LAZY)
def test_lazy(name):
    func = getattr(schedules, name)
    wrong = {
        "constant": (),
        "constant_then": (1.0, "x", 3),
        "decaying": ("a", "b"),
        "compounding": ("a", 2, 3),
        "warmup_linear": (1.0, "a", 3),
        "slanted_triangular": ("a", "b"),
        "cyclic_triangular": (1.0, 2.0, 0),
    }[name]
    if wrong:
        series = func(*wrong)  # nothing is looked at yet
        with pytest.raises((TypeError, ValueError, ZeroDivisionError)):
            take(series, 2)


def test_from_config():
    joined = {
        "@schedules": "sequence.v1",
        "*": {
            "first": [0.0, 0.5],
            "then": {
                "@schedules": "warmup_cosine.v1",
                "initial_rate": 1.0,
                "warmup_steps": 0,
                "total_steps": 2,
            },
        },
        "steps": [2],
    }
    assert take(registry.resolve({"rate": joined})["rate"], 4) == [0.0, 0.5, 1.0, 0.5]
    config = {
        "a": {
            "@schedules": "constant_then.v1",
            "rate": 3.0,
            "steps": 1,
            "schedule": {"@schedules": "compounding.v1", "start": 1, "stop": 3, "compound": 2.0},
        }
    }
    assert take(registry.resolve(config)["a"], 4) == [3.0, 1.0, 2.0, 3]


def drops_of(scores, factor, patience, threshold, min_rate, sign):
    """The rates after each score by the definition: how many came since the last best one, or the last fall."""
    rates, rate, best, since = [], 1.0, None, 0
    for score in scores:
        if best is None or sign * (score - best) > threshold * abs(best):
            best, since = score, 0
        else:
            since += 1
        if since > patience and rate > min_rate:
            rate, since = max(rate * factor, min_rate), 0
        rates.append(rate)
    return rates


@pytest.mark.parametrize("patience", [0, 1, 3])
@pytest.mark.parametrize("higher_is_better", [False, True])
def test_plateau(patience, higher_is_better):
    scores = numpy.random.default_rng(patience).normal(size=60).round(1).tolist()
    settings = {"factor": 0.5, "patience": patience, "threshold": 0.1, "min_rate": 0.01}
    rates = schedules.plateau(1.0, higher_is_better=higher_is_better, **settings)
    found, fell = [], []
    for score in scores:
        before = next(rates)
        fell.append(rates.report(score) == (next(rates) < before))
        found.append(next(rates))
    assert found == drops_of(scores, sign=1 if higher_is_better else -1, **settings)
    assert found[-1] == 0.01
    assert all(fell)


def test_plateau_takes_nan_for_no_better():
    rates = schedules.plateau(1.0, factor=0.5, patience=1)
    assert [rates.report(score) for score in (numpy.nan, 2.0, numpy.inf, numpy.nan)] == [False] * 3 + [True]
    assert rates.best == 2.0


def test_plateau_goes_on_where_it_was():
    optimizer = Adam(schedules.plateau(0.1, factor=0.5, patience=1))
    for score in (1.0, 2.0, 2.0, 2.0):
        optimizer.schedules["learn_rate"].report(score)
    optimizer.step_schedules()
    assert optimizer.learn_rate == 0.05
    other = Adam(schedules.plateau(0.1, factor=0.5, patience=1)).from_bytes(optimizer.to_bytes())
    assert other.learn_rate == 0.05
    copied = [copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer)), other]
    for each in [optimizer, *copied]:
        assert each.schedules["learn_rate"].report(2.0)
        each.step_schedules()
        assert each.learn_rate == 0.025


@pytest.mark.parametrize("number", [float, numpy.float32])
def test_plateau_at_its_smallest_rate_goes_on_where_it_was(number):
    def make():
        rate = schedules.plateau(number(0.5), factor=number(0.5), patience=1, min_rate=number(0.25))
        return Adam(rate)

    optimizer = make()
    for n in range(8):  # the rate falls at the third score
        optimizer.schedules["learn_rate"].report(1.0)
        optimizer.step_schedules()
        state = make().from_bytes(optimizer.to_bytes()).schedules["learn_rate"].get_state()
        assert state == {"rate": 0.5 if n < 2 else 0.25, "best": 1.0, "waited": n if n < 2 else n - 2}


def test_plateau_and_other_schedules_refuse_each_other():
    ours, steps = Adam(schedules.plateau(0.1)), Adam(schedules.decaying(0.1, 0.1))
    for target, data in ((ours, steps.to_bytes()), (steps, ours.to_bytes())):
        with pytest.raises(ValueError, match="plateau"):
            target.from_bytes(data)
    with pytest.raises(ValueError, match="plateau"):
        schedules.sequence(schedules.warmup_linear(0.1, 1, 2), schedules.plateau(0.1), steps=[3])
    state = ours.schedules["learn_rate"].get_state()
    for bad in (None, {}, {**state, "waited": -1}, {**state, "best": "x"}, {**state, "rate": 1}):
        with pytest.raises(ValueError, match="expected rate, best score"):
            ours.schedules["learn_rate"].prepare_state(bad)


@pytest.mark.parametrize(
    "settings",
    [{"initial_rate": 0.0}, {"factor": 1.0}, {"patience": -1}, {"patience": 1.5}, {"threshold": -1.0},
     {"min_rate": 0.2}, {"min_rate": -1.0}],
)  # fmt: skip
def test_plateau_refuses(settings):
    with pytest.raises(ValueError, match="plateau: expected"):
        schedules.plateau(**{"initial_rate": 0.1, **settings})


def test_plateau_from_a_config():
    config = {"@optimizers": "Adam.v1", "learn_rate": {"@schedules": "plateau.v1", "initial_rate": 0.5}}
    optimizer = registry.resolve({"optimizer": config})["optimizer"]
    assert optimizer.learn_rate == 0.5
    assert not optimizer.schedules["learn_rate"].report(1.0)
