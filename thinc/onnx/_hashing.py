"""MurmurHash in operations of ONNX, bit for bit as `thinc.backends._hashing` has it. Products wrap around."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ._graph import Graph


class Words(NamedTuple):
    """Arithmetic of unsigned numbers."""

    graph: Graph
    bits: int

    def number(self, value: int) -> str:
        return self.graph.number(value, f"uint{self.bits}")

    def mul(self, X: str, factor: int) -> str:
        return self.graph.op("Mul", X, self.number(factor))

    def add(self, X: str, Y: str) -> str:
        return self.graph.op("Add", X, Y)

    def xor(self, X: str, Y: str) -> str:
        return self.graph.op("BitwiseXor", X, Y)

    def low_bits(self, X: str, mask: int) -> str:
        return self.graph.op("BitwiseAnd", X, self.number(mask))

    def right(self, X: str, bits: int) -> str:
        return self.graph.op("BitShift", X, self.number(bits), direction="RIGHT")

    def rotate(self, X: str, bits: int) -> str:
        left = self.graph.op("BitShift", X, self.number(bits), direction="LEFT")
        return self.graph.op("BitwiseOr", left, self.right(X, self.bits - bits))

    def mix(self, X: str, *steps: tuple[int, int]) -> str:
        """``X = (X ^ X >> bits) * factor`` for each step."""
        for bits, factor in steps:
            X = self.mul(self.xor(X, self.right(X, bits)), factor)
        return X


def murmur3_x64_128(graph: Graph, keys: str, seed: int) -> list[str]:
    """MurmurHash3_x64_128 of uint64 keys (N,): four numbers of 32 bits, each uint64 (N,)."""
    words = Words(graph, 64)
    k = words.mul(words.rotate(words.mul(keys, 0x87C37B91114253D5), 31), 0x4CF5AD432745937F)
    start = words.number(seed ^ 8)  # the length in bytes
    h1 = words.add(words.xor(k, start), start)
    h2 = words.add(start, h1)
    steps = (33, 0xFF51AFD7ED558CCD), (33, 0xC4CEB9FE1A85EC53)
    h1, h2 = (words.mix(h, *steps) for h in (h1, h2))
    h1, h2 = (words.xor(h, words.right(h, 33)) for h in (h1, h2))
    h1 = words.add(h1, h2)
    h2 = words.add(h2, h1)
    return [part for h in (h1, h2) for part in (words.low_bits(h, 0xFFFFFFFF), words.right(h, 32))]


def murmur3_x86_32(graph: Graph, keys: str) -> Callable[[int], str]:
    """MurmurHash3_x86_32 of uint64 keys (N,), uint32 (N,), for any seed."""
    words = Words(graph, 32)
    halves = (keys, Words(graph, 64).right(keys, 32))
    blocks = [
        words.mul(words.rotate(words.mul(graph.cast(half, "uint32"), 0xCC9E2D51), 15), 0x1B873593)
        for half in halves
    ]

    def hash_with(seed: int) -> str:
        h = words.number(seed)
        for block in blocks:
            h = words.mul(words.rotate(words.xor(h, block), 13), 5)
            h = words.add(h, words.number(0xE6546B64))
        h = words.mix(words.xor(h, words.number(8)), (16, 0x85EBCA6B), (13, 0xC2B2AE35))
        return words.xor(h, words.right(h, 16))

    return hash_with
