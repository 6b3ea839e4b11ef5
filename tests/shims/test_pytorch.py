"""PyTorchShim: what the contract of all wrappers does not cover."""

import importlib.util
import pickle
import threading
import types
from pathlib import Path

import numpy
import pytest

from helpers.process import run_python
from thinc.api import (
    SGD,
    Adam,
    ArgsKwargs,
    CupyOps,
    Linear,
    NumpyOps,
    PyTorchGradScaler,
    PyTorchShim,
    PyTorchWrapper,
    PyTorchWrapper_v2,
    PyTorchWrapper_v3,
    RAdam,
    chain,
    fix_random_seed,
    torch2xp,
    xp2torch,
)
from thinc.optimizers import Optimizer
from thinc.shims import pytorch as shim_module

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install thinc[torch]")

DATA = Path(__file__).parent.parent / "data"


def floats(*shape, seed=1):
    return numpy.random.default_rng(seed).normal(size=shape).astype("float32")


def linear(nI=4, nO=3):
    torch.manual_seed(1)
    return torch.nn.Linear(nI, nO)


def call(*tensors):
    return ArgsKwargs(tensors, {})


def gradients_of(*pairs):
    return ArgsKwargs((tuple(Y for Y, _ in pairs),), {"grad_tensors": tuple(dY for _, dY in pairs)})


class Noisy(torch.nn.Module):
    """Says in which mode it ran."""

    def __init__(self):
        super().__init__()
        self.frozen = torch.nn.BatchNorm1d(4)
        self.inner = linear(4, 4)
        self.modes = []

    def forward(self, x):
        self.modes.append((self.training, self.frozen.training, self.inner.training))
        if x is None:
            raise ZeroDivisionError
        return self.inner(self.frozen(x))


class Merging(torch.nn.Linear):
    """As adapters do it: switching the mode changes the weights, so it may only be done by `train`."""

    merged = False

    def train(self, mode=True):
        self.merged = not mode
        return super().train(mode)


# Memory


@pytest.mark.parametrize("view", [lambda x: x, lambda x: x.T, lambda x: x[:, ::2], lambda x: x[1:]])
def test_memory_is_shared_both_ways(view):
    array = view(floats(6, 6))
    tensor = xp2torch(array)
    assert tensor.data_ptr() == array.ctypes.data and tuple(tensor.shape) == array.shape
    back = torch2xp(tensor)
    assert numpy.shares_memory(back, array)
    tensor[0, 0] = 7
    assert array[0, 0] == back[0, 0] == 7
    array[0, 1] = 8
    assert tensor[0, 1] == 8
    assert numpy.shares_memory(torch2xp(torch.from_dlpack(array)), array)
    assert numpy.shares_memory(numpy.from_dlpack(tensor), array)


def test_nothing_is_copied_on_the_way_through_a_wrapper():
    class Same(torch.nn.Module):
        def forward(self, x):
            self.x = x
            return x.view(-1)

    module = Same()
    model, X = PyTorchWrapper(module), floats(2, 3)
    Y, backprop = model.begin_update(X)
    assert numpy.shares_memory(Y, X) and module.x.data_ptr() == X.ctypes.data
    assert module.x.requires_grad and module.x.is_leaf
    dX = backprop(floats(6, seed=2))
    assert numpy.shares_memory(dX, module.x.grad.numpy())
    assert numpy.shares_memory(model.predict(X), X)


