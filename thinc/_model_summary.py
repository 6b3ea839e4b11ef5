"""A model as a table: the tree of its layers, their dimensions, and how many numbers they learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, List, Optional, Tuple

from ._model_places import Place, places_of
from ._util.table import html_table, text_table

if TYPE_CHECKING:
    from .model import Model

WIDEST_NAME = 48
AS_ABOVE = "as above"  # of a node that stands in another place already
HEADINGS = ("layer", "dimensions", "parameters", "shapes")


@dataclass(frozen=True)
class Row:
    """A node of the tree."""

    branch: str  # what draws the tree in text
    depth: int
    name: str
    dims: str
    count: str
    shapes: str

    def cells(self) -> Tuple[str, str, str, str]:
        return self.branch + self.name, self.dims, self.count, self.shapes


class Summary:
    """What ``Model.summary`` returns: text where it is printed, a table where a notebook shows it.

    Attributes
    ----------
    rows : list of Row
        The nodes, depth first. One that several nodes hold has its numbers in the first place alone.
    parameters : int
        How many numbers are learned, each counted once.
    size : int
        How many bytes they take.
    complete : bool
        False if there are parameters without a value, as before ``Model.initialize``, or in another framework's
        network.
    """

    def __init__(self, model: Model[Any, Any]):
        self.parameters = 0
        self.size = 0
        self.complete = True
        self.rows: List[Row] = [self._describe(place) for place in places_of(model)]

    def _describe(self, place: Place) -> Row:
        node = place.node
        dims = " ".join(
            f"{dim}={_known(node.get_dim(dim) if node.has_dim(dim) else None)}" for dim in node.dim_names
        )
        numbers = self._count(node) if place.is_first else (AS_ABOVE, "")
        return Row(place.branch, place.depth, short_name(node), dims, *numbers)

    def _count(self, node: Model[Any, Any]) -> Tuple[str, str]:
        """Number and shapes of the parameters of one node; adds them to the totals."""
        count = 0
        is_known = True
        shapes = []
        for name in node.param_names:
            if not node.has_param(name):
                is_known = self.complete = False
                shapes.append(f"{name} ?")
                continue
            value = node.get_param(name)
            count += int(value.size)
            self.size += int(value.nbytes)
            shapes.append(f"{name} {tuple(value.shape)}")
        for shim in node.shims:
            self.complete = False
            shapes.append(f"{type(shim).__name__}: not counted")
        self.parameters += count
        number = f"{count:,}" if count else ""
        return (number if is_known else f"{number} ?".strip()), ", ".join(shapes)

    @property
    def total(self) -> str:
        """The last line."""
        least = "" if self.complete else "at least "
        return f"{least}{self.parameters:,} parameters, {_bytes(self.size)}"

    def __str__(self) -> str:
        table = text_table([HEADINGS, *(row.cells() for row in self.rows)], "<<><")
        return f"{table}\n{self.total}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = [(row.depth, (row.name, *row.cells()[1:])) for row in self.rows]
        return html_table(HEADINGS, rows, self.total)


def short_name(node: Model[Any, Any]) -> str:
    """The name of a node, cut where it would be too wide for a table."""
    return node.name if len(node.name) <= WIDEST_NAME else node.name[: WIDEST_NAME - 1] + "…"


def _known(size: Optional[int]) -> str:
    return "?" if size is None else str(size)


def _bytes(size: int) -> str:
    number, units = float(size), ["bytes", "kB", "MB", "GB"]
    while number >= 1000 and len(units) > 1:
        number /= 1000
        units.pop(0)
    return f"{number:.0f} {units[0]}" if units[0] == "bytes" else f"{number:.1f} {units[0]}"
