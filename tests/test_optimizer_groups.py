"""Parameter groups, frozen parameters, clipping of all gradients together, averages with bias correction."""

import copy
import math
import pickle

import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from helpers.optimizer_kinds import draw
from thinc._optimizer_formulas import update_by_formulas
from thinc._optimizer_groups import is_meant
from thinc._optimizer_state import prepare_state, to_state
from thinc.api import (
    SGD,
    Adam,
    AdamW,
    Config,
    Linear,
    MomentumSGD,
    Optimizer,
    PyTorchWrapper,
    Relu,
    chain,
    constant,
    load_checkpoint,
    registry,
    save_checkpoint,
    warmup_linear,
)

KEY = (1, "W")


def named(model, name):
    model.name = name
    return model


def make_model():
    """With the parameters tok2vec/embed W b, tok2vec/relu W b, output W b."""
    numpy.random.seed(0)
    tok2vec = named(chain(named(Linear(5, 6), "embed"), Relu(4, 5)), "tok2vec")
    model = chain(tok2vec, named(Linear(3, 4), "output"))
    model.initialize()
    return model


def parameters(model):
    return {f"{node.name}.{name}": node.get_param(name) for node in model.walk() for name in node.param_names}


def set_gradients(model, seed=0):
    for i, node in enumerate(model.walk()):
        for j, name in enumerate(node.param_names):
            node.set_grad(name, draw(node.get_param(name).shape, 100 * seed + 10 * i + j, "float32"))


def gradients(model):
    return {f"{node.name}.{name}": node.get_grad(name) for node in model.walk() for name in node.grad_names}


def train(model, optimizer, steps):
    for step in steps:
        set_gradients(model, step)
        model.finish_update(optimizer)
        optimizer.step_schedules()


def changed(model, optimizer):
    before = {name: W.copy() for name, W in parameters(model).items()}
    set_gradients(model)
    model.finish_update(optimizer)
    return {name for name, W in parameters(model).items() if (before[name] != W).any()}


# --- patterns

ALL = {"embed.W", "embed.b", "relu.W", "relu.b", "output.W", "output.b"}
MEANT = {
    "*": ALL,
    "*.b": {"embed.b", "relu.b", "output.b"},
    "output": {"output.W", "output.b"},
    "out*": {"output.W", "output.b"},
    "outpu?.W": {"output.W"},
    "tok2vec": {"embed.W", "embed.b", "relu.W", "relu.b"},
    "tok2vec*": {"embed.W", "embed.b", "relu.W", "relu.b"},
    "tok2vec/*.W": {"embed.W", "relu.W"},
    "*/relu": {"relu.W", "relu.b"},
    "tok2vec>>output": ALL,
    "tok2vec>>output/output.b": {"output.b"},
    "*/tok2vec/embed.b": {"embed.b"},
}


@pytest.mark.parametrize("pattern", MEANT)
def test_what_patterns_mean(pattern):
    assert changed(make_model(), SGD(0.1)) == ALL
    optimizer = SGD(0.1)
    optimizer.freeze(pattern)
    model = make_model()
    assert changed(model, optimizer) == ALL - MEANT[pattern]
    assert not any(g.any() for g in gradients(model).values())


def test_names_with_brackets_and_dots():
    layer = named(Linear(2, 2), "a[1].b(c)")
    assert is_meant("a[1].b(c)", [layer], "W")
    assert is_meant("a[1].b(c).W", [layer], "W")
    assert is_meant("*.W", [layer], "W")
    assert is_meant("a???.b(c)*", [layer], "W")
    assert not is_meant("a?.b(c).W", [layer], "W")
    assert not is_meant("a[1]", [layer], "W")
    pytorch = named(Linear(2, 2), "pytorch")
    assert is_meant("pytorch.0.weight", [pytorch], "0.weight")
    assert is_meant("*.weight", [pytorch], "0.weight")


def test_a_pattern_without_a_match_names_the_choices():
    for optimizer in (SGD(0.1), AdamW(groups={"*.c": {"L2": 0.0}})):
        if not optimizer.groups:
            optimizer.freeze("output.W", "tok2vec/output")
        model = make_model()
        before = {name: W.copy() for name, W in parameters(model).items()}
        set_gradients(model)
        with pytest.raises(ValueError, match="no parameter matches") as error:
            model.finish_update(optimizer)
        assert "tok2vec>>output/tok2vec/embed.W" in str(error.value)
        for name, W in parameters(model).items():
            assert_array_equal(W, before[name])
        assert all(g.any() for g in gradients(model).values())
        assert not optimizer.nr_update


