"""`thinc.profile`: each node's share of the time; what it is told to measure stays as it was."""

import sys
from types import SimpleNamespace

import numpy
import pytest

import thinc
from helpers.process import run_python
from helpers.together import run_together
from thinc import _profile
from thinc._util.constants import is_constant
from thinc.api import (
    Adam,
    CupyOps,
    Linear,
    Model,
    Relu,
    Softmax,
    add,
    chain,
    clone,
    list2ragged,
    ragged2list,
    residual,
)

X = numpy.random.default_rng(0).normal(size=(16, 8)).astype("f")


class Clock:
    """In place of `time.perf_counter`: goes on only when it is told to."""

    now = 0.0

    def __call__(self):
        return self.now


def busy(clock, name, forward_seconds, backward_seconds, layers=()):
    """A layer that takes its time, and then runs its children."""

    def forward(model, X, is_train):
        clock.now += forward_seconds
        callbacks = []
        for layer in model.layers:
            X, callback = layer(X, is_train)
            callbacks.append(callback)

        def backprop(dY):
            for callback in reversed(callbacks):
                dY = callback(dY)
            clock.now += backward_seconds
            return dY

        return X, backprop

    return Model(name, forward, layers=layers)


def state_of(model):
    nodes = list(model.walk())
    return [
        (node.id, node._func, node.ops, dict(node.attrs))
        + tuple((name, node.maybe_get_param(name) is None) for name in node.param_names)
        + tuple((name, node.get_grad(name).tobytes()) for name in node.grad_names)
        + tuple(node.get_param(name).tobytes() for name in node.param_names if node.has_param(name))
        for node in nodes
    ]


