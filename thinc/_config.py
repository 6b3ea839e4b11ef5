"""`Config`, and how the registry prepares configs for confection. Importing this imports confection."""

import configparser
import json
import os
import re
from collections.abc import Callable
from typing import Any

import confection
from confection import VARIABLE_RE, ConfigValidationError, Promise  # type: ignore[attr-defined]

from ._config_annotations import adapt_annotations, holds_iterator
from ._util.paths import read_bytes, write_bytes

__all__ = ["VARIABLE_RE", "Config", "ConfigValidationError", "Promise", "confection", "prepare"]

# A variable or an escaped one; an escaped dollar; a lone dollar.
_DOLLAR_RE = re.compile(r"\$?" + VARIABLE_RE.pattern + r"|\$\$|\$")
# A key with a value that begins as a list does, over all its lines; a text in quotes, or the comma behind an item.
_LIST_RE = re.compile(r"^([^\s#;\[=:][^=:\n]*[=:][ \t]*(?:\n[ \t]+)?)(\[.*(?:\n[ \t]+.*)*)", re.MULTILINE)
_STRING_OR_COMMA_RE = re.compile(r'("(?:[^"\\]|\\.)*")|,\s*')
# Values in a config, with variables replaced.
MAX_SIZE = 1_000_000


class Config(confection.Config):
    """Nested sections of settings, read from and written to text in the style of INI files.

    Text that cannot be read is a `ConfigValidationError` that says where, whatever is wrong with it, and
    leaves the config as it was.
    """

    @classmethod
    def adopt(cls, config: confection.Config) -> "Config":
        """The same sections (not copies) and settings in an object of this class."""
        adopted = cls.__new__(cls)
        adopted._replace_with(config)
        return adopted

    def _replace_with(self, config: confection.Config) -> None:
        self.clear()
        self.update(config)
        self.is_interpolated = config.is_interpolated
        self.section_order = config.section_order

    def from_str(
        self, text: str, *, interpolate: bool = True, overrides: dict[str, Any] = {}, schema: Any = None
    ) -> "Config":
        """Read the config from text.

        Parameters
        ----------
        text : str
            The config; or the path of a file, if that exists.
        interpolate : bool
            Whether to replace variables; else they stay as text.
        overrides : dict
            Values by dotted path, set before variables are replaced.
        schema
            Passed on to confection.

        Returns
        -------
        This config.
        """
        if not isinstance(text, str):
            raise TypeError(f"Config.from_str reads a str, got {type(text)}; for bytes there is from_bytes")
        if "[" not in text and "=" not in text and len(text.splitlines()) == 1 and os.path.isfile(text):
            return self.from_disk(text, interpolate=interpolate, overrides=overrides)
        return self._parse(text, interpolate, overrides, schema)

    def _parse(self, text: str, interpolate: bool, overrides: dict[str, Any], schema: Any = None) -> "Config":
        parsed = confection.Config(section_order=self.section_order)
        try:
            parsed = parsed.from_str(text, interpolate=interpolate, overrides=overrides, schema=schema)
        except configparser.InterpolationDepthError as err:
            where = [err.section, err.option]
            raise _malformed(
                where, "variables refer to each other in a circle, or over too many steps"
            ) from err
        except configparser.InterpolationError as err:
            raise _malformed([err.section, err.option], f"{err.message}. Write $$ for a dollar sign") from err
        except configparser.DuplicateSectionError as err:
            raise _malformed(err.section, f"line {err.lineno}: the section is there already") from err
        except configparser.DuplicateOptionError as err:
            where = [*err.section.split("."), err.option]
            raise _malformed(where, f"line {err.lineno}: the key is there already") from err
        except configparser.Error as err:
            raise _malformed([], err.message) from err
        except RecursionError as err:
            raise _malformed([], "values are nested too deeply") from err
        except KeyError as err:
            raise _misplaced_section(text, err) from err
        spread = _spread_items(text) if interpolate else text
        if spread != text:  # parsed again, since line numbers in errors are those of the text
            parsed = self._parse_spread(text, spread, overrides, schema)
        _check_expansion(parsed)
        self._replace_with(parsed)
        return self

    def _parse_spread(
        self, text: str, spread: str, overrides: dict[str, Any], schema: Any
    ) -> confection.Config:
        if not overrides:
            return confection.Config(section_order=self.section_order).from_str(spread, schema=schema)
        empty = type(self)(section_order=self.section_order)
        escaped = _map_strings(overrides, lambda text: _DOLLAR_RE.sub(_double, text))
        return empty._parse(text, False, escaped, schema).interpolate()

    def from_bytes(
        self, bytes_data: bytes, *, interpolate: bool = True, overrides: dict[str, Any] = {}
    ) -> "Config":
        """Read the config from UTF-8 text, as `from_str` does."""
        return self._from_encoded(bytes_data, interpolate, overrides, "bytes")

    def from_disk(self, path: Any, *, interpolate: bool = True, overrides: dict[str, Any] = {}) -> "Config":
        """Read the config from a file of UTF-8 text, given by its path, as `from_str` does."""
        return self._from_encoded(read_bytes(path), interpolate, overrides, str(path))

    def _from_encoded(
        self, data: bytes, interpolate: bool, overrides: dict[str, Any], source: str
    ) -> "Config":
        try:
            text = data.decode("utf-8-sig")  # some editors begin the file with a mark
        except UnicodeDecodeError as err:
            line = data.count(b"\n", 0, err.start) + 1
            raise _malformed([], f"{source}, line {line}: not UTF-8 text: {err.reason}") from err
        return self._parse(text, interpolate, overrides)

    def to_str(self, *, interpolate: bool = True) -> str:
        """Write the config as text that `from_str` reads back.

        Parameters
        ----------
        interpolate : bool
            Of no effect here, as in the published package: variables that have not been replaced are written as
            they are. spaCy saves its pipelines so, and their configs must keep their variables. For their
            values write ``config.interpolate().to_str()``.

        Raises
        ------
        ConfigValidationError
            If a value is not valid JSON, or a key is one that would not be read back.
        """
        _check_keys(self, [])
        if self.is_interpolated:
            try:
                return super().to_str(interpolate=interpolate)
            except ConfigValidationError:
                raise
            except ValueError as err:  # the parser's, about text that holds both a dollar and a variable
                raise _malformed([], f"this cannot be written: {err}") from err
        # Values that have not been interpolated hold text as it stands in the file, with $$ for a dollar.
        # confection would escape each of them again, so it gets to see a mark in their place.
        dollar = _unused_mark(repr(dict(self)))
        marked = _map_strings(dict(self), lambda text: _DOLLAR_RE.sub(lambda m: _mark(m[0], dollar), text))
        written = confection.Config(marked, is_interpolated=False, section_order=self.section_order)
        return written.to_str(interpolate=False).replace(dollar, "$$")

    def to_disk(self, path: Any, *, interpolate: bool = True) -> None:
        """Write the config to a file of UTF-8 text, which is replaced wholly or not at all. See `to_str`."""
        write_bytes(path, self.to_bytes(interpolate=interpolate))

    def interpolate(self) -> "Config":
        """A config with values in the place of variables."""
        if self.is_interpolated:
            return super().interpolate()
        return type(self)(section_order=self.section_order)._parse(self.to_str(interpolate=False), True, {})


