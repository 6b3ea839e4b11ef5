"""Parameters to and from safetensors: stable names, exact numbers, and nothing half loaded."""

import json
import struct
import tracemalloc
from functools import partial

import numpy
import pytest

from helpers.layer_table import LAYERS
from helpers.process import run_python
from thinc.api import (
    GRU,
    LSTM,
    Conv1d,
    Embed,
    HashEmbed,
    LayerNorm,
    Linear,
    Maxout,
    Model,
    MultiSoftmax,
    ParametricAttention,
    Relu,
    Softmax,
    SparseLinear_v2,
    SwiGLU,
    chain,
    concatenate,
    load_safetensors,
    normal_init,
    residual,
    save_safetensors,
    with_debug,
)

safetensors_numpy = pytest.importorskip("safetensors.numpy", reason="needs: pip install thinc[safetensors]")


def build():
    return chain(
        concatenate(Relu(4, dropout=0.1), Maxout(3, normalize=True)), residual(Linear(7)), Softmax(2)
    )


@pytest.fixture
def model():
    return build().initialize(X=numpy.ones((2, 5), dtype="f"))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def arrays_of(model):
    return [
        (node.name, name, node.maybe_get_param(name)) for node in model.walk() for name in node.param_names
    ]


def state_of(model):
    """Everything that loading may change."""
    values = [
        (node, name, None if value is None else value.tobytes()) for node, name, value in arrays_of(model)
    ]
    return values, [dict(node._dims) for node in model.walk()]


def test_names_are_places_in_the_tree(model, path):
    save_safetensors(path, model)
    arrays = safetensors_numpy.load_file(path)
    assert {name: array.shape for name, array in arrays.items()} == {
        "0.0.0.W": (4, 5), "0.0.0.b": (4,),
        "0.1.0.W": (3, 3, 5), "0.1.0.b": (3, 3), "0.1.1.G": (3,), "0.1.1.b": (3,),
        "1.0.W": (7, 7), "1.0.b": (7,),
        "2.W": (2, 7), "2.b": (2,),
    }  # fmt: skip
    numpy.testing.assert_array_equal(arrays["1.0.W"], model.layers[1].layers[0].get_param("W"))
    model.layers[1].layers[0].name = "another name"
    save_safetensors(str(path), model)
    assert safetensors_numpy.load_file(path).keys() == arrays.keys()


@pytest.mark.parametrize("initialized", [True, False])
def test_round_trip(model, path, initialized):
    save_safetensors(path, model)
    other = build()
    if initialized:
        other.initialize(X=numpy.ones((2, 5), dtype="f"))
    numpy.random.seed(0)
    expected = numpy.random.random()
    numpy.random.seed(0)
    load_safetensors(path, other)
    assert numpy.random.random() == expected
    assert state_of(other) == state_of(model)
    X = numpy.random.default_rng(0).normal(size=(3, 5)).astype("f")
    numpy.testing.assert_array_equal(other.predict(X), model.predict(X))


@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.id)
def test_every_layer(case, path):
    model = case.model()
    save_safetensors(path, model)
    for other in (case.build().initialize(), case.build()):
        load_safetensors(path, other)
        assert [value for *_, value in state_of(other)[0]] == [value for *_, value in state_of(model)[0]]


def test_a_shared_layer_is_written_once(path):
    shared = Linear(3, 3)
    save_safetensors(path, chain(shared, LayerNorm(3), shared).initialize())
    assert sorted(safetensors_numpy.load_file(path)) == ["0.W", "0.b", "1.G", "1.b"]
    other = Linear(3, 3)
    both = chain(other, LayerNorm(3), other)
    load_safetensors(path, both)
    numpy.testing.assert_array_equal(other.get_param("W"), shared.get_param("W"))


def test_one_layer(path):
    save_safetensors(path, Linear(2, 2).initialize())
    assert sorted(safetensors_numpy.load_file(path)) == ["W", "b"]


def test_types_are_those_of_the_model(model, path):
    save_safetensors(path, model)
    doubled = {name: array.astype("float64") for name, array in safetensors_numpy.load_file(path).items()}
    safetensors_numpy.save_file(doubled, path)
    other = build().initialize(X=numpy.ones((2, 5), dtype="f"))
    load_safetensors(path, other)
    assert state_of(other) == state_of(model)
    safetensors_numpy.save_file({**doubled, "2.b": numpy.ones(2, "complex64")}, path)
    with pytest.raises(ValueError, match=r"expected 2\.b of float32, got complex64"):
        load_safetensors(path, other)
    assert state_of(other) == state_of(model)


def test_arrays_that_are_not_contiguous(path):
    layer = Linear(2, 3).initialize()
    layer.set_param("W", numpy.arange(6, dtype="f").reshape(3, 2).T)
    save_safetensors(path, layer)
    numpy.testing.assert_array_equal(safetensors_numpy.load_file(path)["W"], [[0, 2, 4], [1, 3, 5]])


