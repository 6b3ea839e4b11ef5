"""Models to ONNX: what onnxruntime predicts is what the model predicts."""

import numpy
import pytest

from helpers.exported import assert_exported, draw_weights, run_file
from helpers.process import run_python
from thinc.api import (
    GLU,
    ClippedLinear,
    Dish,
    Dropout,
    Gelu,
    HardSigmoid,
    HardSwish,
    HardSwishMobilenet,
    HardTanh,
    HashEmbed,
    LayerNorm,
    Linear,
    Logistic,
    Maxout,
    Mish,
    Model,
    MultiSoftmax,
    NumpyOps,
    Relu,
    ReluK,
    RMSNorm,
    Sigmoid,
    Softmax,
    Softmax_v2,
    SwiGLU,
    Swish,
    add,
    array_getitem,
    chain,
    clone,
    concatenate,
    expand_window,
    noop,
    reduce_mean,
    residual,
    resizable,
    sigmoid_activation,
    softmax_activation,
    strings2arrays,
    with_array,
    with_cpu,
    with_debug,
)
from thinc.layers.resizable import resize_linear_weighted
from thinc.onnx import save_onnx

onnx = pytest.importorskip("onnx", reason="needs: pip install thinc[onnx]")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs: pip install onnxruntime")

X = numpy.random.default_rng(0).normal(size=(7, 6), scale=3).astype("f")
shared = Linear(6, 6)
MODELS = {
    **{layer.__name__: layer(5, 6) for layer in (
        Dish, Gelu, HardSigmoid, HardSwish, HardSwishMobilenet, HardTanh, Linear, Mish, Relu, ReluK, Sigmoid, Softmax,
        Swish, GLU, SwiGLU,
    )},
    "ClippedLinear": ClippedLinear(5, 6, slope=0.7, offset=-0.2, min_val=-1.5, max_val=2.5),
    "Maxout": Maxout(5, 6, nP=4),
    "MultiSoftmax": MultiSoftmax((2, 3, 1), 6),
    "LayerNorm": LayerNorm(6),
    "RMSNorm": chain(Relu(5, 6), RMSNorm(5)),
    "temperature": Softmax_v2(5, 6, temperature=3.0),
    "logits": Softmax_v2(5, 6, normalize_outputs=False),
    "Dropout": chain(Relu(5, 6, dropout=0.5), Dropout(0.3)),
    "normalize": Maxout(5, 6, normalize=True),
    "Logistic": chain(Linear(5, 6), Logistic()),
    "sigmoid_activation": chain(Linear(5, 6), sigmoid_activation()),
    "softmax_activation": chain(Linear(5, 6), softmax_activation()),
    "concatenate": concatenate(Relu(2, 6), chain(Mish(3, 6), noop()), Linear(1, 6)),
    "add": add(Relu(4, 6), Linear(4, 6), Swish(4, 6)),
    "residual": residual(chain(Relu(4, 6), Linear(6, 4))),
    "clone": clone(residual(Relu(6, 6)), 3),
    "shared": chain(shared, Relu(6, 6), shared),
    "expand_window": chain(expand_window(2), Maxout(3, 30)),
    "hooks": with_debug(Relu(5, 6)),
    "with_cpu": with_cpu(Relu(5, 6), NumpyOps()),
    "resizable": resizable(Linear(5, 6), resize_linear_weighted),
    "columns": chain(array_getitem((slice(None), slice(1, None, 2))), Linear(2, 3)),
    "backwards": array_getitem((slice(None), slice(None, None, -1))),
    "one column": array_getitem((slice(None), -1)),
    "some columns": array_getitem((slice(None), [3, 0, 0])),
    "columns of an array": array_getitem((slice(None), numpy.array([5, -1], "int8"))),
    "no columns": array_getitem((slice(None), [])),
    "with_array": with_array(chain(Relu(4, 6), Softmax(3, 4))),
}  # fmt: skip


def predict(path, batch):
    return run_file(path, {"X": batch})["Y"]


@pytest.mark.parametrize("name", MODELS)
def test_same_predictions(name, tmp_path):
    assert_exported(draw_weights(MODELS[name]), [X, X[:1], 10 * X, X[:0]], tmp_path / "model.onnx")


