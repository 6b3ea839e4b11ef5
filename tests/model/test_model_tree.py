"""The tree: orders of visiting, removing, replacing and wrapping nodes."""

import pytest

from thinc.model import wrap_model_recursive


@pytest.fixture
def tree(node):
    """chain(inner, inner) with inner = chain(r1, r2)."""
    inner = node("inner", node("r1"), node("r2"))
    return node("outer", inner, inner)


def names(nodes):
    return [node.name for node in nodes]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("bfs", ["outer", "inner", "r1", "r2"]),
        ("dfs_pre", ["outer", "inner", "r1", "r2"]),
        ("dfs_post", ["r1", "r2", "inner", "outer"]),
    ],
)
def test_walk_visits_each_node_once(tree, order, expected):
    assert names(tree.walk(order=order)) == expected


def test_orders_differ(node):
    tree = node("root", node("a", node("a1")), node("b", node("b1")))
    assert names(tree.walk()) == ["root", "a", "b", "a1", "b1"]
    assert names(tree.walk(order="dfs_pre")) == ["root", "a", "a1", "b", "b1"]
    assert names(tree.walk(order="dfs_post")) == ["a1", "a", "b1", "b", "root"]


def test_invalid_order_is_refused_at_the_call(tree):
    with pytest.raises(ValueError, match="Invalid order"):
        tree.walk(order="sideways")


@pytest.mark.parametrize("order", ["bfs", "dfs_pre", "dfs_post"])
def test_cycles_end(node, order):
    tree = node("root", node("a"))
    tree.layers[0].layers.append(tree)
    assert sorted(names(tree.walk(order=order))) == ["a", "root"]


def test_breadth_first_is_lazy(node):
    tree = node("root", node("a", node("a1")), node("b"))
    seen = []
    for current in tree.walk():
        seen.append(current.name)
        if current is tree:
            tree.layers[1] = node("c", node("c1"))
        elif current.name == "a":
            current._layers = [node("a2")]
    assert seen == ["root", "a", "c", "a2", "c1"]


def test_walk_does_not_take_a_new_node_for_a_dropped_one(node):
    # A node made while another one was just freed may get its address.
    tree = node("root", *[node(f"old{i}") for i in range(50)])
    seen = []
    for current in tree.walk():
        seen.append(current.name)
        if current.name.startswith("old"):
            i = tree.layers.index(current)
            tree.layers[i] = None
            current.layers.append(node(f"new{i}"))
        del current
    assert len(seen) == 101


def test_remove_node_everywhere(node):
    gone = node("gone", node("below"))
    tree = node("root", node("a", gone, node("b"), gone), gone)
    tree.set_ref("gone", gone)
    tree.set_ref("below", gone.layers[0])
    tree.set_ref("stays", tree.layers[0])
    tree.remove_node(gone)
    assert names(tree.walk()) == ["root", "a", "b"]
    assert tree.has_ref("gone") is None
    assert tree.has_ref("below") is None
    assert tree.get_ref("stays").name == "a"


def test_edge_model_1_remove_node_with_an_unset_ref(node):
    tree = node("root", node("a"), node("b"), refs={"later": None})
    tree.remove_node(tree.layers[0])
    assert names(tree.walk()) == ["root", "b"]
    assert tree.has_ref("later") is None


def test_edge_model_13_replace_node_everywhere_and_in_refs(node):
    old, new = node("old"), node("new")
    tree = node("root", node("a", node("b", old)), old)
    tree.set_ref("deep", old)
    tree.layers[0].set_ref("deep", old)
    held = tree.layers
    assert tree.replace_node(old, new) is True
    assert names(tree.walk(order="dfs_pre")) == ["root", "a", "b", "new"]
    assert tree.get_ref("deep") is new
    assert tree.layers[0].get_ref("deep") is new
    assert names(held) == ["a", "new"]
    assert tree.replace_node(old, new) is False


def test_edge_model_1_replace_node_with_an_unset_ref(node):
    old = node("old")
    tree = node("root", old, refs={"later": None})
    assert tree.replace_node(old, node("new"))
    assert names(tree.walk()) == ["root", "new"]
    assert tree.has_ref("later") is None


def test_replace_node_by_its_wrapper(node):
    old = node("old", node("leaf"))
    tree = node("root", old)
    tree.set_ref("r", old)
    wrapper = node("wrapper", old)
    assert tree.replace_node(old, wrapper)
    assert names(tree.walk()) == ["root", "wrapper", "old", "leaf"]
    assert tree.get_ref("r") is wrapper


def test_replace_node_keeps_refs_between_siblings(node):
    old, new = node("old"), node("new")
    sibling = node("sibling", refs={"to": old})
    tree = node("root", old, sibling)
    tree.replace_node(old, new)
    assert sibling.get_ref("to") is new


def test_the_root_cannot_be_replaced(node):
    tree = node("root", node("a"))
    assert tree.replace_node(tree, node("new")) is True
    assert names(tree.walk()) == ["root", "a"]


def test_wrap_model_recursive(node, tree):
    wrapped = wrap_model_recursive(tree, lambda inner: node(f"w({inner.name})", inner))
    assert wrapped.name == "w(outer)"
    (outer,) = wrapped.layers
    assert outer is tree
    assert names(outer.layers) == ["w(inner)", "w(inner)"]
    assert outer.layers[0] is outer.layers[1]
    assert names(outer.layers[0].layers[0].layers) == ["w(r1)", "w(r2)"]


def test_edge_model_12_wrap_model_recursive_wraps_each_node_once(tree):
    seen = []

    def in_place(current):
        seen.append(current.name)
        return current

    assert wrap_model_recursive(tree, in_place) is tree
    assert sorted(seen) == ["inner", "outer", "r1", "r2"]