def test_keys_alone_have_no_names():
    optimizer = SGD(0.1)
    optimizer.freeze("output")
    with pytest.raises(ValueError, match="Call finish_update of the model"):
        optimizer(KEY, draw(3), draw(3))
    train(make_model(), optimizer, range(1))
    with pytest.raises(ValueError, match="Call finish_update of the model"):
        optimizer((10**9, "W"), draw(3), draw(3))


def test_names_are_found_again_in_another_model_and_after_a_change():
    optimizer = SGD(0.1)
    optimizer.freeze("output")
    for _ in range(2):
        assert changed(make_model(), optimizer) == MEANT["tok2vec"]
    model = make_model()
    assert changed(model, optimizer) == MEANT["tok2vec"]
    model.layers[0].layers[0].name = "output"
    assert changed(model, optimizer) == {"relu.W", "relu.b"}


# --- freezing


def test_freeze_and_unfreeze():
    model, optimizer = make_model(), Adam(0.1)
    train(model, optimizer, range(2))
    optimizer.freeze("tok2vec")
    optimizer.freeze("tok2vec", "output.b")
    assert optimizer.frozen == ["tok2vec", "output.b"]
    assert changed(model, optimizer) == {"output.W"}
    assert sorted(optimizer.nr_update.values()) == [2, 2, 2, 2, 2, 3]
    assert not optimizer.nr_skipped
    optimizer.unfreeze("tok2vec")
    assert changed(model, optimizer) == ALL - {"output.b"}
    optimizer.unfreeze()
    assert changed(model, optimizer) == ALL
    with pytest.raises(ValueError, match="none of the patterns"):
        optimizer.unfreeze("output.b")
    for bad in ((), (1,), ("",)):
        with pytest.raises(ValueError, match="freeze"):
            optimizer.freeze(*bad)


def test_frozen_parameters_have_no_state():
    model, optimizer = make_model(), AdamW(use_averages=True, freeze="tok2vec*")
    train(model, optimizer, range(2))
    assert len(optimizer.mom1) == len(optimizer.averages) == 2
    embed = model.layers[0].layers[0].get_param("W").copy()
    with model.use_params(optimizer.averages):
        assert_array_equal(model.layers[0].layers[0].get_param("W"), embed)


def test_frozen_and_not_finite():
    model, optimizer = make_model(), Optimizer(0.1, on_nonfinite="skip", freeze=["tok2vec"])
    set_gradients(model)
    for node in model.walk():
        if node.name in ("embed", "output"):
            node.get_grad("b")[0] = numpy.nan
    model.finish_update(optimizer)
    assert list(optimizer.nr_skipped.values()) == [1]
    assert len(optimizer.nr_update) == 1


# --- groups


@pytest.mark.parametrize("make", [Adam, AdamW, MomentumSGD, SGD])
def test_a_group_is_updated_as_by_an_optimizer_of_its_own(make):
    def settings(kind):
        base = {"learn_rate": warmup_linear(0.1, 2, 10), "L2": 0.1, "grad_clip": 0.5, "use_averages": True}
        own = {"*.b": {"L2": 0.0}, "embed": {"learn_rate": [0.03, 0.02], "grad_clip": 0.1}}
        return {
            "both": base | own["embed"] | own["*.b"],
            "b": base | own["*.b"],
            "embed": base | own["embed"],
        }.get(kind, base)

    model = make_model()
    optimizer = Optimizer(
        **(settings("none") | ({"beta1": 0.0, "beta2": 0.0} if make is SGD else {})),
        groups={
            "*.b": {"L2": 0.0},
            "embed": {"learn_rate": [0.03, 0.02], "grad_clip": 0.1},
            "nothing new": {"match": ["relu.W", "output"]},
        },
        rule=make(0.1).rule,
    )
    if make is MomentumSGD:
        optimizer.b1 = 0.9
    own = {}
    expected = {name: W.copy() for name, W in parameters(model).items()}
    kinds = {"embed.W": "embed", "embed.b": "both", "relu.b": "b", "output.b": "b"}
    for step in range(4):
        set_gradients(model, step)
        for name, g in gradients(model).items():
            if name not in own:
                own[name] = make(**settings(kinds.get(name, "none")))
            expected[name], _ = own[name](KEY, expected[name], g.copy())
            own[name].step_schedules()
        model.finish_update(optimizer)
        optimizer.step_schedules()
    for name, W in parameters(model).items():
        assert_array_equal(W, expected[name], err_msg=name)


