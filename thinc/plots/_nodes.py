"""What pictures of models say about a node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .._model_places import Place, places_of
from .._model_summary import Summary

if TYPE_CHECKING:
    from .._model_summary import Row
    from .._profile import Profile, Row as Timing
    from ..model import Model


class Described(NamedTuple):
    place: Place
    row: Row
    timing: Timing | None


def describe(what: str, model: Model[Any, Any], profile: Profile | None) -> tuple[Summary, list[Described]]:
    """Every place of the tree, with what is known of it.

    Raises
    ------
    ValueError
        If the profile is that of another model.
    """
    summary = model.summary()
    places = list(places_of(model))
    timings: list[Any] = [None] * len(places)
    if profile is not None:
        timings = profile.rows
        if [(row.depth, row.name) for row in timings] != [(row.depth, row.name) for row in summary.rows]:
            raise ValueError(
                f"{what}: expected a profile of this model, got one of '{timings[0].name}': call "
                "thinc.profile(model, X) again if the model has changed since"
            )
    return summary, [Described(*about) for about in zip(places, summary.rows, timings, strict=True)]


def kind_of(node: Model[Any, Any]) -> str:
    """What combines layers: the function that made it, as far as it is one of this package; else the node's name."""
    module = getattr(node._func, "__module__", None) or ""
    package, _, name = module.rpartition(".")
    return name if package == "thinc.layers" and not name.startswith("_") else node.name[:24]


def title_of(about: Described) -> str:
    """The name of a layer; of one with layers in it what it does with them, for its name has theirs in it."""
    node, _, _, is_first = about.place
    return kind_of(node) if is_first and node.layers else about.row.name


def shade(share: float) -> tuple[float, float, float, float]:
    """A color for a share of the time: white for nothing, orange for all."""
    strength = min(1.0, max(0.0, share)) ** 0.5  # most layers have little
    return (1.0, 1.0 - 0.45 * strength, 1.0 - 0.9 * strength, 1.0)
