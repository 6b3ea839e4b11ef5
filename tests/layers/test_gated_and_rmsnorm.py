"""RMSNorm, GLU and SwiGLU: bad arguments, how weights are drawn, and PyTorch's modules with the same weights."""

import numpy
import pytest

from helpers.gradcheck import to_float64
from thinc import layers

RNG = numpy.random.default_rng(0)


def test_eps_is_no_negative_number():
    for eps in (-1e-6, float("nan")):
        with pytest.raises(ValueError, match="eps"):
            layers.RMSNorm(4, eps=eps)


@pytest.mark.parametrize("build", [layers.GLU, layers.SwiGLU])
def test_weights_are_drawn_one_matrix_after_the_other(build):
    shapes = []

    def counting(ops, shape):
        shapes.append(shape)
        return ops.alloc_f(shape) + len(shapes)

    model = build(init_W=counting, init_b=counting).initialize(
        X=numpy.ones((2, 4), "f"), Y=numpy.ones((2, 3), "f")
    )
    assert shapes == [(3, 4), (3, 4), (3,), (3,)]
    numpy.testing.assert_array_equal(model.get_param("W")[:, 0, 0], [1, 2])
    numpy.testing.assert_array_equal(model.get_param("b")[:, 0], [3, 4])


def test_composite():
    model = layers.SwiGLU(3, 4, normalize=True, dropout=0.1)
    assert model.name == "swiglu>>layernorm>>dropout"


@pytest.mark.parametrize("name", ["RMSNorm", "GLU", "SwiGLU"])
def test_pytorch_gives_the_same(name):
    torch = pytest.importorskip("torch", reason="needs PyTorch: pip install thinc[torch]")
    X, dY = RNG.normal(size=(5, 4)), RNG.normal(size=(5, 4))
    model = to_float64(getattr(layers, name)(4).initialize(X=X, Y=dY))
    for param in model.param_names:
        model.set_param(param, RNG.normal(size=model.get_param(param).shape))
    params = {key: torch.tensor(model.get_param(key), requires_grad=True) for key in model.param_names}
    x = torch.tensor(X, requires_grad=True)
    if name == "RMSNorm":
        network = torch.nn.RMSNorm(4, eps=1e-6, dtype=torch.float64)
        network.weight = torch.nn.Parameter(params["G"])
        params["G"] = network.weight
        y = network(x)
    else:
        pre = torch.nn.functional.linear(x, params["W"].reshape(8, 4), params["b"].reshape(8))
        value, gate = pre.chunk(2, dim=-1)
        silu = torch.nn.functional.silu
        y = torch.nn.GLU()(pre) if name == "GLU" else value * silu(gate)
    y.backward(torch.tensor(dY))
    Y, backprop = model(X, True)
    numpy.testing.assert_allclose(Y, y.detach().numpy(), rtol=1e-9, atol=1e-11)
    numpy.testing.assert_allclose(backprop(dY), x.grad.numpy(), rtol=1e-9, atol=1e-11)
    for key, param in params.items():
        numpy.testing.assert_allclose(model.get_grad(key), param.grad.numpy(), rtol=1e-9, atol=1e-11)
