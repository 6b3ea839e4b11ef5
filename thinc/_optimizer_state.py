"""An optimizer's state to and from plain data, independent of the ids that models have in a process."""

from collections import defaultdict
from collections.abc import Callable
from copy import copy
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy

from ._optimizer_settings import as_python_number, is_number
from ._schedule_plateau import Plateau
from ._util.arrays import to_numpy
from ._util.series import Series, exhaust

if TYPE_CHECKING:
    from .optimizers import Optimizer

SETTINGS = ("learn_rate", "b1", "b2", "eps", "L2", "grad_clip")
FLAGS = ("use_radam", "L2_is_weight_decay")
COUNTS = ("nr_update", "nr_skipped")
ATOMS = (type(None), bool, int, float, str, bytes)
# What is written only where it is not so: earlier versions do not know it.
CHOICES: dict[str, Any] = {"clip": "parameter", "average_bias_correction": False, "frozen": []}
LAST_POSITION = 10**9  # getting there takes a minute; damaged data must not take forever
# The parts of a parameter's state that are arrays, and the optimizer's dict that holds them.
ARRAYS = {"moment1": "mom1", "moment2": "mom2", "average": "averages"}


def to_state(optimizer: "Optimizer", model: Any = None) -> dict[str, Any]:
    """Collect settings, positions of schedules and the state of every parameter; arrays are not copied.

    Parameters
    ----------
    optimizer : Optimizer
    model : Model, optional
        The tree whose parameters it updates: their keys, which hold ids of this process, are written as
        places in the tree.

    Raises
    ------
    ValueError
        If there is state of a parameter that is not in the tree, or a setting is no number.
    TypeError
        If a key cannot be written.
    """
    places = {} if model is None else _places(model)
    tables: dict[str, dict[Any, Any]] = {
        part: getattr(optimizer, name) or {} for part, name in ARRAYS.items()
    }
    counts = {name: getattr(optimizer, name) for name in COUNTS}
    keys = dict.fromkeys(key for table in (*tables.values(), *counts.values()) for key in table)
    parameters = []
    for key in keys:
        state: dict[str, Any] = {"key": _encode_key(key, places, model)}
        state |= {part: _little_endian(table[key]) for part, table in tables.items() if key in table}
        state |= {name: table.get(key, 0) for name, table in counts.items()}
        parameters.append(state)
    whole: dict[str, Any] = {
        "settings": _plain_numbers({name: getattr(optimizer, name) for name in SETTINGS}),
        "flags": {name: bool(getattr(optimizer, name)) for name in FLAGS},
        "averages": optimizer.averages is not None,
        "schedules": _positions(optimizer, optimizer.schedules),
        "parameters": parameters,
    }
    if optimizer.rule is not None:
        whole["rule"] = {"name": optimizer.rule.name, "options": optimizer.rule.options}
    chosen = {name: getattr(optimizer, name) for name in CHOICES}
    whole |= {name: value for name, value in chosen.items() if value != CHOICES[name]}
    if optimizer.groups:
        whole["groups"] = {
            group.name: {
                "values": _plain_numbers(group.values),
                "schedules": _positions(optimizer, group.schedules),
            }
            for group in optimizer.groups
        }
    return whole


