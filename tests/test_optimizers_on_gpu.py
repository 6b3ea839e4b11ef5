"""Optimizers' updates by the CUDA kernel, run on the CPU, against plain array code."""

import numpy
import pytest
from numpy.testing import assert_allclose

from helpers.cuda_on_cpu import Kernels
from helpers.optimizer_kinds import KINDS
from thinc import _optimizer_formulas
from thinc._optimizer_formulas import update_by_formulas
from thinc.api import SGD, Adam, RAdam
from thinc.backends._cuda.training import RULES


def has_kernel(kind):
    optimizer = kind()
    return optimizer.rule.own_from is None and optimizer.rule.plan(optimizer, 1, 0.1).formula in RULES


WITH_KERNEL = {name: kind for name, kind in KINDS.items() if has_kernel(kind)}
MAKERS = {**WITH_KERNEL, "adam": Adam, "radam": RAdam, "sgd": SGD}
SETTINGS = {
    "plain": {"use_averages": False},
    "averages": {"use_averages": True},
    "clipped": {"grad_clip": 0.5},
    "penalty": {"L2": 0.1, "L2_is_weight_decay": False, "grad_clip": 0.5},
    "decay": {"L2": 0.1, "L2_is_weight_decay": True},
}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_as_by_formulas(cuda_kernels: Kernels, monkeypatch, name, settings, dtype):
    make = MAKERS[name]
    accepted = {**getattr(make, "arguments", {}), **SETTINGS[settings]}
    if getattr(make, "make", make).__name__ in ("AdamW", "Lion"):
        accepted.pop("L2_is_weight_decay", None)  # of them it always is
    make = getattr(make, "make", make)
    ours, theirs = (make(0.01, **accepted) for _ in range(2))
    rng = numpy.random.default_rng(0)
    weights = [rng.normal(size=(5, 7)).astype(dtype)]
    weights.append(weights[0].copy())
    for _ in range(12):  # RAdam changes its formula at the fifth
        G = rng.normal(size=(5, 7)).astype(dtype)
        for i, (optimizer, is_on_gpu) in enumerate([(ours, True), (theirs, False)]):
            monkeypatch.setattr(_optimizer_formulas, "is_cupy_array", lambda array, on_gpu=is_on_gpu: on_gpu)
            gradient = G.copy()
            weights[i] = update_by_formulas(optimizer, "W", weights[i], gradient, 1.0)
            assert not gradient.any()
    assert len(cuda_kernels.launched) == 12
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    assert_allclose(*weights, rtol=tolerance, atol=tolerance)
    for attribute in ("mom1", "mom2", "averages"):
        found, expected = (getattr(optimizer, attribute) or {} for optimizer in (ours, theirs))
        assert list(found) == list(expected)
        for key in found:
            assert_allclose(found[key], expected[key], rtol=tolerance, atol=tolerance)


def test_every_formula_is_known_or_left_to_array_code():
    assert set(RULES) <= set(_optimizer_formulas.FORMULAS)


def test_strided_and_other_arrays_go_through_array_code(cuda_kernels: Kernels, monkeypatch):
    monkeypatch.setattr(_optimizer_formulas, "is_cupy_array", lambda array: True)
    W, G = numpy.ones((4, 6), "f"), numpy.ones((4, 6), "f")
    update_by_formulas(SGD(0.1), "W", W, G[:, ::-1], 1.0)
    update_by_formulas(SGD(0.1), "W", W.astype("e"), G.astype("e"), 1.0)
    assert not cuda_kernels.launched
    assert not G.any() and (W < 1).all()
