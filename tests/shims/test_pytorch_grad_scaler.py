"""PyTorchGradScaler, against PyTorch's own scaler where that runs without a GPU."""

import numpy
import pytest

from thinc import compat
from thinc.api import PyTorchGradScaler
from thinc.shims import pytorch_grad_scaler as module

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install thinc[torch]")


def tensors(dtype=None):
    rng = numpy.random.default_rng(1)
    return [
        torch.tensor(rng.normal(size=shape), dtype=dtype or torch.float32) for shape in [(3, 4), (5,), ()]
    ]


class OnCUDA(torch.Tensor):
    """A tensor of the CPU that says it is on a CUDA device."""

    is_cuda = True


@pytest.fixture
def with_amp(monkeypatch):
    monkeypatch.setitem(vars(compat), "has_torch_amp", True)


def test_disabled_does_nothing():
    scaler = PyTorchGradScaler()
    xs = tensors()
    assert scaler.scale(xs) is xs and scaler.scale("anything") == "anything"
    assert scaler.unscale([torch.tensor(float("inf"))]) is False
    scaler.update()
    assert not scaler.found_inf and scaler._scale.item() == 2.0**16


def test_state():
    scaler = PyTorchGradScaler(True, init_scale=4.0)
    assert scaler._scale.shape == scaler._growth_tracker.shape == (1,)
    scaler.to_("meta")
    assert scaler._scale.device.type == scaler._growth_tracker.device.type == "meta"


def test_scale(with_amp):
    scaler = PyTorchGradScaler(True, init_scale=4.0)
    one, *others = (tensor.as_subclass(OnCUDA) for tensor in tensors())
    assert torch.equal(scaler.scale(one), one * 4)
    scaled = scaler.scale(iter([one, *others]))
    assert type(scaled) is list and [x.shape for x in scaled] == [(3, 4), (5,), ()]
    before = one.clone()
    assert scaler.scale([one], inplace=True)[0] is one and torch.equal(one, before * 4)


def test_scale_is_wider_than_float16(with_amp):
    scaler = PyTorchGradScaler(True)
    small = torch.full((3,), 2.0**-20, dtype=torch.float16).as_subclass(OnCUDA)
    scaled = scaler.scale(small)
    assert scaled.dtype == torch.float16 and (scaled == 2.0**-4).all()
    assert not scaler.unscale([scaled]) and torch.equal(scaled, small)


def test_what_cannot_be_scaled(with_amp):
    scaler = PyTorchGradScaler(True)
    for bad in (1.0, "text", [1.0], [tensors()[0].as_subclass(OnCUDA), None]):
        with pytest.raises(ValueError, match="takes"):
            scaler.scale(bad)
    with pytest.raises(ValueError, match=r"Gradient scaling is only supported for CUDA tensors."):
        scaler.scale(tensors()[0])


def test_without_a_device_that_needs_it(monkeypatch):
    monkeypatch.setitem(vars(compat), "has_torch_amp", False)
    with pytest.raises(ValueError, match=r"not supported.*1.9.0"):
        PyTorchGradScaler(True).scale(tensors())


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("divide", [module._divide, module._divide_fused])
def test_unscale(divide, dtype):
    xs = tensors(getattr(torch, dtype))
    expected = [x / 4 for x in xs]
    assert divide(xs, torch.tensor([0.25])) is False
    assert all(torch.equal(*pair) for pair in zip(xs, expected, strict=True))
    for bad in ("inf", "-inf", "nan"):
        xs[1][2] = float(bad)
        assert divide(xs, torch.tensor([0.25])) is True


def test_overflow_is_remembered_until_the_update():
    scaler = PyTorchGradScaler(True, init_scale=8.0)
    assert scaler.unscale([torch.tensor([1.0, float("nan")])]) and scaler.found_inf
    fine = tensors()
    assert not scaler.unscale(fine) and scaler.found_inf
    scaler.update()
    assert not scaler.found_inf and scaler._scale.item() == 4.0
    assert scaler.unscale(iter([])) is False


def test_unscale_sparse_tensors():
    scaler = PyTorchGradScaler(True, init_scale=2.0)
    sparse = torch.sparse_coo_tensor([[0, 2, 0]], [2.0, 4.0, 6.0], (3,), check_invariants=True)
    assert not scaler.unscale([sparse, torch.ones(2)])
    assert sparse.to_dense().tolist() == [4.0, 0.0, 2.0]
    infinite = torch.sparse_coo_tensor([[0]], [float("inf")], (3,), check_invariants=True)
    assert scaler.unscale([infinite])


def test_the_scale_follows_that_of_pytorch():
    """`torch.amp.GradScaler` on the CPU, with the same overflows."""
    settings = {"init_scale": 64.0, "growth_factor": 3.0, "backoff_factor": 0.25, "growth_interval": 3}
    ours, theirs = PyTorchGradScaler(True, **settings), torch.amp.GradScaler("cpu", **settings)
    W = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.SGD([W], lr=0.1)
    theirs.scale(W.sum())
    for overflows in [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0]:
        gradient = torch.tensor([1.0, float("inf") if overflows else 2.0])
        W.grad = gradient.clone()
        theirs.unscale_(optimizer)
        theirs.step(optimizer)
        theirs.update()
        assert ours.unscale([gradient]) == bool(overflows)
        ours.update()
        assert ours._scale.item() == theirs.get_scale()
        assert ours._growth_tracker.item() == theirs._get_growth_tracker()


def test_the_scale_stays_finite():
    scaler = PyTorchGradScaler(True, init_scale=2.0**127, growth_interval=1)
    for _ in range(3):
        scaler.update()
    assert scaler._scale.item() == 2.0**127
