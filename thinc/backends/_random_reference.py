"""The generator of dropout masks in plain NumPy: the readable twin of include/thinc/kernels/random.hh.

Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011) turns a
128-bit counter and a 64-bit key into 128 random bits. Every element of a stream depends on the key and its
own index alone.
"""

import math
from typing import Any

import numpy

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)  # what each round adds to the key
LOW = numpy.uint64(0xFFFFFFFF)
HALF = numpy.uint64(32)


def philox4x32(counter: Any, key: tuple[int, int], rounds: int = 10) -> Any:
    """Random words of each counter.

    Parameters
    ----------
    counter
        ``(4, n)``, integers below 2**32.
    key
        Two integers below 2**32.

    Returns
    -------
    uint32 ``(4, n)``
    """
    x0, x1, x2, x3 = numpy.asarray(counter, dtype="uint64")
    k0, k1 = key
    for _ in range(rounds):
        p0 = x0 * numpy.uint64(MULTIPLIERS[0])
        p1 = x2 * numpy.uint64(MULTIPLIERS[1])
        x0, x1, x2, x3 = (
            (p1 >> HALF) ^ x1 ^ numpy.uint64(k0),
            p1 & LOW,
            (p0 >> HALF) ^ x3 ^ numpy.uint64(k1),
            p0 & LOW,
        )
        k0 = (k0 + WEYL[0]) & 0xFFFFFFFF
        k1 = (k1 + WEYL[1]) & 0xFFFFFFFF
    return numpy.stack([x0, x1, x2, x3]).astype("uint32")


def random_bits(n: int, key: int, first: int = 0) -> Any:
    """Elements `first` to ``first + n`` of the stream of `key`: uint32 ``(n,)``. `first` is a multiple of 64.

    Element ``64 g + 16 w + b`` is word w of the block with counter ``c = 16 g + b``.
    """
    groups = -(-n // 64)
    c = numpy.arange(groups * 16, dtype="uint64") + numpy.uint64(first // 4)
    zero = numpy.zeros_like(c)
    words = philox4x32([c & LOW, c >> HALF, zero, zero], (key & 0xFFFFFFFF, key >> 32))
    return words.reshape(4, groups, 16).transpose(1, 0, 2).ravel()[:n]


def dropout_mask(shape: Any, drop: float, key: int) -> Any:
    """``[u >= drop] / (1 - drop)`` with u = bits / 2**32, for 0 < drop < 1. float32 of `shape`."""
    n = int(numpy.prod(shape))
    threshold = min(math.ceil(drop * 2**32), 2**32 - 1)
    kept = random_bits(n, key) >= threshold
    return (kept * numpy.float32(1 / (1 - drop))).astype("float32").reshape(shape)
