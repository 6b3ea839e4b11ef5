"""The registry, and configs: reading, writing, filling, resolving."""

import copy
import functools
import itertools
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Dict,
    Iterable,
    Iterator,
    List,
    MutableSequence,
    Optional,
    Sequence,
    Set,
    Tuple,
    Union,
)

import catalogue
import confection
import numpy
import pytest

import thinc
from helpers.process import run_python
from thinc.config import VARIABLE_RE, Config, ConfigValidationError, Promise
from thinc.types import Floats2d, Generator


class registry(thinc.registry):
    """As a client's subclass."""

    cats = catalogue.create("thinc_tests", "cats", entry_points=False)


@registry.cats("cat.v1")
def cat(name: str, age: int = 3, *, weight: float = 4.5):
    return (name, age, weight)


@registry.cats("litter.v1")
def litter(*cats: Any):
    return list(cats)


@registry.cats("first.v1")
def first(values: Iterable[float], n: int = 1):
    return list(itertools.islice(values, n))


@registry.cats("optional_first.v1")
def optional_first(values: Optional[Iterator[int]] = None, more: Union[float, List[Iterable[int]]] = 1.0):
    return values


@registry.cats("typed.v1")
def typed(array: Floats2d, series: Generator):
    return array, series


@pytest.fixture
def sections():
    return {"a": {"b": 1, "c": {"d": [1, 2], "e": "x"}}, "m": {"@cats": "cat.v1", "name": "Tom"}}


# Registry


def test_is_confections_registry():
    assert issubclass(registry, confection.registry) and issubclass(thinc.registry, confection.registry)
    assert ConfigValidationError is confection.ConfigValidationError
    assert Promise is confection.Promise and VARIABLE_RE is confection.VARIABLE_RE
    assert issubclass(Config, confection.Config)


REGISTRIES = ["optimizers", "schedules", "layers", "losses", "initializers", "datasets", "ops", "distributed"]


@pytest.mark.parametrize("name", REGISTRIES)
def test_registries(name):
    reg = getattr(thinc.registry, name)
    assert isinstance(reg, catalogue.Registry)
    assert reg.namespace == ("thinc", name) and reg.entry_points


def run(code):
    return run_python("-c", code).stdout.split()


def test_registries_are_made_late():
    """Joining one does not import catalogue; anything else does, and finds what has joined."""
    code = """
import sys, threading
from thinc.config import registry
assert "catalogue" not in sys.modules
@registry.layers("a.v1")
def a(): ...
assert registry.layers("b.v1", func=a) is a and registry.layers.register("c.v1")(a) is a
assert "catalogue" not in sys.modules and "confection" not in sys.modules
{ask}
import catalogue
assert isinstance(registry.layers, catalogue.Registry)
registry.layers("d.v1", func=a)
assert sorted(registry.layers.get_all()) == ["a.v1", "b.v1", "c.v1", "d.v1"]
assert registry.layers.get("a.v1") is a
assert "d.v1" in registry.layers and "e.v1" not in registry.layers
assert catalogue.check_exists("thinc", "layers", "a.v1")
assert registry.layers.namespace == ("thinc", "layers")
print("done")
"""
    asks = [
        "pass",
        "assert 'b.v1' in registry.layers",
        "assert registry.layers.get_all()['a.v1'] is a",
        "assert registry.has('layers', 'c.v1')",
        "assert registry.resolve({'x': {'@layers': 'a.v1'}}) == {'x': None}",
        "ts = [threading.Thread(target=registry.layers.get_all) for _ in 'abcdef']\n"
        "for t in ts: t.start()\n"
        "for t in ts: t.join()",
        "import copy, pickle\n"
        "for twin in (copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))):\n"
        "    assert 'c.v1' in twin(registry.layers)",
    ]
    for ask in asks:
        assert run(code.replace("{ask}", ask)) == ["done"], ask
    early = "import catalogue, thinc; print(type(thinc.registry.layers) is catalogue.Registry)"
    assert run(early) == ["True"]


