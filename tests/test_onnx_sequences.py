"""Layers over sequences to ONNX: what onnxruntime predicts from rows and lengths is what the model predicts."""

import numpy
import pytest

from helpers.exported import assert_exported, draw_weights, flat, run_file
from thinc.api import (
    GRU,
    LSTM,
    Conv1d,
    Dropout,
    LayerNorm,
    Linear,
    Logistic,
    Maxout,
    MultiHeadAttention,
    NumpyOps,
    ParametricAttention,
    ParametricAttention_v2,
    Ragged,
    Relu,
    SinusoidalPositions,
    Softmax,
    TransformerBlock,
    add,
    bidirectional,
    chain,
    concatenate,
    expand_window,
    list2array,
    list2padded,
    list2ragged,
    padded2list,
    ragged2list,
    reduce_first,
    reduce_last,
    reduce_max,
    reduce_mean,
    reduce_sum,
    residual,
    with_array,
    with_array2d,
    with_list,
    with_padded,
    with_ragged,
)
from thinc.onnx import save_onnx

pytest.importorskip("onnx", reason="needs: pip install thinc[onnx]")
pytest.importorskip("onnxruntime", reason="needs: pip install onnxruntime")

OPS = NumpyOps()
FULL = [[3, 1, 5], [1], [4, 4], [70], [2, 9, 1, 1, 30]]
EMPTY = [[0, 2, 0], [0], [0, 0], []]  # sequences without rows, and no sequences


def as_list(lengths):
    rng = numpy.random.default_rng(len(lengths))
    return [rng.normal(size=(n, 6), scale=2).astype("f") for n in lengths]


def as_ragged(lengths):
    rows = as_list(lengths)
    return Ragged(numpy.concatenate([*rows, numpy.zeros((0, 6), "f")]), numpy.array(lengths, "i"))


def as_padded(lengths):
    return OPS.list2padded(as_list(lengths))


KINDS = {"list": as_list, "Ragged": as_ragged, "Padded": as_padded}
POOLED = [reduce_first, reduce_last, reduce_max, reduce_mean, reduce_sum]
TAGGER = with_array(residual(chain(expand_window(1), Maxout(6, 18, nP=3, normalize=True))), pad=1)
MODELS = {
    "list": {
        "with_array": with_array(Relu(4, 6)),
        "with_array2d": with_array2d(Relu(4, 6)),
        "joined": with_array(chain(expand_window(2), Linear(4, 30))),
        "padded": with_array(chain(expand_window(2), Linear(4, 30)), pad=2),
        "padded2d": with_array2d(chain(expand_window(1), Linear(4, 18)), pad=3),
        "tagger": chain(TAGGER, TAGGER, with_array(Softmax(3, 6))),
        "list2array": chain(with_array(Relu(4, 6)), list2array(), Linear(2, 4)),
        "list2ragged": chain(list2ragged(), reduce_mean(), Linear(2, 6)),
        "and back": chain(list2ragged(), Dropout(0.2), ragged2list(), list2padded(), padded2list()),
        "with_ragged": with_ragged(TransformerBlock(6, nH=2, nF=7)),
        "with_ragged(Conv1d)": with_ragged(Conv1d(4, 6)),
        "with_padded": with_padded(LSTM(4, 6)),
        "with_list": with_list(with_array(Relu(4, 6))),
        "residual": residual(with_array(Linear(6, 6))),
        "concatenate": concatenate(with_array(Linear(2, 6)), with_padded(GRU(4, 6))),
        "add": add(with_array(Linear(4, 6)), with_padded(GRU(4, 6)), with_array(Relu(4, 6))),
    },
    "Ragged": {
        "noop": Dropout(),
        "with_array": with_array(chain(LayerNorm(6), Relu(4, 6))),
        "expand_window": expand_window(2),
        "joined": with_array(chain(expand_window(1), Linear(4, 18)), pad=1),
        "reduce_mean": chain(with_array(Relu(4, 6)), reduce_mean(), Linear(2, 4)),
        "reduce_sum": chain(reduce_sum(), Linear(2, 6)),
        "both": chain(concatenate(reduce_sum(), reduce_mean()), Linear(2, 12)),
        "SinusoidalPositions": SinusoidalPositions(6),
        "ParametricAttention": chain(ParametricAttention(6), reduce_sum()),
        "ParametricAttention_v2": ParametricAttention_v2(key_transform=Relu(6, 6), nO=6),
        "with_list": with_list(with_array(Linear(4, 6))),
        "with_padded": with_padded(GRU(4, 6, bi=True)),
        "Conv1d": chain(Conv1d(4, 6), with_array(Relu(2, 4))),
        "Conv1d, even": Conv1d(4, 6, 2),
        "Conv1d, strided": chain(Conv1d(4, 6, 4, stride=3, padding=1), reduce_sum()),
        "Conv1d, dilated": Conv1d(4, 6, 3, dilation=2),
        "Conv1d, of one row": Conv1d(4, 6, 1),
        "attention": MultiHeadAttention(6, 6, nH=3),
        "attention, wider": MultiHeadAttention(8, 6, nH=2, causal=True),
        "attention, rotary": MultiHeadAttention(8, 6, nH=2, rotary=True),
        "transformer": chain(
            SinusoidalPositions(6),
            TransformerBlock(6, nH=1, nF=9, causal=True, rotary=True),
            TransformerBlock(6, nH=2, nF=5, norm="rms", activation="swiglu"),
            TransformerBlock(6, nH=3, nF=5, activation="relu"),
            with_array(LayerNorm(6)),
            reduce_mean(),
            Softmax(3, 6),
        ),
    },
    "Padded": {
        "LSTM": LSTM(4, 6),
        "LSTM, both ways": chain(LSTM(4, 6, bi=True, depth=2), with_array2d(Linear(2, 4))),
        "LSTM, deep": LSTM(4, 6, depth=3),
        "GRU": GRU(4, 6),
        "GRU, both ways": GRU(4, 6, bi=True, depth=2),
        "bidirectional": bidirectional(LSTM(4, 6), GRU(3, 6)),
        "in turns": chain(bidirectional(GRU(2, 6)), residual(bidirectional(GRU(2, 4)))),
        "with_array": with_array(Logistic()),
        "with_array2d": with_array2d(Relu(4, 6)),
        "attention": MultiHeadAttention(6, 6, nH=2),
        "SinusoidalPositions": SinusoidalPositions(6),
        "with_ragged": with_ragged(TransformerBlock(6, nH=2, nF=7)),
        "Conv1d": Conv1d(4, 6),
        "padded2list": chain(LSTM(4, 6), padded2list(), list2ragged(), reduce_sum()),
    },
}


