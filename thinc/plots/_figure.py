"""What all pictures share: the figure to draw on, and how it looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._util.extras import extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

WIDTH, HEIGHT = 5.0, 3.4  # of a panel, in inches
POINTS = 72  # in an inch


def figure_or_new(figure: Figure | None, width: float, height: float, layout: Any = "constrained") -> Figure:
    """Return the figure that a caller gave, or one of a size in inches.

    It is not one of pyplot's: it needs no window system, and is gone when nobody holds it.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    if figure is not None:
        return figure
    with extra("plots", "matplotlib", "Pictures need matplotlib"):
        from ._picture import Picture
    return Picture(figsize=(width, height), layout=layout)


def clean(axes: Axes, title: str, x_label: str) -> None:
    """A grid, and no frame."""
    axes.set_title(title, fontsize="medium")
    axes.set_xlabel(x_label)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def name_lines(axes: Axes, lines: dict[str, Line2D], *, has_legend: bool, has_markup: bool = False) -> None:
    """Give lines names, and list these, whatever they begin with."""
    shown = {name: line for name, line in lines.items() if name}
    for name, line in shown.items():
        line.set_label(name)
    if has_legend:
        # matplotlib leaves out what begins with an underscore.
        legend = axes.legend(list(shown.values()), [f"line {number}" for number in range(len(shown))])
        for text, name in zip(legend.get_texts(), shown, strict=True):
            text.set_parse_math(has_markup)
            text.set_text(name)


def canvas(figure: Figure, width: float, height: float) -> Axes:
    """Axes that are as good as paper: x to the right and y down, in points, without anything around."""
    axes: Any = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_aspect("equal")
    return axes  # type: ignore[no-any-return]
