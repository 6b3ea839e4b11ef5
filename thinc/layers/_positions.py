"""Waves that tell a layer the positions of rows: sines and cosines of the position, at many wavelengths."""

from functools import lru_cache
from typing import Any

import numpy

LONGEST = 10_000.0  # wavelength / 2π, as in both papers


def rotary_waves(rows: int, width: int, dtype: Any) -> numpy.ndarray:
    """Return cosines, then sines, of the angles by which pairs of columns are turned, (at least rows, width)."""
    return _waves("rotary", rows, width, dtype)


def sinusoidal_waves(rows: int, width: int, dtype: Any) -> numpy.ndarray:
    """Return sines in the even columns and cosines in the odd ones, (at least rows, width)."""
    return _waves("sinusoidal", rows, width, dtype)


def _waves(kind: str, rows: int, width: int, dtype: Any) -> numpy.ndarray:
    # Powers of two: few tables serve all batches.
    return _table(kind, 1 << max(rows - 1, 63).bit_length(), width, str(dtype))


@lru_cache(maxsize=16)
def _table(kind: str, rows: int, width: int, dtype: str) -> numpy.ndarray:
    rates = LONGEST ** (-numpy.arange(0, width, 2) / width)
    angles = numpy.arange(rows)[:, None] * rates  # (rows, half of the width, rounded up)
    if kind == "rotary":
        waves = numpy.concatenate([numpy.cos(angles), numpy.sin(angles)], axis=1)
    else:
        waves = numpy.stack([numpy.sin(angles), numpy.cos(angles)], axis=2).reshape((rows, -1))[:, :width]
    waves = waves.astype(dtype, order="C")
    waves.flags.writeable = False
    return waves
