"""Optimizer kernels on every instruction set, against the slow twin, at sizes around the vectors."""

import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import thinc
import thinc.kernels.optimizers
from helpers.optimizer_kinds import KINDS, paper_matches
from helpers.optimizer_twin import MAKERS, SETTINGS, call, draw, steps_match
from thinc._optimizer_formulas import update_by_formulas
from thinc.backends import NumpyOps, Ops
from thinc.optimizers import SGD, Adafactor, Adam

pytestmark = pytest.mark.usefixtures("isa")

SIZES = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 1000, 4099]


@pytest.mark.parametrize("size", [3, 17, 200])
@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("name", MAKERS)
def test_update(name, settings, size):
    steps_match(MAKERS[name](0.01, **settings), call, size, n_steps=6)


@pytest.mark.parametrize("size", [3, 17, 200])
@pytest.mark.parametrize("name", KINDS)
def test_kinds_with_a_rule(name, size, dtype):
    rtol = 4e-6 if dtype == "float32" else 1e-12
    paper_matches(KINDS[name], call, size, dtype, rtol=rtol, grad_clip=0.5, use_averages=True)
    paper_matches(KINDS[name], call, size, dtype, rtol=rtol)


@pytest.mark.usefixtures("one_thread_afterwards")
@pytest.mark.parametrize("name", KINDS)
def test_kinds_with_a_rule_on_threads(name, dtype):
    results = []
    for n_threads in (1, 3):
        thinc.set_num_threads(n_threads)
        optimizer = KINDS[name](grad_clip=0.5, use_averages=True)
        weights = [draw(size, dtype=dtype) for size in (50_001, 7, 30_000)]
        for step in range(3):
            gradients = [draw(w.shape, 1 + step, dtype) for w in weights]
            weights = optimizer.update_many([1, 2, 3], weights, gradients)
        results.append([*weights, *optimizer.mom1.values(), *optimizer.averages.values()])
    for one, other in zip(*results, strict=True):
        assert_array_equal(one, other)


# --- matrices of Adafactor: parts of vectors, groups of rows, several chunks of rows, pieces of rows, stacks

MATRICES = [
    *[(1, 1), (1, 33), (33, 1), (2, 3), (3, 5), (4, 16), (5, 31), (7, 64), (66, 9)],
    *[(1500, 70), (5, 9001), (66_000, 1), (2, 3, 5), (3, 1, 17), (4, 2, 3, 3), (2, 1500, 50)],
]
ADAFACTORS = [name for name in KINDS if name.startswith("adafactor")]


@pytest.mark.parametrize("shape", MATRICES, ids=str)
@pytest.mark.parametrize("name", ADAFACTORS)
def test_adafactor_of_matrices(name, shape, dtype):
    rtol = 1e-5 if dtype == "float32" else 1e-12
    paper_matches(KINDS[name], call, shape, dtype, n_steps=4, rtol=rtol, grad_clip=0.5, use_averages=True)
    paper_matches(KINDS[name], call, shape, dtype, n_steps=4, rtol=rtol)


@pytest.mark.parametrize("shape", [(3, 5), (1500, 70), (4, 30, 7)], ids=str)
@pytest.mark.parametrize("settings", [{"eps1": 0.0}, {"eps1": 0.9, "threshold": 0.5}])
def test_adafactor_with_small_second_moments(settings, shape, dtype):
    """They count as at least eps1**2; with eps1 of 0, that is next to nothing."""
    optimizer = Adafactor(0.1, **settings)
    start = w = draw(shape, dtype=dtype)
    expected = start.astype("float64")
    twin = KINDS["adafactor"].twin(optimizer, expected)
    twin.eps1 = settings["eps1"] or numpy.finfo(dtype).eps
    for step in range(3):
        g = draw(shape, 1 + step, dtype)
        g[..., 1, :], g[..., 2], g[..., 2, :] = 0, 0, 1e-9
        expected = twin.step(expected, g.astype("float64"), 0.1)
        w = call(optimizer, "W", w, g, 1.0)
        rtol = 1e-5 if dtype == "float32" else 1e-12
        assert_allclose(w, expected, rtol=rtol, atol=rtol)
    assert_array_equal(w[..., 1, :], draw(shape, dtype=dtype)[..., 1, :])


