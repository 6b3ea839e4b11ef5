"""`Model.summary`: what the table says, in text and in HTML."""

import numpy
import pytest

from thinc.api import Embed, Linear, Model, Relu, Softmax, chain, residual, with_array


def test_text():
    model = chain(Relu(32), Relu(32), Softmax(2)).initialize(X=numpy.zeros((3, 20), dtype="f"))
    assert str(model.summary()).splitlines() == [
        "layer                dimensions   parameters  shapes",
        "relu>>relu>>softmax  nO=2 nI=20",
        "├ relu               nO=32 nI=20         672  W (32, 20), b (32,)",
        "├ relu               nO=32 nI=32       1,056  W (32, 32), b (32,)",
        "└ softmax            nO=2 nI=32           66  W (2, 32), b (2,)",
        "1,794 parameters, 7.2 kB",
    ]


def test_totals_are_those_of_the_parameters():
    model = chain(Embed(8, 100), with_array(residual(Linear(8, 8))), Softmax(3, 8))
    model.initialize()
    arrays = [node.get_param(name) for node in model.walk() for name in node.param_names]
    summary = model.summary()
    assert summary.parameters == sum(array.size for array in arrays)
    assert summary.size == sum(array.nbytes for array in arrays)
    assert summary.complete
    assert len(summary.rows) == len(list(model.walk()))


def test_a_shared_layer_is_counted_once():
    shared = Linear(4, 4)
    summary = chain(shared, shared).initialize().summary()
    assert summary.parameters == 20
    assert [row.count for row in summary.rows] == ["", "20", "as above"]


def test_a_model_in_itself_ends():
    model = chain(Linear(2, 2), Linear(2, 2))
    model.layers.append(model)
    assert [row.count for row in model.summary().rows][-1] == "as above"


def test_before_initialize():
    summary = chain(Relu(4), Softmax()).summary()
    assert not summary.complete
    assert summary.total == "at least 0 parameters, 0 bytes"
    assert "nI=?" in str(summary) and "W ?" in str(summary)


def test_other_frameworks_are_named_and_not_counted():
    class Shim:
        pass

    summary = Model("wrapped", lambda model, X, is_train: (X, lambda dY: dY), shims=[Shim()]).summary()
    assert not summary.complete
    assert "Shim: not counted" in str(summary)


def test_long_names_are_cut():
    model = chain(*(Linear(2, 2) for _ in range(30)))
    first, *_ = model.summary().rows
    assert first.name == model.name[:47] + "…"


@pytest.mark.parametrize("show", [lambda model: model, lambda model: model.summary()])
def test_html(show):
    model = chain(Linear(4, 4), Linear(2, 4)).initialize()
    model.layers[0].name = "<script>"
    html = show(model)._repr_html_()
    assert html.startswith("<table>") and "<script>" not in html and "&lt;script&gt;" in html
    assert html.count("<tr>") == 4
    assert "30 parameters, 120 bytes" in html
