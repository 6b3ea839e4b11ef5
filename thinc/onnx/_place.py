"""What an exporter is told: the graph, the layer, and where that stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from ..model import Model
from ._values import Array, Sequences, Value, describe

if TYPE_CHECKING:
    from ._graph import Graph

KIND_NAMES = {"list": "a list of arrays", "Ragged": "a Ragged", "Padded": "a Padded"}


@dataclass(frozen=True)
class Place:
    """A layer on its way into the graph."""

    graph: Graph
    node: Model[Any, Any]
    prefix: str  # of the names of parameters
    export: Callable[[Graph, Model[Any, Any], str, Value], Value]

    def param(self, name: str) -> Any:
        """A parameter as an array of NumPy."""
        return self.node.ops.to_numpy(self.node.get_param(name))

    def constant(self, name: str, value: Any = None) -> str:
        """Add an array under the name of a parameter, by default the parameter itself."""
        return self.graph.constant(self.prefix + name, self.param(name) if value is None else value)

    def child(self, number: int, X: Value) -> Value:
        """Add a layer inside of this one."""
        return self.export(self.graph, self.node.layers[number], f"{self.prefix}{number}.", X)

    def refuse(self, reason: str) -> ValueError:
        """The error that says why the layer cannot be exported."""
        where = self.prefix.rstrip(".") or "the root"
        return ValueError(f"Cannot export layer '{self.node.name}' (at {where}) to ONNX: {reason}")

    def array(self, X: Value, ndim: int | None = None, kind: str | None = None) -> Array:
        """Expect an array, of this number of dimensions, of "floats" or "integers"."""
        fits = isinstance(X, Array) and ndim in (None, X.ndim)
        if not fits or kind not in (None, "floats" if X.dtype.startswith("float") else "integers"):  # type: ignore[union-attr]
            raise self.refuse_kind(
                f"{f'a {ndim}-d' if ndim else 'an'} array{f' of {kind}' if kind else ''}", X
            )
        return X  # type: ignore[return-value]

    def rows(self, X: Value) -> Array:
        """Expect an array (B, nI) of floats."""
        return self.array(X, 2, "floats")

    def sequences(self, X: Value, *kinds: str) -> Sequences:
        """Expect sequences of one of the kinds."""
        if not isinstance(X, Sequences) or X.kind not in kinds:
            raise self.refuse_kind(" or ".join(KIND_NAMES[kind] for kind in kinds), X)
        return X

    def refuse_kind(self, wanted: str, X: Value) -> ValueError:
        return self.refuse(
            f"it takes {wanted}, but gets {describe(X)}. "
            "save_onnx(path, model, X) exports the model for inputs like the sample X."
        )


Exporter: TypeAlias = Callable[[Place, Value], Value]
Rows: TypeAlias = Callable[[Place, str], str]


def on_rows(export: Rows) -> Exporter:
    """An exporter of a layer from arrays (B, nI) to arrays (B, nO), by one that knows names only."""
    return lambda place, X: replace(place.rows(X), name=export(place, X.name))  # type: ignore[union-attr]


def on_array(export: Rows) -> Exporter:
    """An exporter of a layer that keeps the shape of an array of floats."""
    return lambda place, X: replace(place.array(X, None, "floats"), name=export(place, X.name))  # type: ignore[union-attr]


def on_sequences(export: Callable[[Place, Sequences], Value], *kinds: str) -> Exporter:
    """An exporter of a layer that takes sequences of some kinds, with rows of floats."""

    def export_sequences(place: Place, X: Value) -> Value:
        Xs = place.sequences(X, *kinds)
        place.rows(Xs.rows)
        return export(place, Xs)

    return export_sequences
