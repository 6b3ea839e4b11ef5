"""The linear layer of hashed features in ONNX."""

from ._hashing import Words, murmur3_x86_32
from ._layout import layout_of
from ._place import Exporter, Place
from ._values import Array, Value


def sparse_linear(place: Place, X: Value) -> Value:
    """For each class the bias, and for each feature its value times two weights that its key names."""
    if not isinstance(X, tuple) or len(X) != 3:
        raise place.refuse_kind("a tuple of 3 (keys, values, lengths)", X)
    graph, node = place.graph, place.node
    keys, lengths = place.array(X[0], 1, "integers"), place.array(X[2], 1, "integers")
    values = place.array(X[1], 1)
    layout = layout_of(graph, graph.cast(lengths.name, "int64"))
    # As many as the lengths say: where they are not, this is where runtimes stop.
    name = graph.op("Reshape", graph.cast(keys.name, "uint64"), layout.count, allowzero=1)
    hash_with, words = murmur3_x86_32(graph, name), Words(graph, 32)
    length, is_old = node.get_dim("length"), node.attrs["v1_indexing"]
    # Where the weights of each class begin; those of the first version share them.
    stride = 1 if is_old else length
    W, offsets = place.constant("W"), graph.integers(*range(0, node.get_dim("nO") * stride, stride))
    weights = []
    for seed in (0, 1):
        h = hash_with(seed)
        slot = words.low_bits(h, length - 1) if is_old else graph.op("Mod", h, words.number(length))
        place_of = graph.op("Add", layout.column(graph.cast(slot, "int64")), offsets)  # (N, nO)
        weights.append(graph.op("Gather", W, place_of))
    scale = layout.column(graph.cast(values.name, graph.dtype))
    scores = Array(graph.op("Mul", graph.op("Sum", *weights), scale), 2, graph.dtype.name)
    total = graph.op("ReduceSum", layout.pad(scores), graph.integers(1), keepdims=0)
    return Array(graph.op("Add", total, place.constant("b")), 2, graph.dtype.name)


# By the module in `thinc.layers` that the forward function of a layer is from.
EXPORTERS: dict[str, Exporter] = {"sparselinear": sparse_linear}
