"""AdamW and the other kinds with a rule: against the papers, PyTorch, themselves after a pause; bad arguments."""

import copy
import math
import pickle

import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from helpers.optimizer_kinds import KEY, KINDS, draw, paper_matches
from helpers.optimizer_twin import call
from thinc._optimizer_formulas import update_by_formulas
from thinc._optimizer_muon import orthogonalize
from thinc._optimizer_state import prepare_state, to_state
from thinc.api import (
    LAMB,
    SGD,
    Adafactor,
    Adam,
    AdamW,
    Config,
    Linear,
    Lion,
    MomentumSGD,
    Muon,
    NAdam,
    RAdam,
    Relu,
    ScheduleFreeAdamW,
    chain,
    load_checkpoint,
    registry,
    save_checkpoint,
    set_num_threads,
)
from thinc.optimizers import Optimizer

SETTINGS = {
    "plain": {},
    "clipped": {"grad_clip": 0.5},
    "averaged": {"use_averages": True},
    "scheduled": {"learn_rate": [0.01, 0.02, 0.005, 0.0], "grad_clip": [0.0, 0.5, 0.1]},
}
MAKERS = {
    "AdamW": AdamW,
    "MomentumSGD": MomentumSGD,
    "NAdam": NAdam,
    "Lion": Lion,
    "LAMB": LAMB,
    "ScheduleFreeAdamW": ScheduleFreeAdamW,
    "Adafactor": Adafactor,
    "Muon": Muon,
}


@pytest.mark.parametrize("shape", [(1,), (7,), (3, 5), (200,), (4, 3, 21)])
@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("name", KINDS)
def test_update_is_that_of_the_paper(name, settings, shape):
    paper_matches(KINDS[name], call, shape, **SETTINGS[settings])


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("name", KINDS)
def test_formulas_are_those_of_the_paper(name, settings):
    paper_matches(KINDS[name], update_by_formulas, (3, 11), **SETTINGS[settings])


@pytest.mark.parametrize("name", KINDS)
def test_200_steps_are_those_of_the_paper(name):
    paper_matches(KINDS[name], call, (33,), n_steps=200, rtol=1e-10)


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("name", ["lamb", "lamb-other"])
def test_norms_of_many_chunks(name, n_threads):
    set_num_threads(n_threads)
    try:
        paper_matches(KINDS[name], call, (40_003,), use_averages=True, grad_clip=0.5)
    finally:
        set_num_threads(1)


@pytest.mark.parametrize("threshold", [1.0, 1e-30])
def test_adafactor_where_gradients_vanish(threshold):
    """Rows and columns of zeros, or nearly: the smallest number stands for what is below it."""
    start, g = draw((6, 5)), draw((6, 5), 1)
    g[2], g[:, 3], g[4] = 0, 0, 1e-9
    optimizer = Adafactor(0.1, threshold=threshold)
    w, _ = optimizer(KEY, start.copy(), g.copy())
    twin = KINDS["adafactor"].twin(optimizer, start)
    twin.eps1 = numpy.finfo("float64").eps
    assert_allclose(w, twin.step(start, g, 0.1), rtol=1e-12)
    assert_array_equal(w[2], start[2])


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.torch])
def test_200_steps_are_those_of_pytorch(name):
    torch = pytest.importorskip("torch")
    kind = KINDS[name]
    torch_name, arguments = kind.torch
    start, A, b = draw((5, 7)), draw((5, 5), 1), draw((5, 7), 2)
    w, optimizer = start.copy(), kind()
    theirs = torch.nn.Parameter(torch.from_numpy(start.copy()))
    their_optimizer = getattr(torch.optim, torch_name)([theirs], lr=0.01, **arguments)
    for step in range(200):  # of a quadratic function with noise, so that each depends on those before
        noise = draw((5, 7), 10 + step)
        w, _ = optimizer(KEY, w, A.T @ (A @ w - b) + noise)
        theirs.grad = torch.from_numpy(A.T @ (A @ theirs.detach().numpy() - b) + noise)
        their_optimizer.step()
    assert_allclose(w, theirs.detach().numpy(), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("name", KINDS)
def test_half_precision_goes_by_the_formulas(name):
    w = draw(9, dtype="float16")
    optimizer = KINDS[name]()
    new, _ = optimizer(KEY, w, draw(9, 1, "float16"))
    assert new is w
    assert w.dtype == "float16"
    exact, _ = KINDS[name]()(KEY, draw(9, dtype="float16").astype("f"), draw(9, 1, "float16").astype("f"))
    assert_allclose(w, exact, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 300.0])
