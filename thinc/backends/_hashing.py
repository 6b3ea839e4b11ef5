"""MurmurHash in plain array arithmetic, bit for bit: its values are part of every trained model.

Austin Appleby's MurmurHash3_x64_128, MurmurHash3_x86_32 and MurmurHash64A, for keys of eight little-endian
bytes. Products of unsigned arrays wrap around, as the algorithms want. Arrays of NumPy and CuPy will do.
"""

from typing import Any

from numpy import uint32, uint64

from .._util.arrays import get_array_module


def murmur3_x64_128(keys: Any, seed: int) -> Any:
    """MurmurHash3_x64_128 of uint64 keys ``(N,)``: uint32 ``(N, 4)`` of h1 low, h1 high, h2 low, h2 high."""
    length = uint64(8)
    k1 = keys * uint64(0x87C37B91114253D5)
    k1 = _rotate_left(k1, 31) * uint64(0x4CF5AD432745937F)
    h1 = k1 ^ uint64(seed) ^ length
    h2 = get_array_module(keys).full(keys.shape, seed, dtype=uint64) ^ length
    h1 = h1 + h2
    h2 = h2 + h1
    h1, h2 = _mix64(h1), _mix64(h2)
    h1 = h1 + h2
    h2 = h2 + h1
    low = uint64(0xFFFFFFFF)
    words = [h1 & low, h1 >> uint64(32), h2 & low, h2 >> uint64(32)]
    return get_array_module(keys).stack(words, axis=1).astype(uint32)


def murmur3_x86_32(keys: Any, seed: int) -> Any:
    """MurmurHash3_x86_32 of each uint64 key ``(N,)`` as uint32 ``(N,)``."""
    h = get_array_module(keys).full(keys.shape, seed, dtype=uint32)
    for block in [(keys & uint64(0xFFFFFFFF)).astype(uint32), (keys >> uint64(32)).astype(uint32)]:
        k = block * uint32(0xCC9E2D51)
        k = _rotate_left(k, 15) * uint32(0x1B873593)
        h = _rotate_left(h ^ k, 13) * uint32(5) + uint32(0xE6546B64)
    h = h ^ uint32(8)
    h = (h ^ (h >> uint32(16))) * uint32(0x85EBCA6B)
    h = (h ^ (h >> uint32(13))) * uint32(0xC2B2AE35)
    return h ^ (h >> uint32(16))


def murmur64a(windows: Any) -> Any:
    """MurmurHash64A with seed 0 of each row of uint64 keys ``(N, n)`` as uint64 ``(N,)``."""
    m = uint64(0xC6A4A7935BD1E995)
    length = 8 * windows.shape[1]
    h = get_array_module(windows).full(len(windows), length * int(m) % 2**64, dtype=uint64)
    for key in windows.T:
        k = key * m
        k = (k ^ (k >> uint64(47))) * m
        h = (h ^ k) * m
    h = (h ^ (h >> uint64(47))) * m
    return h ^ (h >> uint64(47))


def check_ids(ids: Any) -> None:
    """TypeError unless an array holds integers, or nothing: a fraction, or a text, would be cut to some other id."""
    if ids.size and ids.dtype.kind not in "iub":
        raise TypeError(
            f"Expected integers to hash, but got an array of {ids.dtype}. Of a list, make one with "
            "numpy.array(ids, dtype='uint64')."
        )


def _mix64(h: Any) -> Any:
    h = (h ^ (h >> uint64(33))) * uint64(0xFF51AFD7ED558CCD)
    h = (h ^ (h >> uint64(33))) * uint64(0xC4CEB9FE1A85EC53)
    return h ^ (h >> uint64(33))


def _rotate_left(x: Any, bits: int) -> Any:
    kind = x.dtype.type
    return (x << kind(bits)) | (x >> kind(8 * x.dtype.itemsize - bits))
