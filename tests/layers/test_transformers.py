"""Attention, transformer blocks and positions: their formulas, bad arguments, and PyTorch's with the same weights."""

import numpy
import pytest

from helpers.gradcheck import gradients, parameters, to_float64
from thinc import layers
from thinc.config import Config, registry
from thinc.layers._positions import rotary_waves
from thinc.model import Model
from thinc.types import Ragged

RNG = numpy.random.default_rng(0)


def ragged(*lengths, width=8, dtype="float32"):
    return Ragged(RNG.normal(size=(sum(lengths), width)).astype(dtype), numpy.array(lengths, "int32"))


def randomized(model):
    """A float64 model with normally distributed parameters."""
    to_float64(model.initialize())
    for node in model.walk():
        for name in node.param_names:
            node.set_param(name, 0.5 * RNG.normal(size=node.get_param(name).shape))
    return model


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"nH": 0}, "nH must be at least 1"),
        ({"nH": 3}, "share nO evenly"),
        ({"nH": 8, "rotary": True}, "even width"),
        ({"dropout": 1.0}, "dropout"),
        ({"dropout": -0.1}, "dropout"),
    ],
)
@pytest.mark.parametrize("build", [layers.MultiHeadAttention, layers.TransformerBlock])
def test_bad_arguments_are_refused(build, settings, message):
    with pytest.raises(ValueError, match=message):
        build(8, **settings)


@pytest.mark.parametrize("settings", [{"norm": "batch"}, {"activation": "step"}, {"nF": 0}])
def test_bad_blocks_are_refused(settings):
    with pytest.raises(ValueError, match=f"TransformerBlock: {next(iter(settings))} must be"):
        layers.TransformerBlock(8, **settings)


def test_widths():
    model = layers.MultiHeadAttention(nH=2).initialize(X=ragged(2, 3))
    assert (model.get_dim("nO"), model.get_dim("nI")) == (8, 8)
    assert [layer.get_param("W").shape for layer in model.layers] == [(24, 8), (8, 8)]
    model = layers.MultiHeadAttention(6, nH=2).initialize(X=ragged(2, 3))
    assert model.predict(ragged(2, 3)).dataXd.shape == (5, 6)
    with pytest.raises(ValueError, match="nI"):
        model.initialize(X=ragged(2, width=5))
    with pytest.raises(ValueError, match="share nO evenly"):
        layers.MultiHeadAttention(nH=3).initialize(X=ragged(2, 3))
    assert layers.TransformerBlock(8).get_dim("nO") == 8


def test_a_padded_gives_what_a_ragged_gives_and_padding_makes_no_difference():
    model = layers.MultiHeadAttention(8, 8, nH=2, causal=True, rotary=True).initialize()
    Xr = ragged(2, 5, 1)
    Xp = model.ops.list2padded(model.ops.unflatten(Xr.dataXd, Xr.lengths))
    Yr, Yp = model.predict(Xr), model.predict(Xp)
    found = model.ops.flatten(model.ops.padded2list(Yp))
    numpy.testing.assert_array_equal(found, Yr.dataXd)
    Xp.data[2:, 1:] = numpy.nan  # beyond the ends
    numpy.testing.assert_array_equal(model.predict(Xp).data, Yp.data)
    assert not Yp.data[2:, 1:].any()


def test_causal_rows_do_not_see_what_follows():
    model = layers.MultiHeadAttention(8, 8, nH=2, causal=True).initialize()
    X = ragged(6)
    Y = model.predict(X).dataXd
    X.data[4:] = 9
    numpy.testing.assert_allclose(model.predict(X).dataXd[:4], Y[:4], rtol=1e-6, atol=1e-7)
    assert (model.predict(X).dataXd[4:] != Y[4:]).any()


def test_rotary_scores_depend_on_distances():
    """A sequence behind others that no row attends to gives what it gives alone."""
    model = layers.MultiHeadAttention(8, 8, nH=1, rotary=True).initialize()
    to_heads, _ = model.layers
    ops = model.ops
    X = ragged(4).dataXd
    heads = ops.affine(X, to_heads.get_param("W"), to_heads.get_param("b"))
    scores = []
    for start in (0, 7):
        rows = numpy.concatenate([numpy.zeros((start, 24), "float32"), heads])
        ops._rotate(rows, [start + 4], rotary_waves(start + 4, 8, "float32"), 2)
        scores.append(rows[start:, :8] @ rows[start:, 8:16].T)
    numpy.testing.assert_allclose(*scores, rtol=1e-4, atol=1e-5)
    assert abs(scores[0] - heads[:, :8] @ heads[:, 8:16].T).max() > 1e-3


