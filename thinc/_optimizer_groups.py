"""Groups of parameters: settings of their own for those that a pattern means, and parameters that are frozen."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from ._optimizer_settings import start_setting

Key = tuple[int, str]

# Arguments to the attributes they set. Kinds of optimizers may call some of them otherwise.
ATTRIBUTES = {
    "learn_rate": "learn_rate",
    "lr_scale": "lr_scale",
    "L2": "L2",
    "beta1": "b1",
    "beta2": "b2",
    "eps": "eps",
    "grad_clip": "grad_clip",
}
_MANY = 30  # of the names that an error lists


class Group:
    """What the parameters that match some patterns have of their own.

    Attributes
    ----------
    name : str
    patterns : list of str
    values : dict
        Attribute of `Optimizer`, or "lr_scale", to its value now.
    schedules : dict
        Attribute to the iterator that gives the values that follow.
    """

    __slots__ = ("name", "patterns", "schedules", "values")

    def __init__(self, name: str, settings: Any, arguments: Mapping[str, str]):
        if not isinstance(settings, Mapping):
            raise ValueError(f"groups: expected a dict of settings for '{name}', got {settings!r}")
        self.name = name
        self.patterns = as_patterns(settings.get("match", name), f"groups: 'match' of '{name}'")
        self.values: dict[str, Any] = {}
        self.schedules: dict[str, Any] = {}
        for argument, value in settings.items():
            if argument == "match":
                continue
            if argument not in arguments:
                raise ValueError(
                    f"groups: '{name}' has '{argument}'; expected settings among {sorted(arguments)} and 'match'"
                )
            attribute = arguments[argument]
            problem = f"Invalid value for the setting '{argument}' of the group '{name}'"
            self.values[attribute], schedule = start_setting(value, problem)
            if schedule is not None:
                self.schedules[attribute] = schedule


class GroupSettings:
    """The settings of parameters that are in some groups: those of the last one that has it, or the optimizer's."""

    __slots__ = ("_groups", "_optimizer")

    def __init__(self, optimizer: Any, groups: Sequence[Group]):
        self._optimizer = optimizer
        self._groups = groups

    def __getattr__(self, name: str) -> Any:
        value = self._find(name, None)
        if value is None:
            value = getattr(self._optimizer, name)
        return value * self._find("lr_scale", 1.0) if name == "learn_rate" else value

    def _find(self, name: str, default: Any) -> Any:
        return next((g.values[name] for g in reversed(self._groups) if name in g.values), default)


class Names:
    """The parameters of a tree by name: which settings each has, and whether it is frozen.

    Attributes
    ----------
    settings : dict
        Key to `GroupSettings`, of all parameters of which the name is known.
    frozen : set
        Keys of those that are frozen.
    """

    def __init__(self, mark: Any, optimizer: Any, nodes: Sequence[Any]):
        self.mark = mark
        self.settings: dict[Any, GroupSettings] = {}
        self.frozen: set[Any] = set()
        self._optimizer = optimizer
        self._views: dict[tuple[int, ...], GroupSettings] = {}
        self._ways: dict[int, list[Any]] = {}  # of nodes and shims: the nodes from the root
        parents: dict[int, Any] = {}
        for node in nodes:  # breadth first
            for child in node.layers:
                parents.setdefault(child.id, node)
        for node in nodes:
            way = [node]
            while way[0] is not nodes[0]:
                way.insert(0, parents[way[0].id])
            self._ways[node.id] = way
            self._ways.update((shim.id, way) for shim in node.shims)
        keys = [(node.id, name) for node in nodes for name in node.param_names]
        named = [_names_in(shim) for node in nodes for shim in node.shims]
        keys += [key for names in named for key in names or ()]
        self._check(keys, any(names is None for names in named))
        for key in keys:
            self.look_up(key)

    def look_up(self, key: Any) -> None:
        """Find out about a parameter.

        Raises
        ------
        ValueError
            If it is not one of the tree.
        """
        if key in self.settings:
            return
        owner, name = key if isinstance(key, tuple) and len(key) == 2 else (None, "")
        if owner not in self._ways:
            raise ValueError(
                f"Cannot update parameter {key}: the optimizer has groups or frozen parameters, which are found by "
                "their names in a model, and this is in none. Call finish_update of the model, or use an optimizer "
                "without groups."
            )
        way = self._ways[owner]
        chosen = tuple(
            i
            for i, group in enumerate(self._optimizer.groups)
            if any(is_meant(pattern, way, name) for pattern in group.patterns)
        )
        if any(is_meant(pattern, way, name) for pattern in self._optimizer.frozen):
            self.frozen.add(key)
        if chosen not in self._views:
            groups = [self._optimizer.groups[i] for i in chosen]
            self._views[chosen] = GroupSettings(self._optimizer, groups)
        self.settings[key] = self._views[chosen]

    def _check(self, keys: list[Key], has_unknown: bool) -> None:
        patterns = [p for group in self._optimizer.groups for p in group.patterns] + self._optimizer.frozen
        for pattern in patterns:
            if has_unknown and "." in pattern:
                continue
            if not any(is_meant(pattern, self._ways[owner], name) for owner, name in keys):
                choices = dict.fromkeys(
                    "/".join(node.name for node in self._ways[owner]) + f".{name}" for owner, name in keys
                )
                listed = ", ".join(list(choices)[:_MANY]) + (", ..." if len(choices) > _MANY else "")
                raise ValueError(
                    f"Cannot update the model: no parameter matches '{pattern}', a pattern of the optimizer's groups "
                    f"or frozen parameters. Nothing has been changed. Parameters are: {listed}"
                )