def _spread_items(text: str) -> str:
    """The text with one line for each item of lists that hold dollars and text in quotes.

    confection replaces variables in what lies between two quotes, and takes the end of one item and the beginning of
    the next for a pair, if they are in one line: of ``["${a.x}", "${a.y}"]`` it makes one item.
    """
    return _LIST_RE.sub(_spread, text) if "$" in text else text


def _spread(match: re.Match[str]) -> str:
    key, value = match.groups()
    tokens = _STRING_OR_COMMA_RE.findall(value)
    if sum("$" in token for token in tokens) < 2 or not _is_json(VARIABLE_RE.sub("0", value)):
        return match[0]
    return key + _STRING_OR_COMMA_RE.sub(lambda token: token[1] or ",\n    ", value)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _check_expansion(config: confection.Config) -> None:
    """Refuse sections that contain themselves, or each other so often that no one can have meant it.

    A variable that names a section puts the section itself in its place. Written out, such text would have no
    end, or grow as two to the power of its length.
    """
    sizes: dict[int, int] = {}

    def measure(value: Any, path: tuple[str, ...]) -> int:
        if not isinstance(value, (dict, list)):
            return 1
        size = sizes.get(id(value))
        if size == 0:
            raise _malformed(list(path), "a variable here refers to a section that contains it")
        if size is None:
            sizes[id(value)] = 0  # being measured
            items = value.items() if isinstance(value, dict) else enumerate(value)
            size = 1 + sum(measure(item, (*path, str(key))) for key, item in items)
            if size > MAX_SIZE:
                raise _malformed(list(path), f"variables expand this to more than {MAX_SIZE} values")
            sizes[id(value)] = size
        return size

    try:
        measure(dict(config), ())
    except RecursionError as err:
        raise _malformed([], "values are nested too deeply") from err


