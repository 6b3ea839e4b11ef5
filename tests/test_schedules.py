"""Schedules, against closed formulas and published values."""

from itertools import islice

import numpy
import pytest

from thinc import schedules
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


@pytest.mark.parametrize("name", schedules.__all__)
def test_registered_and_lazy(name):
    func = getattr(schedules, name)
    assert registry.get("schedules", f"{name}.v1") is func
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
    config = {
        "a": {
            "@schedules": "constant_then.v1",
            "rate": 3.0,
            "steps": 1,
            "schedule": {"@schedules": "compounding.v1", "start": 1, "stop": 3, "compound": 2.0},
        }
    }
    assert take(registry.resolve(config)["a"], 4) == [3.0, 1.0, 2.0, 3]
