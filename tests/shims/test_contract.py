"""What every wrapper of another framework must do, case by case of the table in helpers/contract.py."""

import copy
from contextlib import nullcontext
from pathlib import Path

import numpy
import pytest

import thinc.api
from helpers import contract
from helpers.contract import (
    EPS,
    N_STEPS,
    RATES,
    arrays_of,
    assert_arrays_close,
    random_outputs,
    with_arrays,
)
from helpers.process import run_python
from thinc.api import SGD, Adam, Linear, chain, noop

TESTS = Path(__file__).parent.parent
FRAMEWORKS = {case.framework.name: case.framework for case in contract.all_cases()}
OPTIMIZERS = {
    "sgd": lambda: SGD(RATES["sgd"], grad_clip=0.0),
    "adam": lambda: Adam(RATES["adam"], eps=EPS, grad_clip=0.0),
}


@pytest.fixture(params=contract.all_cases(), ids=lambda case: case.id)
def case(request):
    request.param.framework.require()
    return request.param


def step(model, X, targets, optimizer):
    Y, backprop = model.begin_update(X)
    dYs = [Y - T for Y, T in zip(arrays_of(Y), targets, strict=True)]
    backprop(with_arrays(Y, dYs))
    model.finish_update(optimizer)


def trained(case, model, n_steps=1):
    targets = random_outputs(arrays_of(model.predict(case.batch())), seed=3)
    for _ in range(n_steps):
        step(model, case.batch(), targets, OPTIMIZERS["sgd"]())
    return model


def test_same_outputs_and_gradients(case):
    model = case.model()
    Y, backprop = model.begin_update(case.batch())
    dYs = random_outputs(arrays_of(Y), seed=2)
    dX = backprop(with_arrays(Y, [dY.copy() for dY in dYs]))
    expected = case.framework.gradients(case, case.network(), arrays_of(case.batch()), dYs)
    assert_arrays_close(arrays_of(Y), expected[0])
    assert_arrays_close(arrays_of(dX), expected[1])
    assert_arrays_close(case.framework.weight_gradients(model), expected[2])


def test_gradients_accumulate(case):
    model = case.model()
    for _ in range(3):
        Y, backprop = model.begin_update(case.batch())
        dYs = random_outputs(arrays_of(Y), seed=2)
        backprop(with_arrays(Y, [dY.copy() for dY in dYs]))
    *_, once = case.framework.gradients(case, case.network(), arrays_of(case.batch()), dYs)
    assert_arrays_close(
        case.framework.weight_gradients(model), {name: 3 * dW for name, dW in once.items()}, atol=1e-5
    )


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_same_weights_after_ten_steps(case, optimizer):
    model = case.model()
    targets = random_outputs(arrays_of(model.predict(case.batch())), seed=3)
    before = case.framework.weights(model)
    update = OPTIMIZERS[optimizer]()
    for _ in range(N_STEPS):
        step(model, case.batch(), targets, update)
    found = case.framework.weights(model)
    Xs = arrays_of(case.batch())
    assert_arrays_close(
        found, case.framework.train(case, case.network(), Xs, targets, optimizer), rtol=1e-4, atol=1e-5
    )
    assert any(abs(found[name] - before[name]).max() > 1e-3 for name in found)


def test_inputs_and_gradients_are_not_changed(case):
    model, X = case.model(), case.batch()
    Y, backprop = model.begin_update(X)
    dYs = random_outputs(arrays_of(Y), seed=2)
    kept = [dY.copy() for dY in dYs]
    backprop(with_arrays(Y, list(dYs)))
    assert_arrays_close(dYs, kept, rtol=0, atol=0)
    assert_arrays_close(arrays_of(X), arrays_of(case.batch()), rtol=0, atol=0)


def test_predict_is_begin_update_without_a_backward_pass(case):
    model = case.model()
    Y, _ = model.begin_update(case.batch())
    assert_arrays_close(arrays_of(model.predict(case.batch())), arrays_of(Y))
    weights = case.framework.weights(model)
    with (
        nullcontext()
        if case.framework.updates_without_gradients
        else pytest.raises(ValueError, match="gradients")
    ):
        model.finish_update(SGD(0.1))
    assert_arrays_close(case.framework.weights(model), weights, rtol=0, atol=0)


LOAD = """
import sys
from pathlib import Path
import numpy
from helpers.contract import arrays_of, find_case
for path in Path(sys.argv[1]).glob("*.bin"):
    case = find_case(path.stem)
    case.framework.require()
    model = case.model().from_disk(path)
    numpy.savez(path.with_suffix(".npz"), *arrays_of(model.predict(case.batch())))
"""


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_save_and_load_in_a_new_process(name, tmp_path):
    framework = FRAMEWORKS[name]
    framework.require()
    models = {
        case.id: trained(case, case.model()) for case in contract.all_cases() if case.framework is framework
    }
    for case_id, model in models.items():
        model.to_disk(tmp_path / f"{case_id}.bin")
    run_python("-c", LOAD, tmp_path, PYTHONPATH=str(TESTS))
    for case_id, model in models.items():
        with numpy.load(tmp_path / f"{case_id}.npz") as loaded:
            Ys = [loaded[f"arr_{i}"] for i in range(len(loaded.files))]
        assert_arrays_close(Ys, arrays_of(model.predict(contract.find_case(case_id).batch())))


