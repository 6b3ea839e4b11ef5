"""Optimizers: the update against a slow twin in float64, settings, state, errors."""

import copy
import pickle

import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import thinc.compat
from helpers.optimizer_twin import KEY, MAKERS, SETTINGS, call, draw, steps_match
from thinc._optimizer_formulas import update_by_formulas
from thinc.config import registry
from thinc.optimizers import ADAM_DEFAULTS, SGD, SGD_DEFAULTS, Adam, Optimizer, RAdam
from thinc.schedules import constant

SIZES = [1, 7, 15, 16, 17, 33, 1000]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("name", MAKERS)
def test_update_matches_the_slow_twin(name, settings, size):
    steps_match(MAKERS[name](0.01, **settings), call, size)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("name", MAKERS)
def test_formulas_for_other_arrays_match_the_slow_twin(name, settings):
    steps_match(MAKERS[name](0.01, **settings), update_by_formulas, 33)


@pytest.mark.parametrize("name", ["radam", "sgd"])
def test_float64(name):
    steps_match(MAKERS[name](0.01, L2=0.1), call, 33, dtype="float64")


@pytest.mark.parametrize("name", MAKERS)
def test_edge_training_9_lr_scale(name):
    steps_match(MAKERS[name](0.01, L2=0.1), call, 33, lr_scale=0.3)


def test_adam_moments_are_flat_float32():
    optimizer = Adam(0.01)
    optimizer(KEY, draw((3, 4)), draw((3, 4), 1))
    assert optimizer.mom1[KEY].shape == optimizer.mom2[KEY].shape == (12,)
    assert optimizer.mom1[KEY].dtype == optimizer.mom2[KEY].dtype == "float32"
    assert optimizer.averages[KEY].shape == (3, 4)
    assert optimizer.averages[KEY].dtype == "float32"


@pytest.mark.parametrize(
    "make, weights, averages",
    [
        (Adam, [0.99, 0.98, 0.97], [0.81, 0.9375, 0.96]),
        (RAdam, [0.994737, 0.987726, 0.979846, 0.971448, 0.971201], None),
    ],
)
def test_edge_training_12_known_values(make, weights, averages):
    optimizer = make(0.01, grad_clip=0)
    w = numpy.ones(1, dtype="float32")
    for i, expected in enumerate(weights):
        w, _ = optimizer(KEY, w, numpy.ones(1, dtype="float32"))
        assert_allclose(w, expected, atol=1e-6)
        if averages:
            assert_allclose(optimizer.averages[KEY], averages[i], atol=1e-6)


def test_beta1_without_beta2_is_plain_sgd():
    w, g = draw(5), draw(5, 1)
    expected = w - 0.1 * g
    w, _ = Optimizer(0.1, beta1=0.9, beta2=0.0, grad_clip=0.0)(KEY, w, g)
    assert_allclose(w, expected, rtol=1e-6)


def test_beta2_without_beta1_is_not_implemented():
    optimizer = Optimizer(0.1, beta1=0.0, beta2=0.9)
    w, g = draw(5), draw(5, 1)
    with pytest.raises(NotImplementedError):
        optimizer(KEY, w, g)
    assert_untouched(optimizer, w, g, (5,))


def assert_untouched(optimizer, w, g, shape):
    assert_array_equal(w, draw(shape))
    assert_array_equal(g, draw(shape, 1))
    assert not optimizer.nr_update
    assert not optimizer.mom1
    assert not optimizer.averages


# --- in place


def test_contiguous_arrays_are_changed_in_place():
    for optimizer in (SGD(0.1), Adam(0.1)):
        w, g = draw((3, 4)), draw((3, 4), 1)
        new, zeroed = optimizer(KEY, w, g)
        assert numpy.shares_memory(new, w)
        assert new.shape == (3, 4)
        assert zeroed is g
        assert not g.any()
        assert (w != draw((3, 4))).any()


@pytest.mark.parametrize("make", MAKERS.values())
def test_other_weights_are_copied(make):
    w = draw((4, 3)).T
    new, _ = make(0.1)(KEY, w, draw((3, 4), 1))
    assert_array_equal(w, draw((4, 3)).T)
    expected, _ = make(0.1)(KEY, w.copy(), draw((3, 4), 1))
    assert_array_equal(new, expected)


