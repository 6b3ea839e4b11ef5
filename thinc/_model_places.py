"""The tree of models as it is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterator, NamedTuple

if TYPE_CHECKING:
    from ._model_tree import Seen
    from .model import Model


class Place(NamedTuple):
    """Where a node stands in a drawing of the tree."""

    node: Model[Any, Any]
    depth: int
    branch: str  # what draws the tree in text
    is_first: bool  # not so where the node stands in another place above; its children are left out then


def places_of(root: Model[Any, Any]) -> Iterator[Place]:
    """Every place that holds a node, depth first: as the tree is drawn."""
    seen: Seen = {}

    def visit(node: Model[Any, Any], depth: int, branch: str, below: str) -> Iterator[Place]:
        is_first = id(node) not in seen
        seen[id(node)] = node
        yield Place(node, depth, branch, is_first)
        children = node._layers if is_first else []
        for i, child in enumerate(children, 1):
            is_last = i == len(children)
            yield from visit(
                child, depth + 1, below + ("└ " if is_last else "├ "), below + ("  " if is_last else "│ ")
            )

    return visit(root, 0, "", "")