def test_lr_scale_follows_the_schedule():
    model, optimizer = make_model(), SGD(0.1)
    optimizer = Optimizer(
        [0.1, 0.2],
        beta1=0,
        beta2=0,
        grad_clip=0,
        groups={"*.b": {"lr_scale": 0.5}, "embed": {"learn_rate": 1.0}},
    )
    for rate in (0.1, 0.2):
        before = {name: W.copy() for name, W in parameters(model).items()}
        set_gradients(model)
        steps = {name: g.copy() for name, g in gradients(model).items()}
        model.finish_update(optimizer)
        for name, W in parameters(model).items():
            expected = (1.0 if name.startswith("embed") else rate) * (0.5 if name.endswith(".b") else 1.0)
            assert_allclose(W, before[name] - expected * steps[name], rtol=1e-5, atol=1e-6)
        optimizer.step_schedules()


def test_formulas_have_the_settings_of_the_group():
    optimizer = AdamW(0.1, groups={"*.b": {"L2": 0.5, "learn_rate": 0.2}})
    model = make_model()
    train(model, optimizer, range(1))
    layer = model.layers[1]
    b, g = layer.get_param("b").copy(), draw(3, 5, "float32")
    other = copy.deepcopy(optimizer)
    other.prepare_update(list(model.walk()), [])
    expected = update_by_formulas(other, (layer.id, "b"), b.copy(), g.copy(), 1.0)
    assert_allclose(optimizer((layer.id, "b"), b, g)[0], expected, rtol=1e-5)


BAD_GROUPS = [
    (5, "expected a dict of patterns"),
    ({"a": 5}, "expected a dict of settings"),
    ({"a": {"beta3": 0.1}}, "'a' has 'beta3'"),
    ({"a": {"learn_rate": -1.0}}, "group 'a': learn_rate is -1"),
    ({"a": {"lr_scale": math.inf}}, "lr_scale is inf"),
    ({"a": {"learn_rate": "x"}}, "setting 'learn_rate' of the group 'a'"),
    ({"a": {"match": 5}}, "'match' of 'a'"),
    ({"a": {"match": []}}, "'match' of 'a'"),
    ({"": {"L2": 0.0}}, "'match'"),
]


@pytest.mark.parametrize("groups, message", BAD_GROUPS)
def test_bad_groups_are_refused(groups, message):
    for make in (AdamW, Optimizer):
        with pytest.raises(ValueError, match=message):
            make(0.1, groups=groups)


def test_a_group_has_the_arguments_of_its_kind():
    MomentumSGD(0.1, groups={"*": {"momentum": 0.5}})
    for bad in ("beta1", "beta2", "eps"):
        with pytest.raises(ValueError, match=f"'{bad}'; expected settings among"):
            MomentumSGD(0.1, groups={"*": {bad: 0.5}})


def test_schedule_of_a_group_that_leaves_the_range_changes_nothing():
    optimizer = AdamW([0.1, 0.2], groups={"*": {"L2": [0.0, -1.0]}})
    with pytest.raises(ValueError, match="group '\\*': L2 is -1"):
        optimizer.step_schedules()
    assert optimizer.learn_rate == 0.1
    assert optimizer.groups[0].values == {"L2": 0.0}