def test_create():
    class Mine(thinc.registry):
        pass

    Mine.create("dogs_of_tests")
    try:
        assert isinstance(Mine.dogs_of_tests, catalogue.Registry)
        assert (
            Mine.dogs_of_tests.namespace == ("thinc", "dogs_of_tests") and not Mine.dogs_of_tests.entry_points
        )
        assert not hasattr(thinc.registry, "dogs_of_tests")
        with pytest.raises(ValueError, match="already exists"):
            Mine.create("dogs_of_tests")
        with pytest.raises(ValueError, match="already exists"):
            Mine.create("layers")
    finally:
        del Mine.dogs_of_tests


def test_has_and_get():
    assert registry.has("cats", "cat.v1") and not registry.has("cats", "dog.v1")
    assert not registry.has("nonsense", "cat.v1")
    assert registry.get("cats", "cat.v1") is cat
    with pytest.raises(ValueError):
        registry.get("nonsense", "cat.v1")
    with pytest.raises(catalogue.RegistryError, match=r"first\.v1"):
        registry.get("cats", "dog.v1")


def test_blocks():
    assert (
        registry.is_promise({"@cats": "x"})
        and not registry.is_promise({"cats": 1})
        and not registry.is_promise(3)
    )
    assert registry.get_constructor({"@cats": "x", "a": 1}) == ("cats", "x")
    with pytest.raises(ConfigValidationError):
        registry.get_constructor({"@cats": "x", "@layers": "y"})
    args, kwargs = registry.parse_args({"@cats": "x", "*": [1, 2], "k": 3})
    assert list(args) == [1, 2] and kwargs == {"k": 3}


def test_lookups_go_through_the_subclass():
    class Mine(registry):
        @classmethod
        def has(cls, registry_name, func_name):
            return func_name == "special" or super().has(registry_name, func_name)

        @classmethod
        def get(cls, registry_name, func_name):
            return cat if func_name == "special" else super().get(registry_name, func_name)

    config = {"m": {"@cats": "special", "name": "x"}}
    assert Mine.resolve(config) == {"m": ("x", 3, 4.5)}
    assert Mine.fill(config)["m"]["age"] == 3


# resolve and fill


def test_resolve(sections):
    before = copy.deepcopy(sections)
    resolved = registry.resolve(sections)
    assert resolved == {"a": before["a"], "m": ("Tom", 3, 4.5)} and type(resolved) is dict
    assert sections == before
    assert registry.make_from_config(sections) == resolved


def test_resolve_nested_and_positional():
    text = """
    [m]
    @cats = litter.v1

    [m.*.first]
    @cats = cat.v1
    name = "a"

    [m.*.second]
    @cats = "cat.v1"
    name = "b"
    age = 5
    """
    config = Config().from_str("\n".join(line.strip() for line in text.splitlines()))
    assert registry.resolve(config) == {"m": [("a", 3, 4.5), ("b", 5, 4.5)]}


def test_fill(sections):
    filled = registry.fill(sections)
    assert type(filled) is Config and filled.is_interpolated
    assert list(filled["m"].items()) == [("@cats", "cat.v1"), ("name", "Tom"), ("age", 3), ("weight", 4.5)]
    assert "age" not in sections["m"]
    assert registry.fill_config(sections) == filled
    assert registry.fill({"m": {"@cats": "unknown.v1", "x": 1}}) == {"m": {"@cats": "unknown.v1", "x": 1}}


def test_fill_keeps_variables():
    text = '[v]\nname = "Tom"\n[m]\n@cats = "cat.v1"\nname = ${v.name}\n'
    config = Config().from_str(text, interpolate=False)
    filled = registry.fill(config)
    assert filled["m"]["name"] == "${v.name}" and not filled.is_interpolated and type(filled) is Config
    assert registry.fill(config, interpolate=True)["m"] == {
        "@cats": "cat.v1", "name": "Tom", "age": 3, "weight": 4.5,
    }  # fmt: skip
    assert registry.resolve(config)["m"] == ("Tom", 3, 4.5)
    assert config["m"] == {"@cats": "cat.v1", "name": "${v.name}"}


