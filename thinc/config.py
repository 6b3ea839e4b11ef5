"""The registry of functions that configs can name, and `Config`.

Registering a function needs neither catalogue nor confection. The latter reads and resolves configs, imports
pydantic where that is installed, and costs more than half of NumPy's import time: both are imported when they
are first used.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ._config_registries import create_registry
from .types import Decorator

if TYPE_CHECKING:
    from confection import VARIABLE_RE, ConfigValidationError, Promise, registry as _Base  # type: ignore[attr-defined]

    from ._config import Config
else:

    class _Base:
        """Holds the place of confection's registry until that is imported."""


__all__ = ["VARIABLE_RE", "Config", "ConfigValidationError", "Promise", "registry"]


class registry(_Base):
    """Registries of functions by kind; each is a catalogue registry in the namespace ``thinc``.

    A function joins with ``@registry.layers("Name.v1")``; configs name it as ``@layers = "Name.v1"``. Other
    packages join through entry points in the group ``thinc_<kind>``.
    """

    optimizers: Decorator = create_registry("optimizers")
    schedules: Decorator = create_registry("schedules")
    layers: Decorator = create_registry("layers")
    losses: Decorator = create_registry("losses")
    initializers: Decorator = create_registry("initializers")
    datasets: Decorator = create_registry("datasets")
    ops: Decorator = create_registry("ops")
    distributed: Decorator = create_registry("distributed")

    @classmethod
    def create(cls, registry_name: str, entry_points: bool = False) -> None:
        """Add a registry to this class.

        Parameters
        ----------
        registry_name : str
            Its name: an attribute of the class, and ``@registry_name`` in configs.
        entry_points : bool
            Whether installed packages may join, through the group ``thinc_<registry_name>``.

        Raises
        ------
        ValueError
            If the class has an attribute of that name.
        """
        if hasattr(cls, registry_name):
            raise ValueError(f"Registry '{registry_name}' already exists")
        setattr(cls, registry_name, create_registry(registry_name, entry_points))

    @classmethod
    def has(cls, registry_name: str, func_name: str) -> bool:
        """Whether there is such a registry, with such a function."""
        _load_confection()
        return super().has(registry_name, func_name)

    @classmethod
    def get(cls, registry_name: str, func_name: str) -> Callable[..., Any]:
        """The function of that name.

        Raises
        ------
        ValueError
            If there is no such registry, or no such function in it.
        """
        _load_confection()
        return super().get(registry_name, func_name)

    @classmethod
    def resolve(
        cls, config: Any, *, schema: Any = None, overrides: dict[str, Any] = {}, validate: bool = True
    ) -> dict[str, Any]:
        """Call the functions that a config names.

        Parameters
        ----------
        config : dict or Config
            Is left as it is. Variables in it are replaced first.
        schema : pydantic model, optional
            The resolved values are checked against it.
        overrides : dict
            Values by dotted path, set before variables are replaced.
        validate : bool
            Whether to check the functions' arguments and the schema.

        Returns
        -------
        dict
            With the return value in the place of each block that names a function.

        Raises
        ------
        ConfigValidationError
            If something does not fit; says where.
        """
        prepared, checked = _load_confection().prepare(cls, config, overrides, validate, interpolate=True)
        return super(registry, checked).resolve(prepared, schema=schema, validate=validate)

    @classmethod
    def fill(
        cls,
        config: Any,
        *,
        schema: Any = None,
        overrides: dict[str, Any] = {},
        interpolate: bool = False,
        validate: bool = True,
    ) -> "Config":
        """Add the defaults of the functions that a config names, without calling any.

        Parameters
        ----------
        config : dict or Config
            Is left as it is.
        schema : pydantic model, optional
            Its defaults are added too.
        overrides : dict
            Values by dotted path, set before variables are replaced.
        interpolate : bool
            Whether the result has values in the place of variables.
        validate : bool
            Whether to check the functions' arguments.

        Raises
        ------
        ConfigValidationError
            If something does not fit; says where.
        """
        module = _load_confection()
        prepared, checked = module.prepare(cls, config, overrides, validate, interpolate=interpolate)
        fill = super(registry, checked).fill
        filled = fill(prepared, schema=schema, interpolate=interpolate, validate=validate)
        return module.Config.adopt(filled)

    @classmethod
    def make_from_config(
        cls, config: Any, *, schema: Any = None, overrides: dict[str, Any] = {}, validate: bool = True
    ) -> dict[str, Any]:
        """The earlier name of `resolve`."""
        return cls.resolve(config, schema=schema, overrides=overrides, validate=validate)

    @classmethod
    def fill_config(
        cls, config: Any, *, schema: Any = None, overrides: dict[str, Any] = {}, validate: bool = True
    ) -> "Config":
        """The earlier name of `fill`."""
        return cls.fill(config, schema=schema, overrides=overrides, validate=validate)

    @classmethod
    def is_promise(cls, obj: Any) -> bool:
        """Whether an object is a block that names a function: a mapping with a key that starts with ``@``."""
        _load_confection()
        return super().is_promise(obj)

    @classmethod
    def get_constructor(cls, obj: dict[str, Any]) -> tuple[str, str]:
        """The registry and the function that a block names.

        Raises
        ------
        ConfigValidationError
            Unless it names exactly one.
        """
        _load_confection()
        return super().get_constructor(obj)

    @classmethod
    def parse_args(cls, obj: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """The arguments that a block holds: those under ``*``, and those by keyword."""
        _load_confection()
        return super().parse_args(obj)


def _load_confection() -> Any:
    """Import confection's part of this module, and make `registry` the subclass it is meant to be."""
    from . import _config

    if not TYPE_CHECKING and registry.__bases__ == (_Base,):
        registry.__bases__ = (_config.confection.registry,)
    return _config


def __getattr__(name: str) -> Any:  # `thinc.api` uses it too
    if name not in __all__:
        raise AttributeError(f"this module has no attribute {name!r}")
    value = globals()[name] = getattr(_load_confection(), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