def prepare_state(
    optimizer: "Optimizer",
    state: Any,
    model: Any = None,
    what: str = "the optimizer's state",
    *,
    is_loaded: bool = False,
) -> Callable[[], None]:
    """Check what `to_state` gave against an optimizer, and return the function that takes it over.

    With `is_loaded` it is checked against the parameters of the model, too, as far as there are any.

    Raises
    ------
    ValueError
        If the data is malformed, or belongs to an optimizer or model that is built differently; nothing has
        been changed.
    """

    def refuse(problem: str) -> ValueError:
        return ValueError(f"Cannot load {what}: {problem}")

    of_one_size = optimizer.rule is None or optimizer.rule.own_from is None
    _check_layout(state, of_one_size, refuse)
    rule = _prepare_rule(optimizer.rule, state.get("rule"), refuse)
    advances = _prepare_schedules(optimizer, optimizer.schedules, state["schedules"], refuse)
    advances += _prepare_groups(optimizer, state.get("groups", {}), refuse)
    nodes = [] if model is None else list(model.walk())
    tables: dict[str, dict[Any, Any]] = {part: {} for part in ARRAYS}
    counts: dict[str, dict[Any, int]] = {name: {} for name in COUNTS}
    for entry in state["parameters"]:
        key, node = _decode_key(entry["key"], nodes, model, refuse)
        if key in counts["nr_update"]:
            raise refuse(f"it has the parameter {key} twice")
        if is_loaded and node is not None and node.id == key[0]:
            problem = _find_unfit_parameter(entry, node, of_one_size)
            if problem is not None:
                raise refuse(problem)
        for part, table in tables.items():
            if part in entry:
                array = entry[part].astype(entry[part].dtype.newbyteorder("="), copy=True)
                table[key] = array if node is None else node.ops.asarray(array)
        for name, table in counts.items():
            table[key] = entry[name]

    def apply() -> None:
        for advance in advances:
            advance()
        optimizer.rule = rule
        for name, default in CHOICES.items():
            setattr(optimizer, name, copy(state.get(name, default)))
        optimizer._forget_names()
        for name in SETTINGS:
            setattr(optimizer, name, state["settings"][name])
        for name in FLAGS:
            setattr(optimizer, name, state["flags"][name])
        optimizer.mom1, optimizer.mom2 = tables["moment1"], tables["moment2"]
        optimizer.averages = tables["average"] if state["averages"] else None
        for name, table in counts.items():
            setattr(optimizer, name, defaultdict(int, {key: n for key, n in table.items() if n}))

    return apply


def _plain_numbers(values: dict[str, Any]) -> dict[str, Any]:
    """Settings as `prepare_state` takes them: what has been assigned may be any number, and a `grad_clip` None."""
    plain = {}
    for name, value in values.items():
        number = 0.0 if value is None and name == "grad_clip" else as_python_number(value)
        if not is_number(number):
            raise ValueError(
                f"Cannot save the optimizer's state: its setting '{name}' is {value!r}; expected a number"
            )
        plain[name] = number if isinstance(number, (int, float)) else float(number)
    return plain


def _places(model: Any) -> dict[int, list[int]]:
    """The ids of nodes and shims, and where they are: the place in the walk, and that among the node's shims."""
    places: dict[int, list[int]] = {}
    for i, node in enumerate(model.walk()):
        places[node.id] = [i]
        places.update((shim.id, [i, j]) for j, shim in enumerate(node.shims))
    return places


def _encode_key(key: Any, places: dict[int, list[int]], model: Any) -> dict[str, Any]:
    if model is not None and isinstance(key, tuple) and len(key) == 2 and isinstance(key[1], str):
        owner, name = key
        if owner in places:
            return {"place": places[owner], "name": name}
        if isinstance(owner, int):
            raise ValueError(
                f"Cannot save the optimizer's state: its parameter {key} is not in the tree of model "
                f"'{model.name}'. Save with the model that holds all its parameters, or delete the state of "
                "those that are gone from mom1, mom2, averages and nr_update."
            )
    return {"plain": _encode_plain(key)}


def _encode_plain(key: Any) -> Any:
    if isinstance(key, tuple):
        return [_encode_plain(part) for part in key]
    if not isinstance(key, ATOMS):
        raise TypeError(
            f"Cannot save the optimizer's state: the key {key!r} of a parameter holds {type(key)}; expected "
            "numbers, text, bytes and tuples of these"
        )
    return key


def _decode_key(entry: dict[str, Any], nodes: list[Any], model: Any, refuse: Any) -> tuple[Any, Any]:
    """The key of a parameter in this process, and its node if it is in the tree."""
    if "plain" in entry:
        return _decode_plain(entry["plain"]), None
    if model is None:
        raise refuse(
            "it was saved together with a model; load it with `model=`, so that parameters are found"
        )
    place, name = entry["place"], entry["name"]
    if place[0] >= len(nodes) or (len(place) == 2 and place[1] >= len(nodes[place[0]].shims)):
        raise refuse(
            f"it has a parameter '{name}' at place {place}, but model '{model.name}' has {len(nodes)} nodes "
            "and no such one. Build it with the same layers as the one that was saved"
        )
    node = nodes[place[0]]
    owner = node if len(place) == 1 else node.shims[place[1]]
    return (owner.id, name), node