@pytest.mark.usefixtures("one_thread_afterwards")
@pytest.mark.parametrize("vanishing", [False, True])
def test_adafactor_of_matrices_on_threads(vanishing, dtype):
    results = []
    for n_threads in (1, 2, 3):
        thinc.set_num_threads(n_threads)
        optimizer = Adafactor(grad_clip=0.5, use_averages=True, L2=0.1)
        shapes = [(1500, 70), (7, 5), (3, 500, 300), (9,), (40_001, 3)]
        weights = [draw(shape, dtype=dtype) for shape in shapes]
        for step in range(3):
            gradients = [draw(shape, 1 + step, dtype) for shape in shapes]
            for g in gradients:
                g[-1] = 0 if vanishing else g[-1]
            weights = optimizer.update_many(list(range(5)), weights, gradients)
        moments = [*optimizer.mom1.values(), *optimizer.mom2.values()]
        results.append([*weights, *moments, *optimizer.averages.values()])
    for several in results[1:]:
        for one, other in zip(results[0], several, strict=True):
            assert_array_equal(one, other)


@pytest.mark.parametrize("value", [numpy.nan, numpy.inf, -numpy.inf, 1e30, 1e-30])
@pytest.mark.parametrize("shape", [(5, 7), (2, 4, 3), (6,)], ids=str)
def test_adafactor_is_the_same_by_kernel_and_by_formulas(shape, value, dtype):
    """Also what is no number, or too large for its square to be one; and each goes on where the other ended."""
    ours, reference = (Adafactor(0.1, L2=0.1, use_averages=True) for _ in range(2))
    w, expected = draw(shape, dtype=dtype), draw(shape, dtype=dtype)
    updates = [call, update_by_formulas]
    for step in range(4):
        g = draw(shape, 1 + step, dtype)
        if step == 2:
            g[-1, ...] = value
        with numpy.errstate(all="ignore"):
            w = updates[step % 2](ours, "W", w, g.copy(), 1.0)
            expected = update_by_formulas(reference, "W", expected, g, 1.0)
        rtol = 1e-5 if dtype == "float32" else 1e-12
        pairs = [(w, expected)]
        pairs += [(getattr(ours, name), getattr(reference, name)) for name in ("mom1", "mom2", "averages")]
        for ours_, theirs in pairs:
            if isinstance(ours_, dict):
                assert ours_.keys() == theirs.keys()
                if not ours_:
                    continue
                ours_, theirs = ours_["W"], theirs["W"]
                assert (ours_.shape, ours_.dtype) == (theirs.shape, theirs.dtype)
            assert_allclose(ours_, theirs, rtol=rtol, atol=1e-30)


@pytest.mark.parametrize("name", [*MAKERS, *(name for name in KINDS if KINDS[name].is_elementwise)])
def test_a_value_does_not_depend_on_its_position(name):
    whole, part = ((MAKERS | KINDS)[name](0.01, grad_clip=0.0) for _ in range(2))
    w, v = draw(100), draw(100)
    for step in range(6):
        g = draw(100, seed=step)
        h = g.copy()
        whole("whole", w, g)
        for start, end in [(0, 1), (1, 17), (17, 50), (50, 100)]:
            part(start, v[start:end], h[start:end])
    assert_array_equal(w, v)


@pytest.mark.parametrize("size", SIZES)
def test_ops_adam(size, dtype):
    arrays = [draw(size, seed, dtype) for seed in range(3)] + [abs(draw(size, 3, dtype))]
    expected = [array.astype("float64") for array in arrays]
    Ops.adam(NumpyOps(), *expected, 0.9, 0.999, 1e-8, 0.1)
    result = NumpyOps().adam(*arrays, 0.9, 0.999, 1e-8, 0.1)
    assert all(a is b for a, b in zip(result, arrays, strict=True))
    for array, e in zip(arrays, expected, strict=True):
        assert_allclose(array, e, rtol=1e-6, atol=1e-6)
    assert not arrays[1].any()