@pytest.mark.parametrize("make", MAKERS.values())
def test_strided_gradients_are_read_and_zeroed(make):
    g = draw((4, 6), 1).T[::2]
    expected, _ = make(0.1)(KEY, draw((3, 4)), g.copy())
    new, zeroed = make(0.1)(KEY, draw((3, 4)), g)
    assert_array_equal(new, expected)
    assert zeroed is g
    assert not g.any()


@pytest.mark.parametrize("make", MAKERS.values())
def test_edge_training_10_nan_gradients_do_not_survive(make):
    g = numpy.full(5, numpy.nan, dtype="float32")
    make(0.1)(KEY, draw(5), g)
    assert_array_equal(g, numpy.zeros(5))


@pytest.mark.parametrize("value", [numpy.inf, -numpy.inf, numpy.nan])
def test_clipping_leaves_no_finite_norm_of_bad_gradients(value):
    g = numpy.ones(5, dtype="float32")
    g[2] = value
    w, _ = SGD(0.1)(KEY, numpy.ones(5, dtype="float32"), g)
    assert numpy.isnan(w[2])


def test_clipping_does_not_overflow():
    g = numpy.full(4, 1e30, dtype="float32")
    w, _ = SGD(1.0)(KEY, numpy.zeros(4, dtype="float32"), g)
    assert_allclose(w, -0.5 * numpy.ones(4), rtol=1e-6)


def test_clip_of_a_zero_gradient():
    w, _ = SGD(1.0, grad_clip=1e-30)(KEY, draw(4), numpy.zeros(4, dtype="float32"))
    assert_array_equal(w, draw(4))


def test_moments_without_gradients_end_at_zero():
    optimizer = Adam(0.001)
    w = draw(20)
    optimizer(KEY, w, draw(20, 1))
    for _ in range(1000):
        optimizer(KEY, w, numpy.zeros(20, dtype="float32"))
    assert_array_equal(optimizer.mom1[KEY], numpy.zeros(20))


@pytest.mark.parametrize("make", MAKERS.values())
def test_empty_gradient_is_left_alone(make):
    optimizer = make(0.1)
    w, g = numpy.zeros((0, 3), dtype="float32"), numpy.zeros((0, 3), dtype="float32")
    new_w, new_g = optimizer(KEY, w, g)
    assert new_w is w
    assert new_g is g
    assert not optimizer.nr_update


def test_rows_without_columns():
    optimizer = Adam(0.1)
    w, _ = optimizer(KEY, numpy.zeros((3, 0), dtype="float32"), numpy.zeros((3, 0), dtype="float32"))
    assert w.shape == (3, 0)
    assert optimizer.nr_update[KEY] == 1


@pytest.mark.parametrize("dtype", ["float16", "longdouble"])
def test_sgd_takes_any_float(dtype):
    w, g = draw(9, dtype=dtype), draw(9, 1, dtype=dtype)
    expected = w.astype("float64") - 0.1 * g.astype("float64")
    new, _ = SGD(0.1, grad_clip=0.0)(KEY, w, g)
    assert new is w
    assert w.dtype == dtype
    assert_allclose(w, expected, rtol=2e-3 if dtype == "float16" else 1e-12)
    assert not g.any()


@pytest.mark.parametrize("make", MAKERS.values())
def test_arrays_that_are_not_aligned_or_in_another_byte_order(make):
    expected, _ = make(0.1)(KEY, draw((3, 4)), draw((3, 4), 1))
    records = numpy.zeros((3, 4), dtype=[("padding", "i1"), ("value", "f4")])
    for w, g in (
        (records["value"], draw((3, 4), 1)),
        (draw((3, 4)), draw((3, 4), 1).astype(">f4")),
        (
            numpy.frombuffer(bytearray(1) + draw((3, 4)).tobytes(), "f4", offset=1).reshape(3, 4),
            draw((3, 4), 1),
        ),
    ):
        w[...] = draw((3, 4))
        optimizer = make(0.1)
        new, zeroed = optimizer(KEY, w, g)
        assert_allclose(new, expected, rtol=1e-6)
        assert zeroed is g
        assert not g.any()
        assert numpy.shares_memory(new, w) == w.flags.c_contiguous
        assert optimizer.nr_update == {KEY: 1}