def make_groups(groups: Any, arguments: Mapping[str, str]) -> list[Group]:
    """Groups from a dict of their settings; see `thinc.optimizers.Optimizer`.

    Raises
    ------
    ValueError
        If it is something else, or has settings of which there are none.
    """
    if groups is None:
        return []
    if not isinstance(groups, Mapping):
        raise ValueError(f"groups: expected a dict of patterns to settings, got {groups!r}")
    return [Group(name, settings, arguments) for name, settings in groups.items()]


def as_patterns(value: Any, what: str) -> list[str]:
    """One pattern or several, as a list."""
    patterns = [value] if isinstance(value, str) else list(value) if isinstance(value, Iterable) else [value]
    if not patterns or not all(isinstance(pattern, str) and pattern for pattern in patterns):
        raise ValueError(
            f"{what}: expected a pattern, or several, of names of nodes and parameters, got {value!r}"
        )
    return patterns


def is_meant(pattern: str, way: Sequence[Any], name: str) -> bool:
    """Whether a pattern means a parameter, or a node on the way to it.

    Parameters
    ----------
    pattern : str
        As `thinc.optimizers.Optimizer` describes them.
    way : list of nodes
        From the root to the node that has the parameter.
    name : str
        Of the parameter.
    """
    *above, last = pattern.split("/")
    for end in range(len(way), len(above), -1):
        node = way[end - 1]
        parents = way[end - 1 - len(above) : end - 1]
        if not all(_matches(part, parent.name) for part, parent in zip(above, parents, strict=True)):
            continue
        if last in ("*", node.name) or (_matches(last, node.name) and not _is_composed(node)):
            return True
        if end == len(way) and "." in last and _matches(last, f"{node.name}.{name}"):
            return True
    return False


def _is_composed(node: Any) -> bool:
    """Whether the name of a node is made of those of its layers, as combinators do: ``embed>>linear``."""
    return any(
        child.name != node.name and re.search(rf"(?<!\w){re.escape(child.name)}(?!\w)", node.name)
        for child in node.layers
    )


def _matches(pattern: str, text: str) -> bool:
    return _compile(pattern).fullmatch(text) is not None


@lru_cache(maxsize=256)
def _compile(pattern: str) -> re.Pattern[str]:
    """Only ``*`` and ``?`` are special: names have brackets in them."""
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def _names_in(shim: Any) -> list[Key] | None:
    """The keys of a shim's parameters; None if it does not know."""
    try:
        return [(shim.id, name) for name in shim.gradient_types()]
    except NotImplementedError:
        return None