@pytest.mark.parametrize("kind, name", [(kind, name) for kind, models in MODELS.items() for name in models])
def test_same_predictions(kind, name, tmp_path):
    model = MODELS[kind][name]
    draw_weights(model, None if name.startswith("with_ragged(") else KINDS[kind]([3, 2]))
    names = assert_exported(
        model, [KINDS[kind](lengths) for lengths in FULL + EMPTY], tmp_path / "model.onnx"
    )
    changes_lengths = name in ("Conv1d, even",)
    assert names == {"Y", "Y_lengths"} if changes_lengths else names == {"Y"}


@pytest.mark.parametrize("layer", POOLED, ids=lambda layer: layer.__name__)
def test_pooling(layer, tmp_path):
    assert_exported(layer(), [as_ragged(lengths) for lengths in [*FULL, []]], tmp_path / "model.onnx")


@pytest.mark.parametrize("layer", [reduce_first, reduce_last, reduce_max], ids=lambda layer: layer.__name__)
@pytest.mark.parametrize("lengths", [[0], [3, 0], [2, 0, 1]])
def test_pooling_of_nothing_is_refused(layer, lengths, tmp_path):
    batch = as_ragged(lengths)
    with pytest.raises(ValueError):
        layer().predict(batch)
    save_onnx(tmp_path / "model.onnx", layer(), batch)
    with pytest.raises(Exception, match="out of data bounds"):
        run_file(tmp_path / "model.onnx", flat("X", batch, batch))


@pytest.mark.parametrize("settings", [(3, 1, 1, 1), (4, 2, 1, 0), (2, 1, 3, 2), (1, 2, 1, 0)])
def test_a_convolution_of_one_array(settings, tmp_path):
    size, stride, dilation, padding = settings
    model = draw_weights(Conv1d(4, 6, size, stride=stride, dilation=dilation, padding=padding))
    batches = [as_list([n])[0] for n in (9, 1, 0, 2)]
    assert_exported(model, batches, tmp_path / "model.onnx")


@pytest.mark.parametrize("lengths", [[3, 3], [2, 2], [5], [-1, 6], []])
def test_lengths_that_do_not_fit(lengths, tmp_path):
    model = draw_weights(chain(list2ragged(), reduce_sum()))
    batch = as_list([3, 2])
    save_onnx(tmp_path / "model.onnx", model, batch)
    inputs = {**flat("X", batch, batch), "X_lengths": numpy.array(lengths, "int64")}
    if sum(lengths) == 5:
        run_file(tmp_path / "model.onnx", inputs)
    else:
        with pytest.raises(Exception, match="cannot be reshaped"):
            run_file(tmp_path / "model.onnx", inputs)


@pytest.mark.parametrize(
    "model",
    [
        MODELS["list"]["tagger"],
        chain(
            with_ragged(TransformerBlock(6, nH=3, rotary=True, activation="swiglu")), with_array(Linear(2, 6))
        ),
        chain(with_ragged(SinusoidalPositions(6)), with_array(Relu(2, 6))),
    ],
    ids=["tagger", "transformer", "positions"],
)
def test_float64(model, tmp_path):
    batch = [item.astype("float64") for item in as_list([3, 1, 60])]
    draw_weights(model, as_list([3, 2]), "float64")
    save_onnx(tmp_path / "model.onnx", model, batch)
    Y = run_file(tmp_path / "model.onnx", flat("X", batch, batch))["Y"]
    assert Y.dtype == "float64"
    expected = numpy.concatenate(model.predict(batch))
    numpy.testing.assert_allclose(Y, expected, rtol=1e-9, atol=1e-9 * abs(expected).max())


@pytest.mark.parametrize(
    "model, kind, message",
    [
        (Linear(4, 6), "list", r"'linear' \(at the root\).*takes a 2-d array of floats, but gets a list"),
        (reduce_mean(), "list", "takes a Ragged, but gets a list"),
        (LSTM(4, 6), "Ragged", "takes a Padded, but gets a Ragged"),
        (expand_window(), "list", "takes a Ragged, but gets a list"),
        (with_array2d(expand_window()), "Padded", r"'expand_window' \(at 0\).*rows of one sequence are not neighbours"),
        (with_array(reduce_mean()), "Ragged", r"'reduce_mean' \(at 0\).*takes a Ragged, but gets a 2-d array"),
        (concatenate(reduce_mean(), with_array(Linear(6, 6))), "Ragged", "takes an array of floats, but gets a Ragged"),
        (concatenate(with_array(Linear(6, 6)), reduce_mean()), "Ragged", "takes a Ragged, but gets a 2-d array"),
    ],
)  # fmt: skip
def test_sequences_that_do_not_fit(model, kind, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        save_onnx(tmp_path / "model.onnx", draw_weights(model), KINDS[kind]([2, 1]))
    assert not list(tmp_path.iterdir())