def test_without_a_sample(tmp_path):
    model = draw_weights(chain(Relu(5, 6), Softmax(3, 5)))
    save_onnx(tmp_path / "model.onnx", model)
    numpy.testing.assert_allclose(predict(tmp_path / "model.onnx", X), model.predict(X), rtol=1e-5)


def test_a_network_and_the_names_of_its_parameters(tmp_path):
    model = chain(concatenate(Relu(8), Maxout(8, normalize=True)), residual(Mish(16)), Softmax(3))
    model.initialize(X=X)
    save_onnx(str(tmp_path / "model.onnx"), model)
    graph = onnx.load(tmp_path / "model.onnx").graph
    names = {constant.name for constant in graph.initializer}
    assert {"0.0.W", "0.1.0.W", "0.1.1.G", "1.0.b", "2.W"} <= names
    assert [dim.dim_value or dim.dim_param for dim in graph.input[0].type.tensor_type.shape.dim] == [
        "batch",
        6,
    ]
    numpy.testing.assert_allclose(predict(tmp_path / "model.onnx", X), model.predict(X), rtol=1e-5, atol=1e-6)


def test_more_than_a_file_can_hold(tmp_path, monkeypatch):
    from thinc.onnx import _graph

    model = draw_weights(Linear(5, 6))
    monkeypatch.setattr(_graph, "MOST_BYTES", 4 * 35 - 1)
    with pytest.raises(
        ValueError, match=r"model 'linear' to ONNX: it has 140 bytes of parameters, but .* hold 139"
    ):
        save_onnx(tmp_path / "model.onnx", model)
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(_graph, "MOST_BYTES", 4 * 35)
    save_onnx(tmp_path / "model.onnx", model)


@pytest.mark.parametrize("name", ["", "漢字 \n", "x" * 1000])
def test_names_of_models(name, tmp_path):
    model = draw_weights(chain(Relu(4, 6), Linear(2, 4)))
    model.name = model.layers[0].name = name
    assert_exported(model, [X], tmp_path / "model.onnx")


def test_float64(tmp_path):
    model = draw_weights(chain(Relu(4, 6), Linear(2, 4)), dtype="float64")
    save_onnx(tmp_path / "model.onnx", model)
    batch = X.astype("float64")
    found = predict(tmp_path / "model.onnx", batch)
    assert found.dtype == "float64"
    numpy.testing.assert_allclose(found, model.predict(batch), rtol=1e-12)


@pytest.mark.parametrize(
    "model, message",
    [
        (
            chain(Linear(6, 6), HashEmbed(4, 10)),
            r"layer 'hashembed' \(at 1\) to ONNX: it takes a 1-d array of integers, but gets a 2-d array of float32",
        ),
        (
            chain(noop(), chain(noop(), reduce_mean())),
            r"layer 'reduce_mean' \(at 1\.1\).*it takes a Ragged, but gets a 2-d.*save_onnx\(path, model, X\)",
        ),
        (chain(noop(), strings2arrays()), r"layer 'strings2arrays' \(at 1\) to ONNX: there is no equivalent"),
        (Model("mine", lambda model, X, is_train: (X, lambda dY: dY)), r"layer 'mine' \(at the root\)"),
        (Relu(4), r"layer 'relu' \(at the root\) to ONNX: \['W', 'b'\] have no value. Initialize"),
    ],
)
def test_layers_that_cannot_be_exported_are_named(model, message, tmp_path):
    if model.name != "relu":
        model.initialize()
    with pytest.raises(ValueError, match=message):
        save_onnx(tmp_path / "model.onnx", model)
    assert not list(tmp_path.iterdir())


def test_parameters_of_several_types(tmp_path):
    model = chain(Relu(4, 6), Linear(2, 4)).initialize()
    model.layers[1].set_param("b", numpy.zeros(2))
    with pytest.raises(ValueError, match=r"expected parameters of one type, got \['float32', 'float64'\]"):
        save_onnx(tmp_path / "model.onnx", model)


def test_imported_late_and_missed_with_a_word(tmp_path):
    code = (
        "import sys, thinc.api, thinc.onnx; print('onnx' in sys.modules)\n"
        "sys.modules['onnx'] = None\n"
        "try: thinc.onnx.save_onnx('x', thinc.api.Linear(2, 2).initialize())\n"
        "except ImportError as error: print(error)"
    )
    first, *rest = run_python("-c", code, cwd=tmp_path).stdout.splitlines()
    assert first == "False" and 'pip install "thinc[onnx]"' in rest[0]