def test_parameters_are_updated_where_they_are():
    module = linear()
    addresses = [W.data_ptr() for W in module.parameters()]
    objects = list(map(id, module.parameters()))
    seen = []

    def optimizer(key, W, dW):
        seen.append((key, W.ctypes.data, dW.ctypes.data))
        return W - dW, dW  # another array

    model = PyTorchWrapper(module)
    Y, backprop = model.begin_update(floats(2, 4))
    backprop(Y)
    before = {name: (W.detach() - W.grad).clone() for name, W in module.named_parameters()}
    grads = [W.grad.data_ptr() for W in module.parameters()]
    model.finish_update(optimizer)
    assert seen == [
        ((model.shims[0].id, name), *where)
        for name, *where in zip(["weight", "bias"], addresses, grads, strict=True)
    ]
    assert [W.data_ptr() for W in module.parameters()] == addresses
    assert list(map(id, module.parameters())) == objects
    for name, W in module.named_parameters():
        assert torch.equal(W, before[name]) and W.requires_grad
        assert not W.grad.any()


def odd_parameters():
    """Of every kind that is not simply a contiguous matrix of float32."""
    torch.manual_seed(3)
    return {
        "single": torch.tensor(0.5),
        "transposed": torch.randn(3, 4).T,
        "strided": torch.randn(4, 6)[:, ::2],
        "empty": torch.zeros(0, 3),
        "half": torch.randn(4).half(),
        "brain": torch.randn(4).bfloat16(),
        "double": torch.randn(4).double(),
    }


@pytest.mark.parametrize(
    "optimizer", [lambda: Adam(0.1), lambda: SGD(0.1), lambda: lambda k, W, dW: (W - 1, dW)]
)
@pytest.mark.parametrize("name", odd_parameters())
def test_parameters_of_every_kind_are_updated(name, optimizer):
    class Holder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(odd_parameters()[name])

        def forward(self):
            return (self.weight.float() ** 2).sum()

    module = Holder()
    shim = PyTorchShim(module)
    W = module.weight
    before, layout, pointer = W.detach().clone().double(), (W.stride(), W.dtype, W.shape), W.data_ptr()
    update = optimizer()
    for _ in range(2):
        loss, backprop = shim.begin_update(call())
        backprop(ArgsKwargs((loss,), {}))
        if W.grad.is_contiguous():  # what a backward pass may well leave
            W.grad = W.grad.mT.clone(memory_format=torch.contiguous_format).mT if W.ndim == 2 else W.grad
        shim.finish_update(update)
        assert not W.grad.any()
        W.grad = None
    assert (W.stride(), W.dtype, W.shape) == layout and W.data_ptr() == pointer
    assert (before.numel() == 0) or (W.detach().double() != before).all()
    assert torch.isfinite(W).all()


def test_radam_takes_double_precision_as_it_is():
    module = torch.nn.Linear(3, 2).double()
    shim, W = PyTorchShim(module), module.weight
    with torch.no_grad():
        W += 1e-12
    before = W.detach().clone()
    W.grad = torch.ones_like(W)
    optimizer = RAdam(0.0)
    shim.finish_update(optimizer)
    assert torch.equal(W, before)
    assert optimizer.mom1[shim.id, "weight"].dtype == "float64"


def test_adam_with_a_call_of_its_own_takes_double_precision_too():
    class Called(Optimizer):
        def __call__(self, key, weights, gradient, *, lr_scale=1.0):
            return super().__call__(key, weights, gradient, lr_scale=lr_scale)

    updated = []
    for make in (Optimizer, Called):
        torch.manual_seed(0)
        module = torch.nn.Linear(3, 2).double()
        module.weight.grad = torch.ones_like(module.weight)
        PyTorchShim(module).finish_update(make(0.1))
        assert not module.weight.grad.any()
        updated.append(module.weight.detach())
    assert torch.equal(*updated)


def test_sparse_gradients():
    dense, sparse = (torch.nn.Embedding(5, 2, sparse=sparse) for sparse in (False, True))
    sparse.load_state_dict(dense.state_dict())
    for module in (dense, sparse):
        model, optimizer = PyTorchWrapper(module), Adam(0.1)
        for _ in range(2):
            Y, backprop = model.begin_update(numpy.array([1, 4, 1]))
            assert backprop(Y) is None
            model.finish_update(optimizer)
    assert torch.allclose(dense.weight, sparse.weight, atol=1e-6)
    assert sparse.weight.grad.is_sparse and not sparse.weight.grad.to_dense().any()