@pytest.mark.parametrize(
    ("block", "loc"),
    [
        ({"name": 3}, "m -> name"),
        ({"name": "x", "age": "old"}, "m -> age"),
        ({"name": "x", "weight": True}, "m -> weight"),
        ({}, "m -> name"),
        ({"name": "x", "color": 1}, "m -> color"),
    ],
)
def test_bad_arguments(block, loc):
    for func in (registry.resolve, registry.fill):
        with pytest.raises(ConfigValidationError, match=r"cat\.v1") as err:
            func({"m": {"@cats": "cat.v1", **block}})
        assert loc in str(err.value)


@pytest.mark.parametrize("bad", [None, 3, "x", [1]])
def test_not_a_config(bad):
    for func in (registry.resolve, registry.fill):
        with pytest.raises(TypeError, match="dict or a Config"):
            func(bad)


def test_live_objects_pass_untouched():
    class Fragile:
        def __eq__(self, other):
            raise RuntimeError

        def __deepcopy__(self, memo):
            raise RuntimeError

        __hash__ = None

    nlp = Fragile()
    assert registry.resolve({"m": {"@cats": "litter.v1", "*": [nlp]}})["m"][0] is nlp
    assert registry.fill({"a": {"nlp": nlp}}, overrides={})["a"]["nlp"] is nlp
    assert registry.resolve({"a": {"nlp": nlp, "x": 1}}, overrides={"a.x": 2})["a"]["nlp"] is nlp


def test_edge_training_20_validate_false_checks_nothing():
    config = {"m": {"@cats": "cat.v1", "name": 3, "age": "x"}}
    assert registry.resolve(config, validate=False) == {"m": (3, "x", 4.5)}
    assert registry.fill(config, validate=False)["m"]["weight"] == 4.5


def counting():
    for n in itertools.count():
        assert n < 100, "an endless iterator was drawn from"
        yield float(n)


@pytest.mark.parametrize("validate", [True, False])
def test_edge_training_21_iterators_are_not_drawn_from(validate):
    block = {"@cats": "first.v1", "values": counting(), "n": 3}
    assert registry.resolve({"m": block}, validate=validate) == {"m": [0.0, 1.0, 2.0]}
    series = iter([7.0, 8.0])
    assert (
        registry.fill({"m": {"@cats": "first.v1", "values": series}}, validate=validate)["m"]["values"]
        is series
    )
    assert next(series) == 7.0
    block = {"@cats": "optional_first.v1", "values": iter([1, 2]), "more": [iter([3])]}
    assert next(registry.resolve({"m": block}, validate=validate)["m"]) == 1


@pytest.mark.parametrize(
    "annotation",
    [
        List[float],
        Sequence[float],
        Tuple[float, ...],
        Set[float],
        MutableSequence[float],
        Optional[List[float]],
        Union[List[float], Generator],
        Annotated[Sequence[float], "doc"],
        list[float] | None,
    ],
)
def test_iterators_are_not_drawn_from_where_containers_are_expected_either(annotation):
    def given(x):
        return x

    given.__annotations__["x"] = annotation
    registry.cats("given.v1", func=given)
    values = counting()
    assert registry.resolve({"m": {"@cats": "given.v1", "x": values}})["m"] is values
    assert next(values) == 0.0
    nested = {"@cats": "given.v1", "x": {"a": [values]}}
    given.__annotations__["x"] = Dict[str, List[annotation]]
    assert registry.resolve({"m": nested})["m"] == {"a": [values]}
    assert next(values) == 1.0
    nested["x"] = {"a": [values, 3]}
    with pytest.raises(ConfigValidationError, match="m -> x"):
        registry.resolve({"m": nested})
    assert next(values) == 2.0


def test_iterables_of_iterators():
    def given(x: Iterable[Iterable[float]]):
        return x

    registry.cats("given.v1", func=given)
    values = counting()
    assert registry.resolve({"m": {"@cats": "given.v1", "x": [values, [1.0]]}})["m"] == [values, [1.0]]
    assert next(values) == 0.0
    with pytest.raises(ConfigValidationError, match="m -> x"):
        registry.resolve({"m": {"@cats": "given.v1", "x": [["x"]]}})


class Caller:
    def __call__(self, name: str, age: int = 3):
        return name, age