@pytest.mark.parametrize("shape", [(), (0, 4), (1,)])
def test_shapes_of_few_numbers(path, shape):
    def build(fill):
        return Model("gain", lambda model, X, is_train: (X, None), params={"g": numpy.full(shape, fill, "f")})

    save_safetensors(path, build(3))
    assert safetensors_numpy.load_file(path)["g"].shape == shape
    other = build(0)
    load_safetensors(path, other)
    numpy.testing.assert_array_equal(other.get_param("g"), numpy.full(shape, 3))
    assert other.get_param("g").shape == shape


def write_raw(path, arrays):
    """The format by hand: for each name a type, a shape and bytes."""
    header, data = {}, b""
    for name, (dtype, shape, content) in arrays.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def test_bfloat16(path):
    numbers = numpy.array([1, -2.5, 0, numpy.inf, 3e38, 1e-40], "f")
    halves = (numbers.view("u4") >> 16).astype("<u2")
    write_raw(path, {"W": ("BF16", [2, 3], halves.tobytes()), "b": ("F64", [2], numpy.ones(2).tobytes())})
    layer = Linear(2, 3).initialize()
    load_safetensors(path, layer)
    numpy.testing.assert_array_equal(layer.get_param("W").reshape(-1).view("u4"), halves.astype("u4") << 16)
    numpy.testing.assert_allclose(layer.get_param("W").reshape(-1), numbers, rtol=2**-7, atol=1e-41)
    write_raw(path, {"W": ("F8_E5M2", [2, 3], bytes(6)), "b": ("F64", [2], bytes(16))})
    before = state_of(layer)
    with pytest.raises(
        ValueError, match=r"W has numbers of type F8_E5M2, expected one of \['I8', .*'BF16'\]"
    ):
        load_safetensors(path, layer)
    assert state_of(layer) == before


def test_numbers_that_are_too_large_change_nothing(path):
    layer = Linear(2, 3).initialize()
    before = state_of(layer)
    safetensors_numpy.save_file({"W": numpy.ones((2, 3)), "b": numpy.full(2, 1e300)}, path)
    with pytest.raises(RuntimeWarning, match="overflow"):  # warnings are errors here
        load_safetensors(path, layer)
    assert state_of(layer) == before


@pytest.mark.parametrize("initialized", [True, False])
@pytest.mark.parametrize(
    "change, message",
    [
        (lambda arrays: arrays.pop("2.W"), r"the file lacks \['2\.W'\], and the model lacks nothing"),
        (
            lambda arrays: arrays.update(x=numpy.ones(1)),
            r"the file lacks nothing, and the model lacks \['x'\]",
        ),
        (
            lambda arrays: arrays.update({"2.W": numpy.ones((3, 7), "f")}),
            r"2\.W of shape \(2, 7\), got \(3, 7\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused_whole(model, path, change, message, initialized):
    save_safetensors(path, model)
    arrays = {name: array + 1 for name, array in safetensors_numpy.load_file(path).items()}
    with open(path, "rb") as file:
        metadata = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))["__metadata__"]
    change(arrays)
    safetensors_numpy.save_file(arrays, path, metadata=metadata)
    other = build() if not initialized else model
    before = state_of(other)
    with pytest.raises(ValueError, match=message):
        load_safetensors(path, other)
    assert state_of(other) == before


def test_files_of_other_programs_need_a_model_with_sizes(model, path):
    save_safetensors(path, model)
    safetensors_numpy.save_file(safetensors_numpy.load_file(path), path)
    load_safetensors(path, model)
    other = build()
    before = state_of(other)
    with pytest.raises(ValueError, match="it is not initialized, and the file does not tell its sizes"):
        load_safetensors(path, other)
    assert state_of(other) == before


@pytest.mark.parametrize(
    "metadata",
    [
        "no JSON", "[]", '{"0.0.0.": 5}', '{"0.0.0.": {"nO": 9}}', '{"0.0.0.": {"xX": 4}}', '{"0.0.0.": {"nI": -1}}',
        '{"0.0.0.": {"nI": "4"}}',
    ],
)  # fmt: skip
def test_sizes_that_make_no_sense(model, path, metadata):
    save_safetensors(path, model)
    safetensors_numpy.save_file(safetensors_numpy.load_file(path), path, metadata={"thinc.dims": metadata})
    other = build()
    before = state_of(other)
    with pytest.raises(ValueError, match="Cannot load model"):
        load_safetensors(path, other)
    assert state_of(other) == before


CLAIMS = [
    (
        Linear,
        {"nO": 20_000, "nI": 20_000},
        "layer 'linear' .at the root. would have arrays of 400000000 numbers and",
    ),
    (
        Linear,
        {"nO": 10**15, "nI": 1},
        "layer 'linear' .at the root. would have nO=1000000000000000, but the file has 2",
    ),
    (lambda: Maxout(nP=None), {"nO": 3000, "nP": 300, "nI": 300}, "layer 'maxout'"),
    (lambda: Linear(init_W=partial(normal_init)), {"nO": 20_000, "nI": 20_000}, "layer 'linear'"),
    (lambda: with_debug(Linear()), {"nO": 20_000, "nI": 20_000}, "layer 'linear'"),
    (lambda: HashEmbed(30_000, 30_000, seed=1), {}, "layer 'hashembed'"),
    (lambda: Embed(None, 30_000), {"nO": 30_000}, "layer 'embed'"),
    (LSTM, {"nO": 4, "nI": 4, "depth": 60_000}, "layer 'lstm'"),
    (LSTM, {"nO": 30_000, "nI": 30_000}, "layer 'lstm'"),
    (LayerNorm, {"nI": 60_000, "nO": 60_000}, "layer 'layernorm'"),
    (SparseLinear_v2, {"nO": 10_000}, "layer 'sparse_linear'"),
    (lambda: MultiSoftmax((20_000,)), {"nI": 20_000}, "layer 'multisoftmax'"),
    (lambda: Conv1d(kernel_size=50), {"nO": 5000, "nI": 5000}, "layer 'conv1d'"),
    (GRU, {"nO": 30_000, "nI": 30_000}, "layer 'gru'"),
    (SwiGLU, {"nO": 30_000, "nI": 30_000}, "layer 'swiglu'"),
    (ParametricAttention, {"nO": 10**12}, "layer 'para-attn'"),
]


@pytest.mark.parametrize("build, claim, message", CLAIMS)
def test_sizes_that_the_file_has_no_numbers_for(build, claim, message, path):
    """They are refused before there is memory taken: the arrays would have hundreds of megabytes."""
    model = build()
    arrays = {name: numpy.zeros(1, "f") for name in model.param_names}
    sizes = {name: model.maybe_get_dim(name) for name in model.dim_names}
    free = {name: value for name, value in claim.items() if sizes.get(name) is None or name == "depth"}
    if "depth" in free:
        model.set_dim("depth", free["depth"], force=True)
    safetensors_numpy.save_file(arrays, path, metadata={"thinc.dims": json.dumps({"": {**sizes, **free}})})
    before = state_of(model)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=message):
            load_safetensors(path, model)
        assert tracemalloc.get_traced_memory()[1] < 4e6
    finally:
        tracemalloc.stop()
    assert state_of(model) == before