@pytest.mark.parametrize("make", [*MAKERS.values(), RAdam, SGD])
def test_gradients_in_half_precision_do_not_leave_its_range(make, scale):
    # the squares of such gradients and their sums do; Adafactor's floor is a number of the type
    settings = {"eps1": 1e-3} if make is Adafactor else {}
    half, exact = (make(0.01, grad_clip=1.0, **settings) for _ in range(2))
    w = draw((6, 20), dtype="float16") * numpy.float16(scale)
    v = w.astype("float64")
    for step in range(4):
        g = draw((6, 20), 1 + step, "float16") * numpy.float16(scale)
        v, _ = exact(KEY, v, g.astype("float64"))
        w, _ = half(KEY, w, g)
    assert w.dtype == "float16"
    assert_allclose(w, v, rtol=4e-3, atol=4e-3 * max(scale, 0.01))


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("name", KINDS)
def test_read_only_arrays_are_refused_before_anything_changes(name, is_first, dtype):
    arrays = draw((3, 5), dtype=dtype), draw((3, 5), 1, dtype)
    arrays[0 if is_first else 1].flags.writeable = False
    before = [array.copy() for array in arrays]
    optimizer = KINDS[name]()
    with pytest.raises(
        ValueError, match="weights array is read-only" if is_first else "gradient array is read-only"
    ):
        optimizer(KEY, *arrays)
    for array, old in zip(arrays, before, strict=True):
        assert_array_equal(array, old)
    assert not optimizer.nr_update
    assert not optimizer.mom1
    assert not optimizer.averages


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("bad", ["state", "shape", "read-only"])
@pytest.mark.parametrize("name", KINDS)
def test_update_many_refuses_all_if_it_refuses_one(name, bad, dtype):
    optimizer = KINDS[name](use_averages=True) if "schedule-free" not in name else KINDS[name]()
    weights = [draw((3, 5), i, dtype) for i in range(3)]
    optimizer.update_many([0, 1, 2], weights, [draw((3, 5), 7 + i, dtype) for i in range(3)])
    gradients = [draw((3, 5), 9 + i, dtype) for i in range(3)]
    if bad == "state":
        optimizer.averages[2] = numpy.zeros((4, 5), dtype)
    elif bad == "shape":
        gradients[2] = gradients[2][:2]
    else:
        gradients[2].flags.writeable = False
    before = copy.deepcopy((weights, gradients, optimizer.mom1, optimizer.averages, optimizer.nr_update))
    with pytest.raises(ValueError, match="Cannot update parameter 2"):
        optimizer.update_many([0, 1, 2], weights, gradients)
    after = weights, gradients, optimizer.mom1, optimizer.averages, optimizer.nr_update
    for old, new in zip(before, after, strict=True):
        for key in range(3):
            assert_array_equal(new[key], old[key])


@pytest.mark.parametrize("name", KINDS)
def test_update_many_is_one_call_per_key(name):
    one_by_one, together = (KINDS[name](use_averages=True, grad_clip=0.5) for _ in range(2))
    shapes = [(1,), (3, 5), (0, 4), (100,), (17, 33)]
    keys = [(i, "W") for i in range(len(shapes))]
    weights = [draw(shape, i, "float32") for i, shape in enumerate(shapes)]
    others = [w.copy() for w in weights]
    for step in range(5):
        n = len(keys) if step else 2  # so that parameters are at different steps
        gradients = [draw(shape, 100 * step + i, "float32") for i, shape in enumerate(shapes)][:n]
        copies = [g.copy() for g in gradients]
        weights[:n] = [one_by_one(*args)[0] for args in zip(keys[:n], weights[:n], gradients, strict=True)]
        others[:n] = together.update_many(keys[:n], others[:n], copies)
        for a, b in zip(weights, others, strict=True):
            assert_array_equal(a, b)
    for arrays in ("mom1", "mom2", "averages"):
        a, b = getattr(one_by_one, arrays), getattr(together, arrays)
        assert a.keys() == b.keys()
        for key in a:
            assert_array_equal(a[key], b[key])


