"""`thinc.plots`: what is drawn is what was given, and nothing is used up or left open on the way."""

import io
import json

import numpy
import pytest

import thinc
from helpers.process import run_python
from thinc import plots
from thinc.api import (
    Adam,
    HashEmbed,
    LayerNorm,
    Linear,
    Maxout,
    Relu,
    Softmax,
    add,
    chain,
    concatenate,
    constant_then,
    residual,
    sequence,
    tuplify,
    warmup_cosine,
    warmup_linear,
    with_array,
)

pytest.importorskip("matplotlib")

X = numpy.random.default_rng(0).normal(size=(8, 12)).astype("f")


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts if text.get_text()]


def svg(figure):
    file = io.StringIO()
    figure.savefig(file, format="svg")
    return file.getvalue()


def lines(axes):
    return {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines}


def test_schedules():
    schedule = warmup_linear(0.01, 2, 10)
    next(schedule)
    given = {"a": schedule, "b": lambda step: 1 / (1 + step), "c": [3.0, 4.0], "d": 0.5}
    (axes,) = plots.schedules(given, steps=5).axes
    expected = warmup_linear(0.01, 2, 10)
    next(expected)
    drawn = lines(axes)
    assert drawn["a"] == ([0, 1, 2, 3, 4], [next(expected) for _ in range(5)])
    assert drawn["b"][1] == [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5]
    assert drawn["c"][1] == [3, 4, 4, 4, 4]
    assert drawn["d"][1] == [0.5] * 5
    assert schedule.position == 1
    assert [text.get_text() for text in axes.get_legend().texts] == list("abcd")


def test_one_schedule_has_no_legend_and_may_end():
    (axes,) = plots.schedules(constant_then(0.1, 2, [0.2]), steps=10).axes
    assert axes.get_legend() is None
    assert [list(line.get_ydata()) for line in axes.lines] == [[0.1, 0.1, 0.2]]


@pytest.mark.parametrize(
    "schedule, steps, error, message",
    [
        ((rate for rate in [0.1]), 10, TypeError, "a generator: expected one of thinc.schedules"),
        (None, 10, TypeError, "a NoneType: expected"),
        ({}, 10, ValueError, "at least one step of at least one schedule, got 10 of 0"),
        (0.1, 0, ValueError, "at least one step"),
        ([], 10, ValueError, "has no values"),
    ],
)
def test_schedules_that_cannot_be_drawn(schedule, steps, error, message):
    with pytest.raises(error, match=message):
        plots.schedules(schedule, steps)


def test_a_schedule_of_a_generator_is_refused_before_it_is_drawn_from():
    drawn = []

    def values():
        drawn.append(1)
        yield 0.1

    with pytest.raises(TypeError, match="cannot be copied"):
        plots.schedules(sequence(values(), warmup_cosine(0.1, 1, 5), steps=[3]))
    assert drawn == []


def test_schedule_of_an_optimizer():
    optimizer = Adam(warmup_linear(0.01, 2, 10))
    plots.schedules(optimizer.schedules["learn_rate"])
    assert optimizer.schedules["learn_rate"].position == 1


LOG = [
    {"step": 3 * i, "loss": 2.0**-i, "rate": numpy.float32(i), "name": "a", "ok": True} for i in range(1, 9)
]
LOG.insert(4, {"step": 12, "epoch": 1, "dev": 0.5})


def test_curves():
    figure = plots.curves(LOG, title="A run")
    assert [axes.get_title() for axes in figure.axes] == ["loss", "rate", "dev"]
    assert lines(figure.axes[0])["loss"] == ([3 * i for i in range(1, 9)], [2.0**-i for i in range(1, 9)])
    assert lines(figure.axes[2])["dev"] == ([12], [0.5])
    assert figure.get_suptitle() == "A run"


def test_panels_smoothing_and_logarithms():
    figure = plots.curves(LOG, {"Both": ["loss", "dev"], "R": ["rate"]}, smooth=2, logarithmic=["Both"])
    both, rate = figure.axes
    assert both.get_yscale() == "log" and rate.get_yscale() == "linear"
    assert [text.get_text() for text in both.get_legend().texts] == ["loss", "dev"]
    steps, means = lines(rate)["rate"]
    assert steps == [3 * i for i in range(1, 8)]
    numpy.testing.assert_allclose(means, [i + 0.5 for i in range(1, 8)])


def test_records_without_a_step_are_counted():
    (axes,) = plots.curves([{"loss": 2.0}, {"loss": float("nan")}, {"loss": 1.0}]).axes
    assert lines(axes)["loss"][0] == [1, 2, 3]


