"""Layers that take ids, pairs or blocks to ONNX: what onnxruntime predicts is what the model predicts."""

import numpy
import pytest

from helpers.exported import assert_exported, draw_weights, flat, run_file
from thinc.api import (
    CauchySimilarity,
    Embed,
    HashEmbed,
    Linear,
    Maxout,
    Model,
    Ragged,
    Relu,
    Softmax,
    SparseLinear,
    SparseLinear_v2,
    array_getitem,
    chain,
    concatenate,
    expand_window,
    list2ragged,
    premap_ids,
    reduce_max,
    reduce_mean,
    remap_ids,
    remap_ids_v2,
    residual,
    siamese,
    tuplify,
    uniqued,
    with_array,
    with_getitem,
    with_padded,
    with_reshape,
)
from thinc.layers.lstm import LSTM
from thinc.onnx import save_onnx

ReferenceEvaluator = pytest.importorskip(
    "onnx.reference", reason="needs: pip install thinc[onnx]"
).ReferenceEvaluator
pytest.importorskip("onnxruntime", reason="needs: pip install onnxruntime")

RNG = numpy.random.default_rng(0)
IDS = RNG.integers(0, 2**64, size=200, dtype="uint64")
IDS[:6] = 0, 1, 2**63 - 1, 2**63, 2**64 - 1, 2**32
SMALL = RNG.integers(-9, 9, size=50)