def test_one_moment_where_one_is_enough():
    for make in (MomentumSGD, Lion):
        optimizer = make(0.1)
        optimizer(KEY, draw(5), draw(5, 1))
        assert set(optimizer.mom1) == {KEY}
        assert not optimizer.mom2


@pytest.mark.parametrize("name", KINDS)
def test_a_nan_is_not_hidden(name):
    g = draw(5, 1)
    g[2] = numpy.nan
    w, _ = KINDS[name]()(KEY, draw(5), g)
    assert_array_equal(numpy.isnan(w), [False, False, True, False, False])
    assert not g.any()


def test_lamb_of_weights_or_gradients_that_are_zero():
    w, _ = LAMB(0.1, L2=0.0)(KEY, numpy.zeros(3), numpy.array([1.0, -2.0, 3.0]))
    assert_allclose(w, [-0.1, 0.1, -0.1], rtol=1e-5)
    w, _ = LAMB(0.1, L2=0.0)(KEY, draw(3), numpy.zeros(3))
    assert_array_equal(w, draw(3))


def test_adafactor_remembers_rows_and_columns():
    optimizer = Adafactor()
    optimizer(KEY, draw((4, 3, 5)), draw((4, 3, 5), 1))
    assert optimizer.mom1[KEY].size == 12
    assert optimizer.mom2[KEY].size == 20
    optimizer.update_many([1], [draw(7)], [draw(7, 1)])
    assert (optimizer.mom1[1].size, 1 in optimizer.mom2) == (7, False)
    before = draw((4, 5)), draw((4, 5), 1)
    w, g = (array.copy() for array in before)
    with pytest.raises(ValueError, match="earlier updates"):
        optimizer(KEY, w, g)
    assert_array_equal([w, g], before)


@pytest.mark.parametrize("make", [Adafactor, Muon])
def test_matrices_without_columns_and_strided_ones(make):
    w, _ = make()(KEY, numpy.zeros((3, 0)), numpy.zeros((3, 0)))
    assert w.shape == (3, 0)
    expected, _ = make()(KEY, draw((4, 6)), draw((4, 6), 1))
    w, g = draw((4, 12), 2)[:, ::2], numpy.asfortranarray(draw((4, 6), 1))
    w[...] = draw((4, 6))
    new, _ = make()(KEY, w, g)
    assert_allclose(new, expected, rtol=1e-12)
    assert not g.any()