# --- clipping


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "mixed"])
@pytest.mark.parametrize("threshold", [0.0, 0.5, 1e4])
def test_global_clipping(dtype, threshold):
    optimizer = Optimizer(
        1.0, beta1=0, beta2=0, L2=0.1, L2_is_weight_decay=False, grad_clip=threshold, clip="global"
    )
    types = ["float32", "float64", "float32"] if dtype == "mixed" else [dtype] * 3
    weights = [draw(shape, i, t) for i, (shape, t) in enumerate(zip([3, (40, 5), 17], types, strict=True))]
    steps = [draw(w.shape, 10 + i, w.dtype) for i, w in enumerate(weights)]
    norm = math.sqrt(sum((g.astype("float64") ** 2).sum() for g in steps))
    factor = threshold / norm if threshold and threshold < norm else 1.0
    expected = [0.9 * w.astype("float64") - factor * g for w, g in zip(weights, steps, strict=True)]
    updated = optimizer.update_many([1, 2, 3], weights, steps)
    for w, e in zip(updated, expected, strict=True):
        tolerance = {"float16": 5e-3, "float32": 1e-6, "float64": 1e-12}[str(w.dtype)]
        assert_allclose(w, e, rtol=tolerance, atol=tolerance)


class Logged(Optimizer):
    """As a user writes one, to look on."""

    log: list = []

    def __call__(self, key, weights, gradient, *, lr_scale=1.0):
        self.log.append((key, float(abs(gradient).sum())))
        return super().__call__(key, weights, gradient, lr_scale=lr_scale)


@pytest.mark.parametrize(
    "settings",
    [
        {"clip": "global", "grad_clip": 0.5},
        {"groups": {"embed": {"learn_rate": 0.5}, "*.b": {"L2": 0.1}}},
        {"freeze": "embed", "clip": "global"},
        {"on_nonfinite": "skip", "clip": "global"},
    ],
)
def test_an_optimizer_with_a_call_of_its_own_does_the_same(settings):
    results = []
    for make in (Optimizer, Logged):
        model, optimizer = make_model(), make(0.1, **settings)
        for step in range(3):
            set_gradients(model, step)
            if "on_nonfinite" in settings:
                model.layers[1].get_grad("b")[0] = numpy.nan
            model.finish_update(optimizer)
        results.append(parameters(model))
    assert len(optimizer.log) >= 3 * 6
    for name, W in results[0].items():
        assert_allclose(results[1][name], W, rtol=1e-5)
    optimizer.on_nonfinite = "raise"
    set_gradients(model)
    model.layers[1].get_grad("b")[0] = numpy.nan
    with pytest.raises(FloatingPointError, match="Nothing has been changed"):
        model.finish_update(optimizer)
    for name, W in parameters(model).items():
        assert_array_equal(W, results[1][name])


def test_global_clipping_is_that_of_pytorch():
    torch = pytest.importorskip("torch")
    model, optimizer = make_model(), AdamW(0.01, L2=0.1, grad_clip=0.5, clip="global")
    theirs = [torch.nn.Parameter(torch.from_numpy(W.copy())) for W in parameters(model).values()]
    their_optimizer = torch.optim.AdamW(theirs, lr=0.01, weight_decay=0.1)
    for step in range(200):
        set_gradients(model, step)
        for p, g in zip(theirs, gradients(model).values(), strict=True):
            p.grad = torch.from_numpy(g.copy())
        torch.nn.utils.clip_grad_norm_(theirs, 0.5)
        their_optimizer.step()
        model.finish_update(optimizer)
    for W, p in zip(parameters(model).values(), theirs, strict=True):
        assert_allclose(W, p.detach().numpy(), rtol=1e-5, atol=1e-5)


def test_global_clipping_of_nothing_and_of_bad_gradients():
    optimizer = SGD(1.0, grad_clip=0.5)
    optimizer.clip = "global"
    w = optimizer.update_many([1, 2], [draw(3), draw(4)], [numpy.zeros(3), numpy.zeros(4)])
    assert_array_equal(w[0], draw(3))
    g = draw(4, 1)
    g[1] = numpy.nan
    w = optimizer.update_many([1, 2], [draw(3), draw(4)], [draw(3, 2), g])
    assert numpy.isfinite(w[0]).all()
    assert_array_equal(numpy.isnan(w[1]), [False, True, False, False])


def test_global_clipping_leaves_frozen_gradients_out():
    model, optimizer = (
        make_model(),
        Optimizer(1.0, beta1=0, beta2=0, grad_clip=0.5, clip="global", freeze="tok2vec"),
    )
    set_gradients(model)
    W, b = (model.layers[1].get_param(name).copy() for name in "Wb")
    dW, db = (model.layers[1].get_grad(name).copy() for name in "Wb")
    model.finish_update(optimizer)
    factor = 0.5 / math.sqrt((dW**2).sum() + (db**2).sum())
    assert_allclose(model.layers[1].get_param("W"), W - factor * dW, rtol=1e-5, atol=1e-6)
    assert_allclose(model.layers[1].get_param("b"), b - factor * db, rtol=1e-5, atol=1e-6)