@pytest.mark.parametrize("func", [functools.partial(cat, weight=1.0), Caller()])
def test_objects_that_can_be_called_without_a_name_of_their_own(func):
    registry.cats("called.v1", func=func)
    assert registry.resolve({"m": {"@cats": "called.v1", "name": "Tom"}})["m"][:2] == ("Tom", 3)
    assert registry.fill({"m": {"@cats": "called.v1", "name": "Tom"}})["m"]["age"] == 3
    with pytest.raises(ConfigValidationError, match="m -> name"):
        registry.resolve({"m": {"@cats": "called.v1", "name": 3}})


def test_items_of_lists_are_checked():
    assert registry.resolve({"m": {"@cats": "first.v1", "values": [1.5]}})["m"] == [1.5]
    assert registry.resolve({"m": {"@cats": "optional_first.v1", "values": None}})["m"] is None
    for wrong in (["x"], 3, None):
        with pytest.raises(ConfigValidationError, match="m -> values"):
            registry.resolve({"m": {"@cats": "first.v1", "values": wrong}})


def test_array_types_are_checked():
    array, series = numpy.zeros((2, 2), "f"), iter([1])
    assert registry.resolve({"m": {"@cats": "typed.v1", "array": array, "series": series}})["m"] == (
        array,
        series,
    )
    with pytest.raises(ConfigValidationError, match="m -> array"):
        registry.resolve({"m": {"@cats": "typed.v1", "array": array[0], "series": series}})
    with pytest.raises(ConfigValidationError, match="m -> series"):
        registry.resolve({"m": {"@cats": "typed.v1", "array": array, "series": 3}})


def test_edge_training_22_pydantic_models_and_constraints():
    pydantic = pytest.importorskip("pydantic")

    class Collar(pydantic.BaseModel):
        size: int

    @registry.cats("collared.v1")
    def collared(collar: Collar, lives: pydantic.PositiveInt = 9, age: Annotated[int, "years"] = 1):
        return collar, lives, age

    @registry.cats("strict.v1")
    def strict(x: pydantic.StrictFloat, y: Optional[pydantic.constr(max_length=2)] = None):
        return x, y

    for validate in (True, False):
        resolved = registry.resolve({"m": {"@cats": "collared.v1", "collar": {"size": 3}}}, validate=validate)
        assert resolved["m"] == (Collar(size=3), 9, 1)
    with pytest.raises(ConfigValidationError, match="m -> lives"):
        registry.resolve({"m": {"@cats": "collared.v1", "collar": {"size": 3}, "lives": -1}})
    assert registry.resolve({"m": {"@cats": "strict.v1", "x": 1.5, "y": "ab"}})["m"] == (1.5, "ab")
    with pytest.raises(ConfigValidationError) as err:
        registry.resolve({"m": {"@cats": "strict.v1", "x": "1.5", "y": "abc"}})
    assert "m -> x" in str(err.value) and "m -> y" in str(err.value)

    class Schema(pydantic.BaseModel):
        m: Any
        n: int = 3

    assert registry.fill({"m": 1}, schema=Schema) == {"m": 1, "n": 3}
    with pytest.raises(ConfigValidationError):
        registry.resolve({"m": 1, "n": "x"}, schema=Schema)
    assert registry.resolve({"m": 1, "n": "x"}, schema=Schema, validate=False)["n"] == "x"


def test_dataclass_and_class_as_function():
    @registry.cats("class.v1")
    @dataclass
    class Basket:
        values: Iterable[int]
        size: int = 2

    basket = registry.resolve({"m": {"@cats": "class.v1", "values": iter([1])}})["m"]
    assert isinstance(basket, Basket) and list(basket.values) == [1]
    with pytest.raises(ConfigValidationError, match="m -> size"):
        registry.fill({"m": {"@cats": "class.v1", "values": [1], "size": "x"}})


# overrides of resolve and fill


def test_edge_training_23_overrides_leave_the_callers_config(sections):
    before = copy.deepcopy(sections)
    resolved = registry.resolve(sections, overrides={"a.c.e": "y", "m.name": "Tim"})
    assert resolved["a"]["c"]["e"] == "y" and resolved["m"][0] == "Tim"
    assert registry.fill(sections, overrides={"a.b": 7})["a"]["b"] == 7
    assert sections == before


