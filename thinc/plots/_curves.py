"""Training curves from a log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

import numpy

from ._figure import HEIGHT, WIDTH, clean, figure_or_new, name_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

Record = Mapping[str, Any]
Log = Union[str, Path, Iterable[Record]]
Points = tuple[list[float], list[float]]  # steps and values
NUMBERS = (int, float, numpy.number)
NOT_DRAWN = ("step", "epoch")
PER_ROW = 3


def curves(
    log: Log,
    panels: Mapping[str, Sequence[str]] | None = None,
    *,
    smooth: int = 1,
    logarithmic: Sequence[str] = (),
    title: str = "",
    figure: Figure | None = None,
) -> Figure:
    """Draw what a training run wrote down.

    Parameters
    ----------
    log : path, or iterable of dict
        Records with numbers under names; not every record need have every name. ``step`` is what is drawn
        to the right; without it records are counted from 1. A path is of a file that `read_log` reads.
    panels : dict, optional
        Titles of the panels, and the names of what each shows. By default each name has a panel of its own.
    smooth : int
        Draw means over so many values, with the values themselves pale behind them. Curves with fewer than
        four times as many points are drawn as they are.
    logarithmic : sequence of str
        Titles of panels with a logarithmic axis.
    title : str
        Of the whole.
    figure : Figure, optional
        What to draw on; by default a new one.

    Returns
    -------
    Figure
        Of matplotlib.

    Raises
    ------
    ValueError
        If there is nothing to draw, a name of `panels` is not in the log, or a record is none.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> thinc.plots.curves("log.jsonl", {"Accuracy": ["train", "dev"]}).savefig("curves.png")
    """
    found = _points(read_log(log) if isinstance(log, (str, Path)) else log)
    chosen = {name: [name] for name in found} if panels is None else panels
    missing = [name for names in chosen.values() for name in names if name not in found]
    if missing or not chosen:
        raise ValueError(f"curves: expected names of {sorted(found)} to draw, got {missing or 'none'}")
    if smooth < 1:
        raise ValueError(f"curves: expected smooth to be at least 1, got {smooth}")
    columns = min(PER_ROW, len(chosen))
    rows = -(-len(chosen) // columns)
    figure = figure_or_new(figure, WIDTH * columns, HEIGHT * rows)
    if title:
        figure.suptitle(title)
    grid = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes, (heading, names) in zip(grid, chosen.items(), strict=False):
        lines = {name: _draw(axes, found[name], smooth) for name in names}
        clean(axes, heading, "step")
        if panels is None:  # a name out of the log, which is no markup
            axes.title.set_parse_math(False)
        if heading in logarithmic:
            axes.set_yscale("log")
        name_lines(axes, lines, has_legend=len(names) > 1)
    for axes in grid[len(chosen) :]:
        axes.set_visible(False)
    return figure


def read_log(path: str | Path) -> list[dict[str, Any]]:
    """Read a log of training: a file with a JSON object in every line.

    Parameters
    ----------
    path : path
        A last line without an end is left out, such as of a run that is still writing, or was killed.

    Returns
    -------
    list of dict
        The records.

    Raises
    ------
    ValueError
        If another line is not a JSON object; the error says which.
    """
    records = []
    # Lines end with \n alone: in JSON text other ends of lines stand for themselves.
    *lines, _ = Path(path).read_text(encoding="utf8").split("\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as err:
            raise ValueError(
                f"{path}, line {number}: expected a JSON object, got {line.strip()[:40]!r}"
            ) from err
        if not isinstance(record, dict):
            raise ValueError(f"{path}, line {number}: expected a JSON object, got {line.strip()[:40]!r}")
        records.append(record)
    return records


def _points(log: Iterable[Record]) -> dict[str, Points]:
    """Steps and values for each name that has numbers, in the order in which they turn up."""
    found: dict[str, Points] = {}
    for count, record in enumerate(log, 1):
        if not isinstance(record, Mapping) or not isinstance(record.get("step", count), NUMBERS):
            raise ValueError(
                f"curves: expected a dict of names and numbers, with a number as step if any, got as record {count} "
                f"{str(record)[:80]}"
            )
        step = record.get("step", count)
        for name, value in record.items():
            if name in NOT_DRAWN or isinstance(value, bool) or not isinstance(value, NUMBERS):
                continue
            steps, values = found.setdefault(name, ([], []))
            steps.append(float(step))
            values.append(float(value))
    return found


def _draw(axes: Axes, points: Points, smooth: int) -> Line2D:
    steps, values = points
    if smooth == 1 or len(values) < 4 * smooth:
        (line,) = axes.plot(steps, values, marker="" if len(values) > 50 else ".")
        return line
    (pale,) = axes.plot(steps, values, alpha=0.25, linewidth=0.8)
    means = numpy.convolve(values, numpy.full(smooth, 1 / smooth), mode="valid")
    first = (smooth - 1) // 2  # a mean stands in the middle of its values
    (line,) = axes.plot(steps[first : first + len(means)], means, color=pale.get_color())
    return line
