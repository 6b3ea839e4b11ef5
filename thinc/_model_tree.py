"""The tree of models: orders of visiting its nodes, and surgery on it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Tuple

if TYPE_CHECKING:
    from .model import Model

# Nodes seen are held by reference, not just by id: the tree may be edited during a walk, and the
# address of a node that was dropped may be given to a new one.
Seen = Dict[int, "Model[Any, Any]"]


def nodes_of(root: Model[Any, Any]) -> List[Model[Any, Any]]:
    """Breadth first, all at once: for trees that nobody edits on the way."""
    nodes, seen = [root], {id(root)}
    for node in nodes:  # it grows
        for child in node._layers:
            if id(child) not in seen:
                seen.add(id(child))
                nodes.append(child)
    return nodes


def walk_bfs(root: Model[Any, Any]) -> Iterator[Model[Any, Any]]:
    """Breadth first. Children are queued when the next node is asked for, so that edits take effect."""
    seen: Seen = {id(root): root}
    queue = deque([root])
    while queue:
        node = queue.popleft()
        yield node
        for child in node._layers:
            if id(child) not in seen:
                seen[id(child)] = child
                queue.append(child)


def walk_dfs_pre(root: Model[Any, Any]) -> Iterator[Model[Any, Any]]:
    """Depth first, a node before its children."""
    seen: Seen = {id(root): root}
    yield root
    stack = [iter(root._layers)]
    while stack:
        for child in stack[-1]:
            if id(child) not in seen:
                seen[id(child)] = child
                yield child
                stack.append(iter(child._layers))
                break
        else:
            stack.pop()


def walk_dfs_post(root: Model[Any, Any]) -> Iterator[Model[Any, Any]]:
    """Depth first, a node after its children."""
    seen: Seen = {id(root): root}
    stack: List[Tuple[Model[Any, Any], Iterator[Model[Any, Any]]]] = [(root, iter(root._layers))]
    while stack:
        node, children = stack[-1]
        for child in children:
            if id(child) not in seen:
                seen[id(child)] = child
                stack.append((child, iter(child._layers)))
                break
        else:
            stack.pop()
            yield node


WALKS: Dict[str, Callable[[Model[Any, Any]], Iterator[Model[Any, Any]]]] = {
    "bfs": walk_bfs,
    "dfs_pre": walk_dfs_pre,
    "dfs_post": walk_dfs_post,
}


def remove_node(root: Model[Any, Any], target: Model[Any, Any]) -> None:
    """Delete every occurrence of a node, and unset the references that would leave the tree by it."""
    for node in list(walk_bfs(root)):
        if any(child is target for child in node._layers):
            node._layers[:] = [child for child in node._layers if child is not target]
    remaining = list(walk_bfs(root))
    inside = {id(node) for node in remaining}
    for node in remaining:
        for name, ref in node._refs.items():
            if ref is not None and id(ref) not in inside:
                node._refs[name] = None


def replace_node(root: Model[Any, Any], old: Model[Any, Any], new: Model[Any, Any]) -> bool:
    """Put one node in the place of another, in layers and references; tell whether it was found."""
    if old is root:
        return True
    nodes = list(walk_bfs(root))
    if not any(node is old for node in nodes):
        return False
    for node in nodes:
        if node is old:  # it may live on inside the new node
            continue
        for i, child in enumerate(node._layers):
            if child is old:
                node._layers[i] = new
        for name, ref in node._refs.items():
            if ref is old:
                node._refs[name] = new
    return True