def test_what_was_loaded_is_saved_as_the_same_bytes(case):
    data = trained(case, case.model()).to_bytes()
    again = case.model().from_bytes(data).to_bytes()
    assert again == data or not case.same_bytes


def mixed_tree(case):
    """A tree with a wrapped network and a layer of ours."""
    linear = Linear(2, 3).initialize()
    return chain(noop(linear), case.model()), linear


def test_bytes_of_a_mixed_tree(case):
    tree, linear = mixed_tree(case)
    trained(case, tree)
    linear.set_param("b", numpy.array([1, 2], dtype="f"))
    other, other_linear = mixed_tree(case)
    assert other.can_from_bytes(tree.to_bytes())
    other.from_bytes(tree.to_bytes())
    assert_arrays_close(arrays_of(other.predict(case.batch())), arrays_of(tree.predict(case.batch())))
    assert (other_linear.get_param("b") == [1, 2]).all()


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[: len(data) // 2]])
def test_damaged_bytes_change_nothing(case, damage):
    """An error says what could not be loaded, and the network is as before."""
    model = case.model()
    data = trained(case, case.model()).shims[0].to_bytes()
    before = case.framework.weights(model)
    with pytest.raises(ValueError, match="load"):
        model.shims[0].from_bytes(damage(data))
    assert_arrays_close(case.framework.weights(model), before, rtol=0, atol=0)


@pytest.mark.parametrize("copied", [lambda model: model.copy(), copy.deepcopy], ids=["copy", "deepcopy"])
def test_copies_are_independent(case, copied):
    model = case.model()
    twin = copied(model)
    assert_arrays_close(arrays_of(twin.predict(case.batch())), arrays_of(model.predict(case.batch())))
    before = case.framework.weights(model)
    trained(case, twin)
    assert_arrays_close(case.framework.weights(model), before, rtol=0, atol=0)
    assert any((before[name] != W).any() for name, W in case.framework.weights(twin).items())


def test_edge_model_7_training_14_a_copy_has_an_optimizer_state_of_its_own(case):
    model = case.model()
    twin = model.copy()
    assert twin.shims[0].id not in (model.shims[0].id, model.id, twin.id)
    optimizer = Adam(0.01)
    for each in (model, twin):
        targets = random_outputs(arrays_of(each.predict(case.batch())), seed=3)
        step(each, case.batch(), targets, optimizer)
    assert set(optimizer.nr_update.values()) == {1}
    assert_arrays_close(case.framework.weights(model), case.framework.weights(twin))


def test_edge_training_15_averages_reach_the_network(case):
    model, optimizer = case.model(), Adam(0.01)
    targets = random_outputs(arrays_of(model.predict(case.batch())), seed=3)
    for _ in range(3):
        step(model, case.batch(), targets, optimizer)
    weights = case.framework.weights(model)
    Ys = arrays_of(model.predict(case.batch()))
    with model.use_params(optimizer.averages):
        averaged = case.framework.weights(model)
        averaged_Ys = arrays_of(model.predict(case.batch()))
    assert all((averaged[name] != W).any() for name, W in weights.items())
    assert any(abs(a - b).max() > 1e-4 for a, b in zip(Ys, averaged_Ys, strict=True))
    assert_arrays_close(case.framework.weights(model), weights, rtol=0, atol=0)
    with pytest.raises(ZeroDivisionError), model.use_params(optimizer.averages):
        raise ZeroDivisionError
    assert_arrays_close(case.framework.weights(model), weights, rtol=0, atol=0)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_missing_framework_is_said_with_the_extra_to_install(name):
    framework = FRAMEWORKS[name]
    code = [f"import sys; sys.modules[{name!r}] = None", "from thinc.api import *"]
    for call in framework.missing:
        code += [
            f"try: {call}",
            "except ImportError as err: print(err)",
            f"else: raise AssertionError({call!r})",
        ]
    lines = run_python("-c", "\n".join(code)).stdout.splitlines()
    assert len(lines) == len(framework.missing)
    assert all(f"pip install thinc[{framework.extra}]" in line for line in lines)


def test_no_case_is_there_twice():
    ids = [case.id for case in contract.all_cases()]
    assert len(ids) == len(set(ids))
    for framework in FRAMEWORKS.values():
        for call in framework.missing:
            assert call.split("(")[0] in thinc.api.__all__