@pytest.mark.parametrize("width", [4, 5])
def test_sinusoidal_positions(width):
    model = layers.SinusoidalPositions().initialize(X=ragged(2, width=width))
    X = ragged(3, 70, width=width)
    added = model.predict(X).dataXd - X.dataXd
    for row, position in ((0, 0), (2, 2), (3, 0), (72, 69)):
        for i in range(width):
            angle = position / 10000 ** (i // 2 * 2 / width)
            expected = numpy.cos(angle) if i % 2 else numpy.sin(angle)
            assert added[row, i] == pytest.approx(expected, abs=1e-5)


def test_dropout_is_the_attribute_and_draws_one_number():
    model = layers.MultiHeadAttention(8, 8, nH=2, dropout=0.5).initialize()
    X = ragged(5, 3)
    Y = model.predict(X)
    numpy.random.seed(0)
    first = model(X, True)[0].dataXd
    after = numpy.random.random()
    numpy.random.seed(0)
    assert numpy.random.random() >= 0 and numpy.random.random() == after
    assert (first != Y.dataXd).any()
    model.attrs["dropout_rate"] = 0.0
    numpy.testing.assert_array_equal(model(X, True)[0].dataXd, Y.dataXd)


def test_from_a_config():
    lines = [
        "[model]",
        '@layers = "TransformerBlock.v1"',
        "nO = 8",
        "nH = 2",
        'norm = "rms"',
        'activation = "swiglu"',
    ]
    text = "\n".join(lines)
    model = registry.resolve(Config().from_str(text))["model"]
    assert isinstance(model, Model) and model.initialize().predict(ragged(3)).dataXd.shape == (3, 8)
    with pytest.raises(ValueError):
        registry.resolve(Config().from_str(text.replace("rms", "batch")))


def close(found, tensor):
    numpy.testing.assert_allclose(found, tensor.detach().numpy(), rtol=1e-8, atol=1e-10)


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="needs PyTorch: pip install thinc[torch]")


def padded_tensor(torch, X):
    """A batch of PyTorch (B, steps, width), and its mask, True where there is no row."""
    parts = [torch.tensor(rows) for rows in numpy.split(X.dataXd, X.lengths.cumsum()[:-1])]
    batch = torch.nn.utils.rnn.pad_sequence(parts, batch_first=True).requires_grad_()
    return batch, torch.arange(batch.shape[1]) >= torch.tensor(X.lengths)[:, None]


@pytest.mark.parametrize("causal", [False, True])
def test_pytorch_attention_gives_the_same(torch, causal):
    model = randomized(layers.MultiHeadAttention(8, 8, nH=2, causal=causal))
    network = torch.nn.MultiheadAttention(8, 2, batch_first=True, dtype=torch.float64)
    targets = [network.in_proj_weight, network.in_proj_bias, network.out_proj.weight, network.out_proj.bias]
    with torch.no_grad():
        for target, param in zip(targets, parameters(model).values(), strict=True):
            target.copy_(torch.tensor(param))
    X = ragged(3, 70, 1, dtype="float64")
    batch, padding = padded_tensor(torch, X)
    mask = torch.triu(torch.ones(70, 70, dtype=torch.bool), 1) if causal else None
    y = network(batch, batch, batch, key_padding_mask=padding, attn_mask=mask, need_weights=False)[0][
        ~padding
    ]
    Y, backprop = model(X, True)
    dY = ragged(3, 70, 1, dtype="float64")
    y.backward(torch.tensor(dY.dataXd))
    close(Y.dataXd, y)
    close(backprop(dY).dataXd, batch.grad[~padding])
    for target, grad in zip(targets, gradients(model).values(), strict=True):
        close(grad, target.grad)


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_pytorch_block_gives_the_same(torch, activation):
    model = randomized(layers.TransformerBlock(8, nH=2, nF=5, activation=activation))
    network = torch.nn.TransformerEncoderLayer(
        8, 2, 5, dropout=0.0, activation=activation, layer_norm_eps=1e-8, batch_first=True, norm_first=True,
        dtype=torch.float64,
    )  # fmt: skip
    attention = network.self_attn
    targets = [
        *(network.norm1.weight, network.norm1.bias),
        *(
            attention.in_proj_weight,
            attention.in_proj_bias,
            attention.out_proj.weight,
            attention.out_proj.bias,
        ),
        *(network.norm2.weight, network.norm2.bias),
        *(network.linear1.weight, network.linear1.bias, network.linear2.weight, network.linear2.bias),
    ]
    nodes = [node for node in model.walk(order="dfs_pre") if node.param_names]
    params = [(node, name) for node in nodes for name in node.param_names]
    with torch.no_grad():
        for target, (node, name) in zip(targets, params, strict=True):
            target.copy_(torch.tensor(node.get_param(name)))
    X, dY = ragged(3, 5, dtype="float64"), ragged(3, 5, dtype="float64")
    batch, padding = padded_tensor(torch, X)
    y = network(batch, src_key_padding_mask=padding)[~padding]
    y.backward(torch.tensor(dY.dataXd))
    Y, backprop = model(X, True)
    close(Y.dataXd, y)
    close(backprop(dY).dataXd, batch.grad[~padding])
    for target, (node, name) in zip(targets, params, strict=True):
        close(node.get_grad(name), target.grad)
