"""Adapters for networks of other frameworks."""

from .shim import Shim

__all__ = ["Shim"]