def test_networks_of_other_frameworks():
    torch = pytest.importorskip("torch")
    network = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 2))
    for i, p in enumerate(network.parameters()):
        p.data = torch.from_numpy(draw(tuple(p.shape), i, "float32"))
    before = [p.detach().numpy().copy() for p in network.parameters()]
    model = chain(Linear(4, 4), PyTorchWrapper(network)).initialize()
    W = model.layers[0].get_param("W").copy()
    optimizer = Optimizer(
        1.0,
        beta1=0,
        beta2=0,
        grad_clip=0.5,
        clip="global",
        groups={"pytorch.1.*": {"learn_rate": 0.1}},
        freeze=["pytorch.0.bias", "*.b"],
    )
    steps = [draw(w.shape, 10 + i, "float32") for i, w in enumerate(before)]
    for p, g in zip(network.parameters(), steps, strict=True):
        p.grad = torch.from_numpy(g.copy())
    dW = draw(W.shape, 5, "float32")
    model.layers[0].set_grad("W", dW.copy())
    model.layers[0].set_grad("b", draw(4, 6, "float32"))
    norm = math.sqrt((dW**2).sum() + sum((g**2).sum() for g in (steps[0], *steps[2:])))
    model.finish_update(optimizer)
    assert_allclose(model.layers[0].get_param("W"), W - 0.5 / norm * dW, rtol=1e-5, atol=1e-6)
    for p, w, g, rate in zip(network.parameters(), before, steps, [1.0, 0.0, 0.1, 0.1], strict=True):
        assert_allclose(p.detach().numpy(), w - rate * 0.5 / norm * g, rtol=1e-5, atol=1e-6)
        assert not p.grad.any()
    optimizer.freeze("pytorch.2.bias")
    with pytest.raises(ValueError, match=r"pytorch\.1\.weight"):
        model.finish_update(optimizer)


def test_bad_clip():
    for make in (AdamW, Optimizer):
        with pytest.raises(ValueError, match="'clip' is 'all'"):
            make(0.1, clip="all")
        with pytest.raises(ValueError, match="there is one for all"):
            make(0.1, clip="global", groups={"*": {"grad_clip": 1.0}})


# --- averages


@pytest.mark.parametrize(
    "update", [lambda o, *args: o(*args)[0], lambda o, *args: update_by_formulas(o, *args, 1.0)]
)
def test_average_with_bias_correction(update):
    optimizer = Optimizer(0.1, use_averages=True, average_bias_correction=True)
    w, shares, average = draw(5, dtype="float32"), 0.0, numpy.zeros(5)
    for t in range(1, 50):
        w = update(optimizer, KEY, w, draw(5, t, "float32"))
        d = min((1 + t) / (10 + t), 0.9999)
        average, shares = d * average + (1 - d) * w, d * shares + 1 - d
        assert_allclose(optimizer.averages[KEY], average / shares, rtol=2e-5, atol=2e-6)
        if t == 1:
            assert_allclose(optimizer.averages[KEY], w, rtol=1e-6)


# --- state


def make_full(kind=AdamW):
    return kind(
        warmup_linear(0.1, 3, 20),
        clip="global",
        grad_clip=0.5,
        use_averages=True,
        average_bias_correction=True,
        groups={
            "*.b": {"L2": 0.0, "learn_rate": warmup_linear(0.2, 2, 9)},
            "x": {"match": "embed", "lr_scale": (v for v in [0.5, 0.6, 0.7, 0.8, 0.9, 1.0])},
        },
        freeze=["relu.W"],
    )


