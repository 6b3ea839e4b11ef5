"""Models to ONNX: what onnxruntime predicts is what the model predicts."""

import numpy
import pytest

from helpers.process import run_python
from thinc.api import (
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
    Relu,
    ReluK,
    Sigmoid,
    Softmax,
    Softmax_v2,
    Swish,
    add,
    chain,
    clone,
    concatenate,
    expand_window,
    noop,
    reduce_mean,
    residual,
    sigmoid_activation,
    softmax_activation,
    with_array,
)
from thinc.onnx import save_onnx

onnx = pytest.importorskip("onnx", reason="needs: pip install thinc[onnx]")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs: pip install onnxruntime")

X = numpy.random.default_rng(0).normal(size=(7, 6), scale=3).astype("f")
shared = Linear(6, 6)
MODELS = {
    **{layer.__name__: layer(5, 6) for layer in (
        Dish, Gelu, HardSigmoid, HardSwish, HardSwishMobilenet, HardTanh, Linear, Mish, Relu, ReluK, Sigmoid, Softmax,
        Swish,
    )},
    "ClippedLinear": ClippedLinear(5, 6, slope=0.7, offset=-0.2, min_val=-1.5, max_val=2.5),
    "Maxout": Maxout(5, 6, nP=4),
    "MultiSoftmax": MultiSoftmax((2, 3, 1), 6),
    "LayerNorm": LayerNorm(6),
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
    "with_array": with_array(chain(Relu(4, 6), Softmax(3, 4))),
}  # fmt: skip


def predict(path, batch):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(["Y"], {"X": batch})[0]


def draw_weights(model, dtype="f"):
    rng = numpy.random.default_rng(1)
    model.initialize()
    for node in model.walk():
        for name in node.param_names:
            node.set_param(name, rng.normal(size=node.get_param(name).shape).astype(dtype))
    return model


@pytest.mark.parametrize("name", MODELS)
def test_same_predictions(name, tmp_path):
    model = draw_weights(MODELS[name])
    save_onnx(tmp_path / "model.onnx", model)
    for batch in (X, X[:1], 10 * X):
        found = predict(tmp_path / "model.onnx", batch)
        numpy.testing.assert_allclose(found, model.predict(batch), rtol=2e-5, atol=2e-5)


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


def test_float64(tmp_path):
    model = draw_weights(chain(Relu(4, 6), Linear(2, 4)), "float64")
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
            r"layer 'hashembed' \(at 1\) to ONNX: there is no equivalent",
        ),
        (chain(noop(), chain(noop(), reduce_mean())), r"layer 'reduce_mean' \(at 1\.1\)"),
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