def _double(match: re.Match[str]) -> str:
    return match[0] if match[0].endswith("}") else match[0] * 2


def _check_keys(section: Any, path: list[str]) -> None:
    """Refuse keys that the text would not show as such: the value would be lost, or that of another key."""
    for key, value in section.items():
        is_section = isinstance(value, dict)
        if not isinstance(key, str):
            problem = "keys are text"
        elif is_section:
            problem = "names of sections have no dots or line breaks" if set(key) & set(".\n") else ""
        elif not key or key != key.strip() or key[0] in "#;[" or set(key) & set("=:\n"):
            problem = (
                "keys are not empty, hold no '=', ':' or line break, do not begin with '#', ';', '[' or space"
            )
        else:
            problem = ""
        if problem:
            raise _malformed([*path, str(key)], f"the key {key!r} cannot be written: {problem}")
        if is_section:
            _check_keys(value, [*path, key])


def _mark(match: str, dollar: str) -> str:
    return match if match.endswith("}") else dollar


def _unused_mark(text: str) -> str:
    n = 0
    while f"<dollar{n}>" in text:
        n += 1
    return f"<dollar{n}>"


def _map_strings(value: Any, func: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return func(value)
    if isinstance(value, dict):
        return {key: _map_strings(item, func) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_map_strings(item, func) for item in value]
    return value


def _malformed(where: str | list[str], message: str) -> ConfigValidationError:
    loc = where.split(".") if isinstance(where, str) else [part for name in where for part in name.split(".")]
    return ConfigValidationError(
        title="Error parsing config",
        desc="Make sure the sections and values are formatted correctly.",
        errors=[{"loc": loc, "msg": message}],
        show_config=False,
    )


def _misplaced_section(text: str, err: KeyError) -> ConfigValidationError:
    """confection looks a section's parent up without having read it yet: find out which."""
    seen = set()
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[(.+)\]", line)
        if header is not None:
            name = header[1]
            parent = name.rpartition(".")[0]
            if parent and parent not in seen:
                return _malformed(name, f"line {number}: the section comes before its parent [{parent}]")
            seen.add(name)
    return _malformed([], f"section {err} is not defined where it is needed")


def prepare(
    registry: Any, config: Any, overrides: dict[str, Any], validate: bool, *, interpolate: bool
) -> tuple[Any, Any]:
    """What to hand to confection: the config to read, and the registry to look functions up in.

    Overrides are set on a copy and variables replaced here, so that a variable follows an override and the
    caller's config stays as it is. The registry is a subclass whose functions show confection the annotations
    that it should check, see `adapt_annotations`.
    """
    if not isinstance(config, dict):
        raise TypeError(f"The registry takes configs as a dict or a Config, got {type(config)}")
    if overrides:
        config = _override(config, overrides)
    if interpolate and not getattr(config, "is_interpolated", True):
        config = Config.adopt(config).interpolate()

    has_iterators = validate and holds_iterator(config)

    def get(cls: Any, registry_name: str, func_name: str) -> Callable[..., Any]:
        return adapt_annotations(super(checked, cls).get(registry_name, func_name), validate, has_iterators)

    checked: Any = type(registry.__name__, (registry,), {"get": classmethod(get)})
    return config, checked


def _override(config: Any, overrides: dict[str, Any]) -> Any:
    """A copy of `config` with other values; only the dicts on the way to them are copied."""
    copied = Config.adopt(config) if isinstance(config, confection.Config) else dict(config)
    for path, value in overrides.items():
        *parents, key = path.split(".")
        section: Any = copied
        for name in parents:
            section[name] = dict(section[name]) if isinstance(section.get(name), dict) else {}
            section = section[name]
        if key not in section:
            raise ConfigValidationError(
                title="Error parsing config overrides",
                errors=[{"loc": path.split("."), "msg": "not a section value that can be overridden"}],
            )
        section[key] = value
    return copied