def test_frozen_parameters_are_left_alone():
    module = linear()
    module.weight.requires_grad_(False)
    kept = module.weight.clone()
    model, optimizer = PyTorchWrapper(module), Adam(0.1)
    Y, backprop = model.begin_update(floats(2, 4))
    backprop(Y)
    model.finish_update(optimizer)
    assert list(optimizer.nr_update) == [(model.shims[0].id, "bias")]
    assert torch.equal(module.weight, kept)


def test_nothing_to_train_is_no_error():
    module = torch.nn.Embedding(5, 2).requires_grad_(False)
    model = PyTorchWrapper(module)
    Y, backprop = model.begin_update(numpy.array([1, 2]))
    assert backprop(Y) is None
    model.finish_update(Adam(0.1))
    assert PyTorchWrapper(torch.nn.ReLU()).begin_update(floats(2, 2))[1](floats(2, 2)).shape == (2, 2)


# Modes


def modes_of(module):
    return [part.training for part in module.modules()]


@pytest.mark.parametrize("is_train", [True, False])
def test_edge_training_32_predict_leaves_the_mode_as_it_was(is_train):
    module = Noisy().train(is_train)
    module.frozen.eval()
    before = modes_of(module)
    shim = PyTorchShim(module)
    shim.predict(call(torch.zeros(2, 4)))
    assert module.modes == [(False, False, False)]
    assert modes_of(module) == before
    with pytest.raises(ZeroDivisionError):
        shim.predict(call(None))
    assert modes_of(module) == before


def test_training_leaves_frozen_parts_in_evaluation_mode():
    module = Noisy()
    module.frozen.eval()
    shim = PyTorchShim(module)
    shim.begin_update(call(torch.zeros(2, 4)))
    assert module.modes == [(True, False, True)]
    module.eval()
    shim.begin_update(call(torch.zeros(2, 4)))
    assert module.modes[1] == (True, True, True)
    assert module.training


def test_modules_that_do_more_when_the_mode_changes():
    module = torch.nn.Sequential(Merging(4, 4), torch.nn.Dropout())
    seen = []
    module[0].register_forward_hook(lambda part, *_: seen.append(part.merged))
    shim = PyTorchShim(module)
    shim.predict(call(torch.zeros(2, 4)))
    assert seen == [True] and module[0].merged is False and modes_of(module) == [True] * 3
    module[1].eval()
    shim.predict(call(torch.zeros(2, 4)))
    assert seen == [True, True] and modes_of(module) == [True, True, False]
    module.eval()
    shim.predict(call(torch.zeros(2, 4)))
    assert modes_of(module) == [False] * 3 and module[0].merged is True


@pytest.mark.parametrize("kind", [torch.nn.Linear, Merging])
def test_several_threads_predict_with_one_module(kind):
    """Whoever finishes first leaves the module in evaluation mode for the others."""
    inner, first_is_done, second_is_in = kind(4, 3), threading.Event(), threading.Event()
    modes = []

    def wait(part, args):
        if args[0][0, 0] == 1:
            assert second_is_in.wait(30)
        else:
            second_is_in.set()
            assert first_is_done.wait(30)
        modes.append(part.training)

    inner.register_forward_pre_hook(wait)
    shim = PyTorchShim(torch.nn.Sequential(inner, torch.nn.Dropout()))
    second = threading.Thread(target=shim.predict, args=[call(torch.zeros(2, 4))])
    first = threading.Thread(target=shim.predict, args=[call(torch.ones(2, 4))])
    second.start()
    first.start()
    first.join(30)
    assert modes_of(shim._model) == [False] * 3
    first_is_done.set()
    second.join(30)
    assert modes == [False, False] and modes_of(shim._model) == [True] * 3