def _decode_plain(key: Any) -> Any:
    return tuple(_decode_plain(part) for part in key) if isinstance(key, list) else key


def _little_endian(array: Any) -> numpy.ndarray:
    array = to_numpy(array)
    return numpy.asarray(array, dtype=array.dtype.newbyteorder("<"))


def _positions(optimizer: "Optimizer", schedules: dict[str, Any]) -> dict[str, Any]:
    """For each schedule how many values have been drawn from it, or the state of one that follows scores."""
    return {name: _position(optimizer, schedule) for name, schedule in schedules.items()}


def _position(optimizer: "Optimizer", schedule: Any) -> Any:
    if isinstance(schedule, Plateau):
        return schedule.get_state()
    return schedule.position if isinstance(schedule, Series) else optimizer._drawn


def _prepare_schedules(
    optimizer: "Optimizer", schedules: dict[str, Any], positions: dict[str, Any], refuse: Any
) -> list[Callable[[], None]]:
    for name in positions:
        if name not in schedules:
            raise refuse(f"it was saved with a schedule for '{name}', but the optimizer has a constant there")
    missing = set(schedules) - set(positions)
    if missing:
        raise refuse(f"the optimizer has schedules for {sorted(missing)}, the data has none for these")
    return [
        _prepare_schedule(optimizer, name, schedules[name], positions[name], refuse) for name in positions
    ]


def _prepare_groups(optimizer: "Optimizer", saved: dict[str, Any], refuse: Any) -> list[Callable[[], None]]:
    groups = {group.name: group for group in optimizer.groups}
    if list(saved) != list(groups):
        raise refuse(f"it was saved with the groups {list(saved)}, and the optimizer has {list(groups)}")
    steps: list[Callable[[], None]] = []
    for name, entry in saved.items():
        if set(entry["values"]) != set(groups[name].values):
            raise refuse(
                f"its group '{name}' has {sorted(entry['values'])}, and the optimizer's {sorted(groups[name].values)}"
            )
        steps += _prepare_schedules(optimizer, groups[name].schedules, entry["schedules"], refuse)
        steps.append(partial(groups[name].values.update, entry["values"]))
    return steps


def _prepare_schedule(
    optimizer: "Optimizer", name: str, schedule: Any, position: Any, refuse: Any
) -> Callable[[], None]:
    if isinstance(schedule, Plateau):
        try:
            return schedule.prepare_state(position)
        except ValueError as err:
            raise refuse(f"the schedule of '{name}': {err}") from err
    if isinstance(position, dict):
        raise refuse(f"it was saved with a plateau for '{name}', but the optimizer has a {type(schedule)}")
    now = _position(optimizer, schedule)
    if isinstance(schedule, Series):
        if position < now:
            schedule.check_repeatable()
        return lambda: schedule.seek(position)
    if position < now:
        raise refuse(
            f"the schedule of '{name}' was at its value number {position} and is at {now} now. A {type(schedule)} "
            "cannot go back: load into a new optimizer, or use a built-in schedule"
        )

    def replay() -> None:
        exhaust(islice(schedule, position - now))
        optimizer._drawn = position

    return replay


def _prepare_rule(rule: Any, saved: Any, refuse: Any) -> Any:
    """The optimizer's rule, with the options that were saved."""
    if saved is None and rule is None:
        return None
    kind = "SGD, Adam or RAdam"
    if saved is not None:
        if not isinstance(saved, dict) or not isinstance(saved.get("options"), dict):
            raise refuse(f"expected the name and the options of a kind of optimizer, got {saved!r}")
        kind = saved.get("name")
    name = "SGD, Adam or RAdam" if rule is None else rule.name
    if kind != name:
        raise refuse(f"it was saved by {kind}, and this is {name}")
    now = rule.options
    options = saved["options"]
    if {key: type(value) for key, value in now.items()} != {
        key: type(value) for key, value in options.items()
    }:
        raise refuse(f"expected options of {name} such as {now}, got {options}")
    return type(rule)(**options)