@pytest.mark.parametrize("dtype", ["uint64", "int64", "int32", "uint32"])
@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_hash_embed(dtype, seed, tmp_path):
    for nV in (1, 7, 5000, 2**20 + 1):
        model = draw_weights(HashEmbed(3, nV, seed=seed))
        ids = IDS.astype(dtype)
        assert_exported(model, [ids, ids[:1], ids[:0]], tmp_path / "model.onnx", rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", ["int64", "int32", "int8"])
def test_embed(dtype, tmp_path):
    model = draw_weights(Embed(4, 9))
    ids = SMALL.astype(dtype)
    assert_exported(model, [ids, ids[:1], ids[:0]], tmp_path / "model.onnx", rtol=0, atol=0)
    unsigned = abs(SMALL).clip(max=8).astype("uint64")
    unsigned[0] = 2**64 - 1  # the last row, as in NumPy
    assert_exported(model, [unsigned, unsigned[:0]], tmp_path / "model.onnx", rtol=0, atol=0)


@pytest.mark.parametrize("dtype, id_", [("int64", 9), ("int64", -10), ("uint64", 9), ("uint64", 2**63)])
def test_ids_outside_of_the_table(dtype, id_, tmp_path):
    model = draw_weights(Embed(4, 9))
    ids = numpy.array([0, id_], dtype)
    with pytest.raises(IndexError):
        model.predict(ids)
    save_onnx(tmp_path / "model.onnx", model, ids)
    with pytest.raises(Exception, match="out of data bounds"):
        run_file(tmp_path / "model.onnx", {"X": ids})


def features(lengths, columns=3):
    """Ids as a tagger gets them: for each document an array (words, columns), few of them different."""
    rng = numpy.random.default_rng(sum(lengths))
    return [IDS[rng.integers(0, 30, size=(n, columns))] for n in lengths]


def tagger(window=1, depth=2):
    embed = concatenate(*(HashEmbed(4, 50 * (i + 1), column=i, seed=i + 7) for i in range(3)))
    layer = residual(chain(expand_window(window), Maxout(8, 8 * (2 * window + 1), nP=3, normalize=True)))
    blocks = [layer, *(layer.copy() for _ in range(depth - 1))]
    encode = with_array(chain(Maxout(8, 12, nP=3, normalize=True), *blocks), pad=depth * window)
    return chain(with_array(embed), encode, with_array(Softmax(5, 8)))


@pytest.mark.parametrize("kind", ["list", "Ragged"])
def test_a_tagger_from_ids(kind, tmp_path):
    model = draw_weights(tagger())
    batches = [features(lengths) for lengths in ([4, 1, 9], [1], [0, 3, 0], [0], [])]
    if kind == "Ragged":
        none = numpy.zeros((0, 3), "uint64")
        batches = [
            Ragged(numpy.concatenate([*batch, none]), numpy.array([len(item) for item in batch], "i"))
            for batch in batches
        ]
    assert assert_exported(model, batches, tmp_path / "model.onnx") == {"Y"}


def test_the_file_means_the_same_by_the_standard(tmp_path):
    """Products of uint64 wrap around, and so on: by the evaluator that comes with ONNX as by onnxruntime."""
    batch = features([4, 1, 9])
    model = draw_weights(tagger())
    save_onnx(tmp_path / "model.onnx", model, batch)
    evaluator = ReferenceEvaluator(str(tmp_path / "model.onnx"))
    (Y,) = evaluator.run(["Y"], flat("X", batch, batch))
    numpy.testing.assert_allclose(Y, numpy.concatenate(model.predict(batch)), rtol=1e-4, atol=1e-5)


def test_a_classifier_and_a_recurrent_tagger_from_ids(tmp_path):
    embed = with_array(uniqued(HashEmbed(4, 50, column=1, seed=3), column=1))
    batches = [features(lengths) for lengths in ([4, 1, 9], [1], [2, 2])]
    for model in (
        chain(embed, list2ragged(), concatenate(reduce_max(), reduce_mean()), Softmax(3, 8)),
        chain(embed, with_padded(LSTM(6, 4, bi=True)), with_array(Linear(2, 6))),
    ):
        assert_exported(draw_weights(model), batches, tmp_path / "model.onnx")


def test_padding_of_ids(tmp_path):
    """Rows between sequences have id 0 there, which has a vector like any other."""
    model = draw_weights(with_array(chain(HashEmbed(4, 20, seed=1), expand_window(1)), pad=1))
    batches = [[IDS[:3], IDS[5:6]], [IDS[:1]], [IDS[:0], IDS[:2]]]
    assert_exported(model, batches, tmp_path / "model.onnx", rtol=1e-6, atol=1e-6)


TABLE = {3: 30, 5: -50, 0: 7, -2: 20, 2**63: 1, 2**64 - 1: 2}


@pytest.mark.parametrize("dtype", ["uint64", "int64", "int32"])
@pytest.mark.parametrize(
    "layer",
    [
        remap_ids({**TABLE, "word": 4}, 99),
        remap_ids(TABLE, -1, dtype="int64"),
        remap_ids_v2(TABLE, 99),
        premap_ids(TABLE, -3),
        premap_ids({}, 4),
    ],
    ids=["v1", "v1, long", "v2", "premap_ids", "empty"],
)
def test_tables_of_ids(layer, dtype, tmp_path):
    ids = numpy.array([3, 4, 5, 0, 2**64 - 2, 2**63, 2**64 - 1, 3], "uint64").astype(dtype)
    assert_exported(layer, [ids, ids[:1], ids[:0]], tmp_path / "model.onnx", rtol=0, atol=0)


def test_a_column_of_ids_and_a_table(tmp_path):
    ids = numpy.array([[9, 3], [9, 4], [9, 5]])
    model = draw_weights(chain(remap_ids_v2({3: 1, 4: 2}, column=1), Embed(4, 3, column=0)))
    assert_exported(model, [ids, ids[:1]], tmp_path / "model.onnx")


@pytest.mark.parametrize(
    "layer, message",
    [
        (remap_ids({1.5: 2}), "keys of its table are no integers"),
        (remap_ids({1: 2.5}, dtype="f"), "values of its table are no integers"),
        (
            remap_ids({1: 2**63}, dtype="uint64"),
            r"'remap_ids' \(at the root\).*no integers of 64 bits with a sign",
        ),
        (remap_ids({}, 2**64 - 1, dtype="uint64"), "no integers of 64 bits with a sign"),
        (array_getitem((slice(None), [True, False])), "has something else than slices, integers and a list"),
        (array_getitem(True), "has something else than slices"),
        (array_getitem((..., 1)), "has something else than slices"),
        (array_getitem((None, 0)), "has something else than slices"),
        (array_getitem((slice(None), numpy.array([[0, 1]]))), "has something else than slices"),
        (array_getitem(([0, 1], [0, 1])), "has a list and another index"),
        (HashEmbed(4, 10), "takes a 1-d array of integers, but gets a 2-d array of int64"),
        (Linear(4, 2), "takes a 2-d array of floats, but gets a 2-d array of int64"),
        (with_getitem(0, Linear(4, 2)), "takes a tuple with an item at 0, but gets a 2-d array"),
        (siamese(Linear(4, 2), CauchySimilarity(4)), "takes a tuple of 2, but gets"),
        (with_reshape(Linear(4, 2)), "takes a 3-d array, but gets a 2-d"),
    ],
)
def test_what_cannot_be_exported(layer, message, tmp_path):
    ids = numpy.zeros((3, 2), "int64") if not layer.name.startswith("remap") else numpy.zeros(3, "int64")
    with pytest.raises(ValueError, match=message):
        save_onnx(tmp_path / "model.onnx", draw_weights(layer), ids)


@pytest.mark.parametrize("sample", ["text", ["text"], [], 3, numpy.array("text"), numpy.array(3.0)])
def test_samples_of_no_use(sample, tmp_path):
    with pytest.raises(ValueError, match="save_onnx expects X to be an array of numbers, a list of arrays"):
        save_onnx(tmp_path / "model.onnx", Linear(2, 2).initialize(), sample)


@pytest.mark.parametrize(
    "layer, length", [(SparseLinear, 64), (SparseLinear_v2, 64), (SparseLinear_v2, 1001)]
)
@pytest.mark.parametrize("nO", [1, 3])
def test_sparse_features(layer, length, nO, tmp_path):
    model = draw_weights(layer(nO, length))

    def bags(*lengths):
        n = sum(lengths)
        return IDS[:n], RNG.normal(size=n).astype("f"), numpy.array(lengths, "i")

    path = tmp_path / "model.onnx"
    assert_exported(model, [bags(5, 0, 100), bags(7), bags(0), bags()], path)
    keys, values, _ = bags(5)
    with pytest.raises(Exception, match="cannot be reshaped"):
        run_file(path, {"X_0": keys, "X_1": values, "X_2": numpy.array([4], "i")})
    counts = numpy.arange(105)
    assert_exported(model, [(IDS[:105].astype("int64"), counts, numpy.array([5, 100]))], path)


def pairs(*sizes):
    return [tuple(RNG.normal(size=(n, 6)).astype("f") for _ in range(2)) for n in sizes]


def test_pairs(tmp_path):
    path = tmp_path / "model.onnx"
    model = draw_weights(siamese(chain(Relu(4, 6), Linear(3, 4)), CauchySimilarity(3)))
    model.layers[1].set_param("W", numpy.abs(model.layers[1].get_param("W")))  # no division by zero
    assert assert_exported(model, pairs(5, 1, 0), path) == {"Y"}
    model = draw_weights(with_getitem(-1, Relu(4, 6)))
    assert assert_exported(model, pairs(5, 1, 0), path) == {"Y_0", "Y_1"}
    model = draw_weights(with_getitem(0, with_array(Relu(4, 6))))
    batches = [([a[:2], a[2:]], b) for a, b in pairs(5, 3)]
    assert assert_exported(model, batches, path) == {"Y_0", "Y_1"}


def test_several_outputs(tmp_path):
    model = draw_weights(chain(Relu(4, 6), tuplify(Linear(2, 4), Softmax(3, 4))))
    batches = [pair[0] for pair in pairs(5, 1, 0)]
    assert assert_exported(model, batches, tmp_path / "model.onnx") == {"Y_0", "Y_1"}


def test_three_dimensions(tmp_path):
    model = draw_weights(with_reshape(chain(Relu(4, 6), Linear(2, 4))))
    batches = [RNG.normal(size=shape).astype("f") for shape in ((2, 3, 6), (1, 1, 6), (0, 4, 6), (3, 0, 6))]
    assert_exported(model, batches, tmp_path / "model.onnx")


def test_layers_of_ones_own_are_refused_inside_of_others(tmp_path):
    mine = Model("mine", lambda model, X, is_train: (X, lambda dY: dY))
    with pytest.raises(ValueError, match=r"layer 'mine' \(at 0\.1\) to ONNX: there is no equivalent"):
        save_onnx(tmp_path / "model.onnx", with_array(chain(Relu(2, 6).initialize(), mine)), [pairs(3)[0][0]])
