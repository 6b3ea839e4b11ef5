"""With data validation on, samples of a wrong kind are refused by the annotations of ``forward``."""

import numpy
import pytest

from helpers.layer_table import LAYERS, arrays, padded, ragged
from thinc import layers
from thinc.util import DataValidationError, data_validation

RNG = numpy.random.default_rng(0)
MATRIX = RNG.normal(size=(3, 4)).astype("float32")
CUBE = RNG.normal(size=(3, 4, 2)).astype("float32")
WRONG = {
    "float64": MATRIX.astype("float64"),
    "integers": MATRIX.astype("int32"),
    "vector": MATRIX[0],
    "cube": CUBE,
    "list": [MATRIX],
    "ragged": ragged(RNG),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize(
    "build",
    [
        layers.Linear,
        layers.Relu,
        layers.Maxout,
        layers.Softmax,
        layers.Sigmoid,
        lambda nO: layers.LayerNorm(),
    ],
)
def test_dense_layers_take_float32_matrices(build, wrong):
    with data_validation(True):
        build(4).initialize(X=MATRIX, Y=MATRIX)
        with pytest.raises(DataValidationError):
            build(4).initialize(X=WRONG[wrong])
        with pytest.raises(DataValidationError):
            build(4).initialize(Y=WRONG[wrong])


@pytest.mark.parametrize(
    "build, right, wrong",
    [
        (lambda: layers.Embed(3, 7), numpy.arange(3), MATRIX),
        (lambda: layers.HashEmbed(3, 7), numpy.arange(3, dtype="uint64"), MATRIX),
        (layers.reduce_max, ragged(RNG), MATRIX),
        (layers.list2array, arrays(RNG), MATRIX),
        (layers.list2ragged, arrays(RNG), MATRIX),
        (layers.list2padded, arrays(RNG), MATRIX),
        (layers.ragged2list, ragged(RNG), MATRIX),
        (layers.padded2list, padded(RNG), MATRIX),
        (lambda: layers.ParametricAttention(), ragged(RNG), MATRIX),
        (lambda: layers.ParametricAttention_v2(), ragged(RNG), MATRIX),
        (lambda: layers.with_ragged(layers.ParametricAttention()), arrays(RNG), MATRIX),
        (lambda: layers.with_padded(layers.LSTM(4)), CUBE, MATRIX),
        (lambda: layers.LSTM(4), padded(RNG), CUBE),
        (lambda: layers.bidirectional(layers.LSTM(4)), padded(RNG), CUBE),
        (lambda: layers.CauchySimilarity(), (MATRIX, MATRIX), (MATRIX,)),
        (lambda: layers.MultiSoftmax((2, 3)), MATRIX, CUBE),
        (layers.softmax_activation, MATRIX, CUBE),
        (layers.sigmoid_activation, CUBE, MATRIX.astype("int32")),
        (layers.strings2arrays, [["a", "b"], []], [[1, 2]]),
        (lambda: layers.uniqued(layers.noop()), numpy.zeros((2, 2), dtype="int32"), MATRIX),
        (lambda: layers.remap_ids_v2({}), [1, "a"], 3),
        (lambda: layers.with_getitem(0, layers.noop()), (MATRIX, 1), [MATRIX]),
        (lambda: layers.map_list(layers.noop()), [1, 2], MATRIX),
    ],
)
def test_other_layers(build, right, wrong):
    with data_validation(True):
        build().initialize(X=right)
        with pytest.raises(DataValidationError):
            build().initialize(X=wrong)


@pytest.mark.parametrize(
    "build, wrong",
    [
        (lambda: layers.chain(layers.Relu(3), layers.Softmax()), CUBE),
        (lambda: layers.chain(layers.Linear(4), layers.ParametricAttention(), layers.reduce_sum()), MATRIX),
        (lambda: layers.concatenate(layers.noop(), layers.residual(layers.Relu(4))), CUBE),
        (lambda: layers.with_array(layers.chain(layers.Dropout(), layers.Relu(3))), [CUBE]),
    ],
)
def test_layers_inside_of_others_raise_the_same_error(build, wrong):
    with data_validation(True), pytest.raises(DataValidationError, match=r"'(relu|para-attn)'"):
        build().initialize(X=wrong)


@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.id)
def test_every_layer_accepts_its_own_input(case):
    with data_validation(True):
        case.build().initialize(X=case.batch())