@pytest.mark.parametrize(
    "shape", [[10**6, 10**6], [2**62, 2**62], [2**62, 2**62, 0], [10**18, 0], [2**63], [-1], []]
)
@pytest.mark.parametrize("initialized", [True, False])
def test_shapes_that_the_file_has_no_numbers_for(shape, initialized, path):
    header = {
        "W": {"dtype": "F32", "shape": shape, "data_offsets": [0, 0 if 0 in shape else 8]},
        "b": {
            "dtype": "F32",
            "shape": [2],
            "data_offsets": [0 if 0 in shape else 8, 8 if 0 in shape else 16],
        },
        "__metadata__": {"thinc.dims": '{"": {"nO": 2, "nI": 1}}'},
    }
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(8 if 0 in shape else 16))
    model = Linear(2, 1).initialize() if initialized else Linear()
    before = state_of(model)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="Cannot load model 'linear'"):
            load_safetensors(path, model)
        assert tracemalloc.get_traced_memory()[1] < 4e6
    finally:
        tracemalloc.stop()
    assert state_of(model) == before


def test_damaged_files(model, path):
    save_safetensors(path, model)
    data = path.read_bytes()
    before = state_of(model)
    for damaged in (b"", data[:7], data[:100], data[:-1], data + b"x", b"\xff" * 8 + data[8:], b"{}" + data):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="it cannot be read as a safetensors file"):
            load_safetensors(path, model)
    assert state_of(model) == before
    with pytest.raises(FileNotFoundError):
        load_safetensors(path.with_name("nothing"), model)


def test_models_that_cannot_be_saved(model, path):
    with pytest.raises(
        ValueError, match=r"parameter 0\.0\.0\.W of layer 'relu' has no value yet. Initialize"
    ):
        save_safetensors(path, build())
    wrapped = Model("wrapped", lambda model, X, is_train: (X, lambda dY: dY), shims=[object()])
    with pytest.raises(ValueError, match="layer 'wrapped' has its parameters in a object"):
        save_safetensors(path, chain(Linear(2, 2).initialize(), wrapped))
    child, array = Linear(2, 2).initialize(), numpy.ones(2, "f")
    parent = Model(
        "odd", lambda model, X, is_train: (X, lambda dY: dY), params={"0.W": array}, layers=[child]
    )
    with pytest.raises(ValueError, match=r"two parameters are called 0\.W, one of them of layer 'linear'"):
        save_safetensors(path, parent)
    assert not path.exists()


def test_embeddings(path):
    model = HashEmbed(4, 10, seed=1).initialize()
    save_safetensors(path, model)
    assert sorted(safetensors_numpy.load_file(path)) == ["E"]


def test_imported_late_and_missed_with_a_word(tmp_path):
    code = (
        "import sys, thinc.api; print('safetensors' in sys.modules)\n"
        "sys.modules['safetensors'] = None\n"
        "try: thinc.api.save_safetensors('x', thinc.api.Linear(2, 2).initialize())\n"
        "except ImportError as error: print(error)"
    )
    first, *rest = run_python("-c", code, cwd=tmp_path).stdout.splitlines()
    assert first == "False" and 'pip install "thinc[safetensors]"' in rest[0]