def test_edge_training_23_overrides_reach_variables():
    config = Config().from_str('[v]\nn = "a"\n[m]\n@cats = "cat.v1"\nname = ${v.n}\n', interpolate=False)
    assert registry.resolve(config, overrides={"v.n": "b"})["m"][0] == "b"
    filled = registry.fill(config, overrides={"v.n": "b"})
    assert filled["v"]["n"] == "b" and filled["m"]["name"] == "${v.n}"
    assert registry.fill(config, overrides={"v.n": "b"}, interpolate=True)["m"]["name"] == "b"
    assert config["v"]["n"] == "a"


@pytest.mark.parametrize("path", ["a.x", "x", "x.y", "a.b.c", "a.c.d.e"])
def test_overrides_of_what_is_not_there(path, sections):
    for func in (registry.resolve, registry.fill):
        with pytest.raises(ConfigValidationError, match="Error parsing config overrides"):
            func(sections, overrides={path: 1})


# Config: reading

TEXT = """[a]
b = 1
raw = text with spaces
cost = "$$5"
truth = True

[a.c]
d = [1, ${a.b}]
e = "x ${a.b}"
f = ${a.c:d}
"""


def test_edge_training_25_from_str():
    config = Config()
    assert config.from_str(TEXT) is config
    assert config == {
        "a": {
            "b": 1, "raw": "text with spaces", "cost": "$5", "truth": True,
            "c": {"d": [1, 1], "e": "x 1", "f": [1, 1]},
        }
    }  # fmt: skip
    assert config.from_str("[z]\ny = 1", overrides={"z.y": 2}) is config
    assert config == {"z": {"y": 2}}


def test_from_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "file.cfg"
    path.write_text("[a]\nb = ü\n", encoding="utf8")
    expected = {"a": {"b": "ü"}}
    for source in ("./file.cfg", str(path), " file.cfg".strip()):
        assert Config().from_str(source) == expected
        assert Config().from_disk(source) == expected
    assert Config().from_disk(path) == Config().from_bytes(path.read_bytes()) == expected
    assert Config().from_str("file.cfg", overrides={"a.b": 3}) == {"a": {"b": 3}}
    with pytest.raises(ConfigValidationError):
        Config().from_str("./missing.cfg")
    with pytest.raises(FileNotFoundError):
        Config().from_disk(Path("missing.cfg"))


MALFORMED = {
    "child before parent": ("[a.b]\nx = 1\n[a]\ny = 2\n", "a -> b", "line 1"),
    "later child before parent": ("[b]\n[b.a.c]\nx = 1\n[b.a]\ny = 2\n", "b -> a -> c", "line 2"),
    "undeclared parent": ("[a.b]\nx = 1\n", "a -> b", "not defined"),
    "section twice": ("[a]\nx = 1\n[a]\ny = 2\n", "a", "line 3"),
    "key twice": ("[a.b]\nx = 1\nx = 2\n", "a -> b -> x", "line 3"),
    "lone dollar": ('[a]\nx = "$5"\n', "a -> x", "$$"),
    "dollar at the end": ("[a]\nx = 5$\n", "a -> x", "$$"),
    "unclosed variable": ('[a]\nx = "${a"\n', "a -> x", ""),
    "empty variable": ("[a]\nx = ${}\n", "a -> x", ""),
    "circle": ("[a]\nx = ${a.y}\ny = ${a.x}\n", "a -> x", "circle"),
    "itself": ("[a]\nx = ${a.x}\n", "a -> x", "circle"),
    "unknown variable": ("[a]\nx = ${b.c}\n", "'x' in section 'a'", "b.c"),
    "before any section": ("x = 1\n[a]\n", "line: 1", ""),
    "unclosed section": ("[a\ny = 1\n", "line: 1", ""),
    "no delimiter": ("[a]\nfoo bar\n", "line  2", ""),
    "key and section": ("[a]\nb = 1\n[a.b]\ny = 1\n", "a -> b", ""),
    "empty part": ("[a]\n[a..b]\nx = 1\n", "a ->  -> b", ""),
    "section in text": ('[a]\nx = 1\n[b]\ny = "q ${a}"\n', "b -> y", ""),
    "top-level values": ("[DEFAULT]\nb = 1\n[a]\nc = 1\n", "b", "section"),
}


