"""A model as a graph: what flows into what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ._figure import POINTS, canvas, figure_or_new
from ._nodes import Described, describe, kind_of, shade, title_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .._profile import Profile
    from ..model import Model

SIDE_BY_SIDE = ("add", "concatenate", "tuplify")
FONT, LINE = 8.0, 11.0  # size of letters and distance of lines, in points
LETTER, BOLD = 5.0, 5.6  # width of a letter
PADDING, GAP, MARGIN = 7.0, 18.0, 16.0
LINES_COLOR, INK, FAINT = "#8894a5", "#111827", "#475569"


@dataclass
class Box:
    """A layer, or several in a frame. Sizes are in points."""

    heading: str = ""
    details: list[str] = field(default_factory=list)
    children: list[Box] = field(default_factory=list)
    is_row: bool = False  # children side by side
    is_framed: bool = True
    has_bypass: bool = False  # the input is added to the output
    color: Any = "white"
    is_dashed: bool = False  # stands somewhere above, too

    @property
    def head(self) -> float:
        """The height of the text."""
        lines = len(self.details) + bool(self.heading)
        return lines * LINE + PADDING if lines and self.is_framed else 0.0

    @property
    def frame(self) -> float:
        return PADDING if self.is_framed else 0.0

    @property
    def width(self) -> float:
        lengths = [len(self.heading) * BOLD, *(len(text) * LETTER for text in self.details)]
        text = max(lengths) if self.is_framed else 0.0
        widths = [child.width for child in self.children] or [0.0]
        inside = sum(widths) + GAP * (len(widths) - 1) if self.is_row else max(widths)
        return max(text + 2 * PADDING, inside + 2 * self.frame + 2 * PADDING * self.has_bypass, 40.0)

    @property
    def height(self) -> float:
        if not self.children:
            return self.head + PADDING / 2
        heights = [child.height for child in self.children]
        inside = max(heights) if self.is_row else sum(heights) + GAP * (len(heights) - 1)
        ends = GAP if self.is_framed else 0.0  # where the arrows into and out of the frame's contents are
        return self.head + inside + 2 * ends


def graph(model: Model[Any, Any], profile: Profile | None = None, *, figure: Figure | None = None) -> Figure:
    """Draw a model as boxes and arrows, from its input above to its output below.

    Layers of a chain stand one below the other; those of `concatenate`, `add` and `tuplify` side by side. Layers in
    others, such as `residual` or `with_array`, stand in a frame. A dashed box is a layer that stands above, too.

    Parameters
    ----------
    model : Model
        The model.
    profile : Profile, optional
        What ``thinc.profile(model, X)`` returned: the more of the time a layer takes, the darker it is.
    figure : Figure, optional
        What to draw on; by default a new one, as large as the graph.

    Returns
    -------
    Figure
        Of matplotlib. ``savefig("model.svg")`` keeps the lines sharp.

    Raises
    ------
    ValueError
        If the profile is that of another model.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> thinc.plots.graph(model, thinc.profile(model, X)).savefig("model.svg")
    """
    nodes = describe("graph", model, profile)[1]
    box = _box(nodes, 0)[0]
    width, height = box.width + 2 * MARGIN, box.height + 2 * (MARGIN + GAP + LINE)
    figure = figure_or_new(figure, width / POINTS, height / POINTS, layout=None)
    axes = canvas(figure, width, height)
    middle, top, bottom = width / 2, MARGIN + LINE, height - MARGIN - LINE
    _write(axes, middle, top - LINE / 2, "input", FAINT)
    _write(axes, middle, bottom + LINE / 2, "output", FAINT)
    _arrow(axes, (middle, top), (middle, top + GAP))
    _draw(axes, box, middle, top + GAP)
    _arrow(axes, (middle, bottom - GAP), (middle, bottom))
    return figure


def _box(nodes: list[Described], i: int) -> tuple[Box, int]:
    """The box of a place, and the number of the place behind what is in it."""
    start = i
    (node, depth, _, is_first), row, timing = nodes[start]
    kind = kind_of(node)
    children = []
    i += 1
    while i < len(nodes) and nodes[i].place.depth > depth:
        child, i = _box(nodes, i)
        children.append(child)
    if kind == "chain" and children:
        return Box(children=children, is_framed=False), i
    details = [row.dims] if row.dims else []
    if row.count:
        details.append(row.count if not is_first else f"{row.count} parameters")
    color: Any = "white" if not children else "#f8fafc"
    if timing is not None and is_first:
        details.append(f"{timing.share:.1%} of the time")
        color = color if children else shade(timing.share)
    box = Box(
        heading=title_of(nodes[start]),
        details=details,
        children=children,
        is_row=kind in SIDE_BY_SIDE,
        has_bypass=kind == "residual",
        color=color,
        is_dashed=not is_first,
    )
    return box, i


def _draw(axes: Axes, box: Box, x: float, y: float) -> None:
    """Draw a box below a point."""
    if box.is_framed:
        _draw_frame(axes, box, x, y)
    if not box.children:
        return
    ends = GAP if box.is_framed else 0.0
    top, bottom = y + box.head + ends, y + box.height - ends
    if box.has_bypass:
        side = x + box.width / 2 - PADDING
        begin, end = top - ends + 2, bottom + ends - 6
        _arrow(axes, (x, begin), (side, begin), (side, end), (x, end))
    if not box.is_row:
        for number, child in enumerate(box.children):
            if number or box.is_framed:
                _arrow(axes, (x, top - GAP), (x, top))
            _draw(axes, child, x, top)
            top += child.height + GAP
        if box.is_framed:
            _arrow(axes, (x, bottom), (x, bottom + GAP))
        return
    left = x - (sum(child.width for child in box.children) + GAP * (len(box.children) - 1)) / 2
    for child in box.children:
        middle, end = left + child.width / 2, top + child.height
        _arrow(axes, (x, top - GAP), (x, top - GAP / 2), (middle, top - GAP / 2), (middle, top))
        _draw(axes, child, middle, top)
        _arrow(axes, (middle, end), (middle, bottom + GAP / 3), (x, bottom + GAP / 3), (x, bottom + GAP))
        left += child.width + GAP


def _draw_frame(axes: Axes, box: Box, x: float, y: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    axes.add_patch(
        FancyBboxPatch(
            (x - box.width / 2, y),
            box.width,
            box.height,
            boxstyle="round,pad=0,rounding_size=4",
            facecolor=box.color,
            edgecolor=LINES_COLOR,
            linewidth=0.9,
            linestyle="--" if box.is_dashed else "-",
        )
    )
    _write(axes, x, y + PADDING / 2 + LINE / 2, box.heading, INK, weight="bold")
    for number, text in enumerate(box.details, 1):
        _write(axes, x, y + PADDING / 2 + (number + 0.5) * LINE, text, FAINT)


def _write(axes: Axes, x: float, y: float, text: str, color: str, weight: str = "normal") -> None:
    axes.text(
        x, y, text, color=color, fontsize=FONT, fontweight=weight, ha="center", va="center", parse_math=False
    )


def _arrow(axes: Axes, *points: tuple[float, float]) -> None:
    """A line through points, with a head at the end."""
    axes.plot(*zip(*points[:-1], strict=True), color=LINES_COLOR, linewidth=0.9)
    axes.annotate(
        "",
        points[-1],
        points[-2],
        arrowprops={
            "arrowstyle": "-|>",
            "color": LINES_COLOR,
            "linewidth": 0.9,
            "shrinkA": 0,
            "shrinkB": 0,
            "mutation_scale": 7,
        },
    )