def test_time_goes_to_the_node_that_takes_it(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(_profile, "perf_counter", clock)
    children = [busy(clock, "inner", 20, 5), busy(clock, "quick", 0, 0)]
    shown = thinc.profile(busy(clock, "outer", 5, 20, children), X, repeats=3)
    assert [row.name for row in shown.rows] == ["outer", "inner", "quick"]
    assert [(row.forward, row.backward) for row in shown.rows] == [(25, 25), (20, 5), (0, 0)]
    assert [(row.share, row.own_share) for row in shown.rows] == [(1, 0.5), (0.5, 0.5), (0, 0)]
    assert (shown.forward, shown.backward) == (25, 25)


def test_shares_add_up():
    model = chain(add(Relu(8), residual(Relu(8))), Softmax(3)).initialize(X=X)
    shown = thinc.profile(model, X)
    assert len(shown.rows) == len(list(model.walk()))
    assert sum(row.own_share for row in shown.rows) == pytest.approx(1)
    assert shown.rows[0].share == pytest.approx(1)
    assert all(row.calls == 1 and 0 <= row.own_share <= row.share for row in shown.rows)


def test_a_shared_layer_has_its_time_in_the_first_place():
    shared = Linear(8, 8)
    shown = thinc.profile(chain(shared, shared).initialize(), X)
    _, first, second = shown.rows
    assert first.calls == 2 and not second.is_first
    assert str(shown).splitlines()[3].split() == ["└", "linear", "as", "above"]


def test_model_gradients_and_random_numbers_stay():
    model = chain(Relu(8, dropout=0.5), Softmax(3)).initialize(X=X)
    Y, backprop = model.begin_update(X)
    backprop(Y)
    before = state_of(model)
    numpy.random.seed(3)
    expected = numpy.random.random()
    numpy.random.seed(3)
    thinc.profile(model, X)
    assert numpy.random.random() == expected
    assert state_of(model) == before


def test_model_without_sizes():
    model = chain(Relu(8), Softmax())
    before = state_of(model)
    shown = thinc.profile(model, X, numpy.zeros((16, 3), dtype="f"))
    assert shown.forward > 0 and shown.backward > 0
    assert state_of(model) == before and model.layers[1].has_dim("nO") is None


def test_errors_leave_everything_as_it_was():
    def forward(model, X, is_train):
        numpy.random.random()
        raise RuntimeError("no more")

    model = chain(Linear(8, 8), Model("broken", forward)).initialize()
    before = state_of(model)
    numpy.random.seed(3)
    expected = numpy.random.random()
    numpy.random.seed(3)
    with pytest.raises(RuntimeError, match="no more"):
        thinc.profile(model, X)
    assert numpy.random.random() == expected
    assert state_of(model) == before
    with pytest.raises(ValueError, match=r"relu expects Floats2d of width 8, but got .*\(16, 7\)"):
        thinc.profile(chain(Relu(8, 8), Linear(8, 8)).initialize(), X[:, :7])
    with pytest.raises(ValueError, match="repeats to be at least 1, but got 0"):
        thinc.profile(model, X, repeats=0)


def test_an_error_that_a_layer_catches():
    def forward(model, X, is_train):
        try:
            return model.layers[0](X, is_train)
        except RuntimeError:
            return X, lambda dY: dY

    def refuse(model, X, is_train):
        raise RuntimeError

    shown = thinc.profile(chain(Model("careful", forward, layers=[Model("broken", refuse)]), Linear(8, 8)), X)
    assert [row.calls for row in shown.rows] == [1, 1, 1, 1]
    assert sum(row.own_share for row in shown.rows) == pytest.approx(1)


def test_sequences():
    lists = [X[:3], X[3:8]]
    shown = thinc.profile(chain(list2ragged(), ragged2list()), lists)
    assert [row.name for row in shown.rows][1:] == ["list2ragged", "ragged2list"]


@pytest.mark.parametrize("input_gradient", [True, False])
def test_without_the_gradient_of_the_input(input_gradient):
    """As in training: the first layer is asked for it or not, wrapped as it is."""
    asked = []

    def forward(model, X, is_train):
        asked.append(is_constant(X))
        return X, lambda dY: dY

    forward.__module__ = "thinc.layers.linear"
    thinc.profile(Model("asks", forward), X, repeats=1, input_gradient=input_gradient)
    assert asked == [not input_gradient] * 2


def test_several_threads_while_the_model_is_trained():
    model = chain(clone(Relu(8), 3), Softmax(3)).initialize(X=X)
    optimizer = Adam(0.01)

    rows = []

    def measure():
        for _ in range(5):
            rows.append(len(thinc.profile(model, X, repeats=2).rows))

    def train():
        for _ in range(20):
            Y, backprop = model.begin_update(X)
            backprop(Y)
            model.finish_update(optimizer)

    run_together(measure, measure, train)
    assert rows == [6] * 10


def test_text_and_html():
    model = chain(Linear(8, 8), Linear(8, 8)).initialize()
    model.layers[1].name = "<script>"
    shown = thinc.profile(model, X)
    headings, first, *_, last = str(shown).splitlines()
    assert headings.split() == ["layer", "calls", "forward", "backward", "share", "own", "share"]
    assert first.startswith("linear>>linear") and "100.0%" in first
    assert last == shown.total and last.endswith("the median of 10 passes")
    html = shown._repr_html_()
    assert html.count("<tr>") == 4 and "&lt;script&gt;" in html and "<script>" not in html


def test_a_gpu_is_waited_for(monkeypatch):
    """Calls of CuPy return before the work is done."""
    waits = []
    stream = SimpleNamespace(synchronize=lambda: waits.append(1))
    cuda = SimpleNamespace(get_current_stream=lambda: stream)
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=cuda))
    on_gpu = SimpleNamespace(ops=object.__new__(CupyOps))
    _profile._waiter([on_gpu])()
    assert waits == [1]
    _profile._waiter([Linear(2, 2)])()
    assert waits == [1]


def test_nothing_is_imported_before_it_is_used(tmp_path):
    done = run_python("-c", "import sys, thinc.api; print('thinc._profile' in sys.modules)", cwd=tmp_path)
    assert done.stdout.strip() == "False"
