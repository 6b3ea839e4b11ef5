"""A model as a table: layers, shapes, numbers of parameters, and what time they take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._profile import Row as Timing, seconds
from ._figure import POINTS, canvas, figure_or_new
from ._nodes import Described, describe, title_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .._profile import Profile
    from ..model import Model

FONT, LINE, LETTER = 8.0, 14.0, 5.0  # size, height of a row, width of a letter, in points
MARGIN, SPACE, BAR = 10.0, 14.0, 120.0
FORWARD, BACKWARD, RULE, HEADING = "#2f6fb3", "#e08a3c", "#d5dae1", "#64748b"


def table(model: Model[Any, Any], profile: Profile | None = None, *, figure: Figure | None = None) -> Figure:
    """Draw ``Model.summary``, and, if it was measured, the share of time that each layer takes.

    Parameters
    ----------
    model : Model
        The model.
    profile : Profile, optional
        What ``thinc.profile(model, X)`` returned. Bars show the time of each layer without its children, forward and
        backward.
    figure : Figure, optional
        What to draw on; by default a new one, as large as the table.

    Returns
    -------
    Figure
        Of matplotlib.

    Raises
    ------
    ValueError
        If the profile is that of another model.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> thinc.plots.table(model, thinc.profile(model, X)).savefig("model.png")
    """
    summary, nodes = describe("table", model, profile)
    headings, *cells = _cells(nodes, profile is not None)
    widths = [max(map(len, column)) * LETTER + SPACE for column in zip(headings, *cells, strict=True)]
    width = 2 * MARGIN + sum(widths) + (BAR if profile is not None else 0.0)
    height = 2 * MARGIN + LINE * (len(nodes) + 2.5)
    figure = figure_or_new(figure, width / POINTS, height / POINTS, layout=None)
    axes = canvas(figure, width, height)
    y = MARGIN + LINE / 2
    _write_row(axes, y, widths, headings, color=HEADING)
    for about, row in zip(nodes, cells, strict=True):
        axes.axhline(y + LINE / 2, MARGIN / width, 1 - MARGIN / width, color=RULE, linewidth=0.5)
        y += LINE
        _write_row(axes, y, widths, row, indent=about.place.depth * 2 * LETTER)
        if about.timing is not None and about.timing.is_first:
            _draw_bar(axes, MARGIN + sum(widths), y, about.timing)
    total = summary.total if profile is None else f"{summary.total}; {profile.total}"
    _write(axes, MARGIN, y + 1.5 * LINE, total, color=HEADING)
    if profile is not None:
        _draw_legend(axes, MARGIN + sum(widths), MARGIN + LINE / 2)
    return figure


def _cells(nodes: list[Described], with_time: bool) -> list[tuple[str, ...]]:
    """The headings, and what stands in each row."""
    rows: list[tuple[str, ...]] = [("layer", "dimensions", "parameters", "shapes")]
    rows += [
        ("  " * about.row.depth + title_of(about), about.row.dims, about.row.count, about.row.shapes)
        for about in nodes
    ]
    if not with_time:
        return rows
    times = [("own time", "share")]
    for _, _, timing in nodes:
        known = timing is not None and timing.is_first
        times.append((seconds(_own(timing)), f"{timing.own_share:.1%}") if timing and known else ("", ""))
    return [row + time for row, time in zip(rows, times, strict=True)]


def _own(timing: Timing) -> float:
    return (timing.forward + timing.backward) * timing.own_share / timing.share if timing.share else 0.0


def _write_row(
    axes: Axes,
    y: float,
    widths: list[float],
    cells: tuple[str, ...],
    indent: float = 0.0,
    color: str = "black",
) -> None:
    x = MARGIN
    for number, (width, cell) in enumerate(zip(widths, cells, strict=True)):
        is_number = number == 2 or number > 3
        if is_number:
            _write(axes, x + width - SPACE, y, cell, color, side="right")
        else:
            _write(axes, x + (indent if number == 0 else 0), y, cell.strip(), color)
        x += width


def _write(axes: Axes, x: float, y: float, text: str, color: str, side: str = "left") -> None:
    axes.text(x, y, text, color=color, fontsize=FONT, ha=side, va="center_baseline", parse_math=False)


def _draw_bar(axes: Axes, x: float, y: float, timing: Timing) -> None:
    whole = timing.forward + timing.backward
    length = BAR * timing.own_share
    forward = length * timing.forward / whole if whole else 0.0
    for left, size, color in ((x, forward, FORWARD), (x + forward, length - forward, BACKWARD)):
        axes.barh(y, size, left=left, height=0.6 * LINE, color=color, linewidth=0)


def _draw_legend(axes: Axes, x: float, y: float) -> None:
    for name, color in (("forward", FORWARD), ("backward", BACKWARD)):
        axes.barh(y, 6, left=x, height=6, color=color)
        _write(axes, x + 9, y, name, HEADING)
        x += 60