def test_predictions_record_no_gradients():
    shim = PyTorchShim(linear())
    Y, backprop = shim(call(torch.zeros(2, 4)), is_train=False)
    assert not Y.requires_grad
    with pytest.raises(ValueError, match=r"backward pass of a prediction.*begin_update"):
        backprop(gradients_of((Y, Y)))


# The backward pass


def test_edge_training_31_a_second_backward_pass_is_explained():
    model = PyTorchWrapper(torch.nn.Sequential(linear(), torch.nn.Sigmoid()))
    Y, backprop = model.begin_update(floats(2, 4))
    backprop(Y)
    with pytest.raises(RuntimeError, match=r"second time.*'retain_graph': True.*begin_update"):
        backprop(Y)


def test_edge_training_31_a_graph_that_is_kept_allows_several_backward_passes():
    def convert_outputs(model, X_Yt, is_train):
        Yt = X_Yt[1]
        return torch2xp(Yt), lambda dY: ArgsKwargs(
            (Yt,), {"grad_tensors": xp2torch(dY), "retain_graph": True}
        )

    model = PyTorchWrapper(torch.nn.Sequential(linear(), torch.nn.Sigmoid()), convert_outputs=convert_outputs)
    Y, backprop = model.begin_update(floats(2, 4))
    first = backprop(Y).copy()
    W = model.shims[0]._model[0].weight
    dW = W.grad.clone()
    numpy.testing.assert_allclose(backprop(Y), first)
    numpy.testing.assert_allclose(W.grad, 2 * dW)


def test_errors_of_the_first_backward_pass_are_passed_on():
    shim = PyTorchShim(linear())
    Y, backprop = shim.begin_update(call(torch.zeros(2, 4)))
    with pytest.raises(RuntimeError, match=r"(?s)^((?!second time).)*$"):
        backprop(gradients_of((Y, torch.zeros(7))))


def test_inputs_that_are_no_leaves_have_no_gradient():
    shim = PyTorchShim(linear())
    x = torch.zeros(2, 4, requires_grad=True)
    Y, backprop = shim.begin_update(ArgsKwargs((x * 2,), {}))
    assert backprop(gradients_of((Y, torch.ones_like(Y)))).args == (None,)
    assert x.grad is not None


def test_layers_below_and_above():
    """A module between layers of ours: against the same in PyTorch alone."""
    below, module, above = Linear(4, 5).initialize(), linear(4, 3), Linear(2, 3).initialize()
    model, X, dY = chain(below, PyTorchWrapper(module), above), floats(6, 5), floats(6, 2, seed=2)
    Y, backprop = model.begin_update(X)
    dX = backprop(dY)
    dW = module.weight.grad.clone()
    x = torch.tensor(X, requires_grad=True)
    W1, b1, W2, b2 = (torch.tensor(layer.get_param(name)) for layer in (below, above) for name in "Wb")
    module.zero_grad()
    y = module(x @ W1.T + b1) @ W2.T + b2
    y.backward(torch.tensor(dY))
    numpy.testing.assert_allclose(Y, y.detach(), rtol=1e-5, atol=1e-6)
    numpy.testing.assert_allclose(dX, x.grad, rtol=1e-5, atol=1e-6)
    numpy.testing.assert_allclose(dW, module.weight.grad, rtol=1e-5, atol=1e-6)


# Mixed precision