def test_many_panels():
    figure = plots.curves([dict.fromkeys("abcd", 1.0)])
    assert [axes.get_visible() for axes in figure.axes] == [True] * 4 + [False] * 2


@pytest.mark.parametrize(
    "log, options, message",
    [
        ([], {}, r"expected names of \[\] to draw, got none"),
        (LOG, {"panels": {"A": ["acc"]}}, r"\['dev', 'loss', 'rate'\] to draw, got \['acc'\]"),
        (LOG, {"smooth": 0}, "smooth to be at least 1, got 0"),
        (
            [{"a": 1.0}, {"a": 1.0, "step": None}],
            {},
            "with a number as step if any, got as record 2 {'a': 1.0",
        ),
        ([{"a": 1.0, "step": "x"}], {}, "got as record 1"),
        ([1.0], {}, "expected a dict of names and numbers, .* got as record 1 1.0"),
    ],
)
def test_curves_that_cannot_be_drawn(log, options, message):
    with pytest.raises(ValueError, match=message):
        plots.curves(log, **options)


def test_log_files(tmp_path):
    path = tmp_path / "log.jsonl"
    records = [{"step": 1, "loss": 0.5}, {"step": 2, "loss": 0.25}]
    path.write_text("\n".join(json.dumps(record) for record in records) + '\n\n{"step": 3, "lo')
    assert plots.read_log(path) == records
    assert lines(plots.curves(path).axes[0])["loss"] == ([1, 2], [0.5, 0.25])
    for broken in ("{]\n", "[1]\n", "loss 0.5\n"):
        path.write_text('{"loss": 1}\n' + broken + '{"loss": 1}\n')
        with pytest.raises(ValueError, match=r"log\.jsonl, line 2: expected a JSON object, got"):
            plots.read_log(str(path))


def test_log_files_with_other_ends_of_lines(tmp_path):
    path = tmp_path / "log.jsonl"
    records = [{"loss": 1.0, "text": "a\u2028b\x85c"}, {"loss": 2.0}]
    text = "\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    path.write_bytes((text + "\r\n").encode())
    assert plots.read_log(path) == records
    path.write_bytes((text + "\n{]\n").encode())
    with pytest.raises(ValueError, match="line 3: expected a JSON object"):
        plots.read_log(path)


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_names_of_curves_are_text():
    odd, hidden = "cost in $, of $x_{1", "_hidden"
    log = [{odd: 1.0, hidden: 2.0}] * 3
    figure = plots.curves(log)
    assert [axes.get_title() for axes in figure.axes] == [odd, hidden]
    assert "<svg" in svg(figure)
    figure = plots.curves(log, {"Both": [odd, hidden]})
    assert legend(figure.axes[0]) == [odd, hidden]
    assert "<svg" in svg(figure)
    figure = plots.curves([{"a": float(i), "_b": 1.0} for i in range(12)], {"Both": ["a", "_b"]}, smooth=3)
    assert legend(figure.axes[0]) == ["a", "_b"]
    assert legend(plots.schedules({"_rate": [1.0, 0.5]}, 3).axes[0]) == ["_rate"]
    assert legend(plots.schedules({"": [1.0], "b": [2.0]}, 3).axes[0]) == ["b"]


def make_model():
    shared = Relu(12, 12, dropout=0.1)
    embed = with_array(HashEmbed(4, 100))
    return chain(
        concatenate(shared, chain(Maxout(12, 12), LayerNorm(12))),
        add(residual(Linear(24, 24)), Linear(24, 24)),
        tuplify(Softmax(3, 24), embed),
        shared,
    )


def test_graph_has_every_layer():
    drawn = texts(plots.graph(make_model().initialize()))
    assert drawn[:2] == ["input", "output"]
    for heading, count in {
        "concatenate": 1, "add": 1, "residual": 1, "tuplify": 1, "with_array": 1, "relu": 1, "maxout": 1,
        "layernorm": 1, "linear": 2, "softmax": 1, "hashembed": 1, "relu>>dropout": 1, "as above": 1,
        "600 parameters": 2, "chain": 0,
    }.items():  # fmt: skip
        assert drawn.count(heading) == count, heading


def patches(figure):
    return [patch for patch in figure.axes[0].patches if hasattr(patch, "get_boxstyle")]


def test_boxes_do_not_overlap_and_stay_on_the_paper():
    figure = plots.graph(make_model())
    axes = figure.axes[0]
    boxes = [
        (p.get_x(), p.get_y(), p.get_x() + p.get_width(), p.get_y() + p.get_height()) for p in patches(figure)
    ]
    assert len(boxes) == 14
    for left, top, right, bottom in boxes:
        assert 0 < left < right < axes.get_xlim()[1] and 0 < top < bottom < axes.get_ylim()[0]
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            apart = a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1]
            inside = a[0] < b[0] and a[1] < b[1] and b[2] < a[2] and b[3] < a[3]
            assert apart or inside


