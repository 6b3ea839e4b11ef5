"""Registries that functions can join before catalogue is imported.

catalogue takes a third as long to import as NumPy, and a program that builds its models in Python needs none
of it: joining a registry happens at import, looking something up in one may never happen.
"""

import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import catalogue


def create_registry(name: str, entry_points: bool = True) -> Any:
    """A catalogue registry in the namespace ``thinc``; a late one if catalogue is not imported yet."""
    registry = LateRegistry(name, entry_points)
    return registry._get_registry() if "catalogue" in sys.modules else registry


class LateRegistry:
    """Stands for a catalogue registry, which is made when anything but joining is asked of it.

    It also passes for one: ``isinstance(x, catalogue.Registry)`` asks for ``__class__``.
    """

    _lock = threading.Lock()

    def __init__(self, name: str, entry_points: bool):
        self._name = name
        self._entry_points = entry_points
        self._joined: dict[str, Any] = {}
        self._registry: catalogue.Registry | None = None

    def __call__(self, name: str, func: Any = None) -> Callable[[Any], Any]:
        """The same as `register`."""
        return self.register(name, func=func)

    def register(self, name: str, *, func: Any = None) -> Callable[[Any], Any]:
        """Add a function; without one, return the decorator that adds it."""

        def join(func: Any) -> Any:
            with self._lock:
                if self._registry is None:
                    self._joined[name] = func
                    return func
            return self._registry.register(name, func=func)

        return join if func is None else join(func)

    def _get_registry(self) -> Any:
        with self._lock:
            if self._registry is None:
                import catalogue

                registry = catalogue.create("thinc", self._name, entry_points=self._entry_points)
                for name, func in self._joined.items():
                    registry.register(name, func=func)
                self._registry = registry
        return self._registry

    def __contains__(self, name: str) -> bool:
        return name in self._get_registry()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._get_registry(), name)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Copies and pickles are those of the registry it stands for."""
        return self._get_registry().__reduce_ex__(protocol)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self._get_registry())
