"""A separate package is compiled against what we ship, and works; it is the example of docs/cython.md."""

import itertools
import re
import threading
from importlib import import_module
from pathlib import Path

import numpy
import pytest
from numpy.testing import assert_allclose
from packaging.requirements import Requirement

import thinc
from helpers.client import SOURCE
from thinc.api import Adam, CategoricalCrossentropy, NumpyOps, Relu, Softmax, chain

GUIDE = Path(__file__).parent.parent / "docs" / "cython.md"


# --- a network without the GIL


def problem(seed, n=150, nI=7, nH=12, nO=4):
    rng = numpy.random.default_rng(seed)
    X = rng.normal(size=(n, nI)).astype("f")
    labels = X[:, :nO].argmax(axis=1)
    W1, W2 = rng.normal(size=(nH, nI)).astype("f"), rng.normal(size=(nO, nH)).astype("f")
    b1, b2 = rng.normal(size=nH).astype("f"), rng.normal(size=nO).astype("f")
    orders = [rng.permutation(n)[: n - 10] for _ in range(3)]
    return X, labels, (W1, b1, W2, b2), orders


def train_in_python(X, labels, weights, orders, batch_size, learn_rate):
    nH, nO = len(weights[1]), len(weights[3])
    hidden, output = Relu(nH, X.shape[1]), Softmax(nO, nH)
    model = chain(hidden, output).initialize()
    model.layers[0].set_param("W", weights[0]), model.layers[0].set_param("b", weights[1])
    model.layers[1].set_param("W", weights[2]), model.layers[1].set_param("b", weights[3])
    optimizer, loss_calc, losses = Adam(learn_rate), CategoricalCrossentropy(), []
    for order in orders:
        losses.append(0.0)
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            Y, backprop = model.begin_update(X[rows])
            gradient, loss = loss_calc(Y, labels[rows])
            backprop(gradient)
            model.finish_update(optimizer)
            losses[-1] += float(loss)
    return losses, [layer.get_param(name) for layer in (hidden, output) for name in ("W", "b")]