class Kinds(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = linear()
        self.seen = []

    def forward(self, x):
        y = self.linear(x)
        self.seen.append(y.dtype)
        return y


@pytest.fixture(params=["bfloat16", "float16"])
def half(request):
    """What autocast uses on the CPU."""
    before = torch.get_autocast_dtype("cpu")
    torch.set_autocast_dtype("cpu", getattr(torch, request.param))
    yield getattr(torch, request.param)
    torch.set_autocast_dtype("cpu", before)


def test_edge_training_33_mixed_precision_on_the_cpu(half):
    plain, mixed = PyTorchWrapper_v2(Kinds()), PyTorchWrapper_v2(Kinds(), mixed_precision=True)
    X, dY = floats(6, 4), floats(6, 3, seed=2)
    results = []
    for model in (plain, mixed):
        Y, backprop = model.begin_update(X)
        dX = backprop(dY)
        assert Y.dtype == dX.dtype == model.predict(X).dtype == "float32"
        results.append((Y, dX, model.shims[0]._model.linear.weight.grad.numpy().copy()))
        model.finish_update(SGD(0.1))
    assert plain.shims[0]._model.seen == [torch.float32] * 2
    assert mixed.shims[0]._model.seen == [half] * 2
    for expected, found in zip(*results, strict=True):
        numpy.testing.assert_allclose(found, expected, rtol=0.03, atol=0.03)
        assert (found != expected).any()
    assert mixed.shims[0]._grad_scaler._enabled and not mixed.shims[0]._grad_scaler.found_inf


def test_mixed_precision_uses_bfloat16_on_the_cpu():
    module = Kinds()
    PyTorchWrapper_v2(module, mixed_precision=True).predict(floats(2, 4))
    PyTorchWrapper_v2(module).predict(floats(2, 4))
    assert module.seen == [torch.bfloat16, torch.float32]


def test_a_loss_falls_in_mixed_precision():
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
    model = PyTorchWrapper_v3(module, mixed_precision=True, grad_scaler=PyTorchGradScaler(True))
    X, optimizer, losses = floats(64, 4), Adam(0.01), []
    T = X[:, :1] * X[:, 1:2]
    for _ in range(80):
        Y, backprop = model.begin_update(X)
        losses.append(((Y - T) ** 2).sum())
        backprop(Y - T)
        model.finish_update(optimizer)
    assert losses[-1] < 0.2 * losses[0]


class ScalerOnCPU(PyTorchGradScaler):
    """Scales tensors of the CPU, too, to test what a shim does with a scaler on a CUDA device."""

    def scale(self, tensors, inplace=False):
        return [tensor * self._scale[0] for tensor in tensors]


@pytest.fixture
def scaled(monkeypatch):
    monkeypatch.setattr(PyTorchShim, "_scales_gradients", lambda self: True)
    return PyTorchShim(linear(), grad_scaler=ScalerOnCPU(True, init_scale=1024.0))


def backward(shim, dY):
    X = torch.ones(2, 4, requires_grad=True)
    Y, backprop = shim.begin_update(call(X))
    return backprop(gradients_of((Y, dY))).args[0]


def test_scaled_gradients_accumulate(scaled):
    plain = PyTorchShim(linear())
    for seed in (1, 2):
        dY = torch.tensor(floats(2, 3, seed=seed))
        kept = dY.clone()
        assert torch.allclose(backward(scaled, dY), backward(plain, dY))
        assert torch.equal(dY, kept)
    for W, expected in zip(scaled._model.parameters(), plain._model.parameters(), strict=True):
        assert torch.allclose(W.grad, expected.grad)


def test_overflow_leaves_out_the_step(scaled):
    kept = [W.detach().clone() for W in scaled._model.parameters()]
    backward(scaled, torch.ones(2, 3))
    dX = backward(scaled, torch.full((2, 3), 1e38))
    assert not dX.any() and scaled._grad_scaler.found_inf
    optimizer = Adam(0.1)
    scaled.finish_update(optimizer)
    assert not optimizer.nr_update
    assert all(torch.equal(*pair) for pair in zip(scaled._model.parameters(), kept, strict=True))
    assert not any(W.grad.any() for W in scaled._model.parameters())
    assert scaled._grad_scaler._scale.item() == 512 and not scaled._grad_scaler.found_inf
    backward(scaled, torch.ones(2, 3))
    scaled.finish_update(optimizer)
    assert set(optimizer.nr_update.values()) == {1}


def test_an_input_that_is_given_twice_is_unscaled_once(scaled):
    X = torch.ones(2, 4, requires_grad=True)
    scaled._model.forward = lambda x, again: (x * 3 + again * 2).sum()
    Y, backprop = scaled.begin_update(call(X, X))
    assert (backprop(gradients_of((Y, torch.tensor(1.0)))).args[0] == 5).all()


def test_scaling_without_gradients_of_the_outputs(scaled):
    Y, backprop = scaled.begin_update(call(torch.ones(2, 4)))
    backprop(ArgsKwargs((Y.sum(),), {}))
    assert torch.allclose(scaled._model.bias.grad, torch.full((3,), 2.0))


# Parameters of others


def test_edge_training_15_part_of_the_parameters():
    module = torch.nn.Sequential(linear(), torch.nn.BatchNorm1d(3))
    shim = PyTorchShim(module)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    bias, mean = floats(3), floats(3, seed=2)
    params = {
        (shim.id, "0.bias"): bias,
        f"pytorch_{shim.id}_1.running_mean": mean,
        (shim.id, "gone"): bias,
        (shim.id + 1, "0.weight"): bias,
        f"pytorch_{shim.id}9_0.weight": bias,
    }
    with shim.use_params(params):
        assert (module[0].bias.detach().numpy() == bias).all()
        assert (module[1].running_mean.numpy() == mean).all()
        assert torch.equal(module[0].weight, before["0.weight"])
    with pytest.raises(ZeroDivisionError), shim.use_params(params):
        raise ZeroDivisionError
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert not numpy.shares_memory(module[0].bias.detach().numpy(), bias)
    with shim.use_params(None):
        pass


def test_use_params_with_values_that_do_not_fit():
    shim = PyTorchShim(linear())
    before = shim._model.weight.clone()
    good = {(shim.id, "weight"): floats(3, 4)}
    for bad, message in [
        ({(shim.id, "bias"): floats(4)}, r"shape \(4,\), but 'bias' of the PyTorch module has \(3,\)"),
        ({(shim.id, "weight"): floats(4, 3)}, "shape"),
        ({f"pytorch_{shim.id}_other": floats(3)}, r"\['other'\].*no such"),
    ]:
        with pytest.raises(ValueError, match=message), shim.use_params({**good, **bad}):
            raise AssertionError("not reached")
        assert torch.equal(shim._model.weight, before)


def test_backward_pass_around_use_params():
    shim = PyTorchShim(torch.nn.Sequential(linear(), torch.nn.Sigmoid(), linear(3, 2)))
    results = []
    for swap in (False, True):
        X = torch.tensor(floats(2, 4), requires_grad=True)
        Y, backprop = shim.begin_update(call(X))
        if swap:
            with shim.use_params({(shim.id, "2.weight"): floats(2, 3)}):
                shim.predict(call(X))
        results.append(backprop(gradients_of((Y, torch.ones_like(Y)))).args[0])
    assert torch.equal(*results)


def test_averages_of_single_numbers():
    class Scale(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.g = torch.nn.Parameter(torch.tensor(2.0))

        def forward(self, x):
            return x * self.g

    module = Scale()
    model, optimizer = PyTorchWrapper(module), Adam(0.5)
    for _ in range(2):
        Y, backprop = model.begin_update(floats(2, 2))
        backprop(Y)
        model.finish_update(optimizer)
    g = module.g.item()
    with model.use_params(optimizer.averages):
        assert module.g.shape == () and module.g.item() != g
    assert module.g.item() == g


# Copies


def test_copies_have_the_gradients():
    model = PyTorchWrapper(linear())
    Y, backprop = model.begin_update(floats(2, 4))
    backprop(Y)
    shim = model.shims[0]
    twin = shim.copy()
    assert twin.id != shim.id
    for W, copied in zip(shim._model.parameters(), twin._model.parameters(), strict=True):
        assert torch.equal(W.grad, copied.grad) and W.grad.data_ptr() != copied.grad.data_ptr()
    assert twin._grad_scaler is not shim._grad_scaler


def test_pickle():
    model = chain(PyTorchWrapper_v2(linear(), mixed_precision=True), Linear(2, 3).initialize())
    loaded = pickle.loads(pickle.dumps(model))
    assert (loaded.predict(floats(2, 4)) == model.predict(floats(2, 4))).all()
    assert loaded.layers[0].shims[0].id == model.layers[0].shims[0].id


# Bytes


def test_config_is_saved():
    shim = PyTorchShim(linear(), {"width": 3})
    other = PyTorchShim(torch.nn.Linear(4, 3))
    assert other.from_bytes(shim.to_bytes()) is other
    assert other.cfg == {"width": 3} and torch.equal(other._model.weight, shim._model.weight)


def test_serialization_of_ones_own():
    calls = []

    def serialize(module):
        return module.weight.detach().numpy().tobytes()

    def deserialize(module, data, device):
        calls.append(device)
        new = torch.nn.Linear(4, 3)
        new.load_state_dict(
            {
                "weight": torch.frombuffer(bytearray(data), dtype=torch.float32).reshape(3, 4),
                "bias": torch.zeros(3),
            }
        )
        return new

    model, other = (
        PyTorchWrapper_v3(torch.nn.Linear(4, 3), serialize_model=serialize, deserialize_model=deserialize)
        for _ in range(2)
    )
    replaced = other.shims[0]._model
    other.from_bytes(model.to_bytes())
    assert calls == [torch.device("cpu")] and other.shims[0]._model is not replaced
    assert torch.equal(other.shims[0]._model.weight, model.shims[0]._model.weight)


def test_a_state_that_does_not_fit_changes_nothing():
    shim = PyTorchShim(torch.nn.Sequential(linear(), linear(3, 2)), {"a": 1})
    other = PyTorchShim(torch.nn.Sequential(linear(), linear(3, 5)), {"b": 1})
    before = {name: value.clone() for name, value in shim._model.state_dict().items()}
    with torch.no_grad():
        other._model[0].weight.fill_(7)
    with pytest.raises(ValueError, match=r"(?s)Cannot load this state into a PyTorch module.*size mismatch"):
        shim.from_bytes(other.to_bytes())
    assert shim.cfg == {"a": 1}
    assert all(torch.equal(value, before[name]) for name, value in shim._model.state_dict().items())
    with pytest.raises(ValueError, match=r"expected a dict with 'config' and 'state', got list of length 0"):
        shim.from_bytes(b"\x90")


class Unsafe:
    pass


def test_code_is_not_loaded():
    class WithExtra(torch.nn.Linear):
        def get_extra_state(self):
            return Unsafe()

        def set_extra_state(self, state):
            raise AssertionError("was loaded")

    shim = PyTorchShim(WithExtra(4, 3))
    with pytest.raises(ValueError, match=r"more than tensors and plain values.*'deserialize_model'"):
        shim.from_bytes(shim.to_bytes())


def published():
    path = DATA / "make_published_torch.py"
    spec = importlib.util.spec_from_file_location("make_published_torch", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.BUILDERS


@pytest.mark.parametrize("name", published())
def test_published_models_load(name):
    """What the published package saved, and predicted."""
    model, X = published()[name]()
    folder = DATA / "published_torch"
    data = (folder / f"{name}.bin").read_bytes()
    model.from_bytes(data)
    Y = model.predict(X)
    Y = numpy.concatenate(Y) if isinstance(Y, list) else Y
    with numpy.load(folder / f"{name}.npz") as expected:
        numpy.testing.assert_allclose(Y, expected["Y"], rtol=1e-5, atol=1e-6)
    if name == "settings":
        assert model.shims[0].cfg == {"name": "value"}


def test_every_published_model_has_its_files():
    stems = {path.stem for path in (DATA / "published_torch").iterdir()}
    assert stems == set(published())


# Devices


def test_to_device():
    model = chain(PyTorchWrapper(linear()), Linear(2, 3).initialize())
    Y = model.predict(floats(2, 4))
    model.to_cpu()
    assert (model.predict(floats(2, 4)) == Y).all()
    shim = PyTorchShim(linear())
    shim.to_device("cpu", -1)
    assert shim.device == torch.device("cpu")
    with pytest.raises(ValueError, match="Invalid device type 'tpu'"):
        shim.to_device("tpu", 0)


@pytest.mark.parametrize(("has_mps", "device"), [(False, "cuda:2"), (True, "mps")])
def test_to_gpu(monkeypatch, has_mps, device):
    moved = []
    monkeypatch.setattr(shim_module.compat, "has_torch_cuda_gpu", not has_mps)
    monkeypatch.setattr(shim_module.compat, "has_torch_mps_gpu", has_mps)
    shim = PyTorchShim(linear())
    shim._model = types.SimpleNamespace(to=moved.append)
    shim._grad_scaler = types.SimpleNamespace(to_=moved.append)
    shim.to_device("gpu", 2)
    assert moved == [device, device]


def test_device_that_was_asked_for():
    """The one device other than the CPU that every PyTorch has."""
    shim = PyTorchShim(linear(), device="meta")
    assert shim.device.type == "meta" and shim._grad_scaler._scale.device.type == "meta"
    assert PyTorchShim(torch.nn.ReLU()).device.type == "cpu"
    assert PyTorchShim(None).device.type == "cpu"


def test_memory_pool_is_shared_with_cupy(monkeypatch):
    """With what stands for CuPy: a shim lets it take its memory from PyTorch, once."""
    calls = []
    pool = types.SimpleNamespace(free_all_blocks=lambda: calls.append("freed"))
    cupy = types.SimpleNamespace(get_default_memory_pool=lambda: pool)
    monkeypatch.setitem(vars(shim_module.compat), "cupy", cupy)
    monkeypatch.setattr(shim_module, "set_gpu_allocator", calls.append)
    monkeypatch.setattr(shim_module, "get_current_ops", lambda: object.__new__(CupyOps))
    PyTorchShim(linear(), device="cpu")
    assert calls == ["pytorch", "freed"]
    shim_module.context_pools.set({"pytorch": object()})
    try:
        PyTorchShim(linear(), device="cpu")
    finally:
        shim_module.context_pools.set({})
    assert calls == ["pytorch", "freed"]
    monkeypatch.setattr(shim_module, "get_current_ops", NumpyOps)
    PyTorchShim(linear(), device="cpu")
    assert calls == ["pytorch", "freed"]


def test_no_module_yet():
    shim = PyTorchShim(None)
    for run in (lambda: shim.predict(call()), lambda: shim.begin_update(call()), shim.to_bytes):
        with pytest.raises(ValueError, match="no module yet"):
            run()
    shim.finish_update(Adam(0.1))
    shim.to_device("cpu", 0)
    with shim.use_params({}):
        assert shim.copy()._model is None


def test_edge_model_35_seeds_of_any_size():
    for seed in (0, -1, 2**64 - 1, 2**70):
        fix_random_seed(seed)
        once = torch.rand(3)
        fix_random_seed(seed)
        assert torch.equal(torch.rand(3), once)


def test_importing_the_modules_imports_no_pytorch():
    code = (
        "import sys, thinc.api, thinc.layers.pytorchwrapper, thinc.layers.torchscriptwrapper\n"
        "import thinc.shims.pytorch, thinc.shims.pytorch_grad_scaler, thinc.shims.torchscript\n"
        "print('torch' in sys.modules)"
    )
    assert run_python("-c", code).stdout.strip() == "False"