def test_muon_makes_all_directions_alike():
    X = draw((30, 8)) * 10.0 ** numpy.linspace(-2, 1, 8)
    values = numpy.linalg.svd(orthogonalize(X, 12), compute_uv=False)
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_muon_is_near_that_of_pytorch():
    torch = pytest.importorskip("torch")
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("PyTorch has Muon from 2.9 on")
    w, optimizer = draw((6, 4), dtype="float32"), Muon(0.01)
    theirs = torch.nn.Parameter(torch.from_numpy(w.copy()))
    their_optimizer = torch.optim.Muon([theirs], lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for step in range(20):
        g = draw((6, 4), 1 + step, "float32")
        theirs.grad = torch.from_numpy(g.copy())
        their_optimizer.step()
        w, _ = optimizer(KEY, w, g)
    assert_allclose(w, theirs.detach().numpy(), atol=0.02)  # theirs iterates in bfloat16


def test_schedule_free_predicts_with_the_averages():
    model, optimizer = small_model(), ScheduleFreeAdamW(0.05)
    X, Y = draw((50, 6), 1, "float32"), draw((50, 3), 2, "float32")
    for _ in range(200):
        guesses, backprop = model.begin_update(X)
        backprop((guesses - Y) / len(X))
        model.finish_update(optimizer)
    trained = ((model.predict(X) - Y) ** 2).mean()
    start = ((small_model().predict(X) - Y) ** 2).mean()
    with model.use_params(optimizer.averages):
        assert ((model.predict(X) - Y) ** 2).mean() < 0.7 * start
    assert ((model.predict(X) - Y) ** 2).mean() == trained
    optimizer.averages = None
    for update in (call, update_by_formulas):
        with pytest.raises(ValueError, match="averages, which the optimizer needs"):
            update(optimizer, KEY, draw(3), draw(3, 1), 1.0)


def test_lion_stays_where_there_is_no_gradient():
    w, _ = Lion(0.1)(KEY, draw(5), numpy.zeros(5))
    assert_array_equal(w, draw(5))


def test_nadam_goes_on_after_many_steps():
    optimizer, fresh = NAdam(0.01), NAdam(0.01)
    for o in (optimizer, fresh):
        o.nr_update[KEY] = 10**6
    optimizer(KEY, draw(5), draw(5, 1))
    assert_array_equal(optimizer(KEY, draw(5), draw(5, 2))[0] == draw(5), numpy.zeros(5, dtype=bool))


# --- state


def small_model():
    numpy.random.seed(0)
    model = chain(Relu(8, 6), Linear(3, 8))
    model.initialize()
    return model


def train(model, optimizer, steps):
    for step in steps:
        Y, backprop = model.begin_update(draw((10, 6), step, "float32"))
        backprop(Y - draw((10, 3), 50 + step, "float32"))
        model.finish_update(optimizer)
        optimizer.step_schedules()


def parameters(model):
    return [node.get_param(name) for node in model.walk() for name in node.param_names]


def assert_same_parameters(one, other):
    for a, b in zip(parameters(one), parameters(other), strict=True):
        assert_array_equal(a, b)


def make_scheduled(name):
    return KINDS[name]([0.01, 0.02, 0.03, 0.02, 0.01], use_averages=True)


@pytest.mark.parametrize("name", KINDS)
def test_resumed_is_as_not_interrupted(name, tmp_path):
    model, optimizer = small_model(), make_scheduled(name)
    train(model, optimizer, range(3))
    save_checkpoint(tmp_path / "run", model, optimizer)
    data, weights = optimizer.to_bytes(model), model.to_bytes()
    rule = pickle.loads(pickle.dumps(copy.deepcopy(optimizer))).rule
    assert rule == optimizer.rule and hash(rule) == hash(optimizer.rule) and rule != object()
    assert type(rule)(**rule.options) == rule
    assert all(f"{name}={value!r}" in repr(rule) for name, value in rule.options.items())
    train(model, optimizer, range(3, 6))
    again, later = small_model(), make_scheduled(name)
    load_checkpoint(tmp_path / "run", again, later)
    train(again, later, range(3, 6))
    assert_same_parameters(model, again)
    again, later = small_model().from_bytes(weights), make_scheduled(name)
    later.from_bytes(data, again)
    train(again, later, range(3, 6))
    assert_same_parameters(model, again)


def test_options_are_loaded():
    data = MomentumSGD(0.1, nesterov=True).to_bytes()
    assert MomentumSGD(0.1).from_bytes(data).rule.nesterov is True


def test_the_state_of_another_kind_is_refused():
    for one, other in [(AdamW(), Adam()), (Adam(), AdamW()), (NAdam(), Lion())]:
        before = one.to_bytes()
        with pytest.raises(ValueError, match="it was saved by"):
            one.from_bytes(other.to_bytes())
        assert one.to_bytes() == before


def test_damaged_options_are_refused():
    for damage in [None, 5, {}, {"name": "NAdam"}, {"name": "NAdam", "options": {"momentum_decay": "x"}}]:
        state = to_state(NAdam())
        state["rule"] = damage
        with pytest.raises(ValueError, match="Cannot load"):
            prepare_state(NAdam(), state)


# --- arguments


BAD = [
    ({"learn_rate": -0.1}, "learn_rate is -0.1"),
    ({"learn_rate": math.nan}, "learn_rate is nan"),
    ({"learn_rate": [-1.0, 1.0]}, "learn_rate is -1.0"),
    ({"grad_clip": -1.0}, "grad_clip is -1.0"),
    ({"L2": math.inf}, "L2 is inf"),
    ({"learn_rate": "0.1"}, "learn_rate"),
    ({"L2": None}, "L2"),
]


@pytest.mark.parametrize("arguments, message", BAD)
@pytest.mark.parametrize("make", MAKERS.values())
def test_bad_arguments_are_refused(make, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**{"learn_rate": 0.1, **arguments})


def test_bad_arguments_of_some():
    for make in (AdamW, NAdam, Lion, LAMB, ScheduleFreeAdamW, Muon):
        for name in ("beta1", "beta2"):
            for value in (1.0, -0.1, 2):
                with pytest.raises(ValueError, match=f"{make.__name__}: {name} is"):
                    make(**{name: value})
    for make in (AdamW, NAdam, LAMB, ScheduleFreeAdamW, Muon):
        with pytest.raises(ValueError, match="eps is -1"):
            make(eps=-1)
    with pytest.raises(ValueError, match=r"MomentumSGD: momentum is 1\.0"):
        MomentumSGD(0.1, momentum=1.0)
    for value in (-1, math.inf, math.nan):
        with pytest.raises(ValueError, match="momentum_decay"):
            NAdam(momentum_decay=value)


@pytest.mark.parametrize(
    "make, name, values",
    [
        (ScheduleFreeAdamW, "warmup_steps", [-1, 0.5, None]),
        (Adafactor, "beta2_decay", [0.0, 0.1, math.nan, -math.inf]),
        (Adafactor, "eps1", [-1.0, math.inf]),
        (Adafactor, "eps2", [0.0, math.nan]),
        (Adafactor, "threshold", [0.0, -1.0]),
        (Muon, "momentum", [1.0, -0.1, math.nan]),
        (Muon, "iterations", [0, 2.5]),
        (Muon, "scale", ["other", None]),
    ],
)
def test_bad_options(make, name, values):
    for value in values:
        with pytest.raises(ValueError, match=f"{make.__name__}: {name} is"):
            make(**{name: value})


def test_schedule_that_leaves_the_range_changes_no_setting():
    optimizer = AdamW([0.1, 0.2], beta1=[0.9, 1.0])
    with pytest.raises(ValueError, match=r"beta1 is 1\.0"):
        optimizer.step_schedules()
    assert (optimizer.learn_rate, optimizer.b1) == (0.1, 0.9)


@pytest.mark.parametrize("name", MAKERS)
def test_config(name):
    config = Config().from_str(
        f"""
        [optimizer]
        @optimizers = "{name}.v1"
        grad_clip = 1.0

        [optimizer.learn_rate]
        @schedules = "warmup_linear.v1"
        initial_rate = 0.1
        warmup_steps = 2
        total_steps = 10
        """
    )
    optimizer = registry.resolve(config)["optimizer"]
    assert isinstance(optimizer, Optimizer)
    assert optimizer.rule.name == name
    assert (optimizer.learn_rate, optimizer.grad_clip) == (0.0, 1.0)
    optimizer.step_schedules()
    assert optimizer.learn_rate == 0.05


def test_pickles_without_a_rule_can_be_read():
    state = Adam(0.1).__reduce_ex__(2)[2]
    for name in ("rule", "clip", "average_bias_correction", "_groups_of", "_norm"):
        del state[1][name]
    optimizer = Optimizer.__new__(Optimizer)
    optimizer.__setstate__(state)
    expected, _ = Adam(0.1)(KEY, draw(5, dtype="f"), draw(5, 1, "f"))
    assert_array_equal(optimizer(KEY, draw(5, dtype="f"), draw(5, 1, "f"))[0], expected)
