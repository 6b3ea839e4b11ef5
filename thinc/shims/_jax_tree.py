"""A tree of JAX parameters taken apart into arrays that are trained, arrays that are not, and everything else."""

from typing import Any, Dict, List, Sequence, Tuple

from .. import compat

Leaves = Tuple[Any, ...]


class ParameterTree:
    """The form of a tree of parameters, and what in it is no array.

    Arrays of floats are trained. Other arrays (counters, ids, random keys) are kept and saved; anything else that
    the tree holds, such as the activation function of an equinox module, is part of the function.

    Parameters
    ----------
    params
        Any pytree.

    Attributes
    ----------
    trained_names, kept_names : list of str
        The paths of the arrays: ``"dense.kernel"`` for ``{"dense": {"kernel": ...}}``.

    Raises
    ------
    ValueError
        If a parameter is complex.
    """

    def __init__(self, params: Any):
        tree_util = compat.jax.tree_util
        found, self._treedef = tree_util.tree_flatten_with_path(params)
        names = _name_paths([path for path, _ in found])
        self.trained_names: List[str] = []
        self.kept_names: List[str] = []
        self._kinds: List[str] = []
        self._others: List[Any] = []  # by position; None for an array
        for name, (_, leaf) in zip(names, found, strict=True):
            kind = _kind_of(name, leaf)
            self._kinds.append(kind)
            self._others.append(leaf if kind == "other" else None)
            if kind == "trained":
                self.trained_names.append(name)
            elif kind == "kept":
                self.kept_names.append(name)

    def split(self, params: Any) -> Tuple[Leaves, Leaves]:
        """The trained and the kept arrays of a tree of this form; ValueError if it is of another."""
        leaves, treedef = compat.jax.tree_util.tree_flatten(params)
        if treedef != self._treedef:
            raise ValueError(f"Expected a tree of parameters of the form {self._treedef}, got {treedef}")
        pairs = list(zip(self._kinds, leaves, strict=True))
        for kind, leaf in pairs:
            if kind != "other" and not hasattr(leaf, "shape"):
                raise ValueError(f"Expected an array as a parameter, got {type(leaf)}")
        return tuple(x for kind, x in pairs if kind == "trained"), tuple(
            x for kind, x in pairs if kind == "kept"
        )

    def join(self, trained: Sequence[Any], kept: Sequence[Any]) -> Any:
        """The tree of these arrays."""
        sources = {"trained": iter(trained), "kept": iter(kept), "other": iter(())}
        pairs = zip(self._kinds, self._others, strict=True)
        leaves = [next(sources[kind], other) for kind, other in pairs]
        return compat.jax.tree_util.tree_unflatten(self._treedef, leaves)


def pack_array(array: Any) -> Dict[str, Any]:
    """An array as a table of plain values. Unlike NumPy's names, those of JAX's types include bfloat16."""
    import numpy

    jax = compat.jax
    table = {}
    if jax.numpy.issubdtype(array.dtype, jax.dtypes.prng_key):
        table["prng"] = str(jax.random.key_impl(array))
        array = jax.random.key_data(array)
    host = numpy.asarray(array)
    little = host.astype(host.dtype.newbyteorder("<"), copy=False)
    return {"dtype": host.dtype.name, "shape": list(host.shape), "data": little.tobytes(), **table}


def unpack_array(table: Dict[str, Any]) -> Any:
    """The array of what `pack_array` gave: NumPy's, but JAX's for random keys."""
    import numpy

    dtype = numpy.dtype(compat.jax.numpy.dtype(table["dtype"]))
    little = numpy.frombuffer(table["data"], dtype=dtype.newbyteorder("<"))
    array = little.astype(dtype).reshape(table["shape"])
    if "prng" not in table:
        return array
    return compat.jax.random.wrap_key_data(compat.jax.numpy.asarray(array), impl=table["prng"])


def _kind_of(name: str, leaf: Any) -> str:
    jax = compat.jax
    dtype = getattr(leaf, "dtype", None)
    if dtype is None or not hasattr(leaf, "shape"):
        return "other"
    if jax.numpy.issubdtype(dtype, jax.numpy.complexfloating):
        raise ValueError(f"Cannot train the parameter '{name}': it is {dtype}, expected real numbers")
    return "trained" if jax.numpy.issubdtype(dtype, jax.numpy.floating) else "kept"


def _name_paths(paths: List[Any]) -> List[str]:
    """Unique names: short ones where they differ, those of JAX otherwise."""
    keystr = compat.jax.tree_util.keystr
    names = [".".join(str(_plain_key(key)) for key in path) or "params" for path in paths]
    return names if len(set(names)) == len(names) else [keystr(path) for path in paths]


def _plain_key(key: Any) -> Any:
    for attribute in ("key", "name", "idx"):
        if hasattr(key, attribute):
            return getattr(key, attribute)
    return key
