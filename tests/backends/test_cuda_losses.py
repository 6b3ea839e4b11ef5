"""Losses by the CUDA kernels, run on the CPU, against the kernels of the CPU."""

import numpy
import pytest
from numpy.testing import assert_allclose

from helpers.cuda_on_cpu import Kernels
from thinc import _loss_base, _loss_crossentropy
from thinc.api import CategoricalCrossentropy, CosineDistance, L2Distance
from thinc.backends._cuda import losses as on_gpu
from thinc.kernels import losses as on_cpu

SHAPES = [(1, 1), (5, 7), (3, 33), (0, 4)]
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


@pytest.fixture
def check(cuda_kernels: Kernels, dtype):
    def check_all(name, found, expected):
        assert [expression.split("<")[0] for expression in cuda_kernels.launched] == [name]
        cuda_kernels.launched.clear()
        for ours, right in zip(found, expected, strict=True):
            assert_allclose(ours, right, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])

    return check_all


@pytest.mark.parametrize("shape", SHAPES[:-1])
def test_cross_entropy(check, rng, dtype, shape):
    guesses = rng.uniform(size=shape).astype(dtype)
    codes = rng.integers(-1 - shape[1], shape[1], size=shape[0])
    for X in (guesses, numpy.asfortranarray(guesses)):
        (gradient,), loss, flags = on_cpu.labels_gradient([X], [codes], [(0.9, 0.1)], 0.5)
        found = on_gpu.labels_gradient(X, codes, 0.9, 0.1, 0.5)
        check("cross_entropy_labels", found, (gradient, loss, flags))
    guesses[-1, -1] = 1.5
    assert on_gpu.labels_gradient(guesses, codes, 1, 0, 1)[2] == 1


@pytest.mark.parametrize("shape", [*SHAPES[:-1], (), (40,), (2, 3, 4)])
def test_squared_error(check, rng, dtype, shape):
    guesses, truths = (numpy.array(rng.normal(size=shape), dtype) for _ in range(2))
    found = on_gpu.squared_error_gradient(guesses, truths, 0.5)
    check("squared_error", found, on_cpu.squared_error_gradient(guesses, truths, 0.5))


@pytest.mark.parametrize("shape", SHAPES[:-1])
@pytest.mark.parametrize("ignore_zeros", [False, True])
def test_cosine(check, rng, dtype, shape, ignore_zeros):
    guesses, truths = rng.normal(size=(2, *shape)).astype(dtype)
    truths[0] = 0
    found = on_gpu.cosine_gradient(guesses, truths, 0.5, ignore_zeros)
    expected = on_cpu.cosine_gradient(guesses, truths, 0.5, ignore_zeros)
    check("cosine_distance", found, expected)


def test_no_rows(cuda_kernels: Kernels, dtype):
    X = numpy.zeros((0, 4), dtype)
    gradient, loss, flags = on_gpu.labels_gradient(X, numpy.zeros(0, "i8"), 1, 0, 1)
    assert gradient.shape == (0, 4) and loss == 0 and flags == 0
    assert on_gpu.squared_error_gradient(X, X, 1)[1] == 0
    assert on_gpu.cosine_gradient(X, X, 1, True)[1].shape == (0, 1)
    assert not cuda_kernels.launched


@pytest.mark.parametrize("loss", [CategoricalCrossentropy(), L2Distance(), CosineDistance(ignore_zeros=True)])
@pytest.mark.parametrize("normalize", [False, True])
def test_losses_take_the_kernels(cuda_kernels: Kernels, monkeypatch, rng, dtype, loss, normalize):
    """As they do with CuPy's arrays, for which NumPy's stand in."""
    loss.normalize = normalize
    is_by_labels = isinstance(loss, CategoricalCrossentropy)
    guesses = rng.uniform(size=(5, 7)).astype(dtype)
    truths = rng.integers(7, size=5) if is_by_labels else rng.uniform(size=(5, 7)).astype(dtype)
    expected = loss(guesses, truths)
    for module in (_loss_base, _loss_crossentropy):
        monkeypatch.setattr(module, "has_kernel", lambda array: False)
        monkeypatch.setattr(module, "has_gpu_kernel", lambda array: True)
    found = loss(guesses, truths)
    assert len(cuda_kernels.launched) == 1
    for ours, right in zip(found, expected, strict=True):
        assert ours.dtype == dtype
        assert_allclose(ours, right, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
    if is_by_labels:
        soft = rng.uniform(size=(5, 7)).astype(dtype)
        for ours, right in zip(
            loss(guesses, soft), loss._compute_by_formulas(guesses, soft, 5 if normalize else 1), strict=True
        ):
            assert_allclose(ours, right)
        with pytest.raises(ValueError, match="outside the valid range"):
            loss(guesses + 1, truths)