@pytest.mark.parametrize("name", sorted(MALFORMED))
def test_edge_training_26_malformed_text(name):
    text, where, message = MALFORMED[name]
    config = Config({"kept": {"x": 1}})
    for read in (config.from_str, lambda text: config.from_bytes(text.encode())):
        with pytest.raises(ConfigValidationError) as err:
            read(text)
        assert where in str(err.value) and message in str(err.value)
        assert config == {"kept": {"x": 1}}


def test_a_byte_order_mark_is_no_part_of_the_config(tmp_path):
    data = b"\xef\xbb\xbf[a]\r\nb = 1\r\n"
    assert Config().from_bytes(data) == {"a": {"b": 1}}
    (tmp_path / "c.cfg").write_bytes(data)
    assert (
        Config().from_disk(tmp_path / "c.cfg")
        == Config().from_str(str(tmp_path / "c.cfg"))
        == {"a": {"b": 1}}
    )


def test_malformed_bytes():
    with pytest.raises(ConfigValidationError, match=r"line 2.*UTF-8"):
        Config().from_bytes(b"[a]\nx = \xff\n")
    for wrong in (None, 3, b"[a]"):
        with pytest.raises(TypeError, match="reads a str"):
            Config().from_str(wrong)


@pytest.mark.parametrize("path", ["q.r", "a", "a.c.d.e"])
def test_malformed_overrides(path):
    with pytest.raises(ConfigValidationError, match="Error parsing config overrides"):
        Config().from_str(TEXT, overrides={path: 1})


def test_overrides_of_text():
    config = Config().from_str(TEXT, overrides={"a.b": 9, "a.new": "${a.b}"})
    assert config["a"]["c"]["e"] == "x 9" and config["a"]["new"] == 9


# Config: writing