def test_threads_train_as_the_python_interface_does(client):
    Network = client("network").Network
    table = NumpyOps().cblas()
    problems = [problem(seed) for seed in range(4)]
    networks = [Network(table, *weights) for _, _, weights, _ in problems]
    losses = [[] for _ in problems]

    def train(i):
        X, labels, _, orders = problems[i]
        for order in orders:
            losses[i].append(networks[i].train(X, labels, order, 16, 0.02))

    threads = [threading.Thread(target=train, args=(i,)) for i in range(len(problems))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, arguments in enumerate(problems):
        expected_losses, expected = train_in_python(*arguments, batch_size=16, learn_rate=0.02)
        assert_allclose(losses[i], expected_losses, rtol=1e-4)
        assert losses[i][-1] < losses[i][0]
        for found, weights in zip(networks[i].weights(), expected, strict=True):
            assert_allclose(numpy.reshape(found, weights.shape), weights, rtol=1e-4, atol=1e-5)


def test_network_rejects_what_does_not_fit(client):
    X, labels, weights, _ = problem(0)
    Network = client("network").Network
    network = Network(NumpyOps().cblas(), *weights)
    order = numpy.arange(len(X))
    before = network.weights()
    with pytest.raises(IndexError, match=r"order\[3\] is 150"):
        network.train(X, labels, numpy.array([0, 1, 2, 150]), 2, 0.1)
    assert network.weights() != before  # one batch
    for arguments in [
        (X[:, :3].copy(), labels, order, 8),
        (X, labels[:-1], order, 8),
        (X, labels + 4, order, 8),
        (X, labels, order, 0),
    ]:
        with pytest.raises(ValueError):
            network.train(*arguments, 0.1)
    with pytest.raises(TypeError):
        Network(None, *weights)
    with pytest.raises(ValueError):
        Network(NumpyOps().cblas(), *weights[:3], weights[1][:-1])


# --- beam search


def total_score(tags, scores, pairs):
    neighbours = sum(pairs[a, b] for a, b in itertools.pairwise(tags))
    return neighbours + sum(scores[i, tag] for i, tag in enumerate(tags))


def tag_scores(seed, length=5, nr_tag=3):
    rng = numpy.random.default_rng(seed)
    return rng.normal(size=(length, nr_tag)).astype("f"), rng.normal(size=(nr_tag, nr_tag)).astype("f")


@pytest.mark.parametrize("seed", range(5))
def test_beam_finds_the_best_sequence(client, seed):
    """As wide as there are tags, with one prefix per last tag, the search is exact (Viterbi)."""
    scores, pairs = tag_scores(seed)
    search = client("tags").TagSearch(5, 3, 3)
    for row in scores:
        assert not search.is_done()
        search.step(row, pairs)
    assert search.is_done()
    every = itertools.product(range(3), repeat=5)
    score, tags = max((total_score(tags, scores, pairs), tags) for tags in every)
    assert search.beam.histories[0] == list(tags)
    assert search.beam.score == pytest.approx(score, rel=1e-5)
    assert len({history[-1] for history in search.beam.histories}) == 3


def state_of(beam):
    return beam.scores, beam.histories, beam.loss, beam.is_done, len(beam)


def test_edge_ops_25_exception_in_a_callback_leaves_the_beam_as_it_was(client):
    scores, pairs = tag_scores(1, length=2)
    search = client("tags").TagSearch(1, 3, 4)
    search.step(scores[0], pairs)
    before = state_of(search.beam)
    for _ in range(3):
        with pytest.raises(IndexError, match="a sequence of 1 tags is complete"):
            search.step(scores[1], pairs)
        assert state_of(search.beam) == before
    assert search.is_done()
    search.step(scores[1], pairs)  # finished sequences stay
    assert search.beam.histories[:3] == before[1][:3]


def test_gradients_of_a_violation(client):
    scores, pairs = tag_scores(2, length=2, nr_tag=2)
    worst = [int(tag) for tag in scores.argmin(axis=1)]
    found = client("tags").violation(scores, pairs, worst, 4)
    kept = found.p_hist + found.g_hist
    assert worst in found.g_hist
    gradient = found.p_probs + found.g_probs
    totals = numpy.array([total_score(tags, scores, pairs) for tags in kept], dtype="d")
    probabilities = numpy.exp(totals) / numpy.exp(totals).sum()
    right = numpy.array([tags == worst[: len(tags)] for tags in kept])
    assert_allclose(gradient, probabilities - right, rtol=1e-4, atol=1e-6)


# --- a kernel from the C++ headers


@pytest.mark.parametrize("shape", [(3, 1), (2, 5), (7, 64), (0, 4)])
def test_kernel_from_the_headers(client, shape):
    rng = numpy.random.default_rng(0)
    X, (gain, bias) = rng.normal(size=shape).astype("f"), rng.normal(size=(2, shape[1])).astype("f")
    out = numpy.empty_like(X)
    client("native").layernorm(X, gain, bias, out)
    X = X.astype("d")
    deviation = numpy.sqrt(X.var(axis=1, keepdims=True) + 1e-12)
    assert_allclose(out, (X - X.mean(axis=1, keepdims=True)) / deviation * gain + bias, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError):
        client("native").layernorm(X.astype("f"), gain[:-1], bias, out)


# --- what is shipped for it


def test_interfaces_need_none_of_our_headers():
    """Only `numpy_ops.pxd` includes C++; what the others cimport is there, or belongs to Cython and cymem."""
    folder = Path(thinc.get_include())
    interfaces = sorted(folder.rglob("*.pxd"))
    assert {path.relative_to(folder).as_posix() for path in interfaces} >= {
        *[f"thinc/backends/{name}.pxd" for name in ("__init__", "cblas", "linalg", "numpy_ops")],
        *[f"thinc/kernels/{name}.pxd" for name in ("activations", "batching", "losses", "optimizers")],
        "thinc/extra/search.pxd",
    }
    for path in interfaces:
        text = path.read_text(encoding="utf8")
        assert not path.name.startswith("_") or path.name == "__init__.pxd"
        if path.name != "numpy_ops.pxd":
            assert "cdef extern" not in text, path
        for module in re.findall(r"^from ([\w.]+) cimport", text, flags=re.MULTILINE):
            assert module.split(".")[0] in ("libc", "libcpp", "cymem"), f"{path} cimports {module}"


def test_generated_code_includes_headers_only_where_it_says_so(client):
    folder = Path(import_module("thinc_client").__file__).parent
    included = {
        path.stem: re.findall(r'#include "(thinc/[^"]+)"', path.read_text(encoding="utf8"))
        for path in folder.glob("*.cpp")
    }
    assert included == {
        "network": [],
        "tags": [],
        "native": ["thinc/kernels/layernorm.hh"],
        "templates": ["thinc/backends/cpu_kernels.hh"],
    }


def test_headers_include_nothing_that_is_not_shipped():
    folder = Path(thinc.get_include())
    headers = sorted(folder.rglob("*.hh"))
    assert len(headers) > 20
    for path in headers:
        for name in re.findall(r'^#include "([^"]+)"', path.read_text(encoding="utf8"), flags=re.MULTILINE):
            assert (folder / name).is_file(), f"{path} includes {name}"


# --- the guide


def blocks():
    """Code blocks of the guide: (name of the file that the block is, or None; language; text)."""
    pattern = r"(?:^`([\w/.]+)`:\n\n)?^```(\w+)\n(.*?)^```$"
    return re.findall(pattern, GUIDE.read_text(encoding="utf8"), flags=re.DOTALL | re.MULTILINE)


def test_files_in_the_guide_are_those_of_the_client():
    shown = {name: text for name, _, text in blocks() if name}
    assert set(shown) == {
        "pyproject.toml", "setup.py",
        "thinc_client/network.pyx", "thinc_client/tags.pyx", "thinc_client/native.pyx",
    }  # fmt: skip
    for name, text in shown.items():
        assert text == (SOURCE / name).read_text(encoding="utf8"), f"{GUIDE.name} shows another {name}"
    # the others are run, or are commands for building it
    assert {language for name, language, _ in blocks() if not name} <= {"python", "console"}


def test_it_requires_a_thinc_that_has_the_kernels():
    """Other releases are in the index, too: an isolated build would take the newest that the requirement allows."""
    project = (SOURCE / "pyproject.toml").read_text(encoding="utf8")
    requirements = [Requirement(text) for text in re.findall(r'"(thinc[<>=][^"]*)"', project)]
    assert len(requirements) == 2
    for requirement in requirements:
        assert thinc.__version__ in requirement.specifier
        assert not [*requirement.specifier.filter(["8.3.12", "8.3.14", "9.0.0", "9.1.1"])]


def test_programs_in_the_guide_run(client):
    client("network")
    programs = [text for name, language, text in blocks() if language == "python" and not name]
    assert len(programs) >= 2
    namespace: dict = {}
    for text in programs:
        exec(compile(text, str(GUIDE), "exec"), namespace)