@pytest.mark.parametrize("kind", [AdamW, MomentumSGD])
def test_resumed_is_as_not_interrupted(kind, tmp_path):
    model, optimizer = make_model(), make_full(kind)
    train(model, optimizer, range(2))
    optimizer.freeze("output.b")
    save_checkpoint(tmp_path / "run", model, optimizer)
    train(model, optimizer, range(2, 4))
    again, later = make_model(), make_full(kind)
    load_checkpoint(tmp_path / "run", again, later)
    assert later.frozen == ["relu.W", "output.b"]
    train(again, later, range(2, 4))
    for a, b in zip(parameters(model).values(), parameters(again).values(), strict=True):
        assert_array_equal(a, b)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_copies_go_on_alike(duplicate):
    def make():
        return AdamW(0.1, groups={"*.b": {"learn_rate": warmup_linear(0.2, 2, 9)}}, freeze="embed")

    model, optimizer = make_model(), make()
    train(model, optimizer, range(2))
    other = duplicate(optimizer)
    weights = {name: W.copy() for name, W in parameters(model).items()}
    train(model, optimizer, range(2, 4))
    results = {name: W.copy() for name, W in parameters(model).items()}
    for node in model.walk():
        for name in node.param_names:
            node.set_param(name, weights[f"{node.name}.{name}"])
    train(model, other, range(2, 4))
    for name, W in parameters(model).items():
        assert_array_equal(W, results[name])


@pytest.mark.parametrize(
    "groups",
    [
        {},
        {"*.b": {"L2": 0.0}},
        {"*.b": {"L2": 0.0, "learn_rate": 0.1}, "x": {"match": "embed", "lr_scale": 1.0}},
        {"x": {"match": "embed", "lr_scale": [1.0]}, "*.b": {"L2": 0.0, "learn_rate": [1.0]}},
    ],
)
def test_state_of_other_groups_is_refused(groups):
    optimizer = AdamW(constant(0.1), groups=groups)
    before = optimizer.to_bytes()
    with pytest.raises(ValueError, match="Cannot load"):
        optimizer.from_bytes(make_full().to_bytes())
    assert optimizer.to_bytes() == before


@pytest.mark.parametrize(
    "damage",
    [
        {"clip": "all"},
        {"average_bias_correction": 1},
        {"frozen": "relu"},
        {"frozen": [1]},
        {"groups": []},
        {"groups": {"*.b": 1}},
        {"groups": {"*.b": {"values": {"L2": "x"}, "schedules": {}}}},
        {"groups": {"*.b": {"values": {"L2": 0.0}}}},
        {"groups": {"*.b": {"values": {"L2": 0.0}, "schedules": {"L2": 0}}}},
    ],
)
def test_damaged_state_is_refused(damage):
    optimizer = AdamW(0.1, groups={"*.b": {"L2": 0.0}})
    with pytest.raises(ValueError, match="Cannot load"):
        prepare_state(optimizer, to_state(optimizer) | damage)


def test_bytes_without_choices_are_as_they_were():
    assert set(to_state(Adam(0.1))) == {"settings", "flags", "averages", "schedules", "parameters"}


# --- config

CONFIG = """
[optimizer]
@optimizers = "AdamW.v1"
learn_rate = 0.5
clip = "global"
grad_clip = 1.0
freeze = ["tok2vec*"]

[optimizer.groups]

[optimizer.groups.biases]
match = "*.b"
L2 = 0.0

[optimizer.groups.output]
match = ["output", "relu.W"]

[optimizer.groups.output.learn_rate]
@schedules = "warmup_linear.v1"
initial_rate = 0.1
warmup_steps = 1
total_steps = 5
"""


def test_config_with_patterns_as_names():
    config = Config().from_str(
        """
        [optimizer]
        @optimizers = "Lion.v1"
        groups = {"*.b": {"L2": 0.5}, "tok2vec": {"lr_scale": 0.1}}
        freeze = "output"
        """
    )
    optimizer = registry.resolve(config)["optimizer"]
    assert [group.patterns for group in optimizer.groups] == [["*.b"], ["tok2vec"]]
    assert changed(make_model(), optimizer) == MEANT["tok2vec"]


def test_config():
    config = Config().from_str(CONFIG)
    for resolved in (config, Config().from_str(config.to_str())):
        optimizer = registry.resolve(resolved)["optimizer"]
        assert optimizer.frozen == ["tok2vec*"]
        assert [group.patterns for group in optimizer.groups] == [["*.b"], ["output", "relu.W"]]
        optimizer.step_schedules()
        assert optimizer.groups[1].values == {"learn_rate": 0.1}
        assert changed(make_model(), optimizer) == {"output.W", "output.b"}