def test_text_fits_into_its_box():
    figure = plots.graph(make_model().initialize())
    figure.canvas.draw()
    axes = figure.axes[0]
    boxes = [patch.get_window_extent() for patch in patches(figure)]
    for text in axes.texts:
        if text.get_text() in ("", "input", "output"):
            continue
        extent = text.get_window_extent()
        assert any(
            box.x0 < extent.x0 and extent.x1 < box.x1 and box.y0 < extent.y0 and extent.y1 < box.y1
            for box in boxes
        ), text.get_text()


def test_graph_shows_time():
    model = chain(Relu(8), Softmax(3)).initialize(X=X)
    shown = thinc.profile(model, X, repeats=1)
    figure = plots.graph(model, shown)
    assert sum("% of the time" in text for text in texts(figure)) == 2
    green = {
        patch.get_facecolor()[1]: row for patch, row in zip(patches(figure), shown.rows[1:], strict=True)
    }
    assert green[min(green)].share == max(row.share for row in shown.rows[1:])


def test_table():
    model = make_model().initialize()
    summary = model.summary()
    drawn = texts(plots.table(model))
    assert drawn[:4] == ["layer", "dimensions", "parameters", "shapes"]
    assert drawn[-1] == summary.total
    for row in summary.rows:
        assert {row.dims, row.count, row.shapes} - {""} <= set(drawn)
    assert drawn.count("chain") == 3 and drawn.count("linear") == 2 and drawn.count("concatenate") == 1


def test_table_with_time():
    model = chain(Relu(8), Softmax(3)).initialize(X=X)
    shown = thinc.profile(model, X, repeats=1)
    figure = plots.table(model, shown)
    drawn = texts(figure)
    assert [text for text in drawn if text.endswith("%")] == [f"{row.own_share:.1%}" for row in shown.rows]
    assert drawn[-3:] == [f"{model.summary().total}; {shown.total}", "forward", "backward"]
    bars = figure.axes[0].patches
    widths = [a.get_width() + b.get_width() for a, b in zip(bars[:-2:2], bars[1:-2:2], strict=True)]
    numpy.testing.assert_allclose(widths, [120 * row.own_share for row in shown.rows])


@pytest.mark.parametrize("draw", [plots.graph, plots.table])
def test_profile_of_another_model_is_refused(draw):
    shown = thinc.profile(Linear(12, 12).initialize(), X, repeats=1)
    with pytest.raises(ValueError, match=r"expected a profile of this model, got one of 'linear'"):
        draw(chain(Linear(12, 12), Linear(12, 12)), shown)


@pytest.mark.parametrize(
    "draw",
    [
        lambda figure: plots.schedules(warmup_linear(0.1, 2, 5), 5, figure=figure),
        lambda figure: plots.curves(LOG, figure=figure),
        lambda figure: plots.graph(Linear(2, 2), figure=figure),
        lambda figure: plots.table(Linear(2, 2), figure=figure),
    ],
    ids=["schedules", "curves", "graph", "table"],
)
def test_figures_of_ones_own(draw):
    from matplotlib.figure import Figure

    figure = Figure()
    part = figure.subfigures(1, 2)[0]
    assert draw(part) is part
    assert "<svg" in svg(figure)
    assert draw(None)._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize("draw", [plots.graph, plots.table])
def test_names_are_text_not_markup(draw):
    model = chain(Linear(2, 2), Linear(2, 2))
    model.layers[0].name = "<b> $x_{1$"
    figure = draw(model)
    assert "<b> $x_{1$" in texts(figure)
    assert "<b>" not in svg(figure).replace("<!-- <b>", "")  # the text stands in a comment, too


def test_matplotlib_is_imported_late_and_pyplot_never(tmp_path):
    code = (
        "import sys; from thinc import plots; print('matplotlib' in sys.modules)\n"
        "plots.schedules([1.0]); print('matplotlib' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    )
    assert run_python("-c", code, cwd=tmp_path).stdout.split() == ["False", "True", "False"]


def test_without_matplotlib(tmp_path):
    code = (
        "import sys; sys.modules['matplotlib'] = sys.modules['matplotlib.figure'] = None\n"
        "from thinc import plots\n"
        "try: plots.schedules([1.0])\n"
        "except ImportError as error: print(error)"
    )
    assert 'pip install "thinc[plots]"' in run_python("-c", code, cwd=tmp_path).stdout
