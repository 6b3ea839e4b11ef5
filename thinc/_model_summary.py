"""A model as a table: the tree of its layers, their dimensions, and how many numbers they learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Iterator, List, Optional, Set, Tuple

if TYPE_CHECKING:
    from .model import Model

WIDEST_NAME = 48
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
        self._seen: Set[int] = set()
        self.rows: List[Row] = list(self._visit(model, "", "", 0))

    def _visit(self, node: Model[Any, Any], branch: str, below: str, depth: int) -> Iterator[Row]:
        is_first = id(node) not in self._seen
        self._seen.add(id(node))
        name = node.name if len(node.name) <= WIDEST_NAME else node.name[: WIDEST_NAME - 1] + "…"
        dims = " ".join(
            f"{dim}={_known(node.get_dim(dim) if node.has_dim(dim) else None)}" for dim in node.dim_names
        )
        if not is_first:
            yield Row(branch, depth, name, dims, "as above", "")
            return
        yield Row(branch, depth, name, dims, *self._count(node))
        for i, child in enumerate(node.layers):
            is_last = i == len(node.layers) - 1
            yield from self._visit(
                child, below + ("└ " if is_last else "├ "), below + ("  " if is_last else "│ "), depth + 1
            )

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
        table = [HEADINGS, *(row.cells() for row in self.rows)]
        widths = [max(len(cells[i]) for cells in table) for i in range(len(HEADINGS))]
        lines = [
            f"{cells[0]:<{widths[0]}}  {cells[1]:<{widths[1]}}  {cells[2]:>{widths[2]}}  {cells[3]}".rstrip()
            for cells in table
        ]
        return "\n".join([*lines, self.total])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from html import escape

        head = "".join(f"<th>{heading}</th>" for heading in HEADINGS)
        rows = "".join(
            f'<tr><td style="text-align:left;padding-left:{row.depth * 1.2 + 0.5:.1f}em">{escape(row.name)}</td>'
            f"<td>{escape(row.dims)}</td><td>{escape(row.count)}</td><td>{escape(row.shapes)}</td></tr>"
            for row in self.rows
        )
        return (
            f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table><p>{escape(self.total)}</p>"
        )


def _known(size: Optional[int]) -> str:
    return "?" if size is None else str(size)


def _bytes(size: int) -> str:
    number, units = float(size), ["bytes", "kB", "MB", "GB"]
    while number >= 1000 and len(units) > 1:
        number /= 1000
        units.pop(0)
    return f"{number:.0f} {units[0]}" if units[0] == "bytes" else f"{number:.1f} {units[0]}"