def test_ops_adam_known_values():
    w, g, m, v = (numpy.array([x], dtype="float32") for x in (1, 0.5, 0, 0))
    NumpyOps().adam(w, g, m, v, 0.9, 0.999, 1e-8, 0.1)
    assert_allclose([w[0], g[0], m[0], v[0]], [0.68377, 0, 0.05, 2.5e-4], rtol=1e-5)


def test_ops_adam_refuses_different_shapes():
    with pytest.raises(ValueError, match="arrays have incompatible shapes"):
        NumpyOps().adam(draw(3), draw(3), draw(3), draw(4), 0.9, 0.999, 1e-8, 0.1)


def test_ops_adam_writes_through_strides():
    store = [draw(20, seed) for seed in range(4)]
    store[3] = abs(store[3])
    expected = [array[::2].copy() for array in store]
    others = [array[1::2].copy() for array in store]
    NumpyOps().adam(*[array[::2] for array in store], 0.9, 0.999, 1e-8, 0.1)
    NumpyOps().adam(*expected, 0.9, 0.999, 1e-8, 0.1)
    for array, e, other in zip(store, expected, others, strict=True):
        assert_allclose(array[::2], e, rtol=1e-6)
        assert_array_equal(array[1::2], other)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("threshold", [0.0, 0.5, 1e6])
def test_clip_gradient(size, dtype, threshold):
    g = draw(size, dtype=dtype)
    norm = numpy.sqrt((g.astype("float64") ** 2).sum())
    expected = g * (threshold / norm) if norm >= threshold and norm > 0 else g.copy()
    assert NumpyOps().clip_gradient(g, threshold) is g
    assert_allclose(g, expected, rtol=1e-6)


def test_clip_gradient_of_zeros_and_strides():
    assert_array_equal(NumpyOps().clip_gradient(numpy.zeros(5, dtype="float32"), 0), numpy.zeros(5))
    g = draw((4, 6))
    NumpyOps().clip_gradient(g[:, ::2], 0.5)
    assert_allclose(numpy.linalg.norm(g[:, ::2]), 0.5, rtol=1e-6)
    assert_array_equal(g[:, 1::2], draw((4, 6))[:, 1::2])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("t", [1, 100, 10**7])
def test_update_averages(size, dtype, t):
    ema, w = draw(size, dtype=dtype), draw(size, 1, dtype=dtype)
    d = min((1 + t) / (10 + t), 0.9999)
    expected = ema - (1 - d) * (ema.astype("float64") - w)
    assert NumpyOps().update_averages(ema, w, t) is None
    assert_allclose(ema, expected, rtol=1e-5, atol=1e-6)
    assert_array_equal(w, draw(size, 1, dtype=dtype))


def test_norm_is_summed_in_float64():
    g = numpy.full(3_000_001, 1e-3, dtype="float32")
    norm = numpy.sqrt(3_000_001) * float(numpy.float32(1e-3))
    w, _ = SGD(1.0, grad_clip=0.5)("W", numpy.zeros_like(g), g)
    assert_allclose(w, -0.5 / norm * numpy.float32(1e-3), rtol=1e-6)


@pytest.mark.parametrize("value", [0.0, 1e-45, 1e-38, 1e-20, 1e18])
def test_extreme_gradients(value):
    w, g = numpy.ones(20, dtype="float32"), numpy.full(20, value, dtype="float32")
    new, _ = Adam(0.1, grad_clip=0.0)("W", w, g)
    g64 = float(numpy.float32(value))
    expected = 1 - 0.1 * g64 / (g64 + 1e-8 / numpy.sqrt(0.001)) if value > 1e-18 else 1.0
    assert_allclose(new, expected, rtol=1e-5)
    assert numpy.isfinite(new).all()


def test_interface_for_cython():
    functions = thinc.kernels.optimizers.__pyx_capi__
    names = {name.split("[")[0] for name in functions if not name.startswith("__pyx")}
    assert names == {
        "adam",
        "momentum",
        "sgd",
        "clip_gradient",
        "update_average",
        "average_rate",
        "adam_step",
    }