def _check_layout(state: Any, of_one_size: bool, refuse: Any) -> None:
    if not isinstance(state, dict) or not all(
        isinstance(state.get(key), kind)
        for key, kind in (
            ("settings", dict),
            ("flags", dict),
            ("averages", bool),
            ("schedules", dict),
            ("parameters", list),
        )
    ):
        raise refuse("it is not laid out as the state of an optimizer")
    for name in SETTINGS:
        value = state["settings"].get(name)
        if not isinstance(value, (int, float)):
            raise refuse(f"expected a number for the setting '{name}', got {value!r}")
    if not all(isinstance(state["flags"].get(name), bool) for name in FLAGS):
        raise refuse(f"expected {' and '.join(FLAGS)} to be true or false, got {state['flags']}")
    _check_positions(state["schedules"], refuse)
    _check_choices(state, refuse)
    for entry in state["parameters"]:
        problem = _find_malformed_parameter(entry, of_one_size)
        if problem is not None:
            raise refuse(problem)


def _check_positions(schedules: dict[str, Any], refuse: Any) -> None:
    for name, position in schedules.items():
        is_state = isinstance(position, dict)  # its schedule checks it
        if not is_state and (not isinstance(position, int) or not 1 <= position <= LAST_POSITION):
            raise refuse(
                f"expected the position of the schedule of '{name}', from 1 to {LAST_POSITION}, got {position!r}"
            )


def _check_choices(state: dict[str, Any], refuse: Any) -> None:
    frozen, groups = state.get("frozen", []), state.get("groups", {})
    if (
        state.get("clip", "parameter") not in ("parameter", "global")
        or not isinstance(state.get("average_bias_correction", False), bool)
        or not isinstance(frozen, list)
        or not all(isinstance(pattern, str) for pattern in frozen)
    ):
        raise refuse(f"expected choices such as {CHOICES}, got {[state.get(name) for name in CHOICES]}")
    if not isinstance(groups, dict):
        raise refuse(f"expected groups by name, got {groups!r}")
    for name, entry in groups.items():
        values = entry.get("values") if isinstance(entry, dict) else None
        if not isinstance(values, dict) or not all(isinstance(v, (int, float)) for v in values.values()):
            raise refuse(f"expected the numbers of the group {name!r}, got {entry!r}")
        if not isinstance(entry.get("schedules"), dict):
            raise refuse(f"expected the schedules of the group {name!r}, got {entry!r}")
        _check_positions(entry["schedules"], refuse)


def _find_malformed_parameter(entry: Any, of_one_size: bool) -> str | None:
    if not isinstance(entry, dict) or not _is_key(entry.get("key")):
        return "it has a parameter without a key"
    sizes = set()
    for part in ARRAYS:
        if part in entry:
            array = entry[part]
            if not isinstance(array, numpy.ndarray) or array.dtype.kind != "f":
                return f"expected an array of floats as {part} of {entry['key']}, got {type(array)}"
            sizes.add(array.size)
    if of_one_size and len(sizes) > 1:
        return f"moments and average of {entry['key']} differ in size: {sorted(sizes)}"
    for name in COUNTS:
        if not isinstance(entry.get(name), int) or entry[name] < 0:
            return f"expected a count as {name} of {entry['key']}, got {entry.get(name)!r}"
    return None


def _find_unfit_parameter(entry: Any, node: Any, of_one_size: bool) -> str | None:
    name = entry["key"]["name"]
    if name not in node.param_names:
        return f"it has a parameter '{name}' of the node '{node.name}', which has {node.param_names}"
    if not node.has_param(name):
        return None
    size = node.get_param(name).size
    for part in ARRAYS if of_one_size else ("average",):
        if part in entry and entry[part].size != size:
            return (
                f"it has {entry[part].size} numbers as {part} of the parameter '{name}' of the node '{node.name}', "
                f"which has {size}. Load into a model of the same sizes"
            )
    return None


def _is_key(key: Any) -> bool:
    if not isinstance(key, dict):
        return False
    if "plain" in key:
        return _is_plain(key["plain"])
    place = key.get("place")
    return (
        isinstance(key.get("name"), str)
        and isinstance(place, list)
        and len(place) in (1, 2)
        and all(isinstance(i, int) and i >= 0 for i in place)
    )


def _is_plain(key: Any) -> bool:
    return all(_is_plain(part) for part in key) if isinstance(key, list) else isinstance(key, ATOMS)