# --- errors change nothing


def read_only(array):
    array.flags.writeable = False
    return array


BAD_INPUT = {
    "shapes": (draw(5), draw(6, 1)),
    "transposed": (draw((2, 3)), draw((3, 2), 1)),
    "float64": (draw(5, dtype="float64"), draw(5, 1, dtype="float64")),
    "mixed": (draw(5), draw(5, 1, dtype="float64")),
    "integers": (numpy.arange(5), numpy.arange(5)),
    "list": (draw(5), [1.0, 2.0]),
    "read-only weights": (read_only(draw(5)), draw(5, 1)),
    "read-only gradient": (draw(5), read_only(draw(5, 1))),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_refused_before_anything_changes(case):
    w, g = BAD_INPUT[case]
    before = w.copy(), copy.deepcopy(g)
    optimizer = Adam(0.1)
    for update in (
        lambda: optimizer(KEY, w, g),
        lambda: optimizer.update_many([(0, "b"), KEY], [draw(3), w], [draw(3, 1), g]),
    ):
        with pytest.raises(ValueError, match="Cannot update parameter"):
            update()
        assert_array_equal(w, before[0])
        assert_array_equal(g, before[1])
        assert not optimizer.nr_update
        assert not optimizer.mom1
        assert not optimizer.averages


def test_scalars_are_refused():
    with pytest.raises(TypeError):
        Adam(0.1)(KEY, numpy.float32(1), numpy.float32(1))
    with pytest.raises(TypeError):
        Adam(0.1)(KEY, numpy.array(1, dtype="float32"), numpy.array(1, dtype="float32"))


@pytest.mark.parametrize("make", MAKERS.values())
def test_edge_training_13_stale_state_after_a_change_of_shape(make):
    optimizer = make(0.1)
    optimizer(KEY, draw(5), draw(5, 1))
    w, g = draw(6), draw(6, 1)
    with pytest.raises(ValueError, match="earlier updates"):
        optimizer(KEY, w, g)
    assert_array_equal(w, draw(6))
    assert_array_equal(g, draw(6, 1))
    assert optimizer.nr_update[KEY] == 1


def test_sgd_refuses_integers():
    with pytest.raises(ValueError, match="expected float"):
        SGD(0.1)(KEY, numpy.arange(3), numpy.arange(3))


def test_unhashable_key():
    w, g = draw(5), draw(5, 1)
    optimizer = Adam(0.1)
    with pytest.raises(TypeError):
        optimizer(["no", "key"], w, g)
    assert_untouched(optimizer, w, g, (5,))


@pytest.mark.parametrize("name, value", [("b1", 1.0), ("b1", 2.0), ("b2", 1.5)])
def test_impossible_betas(name, value):
    optimizer = Adam(0.1)
    setattr(optimizer, name, value)
    w, g = draw(5), draw(5, 1)
    with pytest.raises(ValueError, match="less than 1"):
        optimizer(KEY, w, g)
    assert_untouched(optimizer, w, g, (5,))


@pytest.mark.parametrize("name, value", [("b1", 1.0), ("b2", 1.0), ("b2", 1.5)])
def test_impossible_betas_in_half_precision(name, value):
    optimizer = RAdam(0.1)
    setattr(optimizer, name, value)
    w, g = draw(5, dtype="float16"), draw(5, 1, "float16")
    with pytest.raises(ValueError, match="less than 1"):
        optimizer(KEY, w, g)
    assert_array_equal(w, draw(5, dtype="float16"))
    with pytest.raises(ValueError, match="less than 1"):
        optimizer.update_many([1, 1], [w, w], [g, g])
    assert not optimizer.nr_update


# --- several parameters at once

SHAPES = [(1,), (3, 5), (0, 4), (100,), (17, 33), (16,), (2, 2, 2)]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("name", MAKERS)
def test_update_many_is_one_call_per_key(name, settings):
    one_by_one, together = MAKERS[name](0.01, **settings), MAKERS[name](0.01, **settings)
    keys = [(i, "W") for i in range(len(SHAPES))]
    weights = [draw(shape, seed=i) for i, shape in enumerate(SHAPES)]
    weights[1] = numpy.asfortranarray(weights[1])
    others = [w.copy(order="K") for w in weights]
    for step in range(7):
        gradients = [draw(shape, seed=100 * step + i) for i, shape in enumerate(SHAPES)]
        gradients[4] = numpy.asfortranarray(gradients[4])
        copies = [g.copy(order="K") for g in gradients]
        weights = [one_by_one(*args)[0] for args in zip(keys, weights, gradients, strict=True)]
        others = together.update_many(keys, others, copies)
        for a, b in zip(weights, others, strict=True):
            assert_array_equal(a, b)
        assert not any(g.any() for g in copies)
    for arrays in ("mom1", "mom2", "averages"):
        a, b = getattr(one_by_one, arrays), getattr(together, arrays)
        assert (a or {}).keys() == (b or {}).keys()
        for key in a or {}:
            assert_array_equal(a[key], b[key])
    assert one_by_one.nr_update == together.nr_update


def test_update_many_in_place_and_order():
    optimizer = Adam(0.1)
    weights = [draw(3), draw((2, 2), 1)]
    updated = optimizer.update_many([1, 2], weights, [draw(3, 2), draw((2, 2), 3)])
    assert [w is v for w, v in zip(weights, updated, strict=True)] == [True, True]


def test_update_many_with_a_repeated_key():
    one_by_one, together = Adam(0.1), Adam(0.1)
    for step in range(2):
        for seed in (0, 1):
            expected, _ = one_by_one(KEY, draw(5, seed + step), draw(5, 7 + seed))
        updated = together.update_many(
            [KEY, KEY], [draw(5, step), draw(5, 1 + step)], [draw(5, 7), draw(5, 8)]
        )
        assert_array_equal(updated[1], expected)
    assert together.nr_update[KEY] == 4


def test_update_many_of_mixed_types():
    one_by_one, together = SGD(0.1), SGD(0.1)
    dtypes = ["float32", "float64", "float16"]
    updated = together.update_many(
        [1, 2, 3], [draw(5, dtype=dtype) for dtype in dtypes], [draw(5, 1, dtype=dtype) for dtype in dtypes]
    )
    for i, dtype in enumerate(dtypes):
        assert_array_equal(one_by_one(i, draw(5, dtype=dtype), draw(5, 1, dtype=dtype))[0], updated[i])


def test_update_many_refuses_lists_of_different_lengths():
    with pytest.raises(ValueError):
        Adam(0.1).update_many([1, 2], [draw(3)], [draw(3)])


def test_update_many_of_nothing():
    assert Adam(0.1).update_many([], [], []) == []


# --- settings and schedules


def test_defaults():
    assert SGD_DEFAULTS == {"L2": 0.0, "L2_is_weight_decay": True, "grad_clip": 1.0}
    assert ADAM_DEFAULTS == {
        "learn_rate": 0.001,
        "beta1": 0.9,
        "beta2": 0.999,
        "eps": 1e-08,
        "L2": 0.0,
        "L2_is_weight_decay": True,
        "grad_clip": 1.0,
    }
    optimizer = Adam()
    assert (optimizer.learn_rate, optimizer.b1, optimizer.b2, optimizer.eps) == (0.001, 0.9, 0.999, 1e-8)
    assert (optimizer.L2, optimizer.grad_clip, optimizer.L2_is_weight_decay) == (0.0, 1.0, True)
    assert optimizer._radam_buffer == [[None, None, None] for _ in range(10)]
    assert not SGD(0.1).use_radam
    assert SGD(0.1).b1 == SGD(0.1).b2 == 0.0
    assert RAdam().use_radam
    with pytest.raises(TypeError):
        SGD()


NUMBERS = [0.5, 1, True, numpy.float32(0.5), numpy.float64(0.5), numpy.int64(2), numpy.bool_(True)]
SETTING_ATTRS = {
    "learn_rate": "learn_rate",
    "L2": "L2",
    "beta1": "b1",
    "beta2": "b2",
    "eps": "eps",
    "grad_clip": "grad_clip",
}


@pytest.mark.parametrize("value", NUMBERS)
@pytest.mark.parametrize("name", SETTING_ATTRS)
def test_numbers_are_constants(name, value):
    optimizer = Optimizer(**{"learn_rate": 0.1, name: value})
    assert getattr(optimizer, SETTING_ATTRS[name]) == value
    assert optimizer.schedules == {}


@pytest.mark.parametrize(
    "make",
    [
        list,
        tuple,
        iter,
        numpy.array,
        lambda values: (v for v in values),
        lambda values: dict.fromkeys(values),
    ],
)
@pytest.mark.parametrize("name", SETTING_ATTRS)
def test_iterables_are_schedules(name, make):
    optimizer = Optimizer(**{"learn_rate": 0.1, name: make([0.5, 0.25])})
    attr = SETTING_ATTRS[name]
    assert getattr(optimizer, attr) == 0.5
    assert list(optimizer.schedules) == [attr]
    setattr(optimizer, attr, 7.0)
    optimizer.step_schedules()
    assert getattr(optimizer, attr) == 0.25
    for _ in range(2):  # the schedule has ended
        optimizer.step_schedules()
        assert getattr(optimizer, attr) == 0.25


@pytest.mark.parametrize("value", ["0.1", b"0.1", None, [], (), iter([]), ["a"], object(), 1j])
@pytest.mark.parametrize("name", SETTING_ATTRS)
def test_bad_settings_are_named(name, value):
    with pytest.raises(ValueError, match=f"'{name}'.*{type(value).__name__}") as error:
        Optimizer(**{"learn_rate": 0.1, name: value})
    assert f"'{SETTING_ATTRS[name]}'" in str(error.value)


def test_arrays_without_dimensions_are_constants():
    optimizer = Optimizer(numpy.array(0.5), L2=numpy.array(2))
    assert (optimizer.learn_rate, optimizer.L2) == (0.5, 2)
    assert type(optimizer.learn_rate) is float
    assert not optimizer.schedules
    for value in (numpy.array("x"), numpy.array(1j), numpy.zeros((2, 2)), numpy.datetime64(1, "s")):
        with pytest.raises(ValueError, match="'learn_rate'"):
            Optimizer(value)


class OnlyNext:
    value = 0.0

    def __next__(self):
        self.value += 1.0
        return self.value


def test_iterators_need_no_iter():
    optimizer = Optimizer(OnlyNext())
    optimizer.step_schedules()
    assert optimizer.learn_rate == 2.0


@pytest.mark.parametrize("bad", ["x", None, 1j, [0.1]])
def test_schedule_that_gives_no_number_changes_no_setting(bad):
    optimizer = Optimizer([0.1, 0.2], L2=[0.5, bad], eps=[0.3, 0.4])
    with pytest.raises(ValueError, match="'L2'"):
        optimizer.step_schedules()
    assert (optimizer.learn_rate, optimizer.L2, optimizer.eps) == (0.1, 0.5, 0.3)


def test_clipping_may_be_switched_off():
    for off in (0, 0.0, False, None):
        optimizer = SGD(0.1)
        optimizer.grad_clip = off
        w, g = numpy.ones(4, dtype="f"), numpy.full(4, 2, dtype="f")
        assert_array_equal(optimizer(KEY, w, g)[0], numpy.full(4, 1 - numpy.float32(0.2)))


def test_edge_training_11_schedule_of_beta_changes_the_step_of_radam():
    scheduled, fresh = RAdam(0.01, beta2=[0.999, 0.9]), RAdam(0.01, beta2=0.999)
    w, v = draw(5), draw(5)
    for step in range(12):
        if step == 6:
            scheduled.step_schedules()
            fresh.b2 = 0.9
            fresh._radam_buffer = [[None, None, None] for _ in range(10)]
        scheduled(KEY, w, draw(5, step))
        fresh(KEY, v, draw(5, step))
        scheduled((2, "other key, same steps"), draw(5), draw(5, step))
        assert_array_equal(w, v)


def test_slots():
    with pytest.raises(AttributeError):
        Adam().learning_rate = 0.1


# --- state


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
@pytest.mark.parametrize("name", MAKERS)
def test_copies_go_on_alike(name, duplicate):
    optimizer = MAKERS[name]([0.1, 0.01, 0.001])
    w = draw(33)
    optimizer(KEY, w, draw(33, 1))
    optimizer.step_schedules()
    other, v = duplicate(optimizer), w.copy()
    for seed in range(3):
        optimizer(KEY, w, draw(33, seed))
        other(KEY, v, draw(33, seed))
        optimizer.step_schedules()
        other.step_schedules()
    assert_array_equal(w, v)
    assert other.learn_rate == 0.001
    assert other.nr_update == {KEY: 4}


class Counting(Optimizer):
    """As a user writes one: with an attribute of its own."""

    def __init__(self, learn_rate):
        super().__init__(learn_rate)
        self.calls = []

    def __call__(self, key, weights, gradient, *, lr_scale=1.0):
        self.calls.append(key)
        return super().__call__(key, weights, gradient, lr_scale=lr_scale)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_copies_of_subclasses_have_their_attributes(duplicate):
    optimizer = Counting(0.1)
    optimizer(KEY, draw(3), draw(3, 1))
    other = duplicate(optimizer)
    assert type(other) is Counting
    assert other.calls == [KEY]
    assert other.nr_update == {KEY: 1}


def test_generators_cannot_be_pickled():
    optimizer = Adam(value for value in [0.1, 0.2])
    with pytest.raises(TypeError):
        pickle.dumps(optimizer)
    with pytest.raises(TypeError):
        copy.deepcopy(optimizer)


def test_restored_state_may_be_read_only_or_strided():
    optimizer, other = Adam(0.1), Adam(0.1)
    for o in (optimizer, other):
        o(KEY, draw(5), draw(5, 1))
    other.mom1[KEY] = numpy.frombuffer(other.mom1[KEY].tobytes(), dtype="float32")
    other.mom2[KEY] = numpy.repeat(other.mom2[KEY], 2)[::2]
    other.averages[KEY] = other.averages[KEY].astype("float64")
    w, _ = optimizer(KEY, draw(5), draw(5, 2))
    v, _ = other(KEY, draw(5), draw(5, 2))
    assert_array_equal(w, v)
    assert_array_equal(optimizer.averages[KEY], other.averages[KEY])


def test_to_cpu():
    optimizer = Adam(0.1)
    optimizer(KEY, draw(5), draw(5, 1))
    before = optimizer.mom1[KEY].copy()
    optimizer.to_cpu()
    assert_array_equal(optimizer.mom1[KEY], before)
    SGD(0.1, use_averages=False).to_cpu()


def test_to_gpu_needs_one():
    if not thinc.compat.has_cupy_gpu:
        with pytest.raises(ValueError, match="GPU"):
            Adam(0.1).to_gpu()


@pytest.mark.parametrize("name", ["mom1", "nr_update", "_radam_buffer", "learn_rate"])
def test_damaged_state_is_an_error_and_no_crash(name):
    optimizer = RAdam(0.1)
    setattr(optimizer, name, [])
    w, g = draw(5), draw(5, 1)
    with pytest.raises((TypeError, IndexError, SystemError)):
        optimizer(KEY, w, g)
    assert_array_equal(w, draw(5))
    assert_array_equal(g, draw(5, 1))


def test_config():
    assert registry.schedules.get("constant.v1") is constant
    made = registry.resolve(
        {"optimizer": {"@optimizers": "Adam.v1", "learn_rate": {"@schedules": "constant.v1", "rate": 0.5}}}
    )["optimizer"]
    assert isinstance(made, Optimizer)
    assert made.learn_rate == 0.5
    for name in ("Adam.v1", "RAdam.v1", "SGD.v1"):
        made = registry.resolve({"o": {"@optimizers": name, "learn_rate": 0.25}})["o"]
        assert made.learn_rate == 0.25
    filled = registry.fill({"o": {"@optimizers": "SGD.v1", "learn_rate": 0.25}})["o"]
    assert list(filled) == [
        "@optimizers",
        "learn_rate",
        "L2",
        "grad_clip",
        "L2_is_weight_decay",
        "use_averages",
    ]