def test_edge_training_24_schemas_that_forbid_drop_unknown_keys():
    """Kept: tools fill configs of other versions by it."""
    pydantic = pytest.importorskip("pydantic")

    class Strict(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(extra="forbid")
        a: int

    for func in (registry.resolve, registry.fill):
        config = {"a": 1, "b": 2}
        assert func(config, schema=Strict) == {"a": 1}
        assert config == {"a": 1, "b": 2}


def test_edge_training_27_sections_stay_in_their_order_and_top_level_values_cannot_be_read():
    config = Config({"b": {"x": 1}, "a": {"y": 2}}, section_order=["a", "b"])
    assert [line for line in config.to_str().splitlines() if line.startswith("[")] == ["[b]", "[a]"]
    text = Config({"top": 1, "a": {"y": 2}}).to_str()
    with pytest.raises(ConfigValidationError, match="section"):
        Config().from_str(text)


def test_edge_training_29_generators_are_made_anew_by_each_resolve():
    import thinc.schedules  # registers them

    assert thinc.schedules.compounding is registry.get("schedules", "compounding.v1")
    config = {"rate": {"@schedules": "compounding.v1", "start": 1.0, "stop": 8.0, "compound": 2.0}}
    first = registry.resolve(config)["rate"]
    assert list(itertools.islice(first, 3)) == [1.0, 2.0, 4.0]
    assert next(first) == 8.0
    assert next(registry.resolve(config)["rate"]) == 1.0


def test_round_trip(tmp_path):
    config = Config().from_str(TEXT)
    for again in (
        Config().from_str(config.to_str()),
        Config().from_bytes(config.to_bytes()),
        (config.to_disk(tmp_path / "c.cfg"), Config().from_disk(tmp_path / "c.cfg"))[1],
    ):
        assert again == config and type(again) is Config


def test_round_trip_without_interpolation():
    raw = Config().from_str(TEXT, interpolate=False)
    assert not raw.is_interpolated and raw["a"]["cost"] == "$$5"
    written = raw.to_str(interpolate=False)
    again = Config().from_str(written, interpolate=False)
    assert again == raw and again.to_str(interpolate=False) == written
    assert raw.interpolate() == Config().from_str(TEXT) == Config().from_str(written)
    # Published: variables stay whatever `interpolate` says. spaCy saves the configs of its pipelines so.
    assert raw.to_str() == raw.to_bytes().decode("utf8") == written
    assert raw.interpolate().to_str() == Config().from_str(TEXT).to_str()
    assert Config().from_bytes(raw.to_bytes(interpolate=False)) == Config().from_str(TEXT)
    assert registry.resolve(raw)["a"]["cost"] == "$5"


@pytest.mark.parametrize(
    "value", ["$5", "$$5", "$${a.b}", "a $5 ${a.b}", "<dollar0>$$", "$", ["$5", {"k": "$$"}]]
)
def test_edge_training_28_dollars_do_not_multiply(value):
    raw = Config({"a": {"b": 1, "x": value}}, is_interpolated=False)
    once = Config().from_str(raw.to_str(interpolate=False), interpolate=False)
    twice = Config().from_str(once.to_str(interpolate=False), interpolate=False)
    assert once == twice
    assert raw.interpolate() == once.interpolate()


def test_dollars_in_values():
    config = Config({"a": {"x": "costs $5"}})
    assert Config().from_str(config.to_str()) == config


ITEMS = """
[v]
one = 1
text = "why"
list = [1, 2]
[w]
"""


@pytest.mark.parametrize(
    "value, expected",
    [
        ('["${v.one}", "${v.text}"]', ["1", "why"]),
        ('["${v.one}","${v.one}" , "${v.one}"]', ["1", "1", "1"]),
        ('["${v.one}", 5, ${v.one}, "${v.one}"]', ["1", 5, 1, "1"]),
        ('["a/${v.text}", "${v.text}/b", "c"]', ["a/why", "why/b", "c"]),
        ('["${v.text}", ["${v.text}", {"k": "${v.text}", "l": "${v.one}"}]]', None),
        ('\n  ["${v.text}", "${v.one}",\n   "${v.one}", "${v.text}"]', ["why", "1", "1", "why"]),
        ('["a, \\"${v.text}\\"", ", ", "${v.one}", ","]', ['a, "why"', ", ", "1", ","]),
        ('["$$", "$$"]', ["$", "$"]),
        ('["x$$", "$$y", "${v.text}"]', ["x$", "$y", "why"]),
        ("[${v.text}, ${v.text}]", "[why, why]"),  # no JSON, so text
        ('[a, "${v.text}"]', '[a, "why"]'),
    ],
)
def test_variables_in_items_of_lists(value, expected):
    if expected is None:
        expected = ["why", ["why", {"k": "why", "l": "1"}]]
    text = f"{ITEMS}x = {value}\n"
    assert Config().from_str(text)["w"]["x"] == expected
    late = Config().from_str(text, interpolate=False)
    assert late.interpolate()["w"]["x"] == expected
    assert registry.resolve(late)["w"]["x"] == expected
    assert Config().from_str(text, overrides={"w.y": "a$"})["w"] == {"x": expected, "y": "a$"}
    changed = Config().from_str(text, overrides={"v.one": 7, "w.y": "$$"})["w"]
    assert changed == {"x": Config().from_str(text.replace("one = 1", "one = 7"))["w"]["x"], "y": "$$"}


def test_errors_in_lists_of_variables_name_the_line():
    text = ITEMS + 'x = ["${v.one}", "${v.text}"]\ny = 1\ny = 2\n'
    with pytest.raises(ConfigValidationError, match="line 9: the key is there already"):
        Config().from_str(text)


@pytest.mark.parametrize("key", ["#k", ";k", "k=x", "k:x", " k", "k ", "", "k\nl", "[k", 1, None])
def test_keys_that_would_not_be_read_back_are_not_written(key, tmp_path):
    with pytest.raises(ConfigValidationError, match=r"s -> [^\t]*\tthe key .* cannot be written"):
        Config({"s": {key: 1}}).to_disk(tmp_path / "c")
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("key", ["k.x", "k\nl", 1])
def test_names_of_sections_that_would_not_be_read_back_are_not_written(key):
    with pytest.raises(ConfigValidationError, match="cannot be written"):
        Config({"s": {key: {"a": 1}}}).to_str()


@pytest.mark.parametrize("key", ["k.x", "k x", "k-x", "@k", "$k", "%k", "k#x", "k;", "K"])
def test_all_other_keys_are_read_back(key):
    config = Config({"s": {key: [1]}, "t": {key.replace(".", ""): {"a": 1}}})
    assert Config().from_str(config.to_str()) == config


def test_unserializable_value():
    with pytest.raises(ConfigValidationError, match="JSON"):
        Config({"a": {"x": object()}}).to_str()


# Config: the rest


def test_copies_keep_class_and_settings():
    config = Config({"a": {"b": [1]}}, is_interpolated=False, section_order=["a"])
    for other in (
        config.copy(),
        copy.deepcopy(config),
        pickle.loads(pickle.dumps(config)),
        config.merge({}),
        config.merge(Config({"a": {}}, is_interpolated=False)),
    ):
        assert type(other) is Config and other == config
        assert other.is_interpolated is False and other.section_order == ["a"]
        assert other["a"]["b"] is not config["a"]["b"] or other is config
    filled = registry.fill(config)
    assert filled.section_order == ["a"] and filled.is_interpolated is False


def test_merge():
    base = Config({"a": {"x": 1, "y": [1]}, "m": {"@cats": "cat.v1", "age": 2}})
    merged = base.merge({"a": {"x": 2, "z": 3}, "m": {"name": "q"}})
    assert merged == {"a": {"x": 2, "y": [1], "z": 3}, "m": {"@cats": "cat.v1", "age": 2, "name": "q"}}
    assert base.merge({"m": {"@cats": "other.v1"}})["m"] == {"@cats": "other.v1"}
    assert base.merge({"a": {"z": 3}}, remove_extra=True) == base


def test_bad_data():
    with pytest.raises(ValueError, match="Expected dict or Config"):
        Config([1])


def test_training_guide(tmp_path, monkeypatch):
    import thinc.schedules

    monkeypatch.chdir(tmp_path)
    Path("config.cfg").write_text(
        '[batch_size]\n@schedules = "compounding.v1"\nstart = 1.0\nstop = 16.0\ncompound = 1.001\n'
    )
    config = Config().from_str("./config.cfg")
    sizes = thinc.registry.make_from_config(config)["batch_size"]
    assert [next(sizes), next(sizes)] == [1.0, 1.001]


def test_unresolvable_annotations_accept_anything():
    @registry.cats("forward.v1")
    def forward(x: "NoSuchName", y: Dict[str, "AlsoNot"] = {}):  # noqa: F821
        return x, y

    assert registry.resolve({"m": {"@cats": "forward.v1", "x": 3}})["m"] == (3, {})


@pytest.mark.parametrize(
    "text",
    [
        "[a]\nx = ${a}\n",
        "[a]\nx = 1\n[a.b]\ny = ${a}\n",
        "[a]\nx = ${b}\n[b]\ny = ${a}\n",
        "[a]\nx = [${a}]\n",
    ],
)
def test_a_section_that_contains_itself_is_refused(text):
    config = Config({"before": {"x": 1}})
    with pytest.raises(ConfigValidationError):
        config.from_str(text)
    assert config == {"before": {"x": 1}}


def test_sections_that_double_in_every_line_are_refused():
    text = "[s0]\nx = 1\n" + "".join(f"[s{i}]\na = ${{s{i - 1}}}\nb = ${{s{i - 1}}}\n" for i in range(1, 60))
    with pytest.raises(ConfigValidationError, match="more than 1000000 values"):
        Config().from_str(text)
    assert Config().from_str("[a]\nx = 1\n[b]\ny = ${a}\nz = ${a}\n")["b"]["z"] == {"x": 1}


def test_text_with_a_dollar_and_what_looks_like_a_variable_cannot_be_written():
    config = Config({"a": {"x": 1, "z": "a$ ${a.x}"}})
    with pytest.raises(ConfigValidationError, match="cannot be written"):
        config.to_str()
